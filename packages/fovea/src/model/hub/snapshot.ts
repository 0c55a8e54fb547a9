// A model of the hub in the cache. The layout is told in docs/model-file.md.

import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, readText, writeFileAtomically } from '../../data/files.ts'
import { FoveaError, isFoveaError } from '../../util/errors.ts'
import { downloadFile, isThere } from './download.ts'
import { PassingFailure } from './http.ts'
import {
  addressOf,
  type Checksum,
  chooseFiles,
  chooseShards,
  fetchListing,
  type HubFile,
  type Listing,
  type ModelFiles,
} from './listing.ts'
import { type HubReference, isCommit, isSafePath, parseHubReference, printReference } from './reference.ts'
import { type HubOptions, type HubSettings, hubSettings } from './settings.ts'

export interface Snapshot {
  /** The .onnx file, the .safetensors file or the index of several, as a path. */
  readonly main: string
  readonly folder: string
  /** The commit that was loaded: write it behind @ to load the same again. */
  readonly commit: string
  readonly notes: readonly string[]
}

/**
 * The files of a model of the hub, fetched where the cache lacks them. A branch is asked for each time and its commit remembered; a
 * commit that is in the cache needs no network.
 *
 * @param reference `hf:owner/name[@revision][/path/in/repository.onnx]`
 * @throws FoveaError HUB_REFERENCE, HUB_OFFLINE, HUB_DENIED, HUB_NOT_FOUND, HUB_NO_MODEL, HUB_LISTING, HUB_CHECKSUM, HUB_TOO_LARGE,
 *   HUB_FAILED, FILE_WRITE, CANCELLED
 */
export async function fetchSnapshot(reference: string | HubReference, options: HubOptions = {}): Promise<Snapshot> {
  const wanted = typeof reference === 'string' ? parseHubReference(reference) : reference
  const settings = hubSettings(options)
  const cache = new RepositoryCache(settings, wanted)
  if (isCommit(wanted.revision)) {
    const found = await cache.snapshot(wanted.revision)
    if (found !== undefined) return found
  }
  if (settings.offline) return offlineSnapshot(cache, wanted)
  const copy = await cache.latest()
  // With a copy at hand nobody needs to wait long for a network that is not there.
  const patience = copy === undefined ? settings : { ...settings, retryTimes: Math.min(1, settings.retryTimes) }
  const listing = await fetchListing(wanted, patience).catch((error: unknown) => error)
  if (!isListing(listing)) {
    if (copy === undefined || !isUnreachable(listing)) throw listing
    return {
      ...copy,
      notes: [
        `${settings.endpoint.host} cannot be reached (${listing.details.found}): the copy of ${printReference(wanted)} in the cache is taken.`,
      ],
    }
  }
  if (isCommit(wanted.revision) && listing.commit !== wanted.revision)
    throw new FoveaError('HUB_LISTING', { field: 'sha', expected: wanted.revision, found: listing.commit })
  return (await cache.completed(listing.commit)) ?? cache.fetch(listing)
}

async function offlineSnapshot(cache: RepositoryCache, wanted: HubReference): Promise<Snapshot> {
  const found = await cache.latest()
  if (found !== undefined) return found
  throw new FoveaError('HUB_OFFLINE', { file: printReference(wanted), expected: `the model in ${cache.folder}`, found: 'none' })
}

function isListing(found: unknown): found is Listing {
  return !(found instanceof Error)
}

/** No answer, or one that the hub gives when it is down or busy, rather than one that refuses. */
function isUnreachable(error: unknown): error is FoveaError {
  return isFoveaError(error, 'HUB_FAILED') && error.cause instanceof PassingFailure
}

/** What a snapshot consists of; written when all of it is there. */
interface Contents {
  readonly format: 1
  readonly main: string
  readonly files: readonly { readonly path: string; readonly size: number | undefined; readonly checksum?: Checksum }[]
}

/** The part of the cache that belongs to one revision of one repository. */
class RepositoryCache {
  readonly folder: string
  readonly #settings: HubSettings
  readonly #reference: HubReference
  /** Sets what is remembered of one file of the repository apart from what is of its usual model; no revision has a plus sign here. */
  readonly #mark: string

