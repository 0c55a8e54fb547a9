// The stored values of one frame, however they are packed.

import { FoveaError } from '../../util/errors.ts'
import { codedComponents } from './coded-components.ts'
import type { ParsedDicom, PixelData } from './data-set.ts'
import { frameOfFragments } from './fragments.ts'
import type { PixelModule } from './pixel-module.ts'
import { decodeRle } from './rle.ts'
import { interleave, nativeFrameBits, readBits, readSamples, type StoredValues, spread422, storedArray } from './stored-values.ts'
import { bigEndian } from './transfer-syntax.ts'

/** Values by rows, samples interleaved; with `ybr` where three of them are luma and chroma. */
export interface FrameValues {
  readonly values: StoredValues
  readonly ybr: boolean
}

/**
 * Gives a function that unpacks frames, once the file as a whole has been checked. Colours that share chroma (YBR_FULL_422) are spread to
 * every pixel.
 * @throws DATA_NO_PIXELS, DATA_TRUNCATED, DATA_UNREADABLE_IMAGE, DATA_UNSUPPORTED_FORMAT
 */
export function frameReader(dicom: ParsedDicom, module: PixelModule, file: string | undefined): (frame: number) => Promise<FrameValues> {
  const { attributes, transferSyntax, pixelData } = dicom
  const { encoding } = module
  if (pixelData === undefined) {
    const floats = attributes.has('x7fe00008') || attributes.has('x7fe00009')
    if (!floats) throw new FoveaError('DATA_NO_PIXELS', { expected: 'Pixel Data (7FE0,0010)', found: 'none', file })
    throw new FoveaError('DATA_UNSUPPORTED_FORMAT', { expected: 'whole numbers', found: 'Float Pixel Data', file })
  }
  if ((encoding !== 'native') !== pixelData.encapsulated) {
    const expected = encoding === 'native' ? 'pixels of a stated length' : 'pixels in fragments'
    throw new FoveaError('DATA_UNREADABLE_IMAGE', { expected, found: 'the other', field: '(7FE0,0010)', file })
  }
  if (encoding !== 'native' && (module.bitsAllocated === 1 || (encoding === 'jpeg' && module.bitsAllocated !== 8))) {
    const found = `${module.bitsAllocated} bits allocated in ${encoding.toUpperCase()}`
    throw new FoveaError('DATA_UNREADABLE_IMAGE', { expected: encoding === 'jpeg' ? '8' : '8, 16 or 32', found, file })
  }
  const littleEndian = transferSyntax !== bigEndian
  return (frame) => unpackFrame(pixelData, module, frame, littleEndian, file)
}

async function unpackFrame(
  pixelData: PixelData,
  module: PixelModule,
  frame: number,
  littleEndian: boolean,
  file: string | undefined,
): Promise<FrameValues> {
  const { encoding, rows, columns, samplesPerPixel: samples, frames, photometricInterpretation } = module
  const pixels = rows * columns
  const ybr = photometricInterpretation.startsWith('YBR')
  if (encoding === 'native') return { values: nativeFrame(pixelData, module, frame, littleEndian, file), ybr }
  const bytes = frameOfFragments(pixelData.bytes, frame, frames, file)
  if (encoding === 'rle')
    return { values: readSamples(decodeRle(bytes, pixels, samples, module.bitsAllocated / 8, file), module, true), ybr }
  const coded = await codedComponents(bytes, pixels, file)
  if (coded.width !== columns || coded.height !== rows || coded.channels !== samples) {
    const expected = `${columns}x${rows}x${samples}`
    throw new FoveaError('DATA_UNREADABLE_IMAGE', { expected, found: `a JPEG of ${coded.width}x${coded.height}x${coded.channels}`, file })
  }
  // Where the picture itself says that it was transformed, it is believed.
  return { values: readSamples(coded.data, module, true), ybr: samples === 3 && (ybr || coded.adobeTransform === 1) }
}

function nativeFrame(
  { bytes, vr }: PixelData,
  module: PixelModule,
  frame: number,
  littleEndian: boolean,
  file: string | undefined,
): StoredValues {
  const { rows, columns, samplesPerPixel: samples, bitsAllocated, photometricInterpretation, planar } = module
  const bits = nativeFrameBits(module)
  const pixels = rows * columns
  if (bytes.length * 8 < bits * (frame + 1)) {
    throw new FoveaError('DATA_TRUNCATED', {
      expected: `${Math.ceil((bits * (frame + 1)) / 8)} bytes of pixels`,
      found: String(bytes.length),
      file,
    })
  }
  // Words of the big-endian syntax hold their second byte first (PS3.5, Annex D and 7.3); 8-bit samples written as OW lie in such words.
  const swapped = !littleEndian && bitsAllocated <= 8 && vr === 'OW' ? swapPairs(bytes) : bytes
  if (bitsAllocated === 1) return readBits(swapped, bits * frame, pixels * samples)
  const start = (bits / 8) * frame
  const part = swapped.subarray(start, start + bits / 8)
  if (photometricInterpretation === 'YBR_FULL_422') {
    const whole = pixels % 2 === 0 ? part : Buffer.concat([part, part.subarray(-2)])
    return readSamples(spread422(whole, pixels), module, true)
  }
  const values = readSamples(part, module, littleEndian)
  return planar ? interleave(values, samples) : values
}

function swapPairs(bytes: Uint8Array): Uint8Array {
  return Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16()
}

/** All frames in one array. */
export async function joinFrames(module: PixelModule, read: (frame: number) => Promise<StoredValues>): Promise<StoredValues> {
  const size = module.rows * module.columns * module.samplesPerPixel
  const out = storedArray(module, size * module.frames)
  for (let frame = 0; frame < module.frames; frame++) out.set(await read(frame), size * frame)
  return out
}
