// Pixels that somebody else has already unpacked: numbers without a file around them.

import { FoveaError } from '../util/errors.ts'
import { createImage, type Image, type Rgb } from '../vision/image.ts'
import { tooManyPixels } from './limits.ts'
import { samplesToRgb } from './samples.ts'

/** Samples by rows from the top, channels interleaved: grey, grey and alpha, RGB, or RGB and alpha. */
export interface RawPixels {
  /** One value a sample. For 16 bits a `Uint16Array`, or bytes with `depth: 16`, the low byte first. */
  readonly data: Uint8Array | Uint8ClampedArray | Uint16Array
  readonly width: number
  readonly height: number
  readonly channels: 1 | 2 | 3 | 4
  /** Bits a sample. @default 16 for a Uint16Array, else 8 */
  readonly depth?: 8 | 16
  /** Kept as the image's `source`. */
  readonly source?: string
}

export function isRawPixels(value: object): value is RawPixels {
  return 'data' in value && 'width' in value && 'height' in value && 'channels' in value
}

/**
 * Raw pixels as 8-bit RGB: 16 bits by round(v / 257), alpha laid over `background`. 8-bit RGB is not copied.
 * @throws IMAGE_INVALID where sizes, channels, depth and the length of the data do not fit together; DATA_IMAGE_TOO_LARGE
 */
export function imageOfPixels(pixels: RawPixels, background: Rgb, maxPixels: number, name: string | undefined): Image {
  const { data, width, height, channels } = pixels
  const file = name ?? pixels.source
  const fail = (expected: string, found: string) => new FoveaError('IMAGE_INVALID', { expected, found, file })
  for (const size of [width, height])
    if (!Number.isSafeInteger(size) || size < 1) throw fail('a width and height of at least 1', `${width}x${height}`)
  if (![1, 2, 3, 4].includes(channels)) throw fail('1, 2, 3 or 4 channels', String(channels))
  const words = data instanceof Uint16Array
  if (!words && !(data instanceof Uint8Array) && !(data instanceof Uint8ClampedArray)) {
    throw fail('data as a Uint8Array, Uint8ClampedArray or Uint16Array', Object.prototype.toString.call(data).slice(8, -1))
  }
  const depth = pixels.depth ?? (words ? 16 : 8)
  if (depth !== 16 && (depth !== 8 || words)) throw fail(words ? 'a depth of 16 for a Uint16Array' : 'a depth of 8 or 16', String(depth))
  if (width * height > maxPixels) throw tooManyPixels(maxPixels, `${width}x${height}`, file)
  const length = width * height * channels * (depth === 16 && !words ? 2 : 1)
  if (data.length !== length) throw fail(`${length} elements for ${width}x${height}x${channels} at ${depth} bits`, String(data.length))
  const samples = depth === 8 ? new Uint8Array(data.buffer, data.byteOffset, data.length) : words ? data : littleEndianWords(data)
  return createImage(width, height, 3, samplesToRgb(samples, channels, background), file)
}

function littleEndianWords(bytes: Uint8Array | Uint8ClampedArray): Uint16Array {
  const out = new Uint16Array(bytes.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = bytes[2 * i]! | (bytes[2 * i + 1]! << 8)
  return out
}
