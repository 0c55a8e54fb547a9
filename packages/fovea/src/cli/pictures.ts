// The pictures that a command was given: files and folders in, paths out, and names for what is drawn of them.

import { stat } from 'node:fs/promises'
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path'
import { listImages } from '../data/image-folder.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'

export interface ListedPicture {
  readonly path: string
  /** Its class by folder or by name; '' where it has none. */
  readonly group: string
}

/**
 * All pictures, those of folders sorted by path. A picture's group is the first group of the pattern in its name, else the folder
 * below the one that was named; where pictures lie in that itself, its own name.
 *
 * @throws FoveaError DATA_NO_IMAGES for a folder without pictures
 */
export async function listPictures(sources: readonly string[], classFromName?: RegExp): Promise<ListedPicture[]> {
  const listed: ListedPicture[] = []
  for (const source of sources) {
    const found = await stat(source).catch(() => undefined)
    const paths = found?.isDirectory() ? await imagesOf(source) : [source]
    for (const path of paths) listed.push({ path, group: groupOf(path, found?.isDirectory() ? source : dirname(path), classFromName) })
  }
  return listed
}

/** What helps a command that wants pictures, with or without classes. */
export const picturesRemedy = 'Name pictures, or folders that hold some.'

async function imagesOf(folder: string): Promise<string[]> {
  try {
    return await listImages(folder)
  } catch (error) {
    // Its own remedy is for data sets.
    if (isFoveaError(error, 'DATA_NO_IMAGES')) throw new FoveaError(error.code, { ...error.details, remedy: picturesRemedy })
    throw error
  }
}

function groupOf(path: string, root: string, classFromName: RegExp | undefined): string {
  if (classFromName !== undefined) {
    const match = classFromName.exec(basename(path))
    return match?.[1] ?? match?.[0] ?? ''
  }
  const inside = relative(root, path).split(sep)
  return inside.length > 1 ? inside[0]! : basename(resolve(root))
}

/** Reads the name of a drawing, before the work that ends in it. @throws FoveaError DRAWING_INVALID where it does not end in .png */
export function parseDrawing(file: string): string {
  const type = extname(file).toLowerCase()
  if (type === '.png') return file
  throw new FoveaError('DRAWING_INVALID', {
    file,
    expected: 'a name that ends in .png',
    found: type || 'none',
    remedy: 'Give the file another name.',
  })
}

/**
 * Names for what is drawn of a picture: `part.png`, with a suffix `part.conv3.png`, and `part-2.png` where the name is taken. Neither a
 * drawing nor a picture that was asked about is ever written over.
 */
export function drawnFile(folder: string, path: string, taken: Set<string>): (suffix?: string) => string {
  const name = basename(path, extname(path))
  return (suffix) => {
    // A value's name may hold what a file's may not.
    const stem = suffix === undefined ? name : `${name}.${suffix.replaceAll(/[^\w.-]+/g, '_').slice(0, 80)}`
    let file = join(folder, `${stem}.png`)
    for (let i = 2; taken.has(resolve(file)); i++) file = join(folder, `${stem}-${i}.png`)
    taken.add(resolve(file))
    return file
  }
}
