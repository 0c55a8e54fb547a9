// Masks as pictures: PNG files of numbers or colours of classes.

import { readFile } from 'node:fs/promises'
import sharp from 'sharp'
import { FoveaError } from '../../util/errors.ts'

const maxPixels = 2 ** 27

/** What a mask file holds at each pixel, row by row: a number, or a colour as 0xRRGGBB where `colored`. */
export interface MaskPixels {
  readonly width: number
  readonly height: number
  readonly values: Uint16Array | Uint32Array
  readonly colored: boolean
}

/**
 * @param byColor whether a palette's colours are wanted, instead of their numbers
 * @throws DATASET_MALFORMED where it is no picture of 8 or 16 bits
 */
export async function readMask(path: string, file: string, byColor = false): Promise<MaskPixels> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new FoveaError('DATASET_MALFORMED', { file, expected: 'a mask as a picture', found: cause.message, cause })
  })
  return decodeMaskFile(bytes, file, byColor)
}

/** As `readMask`, of bytes. */
export async function decodeMaskFile(bytes: Buffer, file: string, byColor = false): Promise<MaskPixels> {
  try {
    const { channels, depth } = await sharp(bytes, { limitInputPixels: maxPixels }).metadata()
    const pipeline = sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', ignoreIcc: true })
    if (channels <= 2) {
      const deep = depth === 'ushort'
      const grey = pipeline.toColourspace(deep ? 'grey16' : 'b-w').extractChannel(0)
      const { data, info } = await grey.raw({ depth: deep ? 'ushort' : 'uchar' }).toBuffer({ resolveWithObject: true })
      const values = deep ? new Uint16Array(Uint8Array.from(data).buffer) : Uint16Array.from(data)
      return { width: info.width, height: info.height, values, colored: false }
    }
    const { data, info } = await pipeline.removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true })
    const { width, height } = info
    const values = Uint32Array.from({ length: width * height }, (_, i) => (data[3 * i]! << 16) | (data[3 * i + 1]! << 8) | data[3 * i + 2]!)
    const palette = byColor ? undefined : paletteOf(bytes)
    if (palette === undefined) return { width, height, values, colored: true }
    return { width, height, values: values.map((color) => palette.get(color) ?? 0), colored: false }
  } catch (cause) {
    const found = (cause as Error).message.split('\n')[0] ?? ''
    throw new FoveaError('DATASET_MALFORMED', { file, expected: 'a mask as a picture', found, cause })
  }
}

/** The numbers of a PNG's colours by its PLTE chunk (PNG 1.2, section 4.1.2); undefined where it has none. */
function paletteOf(bytes: Buffer): ReadonlyMap<number, number> | undefined {
  // A PNG of colour type 3.
  if (bytes.length < 33 || bytes.readUInt32BE(0) !== 0x89504e47 || bytes[25] !== 3) return undefined
  for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    if (bytes.toString('latin1', at + 4, at + 8) !== 'PLTE') continue
    const entries = Math.floor(Math.min(bytes.readUInt32BE(at), 768) / 3)
    const colors = Array.from({ length: entries }, (_, i) => [bytes.readUIntBE(at + 8 + 3 * i, 3), i] as const)
    // Of equal colours the first counts.
    return new Map(colors.reverse())
  }
  return undefined
}

/** A grey PNG of 8-bit numbers, row by row. */
export async function writeMask(values: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  return new Uint8Array(
    await sharp(values, { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer(),
  )
}