  constructor(settings: HubSettings, reference: HubReference) {
    // A colon before a port is no part of a file's name everywhere.
    const host = settings.endpoint.host.replaceAll(':', '_')
    this.folder = join(settings.cache, 'hub', host, reference.owner, reference.name)
    this.#settings = settings
    this.#reference = reference
    this.#mark = reference.file === undefined ? '' : `+${createHash('sha256').update(reference.file).digest('hex').slice(0, 16)}`
  }

  /** The commit that the revision was last found to be, in whole; undefined where there is none. */
  async latest(): Promise<Snapshot | undefined> {
    const { revision } = this.#reference
    if (isCommit(revision)) return this.snapshot(revision)
    const commit = await readFile(this.#refFile(), 'utf8').catch(() => '')
    return isCommit(commit.trim()) ? this.snapshot(commit.trim()) : undefined
  }

  /** The snapshot of a commit where all its files are there. */
  async snapshot(commit: string): Promise<Snapshot | undefined> {
    const contents = parseContents(await readFile(this.#contentsFile(commit), 'utf8').catch(() => ''))
    if (contents === undefined) return undefined
    const folder = join(this.folder, commit)
    for (const { path, size } of contents.files) if (!(await isThere(join(folder, path), size))) return undefined
    return { main: join(folder, contents.main), folder, commit, notes: [] }
  }

  /** As `snapshot`, and remembers that the revision is this commit. */
  async completed(commit: string): Promise<Snapshot | undefined> {
    const found = await this.snapshot(commit)
    if (found !== undefined) await this.#remember(commit)
    return found
  }

  async fetch(listing: Listing): Promise<Snapshot> {
    const { owner, name } = this.#reference
    const { main, files } = chooseFiles(listing, this.#reference)
    const folder = join(this.folder, listing.commit)
    let all = files
    for (let index = 0; index < all.length; index++) {
      const file = all[index]!
      await downloadFile(
        {
          url: addressOf(this.#settings, [owner, name, 'resolve', listing.commit, ...file.path.split('/')]),
          file,
          target: join(folder, file.path),
          onBytes: (received, total) =>
            this.#settings.onProgress({ kind: 'download', file: file.path, received, total, index, files: all.length }),
        },
        this.#settings,
      )
      if (file.path === main && main.endsWith('.json')) {
        const shards = chooseShards(listing, main, await readText(join(folder, main), 'MODEL_NOT_FOUND'), this.#reference)
        all = [...files, ...shards]
      }
    }
    await writeFileAtomically(this.#contentsFile(listing.commit), `${JSON.stringify(contentsOf({ main, files: all }), undefined, 2)}\n`)
    await this.#remember(listing.commit)
    return { main: join(folder, main), folder, commit: listing.commit, notes: [] }
  }

  async #remember(commit: string): Promise<void> {
    if (isCommit(this.#reference.revision)) return
    // A cache that nobody may write to can be read all the same.
    if ((await readFile(this.#refFile(), 'utf8').catch(() => '')).trim() === commit) return
    await makeFolder(join(this.folder, 'refs'))
    await writeFileAtomically(this.#refFile(), `${commit}\n`)
  }

  #refFile(): string {
    return join(this.folder, 'refs', `${encodeURIComponent(this.#reference.revision)}${this.#mark}`)
  }

  #contentsFile(commit: string): string {
    return join(this.folder, `${commit}${this.#mark}.json`)
  }
}

function contentsOf({ main, files }: ModelFiles): Contents {
  const entry = ({ path, size, checksum }: HubFile) => ({ path, size, ...(checksum === undefined ? {} : { checksum }) })
  return { format: 1, main, files: files.map(entry) }
}

function parseContents(text: string): Contents | undefined {
  try {
    const { format, main, files } = JSON.parse(text) as Partial<Contents>
    const safe = (path: unknown) => typeof path === 'string' && isSafePath(path)
    return format === 1 && safe(main) && Array.isArray(files) && files.every((file) => safe(file.path))
      ? { format, main: main!, files }
      : undefined
  } catch {
    return undefined
  }
}
