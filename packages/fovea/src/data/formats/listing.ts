// The files of a data set's folder, listed once and asked often.

import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import { compareText } from '../dataset.ts'
import { imageExtensions } from '../image-format.ts'

const maxDepth = 32
const maxFiles = 5_000_000

/** All files of a folder, by their paths below it with `/`, sorted; names that begin with a dot are left out. */
export class Listing {
  readonly root: string
  readonly files: readonly string[]
  /** Folders below the root, empty ones too. */
  readonly folders: readonly string[]
  /** The one file that was named instead of a folder. */
  readonly only: string | undefined
  readonly #files: ReadonlySet<string>
  #byStem: Map<string, string[]> | undefined

  constructor(root: string, files: readonly string[], folders: readonly string[], only?: string) {
    this.root = root
    this.files = files
    this.folders = folders
    this.only = only
    this.#files = new Set(files)
  }

  has(path: string): boolean {
    return this.#files.has(path)
  }

  hasFolder(path: string): boolean {
    return this.folders.includes(path)
  }

  full(path: string): string {
    return join(this.root, path)
  }

  /** Files with one of the endings (with the dot, lower case), those in a folder or all; of the one named file, that alone. */
  withEnding(endings: string | readonly string[], folder = ''): string[] {
    const prefix = folder === '' ? '' : `${folder}/`
    const wanted = typeof endings === 'string' ? [endings] : endings
    return this.files.filter(
      (path) =>
        path.startsWith(prefix) &&
        wanted.includes(extname(path).toLowerCase()) &&
        (this.only === undefined || isImage(path) || path === this.only),
    )
  }

  images(folder = ''): string[] {
    return this.withEnding(imageExtensions, folder)
  }

  /** The picture with this path and any ending of a picture: `a/1` finds `a/1.jpg`. */
  imageByStem(stem: string): string | undefined {
    this.#byStem ??= Map.groupBy(this.images(), stemOf)
    return this.#byStem.get(stem)?.[0]
  }

  /** The first of these paths that is a file. */
  first(paths: readonly string[]): string | undefined {
    return paths.find((path) => this.#files.has(path))
  }
}

/** A path without the ending of its file. */
export function stemOf(path: string): string {
  return path.slice(0, path.length - extname(path).length)
}

function isImage(path: string): boolean {
  return imageExtensions.includes(extname(path).toLowerCase())
}

/**
 * Lists a folder, following links that stay inside it and links to files. A file stands for its folder, with only that file for labels.
 * @throws DATA_NOT_A_FOLDER; DATASET_TOO_LARGE beyond 5 million files or 32 levels
 */
export async function listDataset(source: string): Promise<Listing> {
  const root = resolve(source)
  const found = await stat(root).catch((cause: NodeJS.ErrnoException) => {
    throw new FoveaError('DATA_NOT_A_FOLDER', { file: source, found: cause.code === 'ENOENT' ? 'nothing' : cause.message, cause })
  })
  if (found.isFile()) {
    const inside = await listDataset(dirname(root))
    return new Listing(inside.root, inside.files, inside.folders, basename(root))
  }
  if (!found.isDirectory()) throw new FoveaError('DATA_NOT_A_FOLDER', { file: source, found: 'something else' })
  const files: string[] = []
  const folders: string[] = []
  const seen = new Set<string>()
  const walk = async (folder: string, depth: number): Promise<void> => {
    const real = await realpath(folder)
    // A link that leads back to a folder around it.
    if (seen.has(real)) return
    seen.add(real)
    if (depth > maxDepth || files.length > maxFiles)
      throw new FoveaError('DATASET_TOO_LARGE', {
        file: folder,
        expected: `at most ${maxFiles} files, ${maxDepth} folders deep`,
      })
    const entries = await readdir(folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
      throw new FoveaError('DATA_NOT_A_FOLDER', { file: folder, found: cause.message, cause })
    })
    for (const entry of entries) {
      if (entry.name.startsWith('.')) continue
      const path = join(folder, entry.name)
      const kind = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry
      const name = relative(root, path).split(sep).join('/')
      if (kind?.isDirectory()) {
        folders.push(name)
        await walk(path, depth + 1)
      } else if (kind?.isFile()) files.push(name)
    }
  }
  await walk(root, 0)
  return new Listing(root, files.sort(compareText), folders.sort(compareText))
}
