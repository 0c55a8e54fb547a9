// Decoding: from whatever a caller calls an image to 8-bit RGB, with everything that can be odd about it dealt with on purpose.

import { FoveaError } from '../util/errors.ts'
import type { Image, Rgb } from '../vision/image.ts'
import { decodeBmp } from './bmp.ts'
import { checkDecodeOptions } from './check-decode.ts'
import { decodeWithSharp } from './decode-sharp.ts'
import { decodeDicom } from './dicom/decode-dicom.ts'
import type { WindowChoice } from './dicom/window.ts'
import type { FetchOptions } from './fetch-bytes.ts'
import { imageFormat, refusedFormat } from './image-format.ts'
import { defaultMaxPixels, noSuchPage } from './limits.ts'
import { decodePlainPng } from './png.ts'
import { imageOfPixels } from './raw-pixels.ts'
import { type ImageSource, readSource } from './source.ts'

export interface DecodeOptions {
  /** Laid under transparent pixels. Default white. */
  readonly background?: Rgb
  /** Pictures with more pixels are refused before they are unpacked. Default 2^27 (134 million); no limit on pixels that are given unpacked. */
  readonly maxPixels?: number
  /** Named in errors and kept as the image's `source`. */
  readonly name?: string
  /**
   * The size, [height, width], that the picture will be reduced to. A JPEG at least twice as large is then decoded at a half, a quarter
   * or an eighth: several times faster, not bit-exact. For training only; default undefined, an exact decode.
   */
  readonly shrinkFor?: readonly [height: number, width: number]
  /** Which picture of a file that holds several, from 0: a TIFF's page, an animation's or a DICOM's frame. Default 0. */
  readonly page?: number
  /**
   * What an ICC profile of an RGB or grey picture does: nothing, as training tools have it, or its colours are converted to sRGB. CMYK
   * always goes through a profile. Default 'ignore-profile'.
   */
  readonly color?: 'ignore-profile' | 'srgb'
  /**
   * For grey DICOM pictures: which values become black and white. A number is one of the file's own windows, from 0. Default the file's
   * table of interest or first window; without either 'range', or, for untransformed values of up to 8 bits, their whole range.
   */
  readonly window?: WindowChoice
}

export interface LoadImageOptions extends DecodeOptions {
  /** Limits on what is fetched or streamed, and from where. */
  readonly fetch?: FetchOptions
}

const white: Rgb = [255, 255, 255]

/**
 * Reads a picture as 8-bit RGB, in the orientation that its EXIF states, from any `ImageSource`: a path, a URL, bytes, a Blob, a stream,
 * pixels, a frame or a camera. An image that is 8-bit RGB already is given back as it is.
 * @throws what `readSource` and `decodeImage` throw; DATA_OPTION_INVALID; IMAGE_INVALID for pixels that do not fit their sizes
 */
export async function loadImage(source: ImageSource, options: LoadImageOptions = {}): Promise<Image> {
  checkDecodeOptions(options)
  const content = await readSource(source, options.fetch)
  const name = options.name ?? content.name
  if ('pixels' in content)
    return imageOfPixels(content.pixels, options.background ?? white, options.maxPixels ?? Number.POSITIVE_INFINITY, name)
  return decodeImage(content.bytes, { ...options, name })
}

/**
 * Decodes JPEG, PNG, WebP, TIFF, GIF, AVIF, BMP and DICOM to 8-bit RGB.
 * - EXIF orientation is applied.
 * - 16-bit samples are scaled, round(v / 257), not cut; other depths (float, 32-bit) are refused, since their range is unknown.
 * - Grey is repeated into three channels; a palette is looked up; alpha is laid over `background`.
 * - DICOM goes through its window (`dicom/decode-dicom.ts`).
 * - CMYK goes through its embedded profile, or a standard one. What profiles of RGB and grey pictures do is the option `color`.
 * @throws DATA_EMPTY_FILE, DATA_TRUNCATED, DATA_UNSUPPORTED_FORMAT, DATA_IMAGE_TOO_LARGE, DATA_UNREADABLE_IMAGE, DATA_NO_SUCH_PAGE,
 *   DATA_OPTION_INVALID, and for DICOM DATA_NO_PIXELS, DATA_TRANSFER_SYNTAX, DATA_TOO_MANY_BYTES; each names the file
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Image> {
  checkDecodeOptions(options)
  const { name, background = white, page = 0, color = 'ignore-profile' } = options
  // What has no limit is given the greatest that decoders take.
  const maxPixels = Math.min(options.maxPixels ?? defaultMaxPixels, Number.MAX_SAFE_INTEGER)
  if (bytes.length === 0) throw new FoveaError('DATA_EMPTY_FILE', { file: name })
  const format = imageFormat(bytes)
  if (format === undefined) throw unknownFormat(bytes, name)
  if (!Number.isSafeInteger(page) || page < 0) throw noSuchPage(page, undefined, name)
  if (format === 'dicom') return decodeDicom(bytes, { maxPixels, page, window: options.window, name })
  if (format === 'bmp') {
    if (page > 0) throw noSuchPage(page, 1, name)
    return decodeBmp(bytes, maxPixels, name)
  }
  if (format === 'png' && page === 0 && color === 'ignore-profile') {
    const plain = decodePlainPng(bytes, background, name)
    if (plain !== undefined && plain.width * plain.height <= maxPixels) return plain
  }
  return decodeWithSharp(bytes, format, { ...options, name, maxPixels, background, page, color })
}

function unknownFormat(bytes: Uint8Array, file: string | undefined): FoveaError {
  const known = refusedFormat(bytes)
  const first = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return new FoveaError('DATA_UNSUPPORTED_FORMAT', {
    expected: 'JPEG, PNG, WebP, TIFF, GIF, AVIF, BMP or DICOM',
    found: known?.name ?? `a file that begins ${first}`,
    ...(known === undefined ? {} : { remedy: known.remedy }),
    file,
  })
}
