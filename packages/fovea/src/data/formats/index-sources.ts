// Whether a data set is still what it was when it was indexed: by names, sizes and times of its files.

import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { imageExtensions } from '../image-format.ts'
import { type Listing, listDataset } from './listing.ts'

/** The ending of an index. */
export const indexEnding = '.fovea-index'

/** So many label files are looked at one by one in the quick check. */
const maxListed = 1000

/** A file or folder as it was: path below the root, size, time of the last change in milliseconds. */
type Stamp = readonly [path: string, size: number, time: number]

/** How a data set looked. */
export interface SourceStamps {
  /** Label files; undefined where there are more than a thousand: then only `digest` knows them. */
  readonly labels?: readonly Stamp[]
  /** Folders by the time of the last change, which a file that is added or removed moves. */
  readonly folders: readonly Stamp[]
  /** The names in those folders that hold an index, whose own writing moves their time. */
  readonly names: Readonly<Record<string, string>>
  /** SHA-256 of names, sizes and times of all files. */
  readonly digest: string
  readonly files: number
}

/**
 * `quick` looks at the folders and, up to a thousand, at the label files; `full` at every file, which takes seconds for a million: it alone
 * sees that one of many label files, or a picture, was changed in place.
 */
export type IndexCheck = 'quick' | 'full' | 'none'

/** Takes the stamps of a listing. @param index where the index will be */
export async function stampSources(listing: Listing, index: string): Promise<SourceStamps> {
  const labelFiles = listing.files.filter((file) => !imageExtensions.includes(extname(file).toLowerCase()) && !isIndex(file))
  const labels = labelFiles.length > maxListed ? undefined : await stampsOf(listing.root, labelFiles)
  const folders: Stamp[] = []
  const names: Record<string, string> = {}
  for (const [folder, [path, , time]] of (await stampsOf(listing.root, ['', ...listing.folders])).entries()) {
    const full = join(listing.root, path)
    const holdsIndex = join(full, basename(index)) === index || (folder === 0 && listing.files.some(isIndex))
    if (holdsIndex) names[path] = await namesDigest(full)
    else folders.push([path, 0, time])
  }
  return { ...(labels === undefined ? {} : { labels }), folders, names, digest: await fullDigest(listing), files: listing.files.length }
}

/** What is not as it was, in a clause; undefined where all is. */
export async function changeSince(root: string, stamps: SourceStamps, check: IndexCheck): Promise<string | undefined> {
  if (check === 'none') return undefined
  for (const [path, size, time] of stamps.labels ?? []) {
    const now = await stampOf(root, path)
    if (now === undefined) return `${path} is gone`
    if (now[1] !== size || now[2] !== time) return `${path} was changed`
  }
  for (const [path, , time] of stamps.folders) {
    const now = await stampOf(root, path)
    if (now === undefined) return `the folder ${path || '.'} is gone`
    if (now[2] !== time) return `files of the folder ${path || '.'} were added or removed`
  }
  for (const [path, digest] of Object.entries(stamps.names))
    if ((await namesDigest(join(root, path)).catch(() => undefined)) !== digest)
      return `files of the folder ${path || '.'} were added or removed`
  if (check === 'full' && (await fullDigest(await listDataset(root))) !== stamps.digest) return 'a file was changed'
  return undefined
}

function isIndex(path: string): boolean {
  return path.includes(indexEnding)
}

async function stampOf(root: string, path: string): Promise<Stamp | undefined> {
  const found = await stat(join(root, path)).catch(() => undefined)
  return found && [path, found.isDirectory() ? 0 : found.size, found.mtimeMs]
}

async function stampsOf(root: string, paths: readonly string[]): Promise<Stamp[]> {
  const stamps: Stamp[] = []
  // Many at a time, since each waits for the disk.
  for (let i = 0; i < paths.length; i += 256)
    for (const stamp of await Promise.all(paths.slice(i, i + 256).map((path) => stampOf(root, path))))
      if (stamp !== undefined) stamps.push(stamp)
  return stamps
}

async function namesDigest(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && !isIndex(name)).sort()
  return createHash('sha256').update(JSON.stringify(names)).digest('hex')
}

async function fullDigest(listing: Listing): Promise<string> {
  const hash = createHash('sha256')
  const files = listing.files.filter((file) => !isIndex(file))
  for (let i = 0; i < files.length; i += 4096)
    for (const stamp of await stampsOf(listing.root, files.slice(i, i + 4096))) hash.update(`${JSON.stringify(stamp)}\n`)
  return hash.digest('hex')
}
