// Decoding: from a file's bytes to 8-bit RGB, with everything that can be odd about a file dealt with on purpose.

import sharp, { type Sharp } from 'sharp'
import { FoveaError } from '../util/errors.ts'
import { createImage, type Image, type Rgb } from '../vision/image.ts'
import { decodeBmp } from './bmp.ts'
import { type ImageFormat, imageFormat, jpegFrame } from './image-format.ts'
import { decodePlainPng } from './png.ts'
import { type ImageSource, readSource } from './source.ts'

export interface DecodeOptions {
  /** Laid under transparent pixels. Default white. */
  readonly background?: Rgb
  /** Pictures with more pixels are refused before they are unpacked. Default 2^27 (134 million). */
  readonly maxPixels?: number
  /** Named in errors and kept as the image's `source`. */
  readonly name?: string
  /**
   * The size, [height, width], that the picture will be reduced to. A JPEG at least twice as large is then decoded at a half, a quarter
   * or an eighth: several times faster, not bit-exact. For training only; default undefined, an exact decode.
   */
  readonly shrinkFor?: readonly [height: number, width: number]
}

const defaultMaxPixels = 2 ** 27
const white: Rgb = [255, 255, 255]

/**
 * Reads a picture from a path, a URL (file, data, http, https), bytes or a Blob, as 8-bit RGB in the orientation that its EXIF states.
 * @throws DATA_FILE_NOT_FOUND, DATA_FETCH_FAILED and all that `decodeImage` throws.
 */
export async function loadImage(source: ImageSource, options: DecodeOptions = {}): Promise<Image> {
  const { bytes, name } = await readSource(source)
  return decodeImage(bytes, { ...options, name: options.name ?? name })
}

/**
 * Decodes JPEG, PNG, WebP, TIFF, GIF (first frame), AVIF and BMP to 8-bit RGB.
 * - EXIF orientation is applied.
 * - 16-bit samples are scaled, round(v / 257), not cut; other depths (float, 32-bit) are refused, since their range is unknown.
 * - Grey is repeated into three channels; a palette is looked up; alpha is laid over `background`.
 * - CMYK goes through its embedded profile, or a standard one. Profiles of RGB and grey pictures are ignored, as training tools do.
 * @throws DATA_EMPTY_FILE, DATA_TRUNCATED, DATA_UNSUPPORTED_FORMAT, DATA_IMAGE_TOO_LARGE, DATA_UNREADABLE_IMAGE; each names the file.
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  const { name, maxPixels = defaultMaxPixels } = options
  if (bytes.length === 0) throw new FoveaError('DATA_EMPTY_FILE', { file: name })
  const format = imageFormat(bytes)
  if (format === undefined) {
    throw new FoveaError('DATA_UNSUPPORTED_FORMAT', {
      expected: 'JPEG, PNG, WebP, TIFF, GIF, AVIF or BMP',
      found: firstBytes(bytes),
      file: name,
    })
  }
  if (format === 'bmp') return decodeBmp(bytes, maxPixels, name)
  const plain = format === 'png' ? decodePlainPng(bytes, options.background ?? white, name) : undefined
  if (plain !== undefined && plain.width * plain.height <= maxPixels) return plain
  try {
    return await decodeWithSharp(bytes, format, maxPixels, options)
  } catch (error) {
    throw error instanceof FoveaError ? error : decodeError(error, bytes, format, maxPixels, name)
  }
}

async function decodeWithSharp(bytes: Uint8Array, format: ImageFormat, maxPixels: number, options: DecodeOptions): Promise<Image> {
  const facts = await readFacts(bytes, format, maxPixels, options.shrinkFor !== undefined)
  const pipeline = open(bytes, maxPixels, !facts.cmyk)
  if (options.shrinkFor !== undefined && format === 'jpeg') shrink(pipeline, facts, options.shrinkFor)
  const deep = facts.depth === 'ushort'
  if (!deep && facts.depth !== 'uchar' && facts.depth !== undefined) {
    throw new FoveaError('DATA_UNSUPPORTED_FORMAT', {
      expected: '8 or 16 bits a sample',
      found: `samples of type ${facts.depth}`,
      file: options.name,
    })
  }
  const raw = pipeline.toColourspace(deep ? 'rgb16' : 'srgb').raw({ depth: deep ? 'ushort' : 'uchar' })
  const { data, info } = await raw.toBuffer({ resolveWithObject: true })
  const samples = deep ? to8Bit(data) : new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  const rgb = toThreeChannels(samples, info.channels, options.background ?? white)
  return createImage(info.width, info.height, 3, rgb, options.name)
}

function open(bytes: Uint8Array, maxPixels: number, ignoreIcc: boolean): Sharp {
  return sharp(bytes, { failOn: 'error', autoOrient: true, limitInputPixels: maxPixels, ignoreIcc, sequentialRead: true })
}

/** What must be known before decoding. `depth` undefined means 8 bits. Sizes are those after orientation. */
interface Facts {
  readonly depth: string | undefined
  readonly cmyk: boolean
  readonly width?: number
  readonly height?: number
}

