// What a user writes for a model of the Hugging Face hub: hf:owner/name[@revision][/path/in/repository.onnx].

import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'

export interface HubReference {
  readonly owner: string
  readonly name: string
  /** Branch, tag or commit. */
  readonly revision: string
  /** Path of the one that is meant among the repository's files. @default what `chooseFiles` takes */
  readonly file?: string
}

const prefix = 'hf:'

/** Letters, digits, and dots, dashes and underscores inside: what the hub allows, and nothing that leads out of a folder. */
const part = /^[A-Za-z0-9](?:[\w.-]{0,94}[\w-])?$/

/** Branches may have slashes: refs/pr/3. */
const revisionPart = /^[\w-](?:[\w.-]{0,94}[\w-])?$/

/** True where the text asks for the hub. */
export function isHubReference(text: string): boolean {
  return text.startsWith(prefix)
}

/**
 * Reads `hf:owner/name[@revision][/path/in/repository.onnx]`. What ends as weights do names a file. Before a file, a revision is one
 * name, or three as in refs/pr/3; a slash elsewhere in it is written %2F there.
 *
 * @throws FoveaError HUB_REFERENCE
 */
export function parseHubReference(text: string): HubReference {
  const [owner = '', repository = '', ...others] = text.slice(prefix.length).split('/')
  const [name = '', ...revisions] = repository.split('@')
  const named = isWeightsFile(others.at(-1) ?? '')
  const start = revisions[0] === 'refs' ? 2 : 0
  const branch = revisions.length === 0 ? [] : named ? [...revisions, ...others.slice(0, start)] : [...revisions, ...others]
  const path = named ? others.slice(revisions.length === 0 ? 0 : start) : revisions.length === 0 ? others : []
  const revision = branch.length === 0 ? 'main' : branch.join('/').replaceAll(/%2f/gi, '/')
  const pieces = revision.split('/')
  const wellFormed =
    isHubReference(text) &&
    revisions.length <= 1 &&
    part.test(owner) &&
    part.test(name) &&
    !`${owner}${name}`.includes('..') &&
    pieces.length <= 4 &&
    // It becomes the name of one file in the cache.
    revision.length <= 150 &&
    pieces.every((piece) => revisionPart.test(piece) && !piece.includes('..')) &&
    (path.length === 0 || (named && isSafePath(path.join('/'))))
  if (!wellFormed)
    throw new FoveaError('HUB_REFERENCE', {
      expected: 'hf:owner/name, with @revision and the path of an .onnx or .safetensors file where these are wanted',
      found: clip(text, 100),
    })
  return { owner, name, revision, ...(path.length === 0 ? {} : { file: path.join('/') }) }
}

/** True for a name that a model's main file may have. */
export function isWeightsFile(name: string): boolean {
  return /.\.(onnx|safetensors|safetensors\.index\.json)$/.test(name)
}

/** Plain names joined by slashes: nothing absolute, nothing upwards, nothing that some file system reads in its own way. */
export function isSafePath(path: string): boolean {
  return path.length <= 400 && path.split('/').every((name) => /^[\w .+@=,()[\]~-]{1,200}$/.test(name) && !/^ |[. ]$/.test(name))
}

/** As it may be written, for messages. */
export function printReference({ owner, name, revision, file }: HubReference): string {
  const escaped = file === undefined || /^refs\/[^/]+\/[^/]+$/.test(revision) ? revision : revision.replaceAll('/', '%2F')
  return `${prefix}${owner}/${name}${revision === 'main' ? '' : `@${escaped}`}${file === undefined ? '' : `/${file}`}`
}

/** True where the revision is a whole commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}
