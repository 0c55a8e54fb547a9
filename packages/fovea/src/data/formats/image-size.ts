// The size of a picture by its header alone, upright as its EXIF says.

import { open } from 'node:fs/promises'
import sharp from 'sharp'
import { FoveaError } from '../../util/errors.ts'
import { parseDicom } from '../dicom/data-set.ts'
import { readPixelModule } from '../dicom/pixel-module.ts'
import { isDicom } from '../image-format.ts'
import { readFileBytes } from '../source.ts'

/** @throws DATA_FILE_NOT_FOUND, DATA_UNREADABLE_IMAGE, and for DICOM what `readDicom` throws */
export async function imageSize(file: string): Promise<{ width: number; height: number }> {
  const head = await readHead(file, 132)
  const bmp = bmpSize(head)
  if (bmp !== undefined) return bmp
  if (isDicom(head)) {
    const { columns, rows } = readPixelModule(parseDicom(await readFileBytes(file), file), file)
    return { width: columns, height: rows }
  }
  try {
    const { autoOrient } = await sharp(file, { limitInputPixels: false }).metadata()
    return { width: autoOrient.width, height: autoOrient.height }
  } catch (cause) {
    throw new FoveaError('DATA_UNREADABLE_IMAGE', { file, found: (cause as Error).message.split('\n')[0] ?? '', cause })
  }
}

/** libvips does not read BMP: BITMAPINFOHEADER, or the shorter BITMAPCOREHEADER of 12 bytes. */
function bmpSize(head: Buffer): { width: number; height: number } | undefined {
  if (head.length < 26 || head.toString('latin1', 0, 2) !== 'BM') return undefined
  if (head.readUInt32LE(14) === 12) return { width: head.readUInt16LE(18), height: head.readUInt16LE(20) }
  return { width: Math.abs(head.readInt32LE(18)), height: Math.abs(head.readInt32LE(22)) }
}

/** At most `size` bytes of a file's beginning. */
async function readHead(file: string, size: number): Promise<Buffer> {
  const handle = await open(file).catch((cause: NodeJS.ErrnoException) => {
    throw new FoveaError('DATA_FILE_NOT_FOUND', { file, found: cause.code ?? cause.message, cause })
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
