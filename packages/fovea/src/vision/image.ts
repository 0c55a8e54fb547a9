// A picture as plain numbers: 8-bit samples, rows from the top, channels interleaved.

import { FoveaError } from '../util/errors.ts'

export type ChannelCount = 1 | 3 | 4

/** `data` holds height x width x channels bytes (HWC): grey for 1 channel, RGB for 3, RGB and straight alpha for 4. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly channels: ChannelCount
  readonly data: Uint8Array
  /** Where the picture came from: a path or an address, for messages. */
  readonly source?: string
}

/** A colour as red, green and blue from 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number]

/**
 * An image over `data`, or a black one. The bytes are kept, not copied.
 * @throws IMAGE_INVALID where the sizes are not positive integers, do not match the data, or ask for more memory than there is.
 */
export function createImage(width: number, height: number, channels: ChannelCount, data?: Uint8Array, source?: string): Image {
  checkShape({ width, height, channels }, source)
  const image = { width, height, channels, data: data ?? blank(width, height, channels, source) }
  return verifyImage(source === undefined ? image : { ...image, source })
}

function blank(width: number, height: number, channels: number, file: string | undefined): Uint8Array {
  try {
    return new Uint8Array(width * height * channels)
  } catch (cause) {
    throw new FoveaError('IMAGE_INVALID', {
      expected: 'a picture that fits into memory',
      found: `${width}x${height}x${channels}`,
      file,
      cause,
    })
  }
}

/**
 * The image itself, held to what its type promises: whoever takes one from outside calls this before the first pixel is read.
 * @throws IMAGE_INVALID where it is none, its sizes are not positive integers, or the data are not as many bytes as they say
 */
export function verifyImage(image: Image): Image {
  if (typeof image !== 'object' || image === null)
    throw new FoveaError('IMAGE_INVALID', { expected: 'an image', found: image === null ? 'null' : typeof image })
  const { width, height, channels, data, source } = image
  checkShape(image, source)
  const expected = `${width * height * channels} bytes for ${width}x${height}x${channels}`
  if (!(data instanceof Uint8Array))
    throw new FoveaError('IMAGE_INVALID', { expected, found: Object.prototype.toString.call(data).slice(8, -1), file: source })
  if (data.length !== width * height * channels)
    throw new FoveaError('IMAGE_INVALID', { expected, found: `${data.length} bytes`, file: source })
  return image
}

function checkShape({ width, height, channels }: Pick<Image, 'width' | 'height' | 'channels'>, file: string | undefined): void {
  if (!Number.isSafeInteger(width) || !Number.isSafeInteger(height) || width < 1 || height < 1)
    throw new FoveaError('IMAGE_INVALID', {
      expected: 'a width and height of at least 1',
      found: `${String(width)}x${String(height)}`,
      file,
    })
  if (channels !== 1 && channels !== 3 && channels !== 4)
    throw new FoveaError('IMAGE_INVALID', { expected: '1, 3 or 4 channels', found: String(channels), file })
}

/** An image of one colour, RGB. */
export function filledImage(width: number, height: number, color: Rgb): Image {
  const image = createImage(width, height, 3)
  for (let i = 0; i < image.data.length; i += 3) image.data.set(color, i)
  return image
}

/**
 * The same picture as RGB: grey is repeated, alpha is laid over `background` (default white).
 * @throws IMAGE_INVALID where the image is not well formed
 */
export function toRgb(image: Image, background: Rgb = [255, 255, 255]): Image {
  verifyImage(image)
  if (image.channels === 3) return image
  const pixels = image.width * image.height
  const out = new Uint8Array(pixels * 3)
  const from = image.data
  if (image.channels === 1) {
    for (let i = 0; i < pixels; i++) out.fill(from[i]!, i * 3, i * 3 + 3)
  } else {
    for (let i = 0; i < pixels; i++) {
      const alpha = from[i * 4 + 3]!
      for (let c = 0; c < 3; c++) out[i * 3 + c] = divide255(from[i * 4 + c]! * alpha + background[c]! * (255 - alpha))
    }
  }
  return { ...image, channels: 3, data: out }
}

/**
 * The same picture in grey, by the luma weights of ITU-R BT.601 (as Pillow's "L" and OpenCV do); alpha is laid over white.
 * @throws IMAGE_INVALID where the image is not well formed
 */
export function toGray(image: Image): Image {
  verifyImage(image)
  if (image.channels === 1) return image
  const { data } = toRgb(image)
  const out = new Uint8Array(image.width * image.height)
  for (let i = 0, at = 0; i < out.length; i++, at += 3) {
    out[i] = (data[at]! * 19595 + data[at + 1]! * 38470 + data[at + 2]! * 7471 + 32768) >>> 16
  }
  return { ...image, channels: 1, data: out }
}

/** The part of an image that starts at (`left`, `top`); the rectangle must lie inside. */
export function cropImage(image: Image, left: number, top: number, width: number, height: number): Image {
  if (left < 0 || top < 0 || left + width > image.width || top + height > image.height) {
    const found = `${width}x${height} at (${left}, ${top})`
    throw new FoveaError('IMAGE_INVALID', { expected: `a rectangle inside ${image.width}x${image.height}`, found, file: image.source })
  }
  if (width === image.width && height === image.height) return image
  const out = createImage(width, height, image.channels, undefined, image.source)
  const row = width * image.channels
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * image.channels
    out.data.set(image.data.subarray(start, start + row), y * row)
  }
  return out
}

/** Rounded value / 255, exact for 0 to 65,025. */
function divide255(value: number): number {
  return Math.floor((value + 127) / 255)
}
