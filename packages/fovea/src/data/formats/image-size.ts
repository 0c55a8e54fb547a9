// The size of a picture by its header alone, upright as its EXIF says.

import { open } from 'node:fs/promises'
import sharp from 'sharp'
import { FoveaError } from '../../util/errors.ts'

/** @throws DATA_FILE_NOT_FOUND, DATA_UNREADABLE_IMAGE */
export async function imageSize(file: string): Promise<{ width: number; height: number }> {
  const bmp = await bmpSize(file)
  if (bmp !== undefined) return bmp
  try {
    const { autoOrient } = await sharp(file, { limitInputPixels: false }).metadata()
    return { width: autoOrient.width, height: autoOrient.height }
  } catch (cause) {
    throw new FoveaError('DATA_UNREADABLE_IMAGE', { file, found: (cause as Error).message.split('\n')[0] ?? '', cause })
  }
}

/** libvips does not read BMP: BITMAPINFOHEADER, or the shorter BITMAPCOREHEADER of 12 bytes. */
async function bmpSize(file: string): Promise<{ width: number; height: number } | undefined> {
  const handle = await open(file).catch((cause: NodeJS.ErrnoException) => {
    throw new FoveaError('DATA_FILE_NOT_FOUND', { file, found: cause.code ?? cause.message, cause })
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(26), 0, 26, 0)
    if (bytesRead < 26 || buffer.toString('latin1', 0, 2) !== 'BM') return undefined
    if (buffer.readUInt32LE(14) === 12) return { width: buffer.readUInt16LE(18), height: buffer.readUInt16LE(20) }
    return { width: Math.abs(buffer.readInt32LE(18)), height: Math.abs(buffer.readInt32LE(22)) }
  } finally {
    await handle.close()
  }
}
