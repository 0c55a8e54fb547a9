// The formats that libvips reads: what must be asked of it, and what its errors mean.

import sharp, { type Sharp } from 'sharp'
import { FoveaError } from '../util/errors.ts'
import type { PictureSize } from '../vision/geometry/geometry.ts'
import { createImage, type Image } from '../vision/image.ts'
import type { DecodeOptions } from './decode.ts'
import { type ImageFormat, jpegFrame, jpegScan } from './image-format.ts'
import { noSuchPage, tooManyPixels } from './limits.ts'
import { samplesToRgb } from './samples.ts'
import { extraSamples } from './tiff-extras.ts'

type VipsFormat = Exclude<ImageFormat, 'bmp' | 'dicom'>
type Settled = Omit<DecodeOptions, 'maxPixels' | 'background' | 'page' | 'color'> &
  Required<Pick<DecodeOptions, 'maxPixels' | 'background' | 'page' | 'color'>>

/** Decodes as `decodeImage` says, with every option decided. */
export async function decodeWithSharp(bytes: Uint8Array, format: VipsFormat, options: Settled): Promise<Image> {
  try {
    return await decode(bytes, format, options)
  } catch (error) {
    throw error instanceof FoveaError ? error : decodeError(error, bytes, format, options)
  }
}

async function decode(bytes: Uint8Array, format: VipsFormat, options: Settled): Promise<Image> {
  const { background, color, shrinkFor, name } = options
  const facts = await readFacts(bytes, format, options)
  const pipeline = open(bytes, options, !facts.cmyk && color === 'ignore-profile')
  if (shrinkFor !== undefined && format === 'jpeg') shrink(pipeline, facts, shrinkFor)
  const deep = facts.depth === 'ushort'
  if (!deep && facts.depth !== 'uchar' && facts.depth !== undefined) {
    throw new FoveaError('DATA_UNSUPPORTED_FORMAT', {
      expected: '8 or 16 bits a sample',
      found: `samples of type ${facts.depth}`,
      remedy: 'Choose the range of values that matters, and save them as 8 or 16 bits; their own range is unknown.',
      file: name,
    })
  }
  const raw = pipeline.toColourspace(deep ? 'rgb16' : 'srgb').raw({ depth: deep ? 'ushort' : 'uchar' })
  const { data, info } = await raw.toBuffer({ resolveWithObject: true })
  const samples = deep
    ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
    : new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  const alphaAt = format === 'tiff' ? tiffAlpha(extraSamples(bytes, options.page), info.channels) : undefined
  return createImage(info.width, info.height, 3, samplesToRgb(samples, info.channels, background, alphaAt), name)
}

/** Behind the three colours come the further samples in their order; libvips takes the first for alpha, whatever it is. */
function tiffAlpha(extra: readonly number[] | undefined, channels: number): number | undefined {
  if (extra === undefined) return undefined
  const place = extra.findIndex((kind) => kind !== 0)
  return place >= 0 && 3 + place < channels ? 3 + place : -1
}

function open(bytes: Uint8Array, { maxPixels, page }: Settled, ignoreIcc: boolean): Sharp {
  const first = page === 0 ? {} : { page }
  return sharp(bytes, { failOn: 'error', autoOrient: true, limitInputPixels: maxPixels, ignoreIcc, sequentialRead: true, ...first })
}

/** What must be known before decoding. `depth` undefined means 8 bits. Sizes are those after orientation. */
interface Facts {
  readonly depth: string | undefined
  readonly cmyk: boolean
  readonly width?: number
  readonly height?: number
}

/** PNG and JPEG state what matters in bytes that are easily found, which saves a second pass over the many small files of a data set. */
async function readFacts(bytes: Uint8Array, format: VipsFormat, options: Settled): Promise<Facts> {
  const { page, shrinkFor } = options
  if (format === 'png' || format === 'jpeg') {
    if (page > 0) throw noSuchPage(page, 1, options.name)
    if (format === 'png') return { depth: bytes[24] === 16 ? 'ushort' : 'uchar', cmyk: false }
    const components = shrinkFor === undefined ? jpegFrame(bytes)?.components : undefined
    if (components === 1 || components === 3) return { depth: 'uchar', cmyk: false }
  }
  const { pages = 1 } = page === 0 ? {} : await open(bytes, { ...options, page: 0 }, true).metadata()
  if (page >= pages) throw noSuchPage(page, pages, options.name)
  const { depth, space, autoOrient } = await open(bytes, options, true).metadata()
  return { depth, cmyk: space === 'cmyk', width: autoOrient.width, height: autoOrient.height }
}

function shrink(pipeline: Sharp, { width = 0, height = 0 }: Facts, wanted: readonly [number, number]): void {
  const factor = shrinkFactor({ width, height }, wanted)
  if (factor === 1) return
  const size = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) }
  pipeline.resize({ ...size, fit: 'fill', kernel: 'linear', fastShrinkOnLoad: true })
}

/** The greatest of 8, 4, 2 and 1 by which a picture may be divided so that [height, width] is left. */
export function shrinkFactor(from: PictureSize, [height, width]: readonly [number, number]): number {
  return [8, 4, 2].find((factor) => from.width >= factor * width && from.height >= factor * height) ?? 1
}

function decodeError(error: unknown, bytes: Uint8Array, format: VipsFormat, { maxPixels, name }: Settled): FoveaError {
  const text = error instanceof Error ? error.message : String(error)
  if (/pixel limit/i.test(text)) return tooManyPixels(maxPixels, 'more', name, error)
  const cut = endsTooEarly(bytes, format) || /premature end|truncated|unexpected end|end of file|not enough data/i.test(text)
  // libvips has one text for all threads: of pictures that are decoded at the same time, one clears what was said of the other.
  const unknown = cut ? 'it ends too early' : 'an unknown fault'
  const found = /unknown error/i.test(text) ? unknown : (text.split('\n').find((line) => line.trim() !== '') ?? unknown)
  return new FoveaError(cut ? 'DATA_TRUNCATED' : 'DATA_UNREADABLE_IMAGE', {
    found: `${format.toUpperCase()}: ${found}`,
    file: name,
    cause: error,
  })
}

/** PNG readers say "read error" for everything, and all may say nothing, so the end is looked for: every PNG and every JPEG has a mark of it. */
function endsTooEarly(bytes: Uint8Array, format: VipsFormat): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (format === 'png') return !buffer.includes('IEND')
  if (format !== 'jpeg' || bytes.length < 24) return bytes.length < 24
  const scan = jpegScan(bytes)
  return scan !== undefined && buffer.lastIndexOf(endOfJpeg) < scan
}

/** The marker EOI (ITU T.81, B.2.1). One before the scan is that of a thumbnail. */
const endOfJpeg = Buffer.from([0xff, 0xd9])
