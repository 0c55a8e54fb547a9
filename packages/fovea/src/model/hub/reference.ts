// What a user writes for a model of the Hugging Face hub: hf:owner/name[@revision].

import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'

export interface HubReference {
  readonly owner: string
  readonly name: string
  /** Branch, tag or commit. */
  readonly revision: string
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

/** @throws FoveaError HUB_REFERENCE */
export function parseHubReference(text: string): HubReference {
  const [repository = '', revision = 'main', ...others] = text.slice(prefix.length).split('@')
  const [owner = '', name = '', ...deeper] = repository.split('/')
  const pieces = revision.split('/')
  const wellFormed =
    isHubReference(text) &&
    others.length === 0 &&
    deeper.length === 0 &&
    part.test(owner) &&
    part.test(name) &&
    !`${owner}${name}`.includes('..') &&
    pieces.length <= 4 &&
    // It becomes the name of one file in the cache.
    revision.length <= 150 &&
    pieces.every((piece) => revisionPart.test(piece) && !piece.includes('..'))
  if (!wellFormed) throw new FoveaError('HUB_REFERENCE', { expected: 'hf:owner/name or hf:owner/name@revision', found: clip(text, 100) })
  return { owner, name, revision }
}

/** As it was written, for messages. */
export function printReference({ owner, name, revision }: HubReference): string {
  return `${prefix}${owner}/${name}${revision === 'main' ? '' : `@${revision}`}`
}

/** True where the revision is a whole commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}
