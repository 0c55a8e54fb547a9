// Frames drawn by formula: shapes that move, and the number of the frame, readable by eye and by `readPatternNumber`.

import { FoveaError } from '../../util/errors.ts'
import { createImage, type Image, verifyImage } from '../../vision/image.ts'
import { defaultMaxPixels } from '../limits.ts'

/** Bits of the number, lowest first, beside two that tell white from black. */
const bits = 24
const cells = bits + 2
/** Digits of 3x5 points, rows from the top, three bits a row. */
const digits = [0x7b6f, 0x2c97, 0x73e7, 0x73cf, 0x5bc9, 0x79cf, 0x79ef, 0x7249, 0x7bef, 0x7bcf]
/** The smallest size in which the number can be read. */
export const smallestPattern = { width: 64, height: 48 } as const

/**
 * Frame `index` of the test pattern: a ramp of colours, a square and a disc that move, a bar of cells along the top that holds the number
 * in binary, and the number in digits below. The same arguments give the same bytes.
 *
 * @throws FoveaError SOURCE_OPTION for sizes below 64x48 or of more than 2^27 pixels, and for no number of a frame
 */
export function testPattern(index: number, size: { readonly width?: number; readonly height?: number } = {}): Image {
  if (typeof size !== 'object' || size === null)
    throw new FoveaError('SOURCE_OPTION', { field: 'size', expected: 'an object of width and height', found: String(size) })
  const { width = 640, height = 480 } = size
  if (!(width >= smallestPattern.width && height >= smallestPattern.height && Number.isInteger(width) && Number.isInteger(height)))
    throw new FoveaError('SOURCE_OPTION', { field: 'size', expected: 'whole numbers of at least 64x48', found: `${width}x${height}` })
  if (width * height > defaultMaxPixels)
    throw new FoveaError('SOURCE_OPTION', { field: 'size', expected: `at most ${defaultMaxPixels} pixels`, found: `${width}x${height}` })
  if (!(Number.isSafeInteger(index) && index >= 0))
    throw new FoveaError('SOURCE_OPTION', { field: 'index', expected: 'a whole number from 0', found: String(index) })
  const image = createImage(width, height, 3, undefined, `testpattern ${index}`)
  const { data } = image
  const ramp = new Uint8Array(width * 3)
  for (let x = 0; x < width; x++) ramp.set([(x * 255) / width, 96, 255 - (x * 255) / width], x * 3)
  for (let y = 0; y < height; y++) data.set(ramp, y * width * 3)
  const side = Math.floor(height / 6)
  const square = { left: (index * 4) % (width - side), top: Math.floor(height * 0.55) }
  fill(image, square.left, square.top, side, side, 255, 210, 0)
  const radius = Math.floor(height / 10)
  const centre = { x: width / 2 + (width / 3) * Math.cos(index / 20), y: height * 0.8 + (height / 12) * Math.sin(index / 7) }
  for (let y = -radius; y <= radius; y++) {
    const half = Math.floor(Math.sqrt(radius * radius - y * y))
    fill(image, Math.round(centre.x) - half, Math.round(centre.y) + y, 2 * half, 1, 0, 200, 80)
  }
  for (let i = 0; i < cells; i++) {
    const { left, right, bottom } = cellOf(i, width, height)
    const bit = i === 0 ? 1 : i === 1 ? 0 : Math.floor(index / 2 ** (i - 2)) % 2
    fill(image, left, 0, right - left, bottom, bit * 255, bit * 255, bit * 255)
  }
  const scale = Math.max(1, Math.floor(height / 60))
  const text = String(index)
  for (let i = 0; i < text.length; i++) drawDigit(image, Number(text[i]), scale * (2 + 4 * i), Math.floor(height / 5), scale)
  return image
}

/**
 * The number in a frame of the test pattern, also after scaling and lossy coding; modulo 2^24. Undefined where there is none: the first
 * two cells are not white and black. @throws FoveaError IMAGE_INVALID
 */
export function readPatternNumber(image: Image): number | undefined {
  if (verifyImage(image).width < cells) return undefined
  const light = (i: number) => {
    const { left, right, bottom } = cellOf(i, image.width, image.height)
    const at = (Math.floor(bottom / 2) * image.width + Math.floor((left + right) / 2)) * image.channels
    return image.data[at]!
  }
  if (light(0) < 160 || light(1) > 95) return undefined
  let number = 0
  for (let i = 2; i < cells; i++) if (light(i) > 127) number += 2 ** (i - 2)
  return number
}

function cellOf(i: number, width: number, height: number) {
  return { left: Math.floor((i * width) / cells), right: Math.floor(((i + 1) * width) / cells), bottom: Math.floor(height / 8) }
}

function drawDigit(image: Image, digit: number, left: number, top: number, scale: number): void {
  for (let point = 0; point < 15; point++)
    if ((digits[digit]! >> (14 - point)) & 1)
      fill(image, left + (point % 3) * scale, top + Math.floor(point / 3) * scale, scale, scale, 255, 255, 255)
}

/** A rectangle, cut to the picture. */
function fill({ width, height, data }: Image, left: number, top: number, w: number, h: number, r: number, g: number, b: number): void {
  const [from, to] = [Math.max(0, left), Math.min(width, left + w)]
  for (let y = Math.max(0, top); y < Math.min(height, top + h); y++)
    for (let x = from, at = (y * width + from) * 3; x < to; x++) {
      data[at++] = r
      data[at++] = g
      data[at++] = b
    }
}
