// Files written whole or not at all.

import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FoveaError } from '../util/errors.ts'

/**
 * Writes a file under a temporary name in the same folder, flushes it to the disk, then renames it: a reader sees the old
 * file or the new one, never a part.
 *
 * @throws FoveaError FILE_WRITE with the reason (disk full, folder missing or read-only)
 */
export async function writeFileAtomically(file: string, chunks: readonly Uint8Array[] | string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    const handle = await open(temporary, 'w')
    try {
      for (const chunk of typeof chunks === 'string' ? [new TextEncoder().encode(chunks)] : chunks) await handle.writeFile(chunk)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, file)
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw writeError(file, cause)
  }
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
