// A folder that is written whole or not at all.

import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import { makeFolder, removeEmpty, writeError } from '../files.ts'

/**
 * Lets `write` fill a temporary folder, which gets its name when that is done. A new folder is written beside its place; one that is there and empty may be a
 * mounted volume or a link, which cannot be replaced: it is filled from a hidden folder inside, which readers of data sets pass over. Where `write`
 * fails, nothing is left, nor the folders that were made on the way.
 * @throws DATASET_EXISTS where the folder is not empty, FILE_WRITE, and what `write` throws
 */
export async function writeWholeFolder<T>(folder: string, write: (staging: string) => Promise<T>): Promise<T> {
  const place = resolve(folder)
  const made = await makeFolder(dirname(place))
  const isThere = await isEmptyFolder(place, folder)
  // Programs in containers all have the same number: a name of its own does not meet what one left that was killed.
  const own = `${process.pid}-${randomUUID().slice(0, 8)}.tmp`
  const staging = isThere ? join(place, `.${own}`) : `${place}.${own}`
  try {
    await mkdir(staging).catch((cause) => {
      throw writeError(staging, cause)
    })
    const result = await write(staging)
    await moveUp(staging, place, isThere).catch((cause) => {
      throw cause.code === 'ENOTEMPTY' || cause.code === 'EEXIST'
        ? new FoveaError('DATASET_EXISTS', { file: folder, cause })
        : writeError(folder, cause)
    })
    return result
  } catch (error) {
    await rm(staging, { recursive: true, force: true }).catch(() => undefined)
    if (made !== undefined) await removeEmpty(dirname(place), made)
    throw error
  }
}

/** Whether it is there. @throws DATASET_EXISTS where it is not empty, FILE_WRITE where it is a file */
async function isEmptyFolder(place: string, folder: string): Promise<boolean> {
  const found = await stat(place).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw writeError(folder, cause)
  })
  if (found === undefined) return false
  if (!found.isDirectory()) throw writeError(folder, { code: 'ENOTDIR' })
  if ((await readdir(place)).length > 0) throw new FoveaError('DATASET_EXISTS', { file: folder })
  return true
}

async function moveUp(staging: string, place: string, isThere: boolean): Promise<void> {
  if (!isThere) return rename(staging, place)
  for (const name of await readdir(staging)) await rename(join(staging, name), join(place, name))
  await rm(staging, { recursive: true })
}
