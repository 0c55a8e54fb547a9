// Files written whole or not at all, and the folders that they need.

import { mkdir, open, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type ErrorCode, FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'

/**
 * Writes a file under a temporary name in the same folder, flushes it to the disk, then renames it: a reader sees the old
 * file or the new one, never a part. Who may read and write the old one may do so with the new one.
 *
 * @throws FoveaError FILE_WRITE with the reason (disk full, folder missing or read-only)
 */
export async function writeFileAtomically(file: string, chunks: readonly Uint8Array[] | AsyncIterable<Uint8Array> | string): Promise<void> {
  if (typeof file !== 'string' || file === '') throw new FoveaError('FILE_WRITE', { expected: 'the name of a file', found: said(file) })
  const temporary = `${file}.${process.pid}.tmp`
  try {
    const before = await stat(file).catch(() => undefined)
    const handle = await open(temporary, 'w')
    try {
      if (before?.isFile()) await handle.chmod(before.mode & 0o777)
      for await (const chunk of typeof chunks === 'string' ? [new TextEncoder().encode(chunks)] : chunks) await handle.writeFile(chunk)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    // Of the chunks, not of the file.
    if (cause instanceof FoveaError) throw cause
    throw writeError(file, cause)
  }
}

/** Longest text file that is read: what stands beside a model is small. */
const maxTextBytes = 100_000_000

/**
 * A file's text.
 *
 * @param code of the error
 * @throws FoveaError with the code and the reason, also where it is no plain file or longer than 100 MB
 */
export async function readText(file: string, code: ErrorCode): Promise<string> {
  const fail = (found: string, cause?: unknown): never => {
    throw new FoveaError(code, { file, expected: 'a file of text', found, cause })
  }
  const reason = (cause: NodeJS.ErrnoException) => fail(cause.code === 'ENOENT' ? 'no such file' : cause.message, cause)
  // Asked before opening, since opening a pipe would wait for a writer.
  const found = await stat(file).catch(reason)
  if (!found.isFile()) fail(found.isDirectory() ? 'a folder' : 'something else')
  if (found.size > maxTextBytes) fail(`${found.size} bytes, more than ${maxTextBytes}`)
  return readFile(file, 'utf8').catch(reason)
}

/** The coded error of a failed write. */
export function writeError(file: string, cause: unknown): FoveaError {
  const code = (cause as NodeJS.ErrnoException)?.code
  const reasons: Record<string, [string, string]> = {
    ENOSPC: [
      'no space left on the device',
      'Free some space and run the command again; training resumes from its last checkpoint with --resume.',
    ],
    EDQUOT: ['the quota is used up', 'Free some space and run the command again.'],
    EACCES: [`no permission to write in ${dirname(file)}`, 'Choose another folder with --out, or change its permissions.'],
    EPERM: [`no permission to write in ${dirname(file)}`, 'Choose another folder with --out, or change its permissions.'],
    EROFS: ['a read-only file system', 'Choose another folder with --out.'],
    ENOENT: [`no folder ${dirname(file)}`, 'Create the folder first.'],
    ENOTDIR: ['a file where a folder should be', 'Choose another folder with --out.'],
    EISDIR: ['a folder where a file should be', 'Choose another name.'],
  }
  const [found, remedy] = reasons[code ?? ''] ?? [String((cause as Error)?.message ?? cause), undefined]
  return new FoveaError('FILE_WRITE', { file, found, cause, ...(remedy === undefined ? {} : { remedy }) })
}

/**
 * Makes a folder and those around it; gives the outermost that was made, undefined where all were there. Step by step, since Node's
 * own recursive form never comes back where a file system denies the name itself (as /proc does).
 *
 * @throws FoveaError FILE_WRITE
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  const missing: string[] = []
  for (let path = resolve(folder); ; path = dirname(path)) {
    const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw writeError(folder, cause)
    })
    if (found?.isDirectory()) break
    if (found !== undefined) throw writeError(folder, { code: 'ENOTDIR' })
    missing.unshift(path)
  }
  for (const path of missing)
    await mkdir(path).catch((cause: NodeJS.ErrnoException) => {
      // Somebody else may have made it in the meantime.
      if (cause.code !== 'EEXIST') throw writeError(folder, cause)
    })
  return missing[0]
}

/**
 * What was refused leaves no empty folder behind: neither its own nor those that were made on the way to it.
 * @param first the outermost to remove, as `makeFolder` gave it
 */
export async function removeEmpty(folder: string, first: string): Promise<void> {
  for (let path = resolve(folder); path.length >= first.length; path = dirname(path))
    if (
      !(await rmdir(path).then(
        () => true,
        () => false,
      ))
    )
      return
}