/** PNG and JPEG state what matters in bytes that are easily found, which saves a second pass over the many small files of a data set. */
async function readFacts(bytes: Uint8Array, format: ImageFormat, maxPixels: number, needSize: boolean): Promise<Facts> {
  if (format === 'png') return { depth: bytes[24] === 16 ? 'ushort' : 'uchar', cmyk: false }
  const components = format === 'jpeg' && !needSize ? jpegFrame(bytes)?.components : undefined
  if (components === 1 || components === 3) return { depth: 'uchar', cmyk: false }
  const { depth, space, autoOrient } = await open(bytes, maxPixels, true).metadata()
  return { depth, cmyk: space === 'cmyk', width: autoOrient.width, height: autoOrient.height }
}

function shrink(pipeline: Sharp, { width = 0, height = 0 }: Facts, [wantedHeight, wantedWidth]: readonly [number, number]): void {
  const factor = [8, 4, 2].find((f) => width >= f * wantedWidth && height >= f * wantedHeight)
  if (factor === undefined) return
  const size = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) }
  pipeline.resize({ ...size, fit: 'fill', kernel: 'linear', fastShrinkOnLoad: true })
}

function to8Bit(data: Uint8Array): Uint8Array {
  const words = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
  const out = new Uint8Array(words.length)
  for (let i = 0; i < out.length; i++) out[i] = Math.round(words[i]! / 257)
  return out
}

function toThreeChannels(samples: Uint8Array, channels: number, background: Rgb): Uint8Array {
  if (channels === 3) return samples
  const pixels = samples.length / channels
  const out = new Uint8Array(pixels * 3)
  const gray = channels < 3
  const hasAlpha = channels === 2 || channels === 4
  for (let i = 0; i < pixels; i++) {
    const at = i * channels
    const alpha = hasAlpha ? samples[at + channels - 1]! : 255
    for (let c = 0; c < 3; c++) {
      const value = samples[gray ? at : at + c]!
      out[i * 3 + c] = alpha === 255 ? value : Math.floor((value * alpha + background[c]! * (255 - alpha) + 127) / 255)
    }
  }
  return out
}

function decodeError(error: unknown, bytes: Uint8Array, format: ImageFormat, maxPixels: number, file: string | undefined): FoveaError {
  const text = error instanceof Error ? error.message : String(error)
  const found = text.split('\n').find((line) => line.trim() !== '') ?? 'an unknown fault'
  if (/pixel limit/i.test(text)) {
    return new FoveaError('DATA_IMAGE_TOO_LARGE', { expected: `at most ${maxPixels.toLocaleString('en')} pixels`, file, cause: error })
  }
  const cut = endsTooEarly(bytes, format) || /premature end|truncated|unexpected end|end of file|not enough data/i.test(text)
  return new FoveaError(cut ? 'DATA_TRUNCATED' : 'DATA_UNREADABLE_IMAGE', {
    found: `${format.toUpperCase()}: ${found}`,
    file,
    cause: error,
  })
}

/** PNG readers say "read error" for everything, so the end chunk is looked for; every PNG has one in its last bytes. */
function endsTooEarly(bytes: Uint8Array, format: ImageFormat): boolean {
  if (format !== 'png') return bytes.length < 24
  return !Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('IEND')
}

function firstBytes(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return `a file that begins ${shown}`
}
