// What a repository holds, as the hub lists it, and which of its files make a model. Nothing in a listing is trusted.

import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import { parseIndex } from '../safetensors/sharded.ts'
import { request, withRetries } from './http.ts'
import { type HubReference, isCommit, isSafePath, isWeightsFile, printReference } from './reference.ts'
import type { HubSettings } from './settings.ts'

/** `sha256` of the content, or `git`: SHA-1 of git's blob (a header with the size, then the content). */
export interface Checksum {
  readonly kind: 'sha256' | 'git'
  readonly hex: string
}

export interface HubFile {
  /** Path in the repository, in parts that are plain names. */
  readonly path: string
  readonly size: number | undefined
  /** Undefined where the listing has none: the file's own answer must then give it. */
  readonly checksum: Checksum | undefined
}

export interface Listing {
  /** The commit that the revision stands for. */
  readonly commit: string
  readonly files: readonly HubFile[]
}

/** A repository of a hundred thousand files is none of a model. */
const maxListingBytes = 50_000_000

/**
 * Asks for the files of a revision: `GET /api/models/OWNER/NAME/revision/REVISION?blobs=true`.
 *
 * @throws FoveaError HUB_DENIED, HUB_NOT_FOUND, HUB_FAILED, HUB_LISTING, CANCELLED
 */
export async function fetchListing(reference: HubReference, settings: HubSettings): Promise<Listing> {
  const { owner, name, revision } = reference
  const url = addressOf(settings, ['api', 'models', owner, name, 'revision', revision])
  url.search = 'blobs=true'
  const text = await withRetries(settings, printReference(reference), async () => {
    const { body } = await request(url, settings, { accept: 'application/json' })
    const pieces: Uint8Array[] = []
    let size = 0
    for await (const piece of body) {
      size += piece.length
      if (size > maxListingBytes) malformed(`at most ${maxListingBytes} bytes`, 'more')
      pieces.push(piece)
    }
    return Buffer.concat(pieces).toString('utf8')
  })
  return parseListing(text)
}

/** An address at the endpoint; each part is one of the path, so a revision's slash is encoded. */
export function addressOf({ endpoint }: Pick<HubSettings, 'endpoint'>, parts: readonly string[]): URL {
  return new URL(`${endpoint.href.replace(/\/+$/, '')}/${parts.map(encodeURIComponent).join('/')}`)
}

/**
 * Reads a listing. Files whose paths could lead out of a folder are left out.
 *
 * @throws FoveaError HUB_LISTING
 */
export function parseListing(text: string): Listing {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return malformed('JSON', text)
  }
  const { sha, siblings } = (found ?? {}) as Record<string, unknown>
  if (typeof sha !== 'string' || !isCommit(sha)) return malformed('a commit of 40 hexadecimal digits', JSON.stringify(sha) ?? 'none', 'sha')
  if (!Array.isArray(siblings)) return malformed('a list of files', typeof siblings, 'siblings')
  return { commit: sha, files: siblings.flatMap(parseFile) }
}

function parseFile(entry: unknown): HubFile[] {
  const { rfilename, size, blobId, lfs } = (entry ?? {}) as Record<string, unknown>
  if (typeof rfilename !== 'string' || !isSafePath(rfilename)) return []
  const large = (lfs ?? {}) as Record<string, unknown>
  const sha256 = [large.sha256, large.oid].find((hex) => typeof hex === 'string')
  const checksum = sha256 === undefined ? checksumOf(blobId) : checksumOf(sha256)
  const bytes = [large.size, size].find((value) => Number.isSafeInteger(value) && (value as number) >= 0) as number | undefined
  return [{ path: rfilename, size: bytes, checksum }]
}

/** A checksum by its length; quotes and the mark of a weak tag are HTTP's. */
export function checksumOf(text: unknown): Checksum | undefined {
  if (typeof text !== 'string') return undefined
  const hex = text.replace(/^W\//, '').replaceAll('"', '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(hex)) return { kind: 'sha256', hex }
  return /^[0-9a-f]{40}$/.test(hex) ? { kind: 'git', hex } : undefined
}

/** The files of a model, and the one among them that is opened. */
export interface ModelFiles {
  /** An .onnx file, a .safetensors file, or the index of several. */
  readonly main: string
  readonly files: readonly HubFile[]
}

/**
 * The files that make a model: an .onnx file with its external data, or weights in safetensors, or the index of their parts, which
 * `chooseShards` gives; config.json in any case. What is taken: the file that the reference names, else model.onnx, onnx/model.onnx,
 * the only .onnx file, model.safetensors, model.safetensors.index.json with its parts, the only .safetensors file.
 *
 * @throws FoveaError HUB_NO_MODEL saying what there is, and how to name one of several
 */
export function chooseFiles({ files }: Listing, reference: HubReference): ModelFiles {
  const paths = files.map(({ path }) => path)
  const only = (end: string) => {
    const found = paths.filter((path) => path.endsWith(end))
    return found.length === 1 ? found[0]! : undefined
  }
  const usual = ['model.onnx', 'onnx/model.onnx', only('.onnx'), 'model.safetensors', 'model.safetensors.index.json', only('.safetensors')]
  const wanted = reference.file === undefined ? usual : [reference.file]
  const main = wanted.find((path) => path !== undefined && paths.includes(path))
  if (main === undefined) return noModel(paths, reference)
  const folder = main.slice(0, main.lastIndexOf('/') + 1)
  const belongs = ({ path }: HubFile) =>
    path === main ||
    path === 'config.json' ||
    path === `${folder}config.json` ||
    // model.onnx_data, model.onnx_data_1, model.onnx.data: tensors that lie outside the file.
    (main.endsWith('.onnx') && path.startsWith(main) && /^[._]data(_?\d+)?$/.test(path.slice(main.length)))
  return { main, files: files.filter(belongs) }
}

function noModel(paths: readonly string[], reference: HubReference): never {
  const candidates = paths.filter(isWeightsFile)
  const found = candidates.length > 0 ? candidates : paths.filter((path) => /\.(bin|pth?|h5|msgpack)$/.test(path))
  throw new FoveaError('HUB_NO_MODEL', {
    file: printReference(reference),
    expected: reference.file ?? 'model.onnx, model.safetensors or model.safetensors.index.json',
    found: found.length === 0 ? `${paths.length} files, no weights among them` : clip(found.join(', '), 300),
    ...(candidates.length === 0 ? {} : { remedy: `Name the one you mean: ${printReference({ ...reference, file: candidates[0]! })}.` }),
  })
}

/**
 * The files of weights that an index names.
 *
 * @param index its path in the repository
 * @throws FoveaError SAFETENSORS_MALFORMED; HUB_NO_MODEL naming those that the repository lacks
 */
export function chooseShards({ files }: Listing, index: string, text: string, reference: HubReference): readonly HubFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const folder = index.slice(0, index.lastIndexOf('/') + 1)
  const paths = [...new Set(parseIndex(text, `${printReference(reference)} ${index}`).values())].map((name) => `${folder}${name}`).sort()
  const missing = paths.filter((path) => !byPath.has(path))
  if (missing.length > 0)
    throw new FoveaError('HUB_NO_MODEL', {
      file: printReference(reference),
      expected: `all files that ${index} names`,
      found: `none called ${clip(missing.join(', '), 300)}`,
    })
  return paths.map((path) => byPath.get(path)!)
}

function malformed(expected: string, found: string, field?: string): never {
  throw new FoveaError('HUB_LISTING', { expected, found: clip(found, 100), ...(field === undefined ? {} : { field }) })
}
