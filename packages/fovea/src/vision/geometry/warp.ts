// A picture through an affine map or a perspective, by the arithmetic of Pillow's `Image.transform` (and so of torchvision on PIL images).

import { createImage, type Image, type Rgb } from '../image.ts'
import type { PictureSize } from './geometry.ts'
import { type Matrix3, movePoint } from './matrix.ts'

export type WarpInterpolation = 'nearest' | 'bilinear'

/** Pillow counts in 16-bit fixed point where nothing is blended. */
const one = 65_536

/**
 * The picture after `inverse`, which maps a point of the new picture to one of `image`; what lies outside is `fill`. Grey and RGB are equal
 * to Pillow's: nearest byte for byte, bilinear within 1 of 255 (a byte in 50,000 differs, by rounding of positions); alpha is blended straight and filled with 255.
 */
export function warpImage(image: Image, inverse: Matrix3, to: PictureSize, interpolation: WarpInterpolation, fill: Rgb): Image {
  const { channels } = image
  const out = createImage(to.width, to.height, channels, undefined, image.source)
  const color = channels === 4 ? [...fill, 255] : fill
  for (let i = 0; i < out.data.length; i += channels) for (let c = 0; c < channels; c++) out.data[i + c] = color[c]!
  if (interpolation === 'bilinear') bilinear(image, inverse, out)
  else if (inverse[6] !== 0 || inverse[7] !== 0) nearest(image, (x, y) => movePoint(inverse, x + 0.5, y + 0.5), out)
  else if (inverse[1] === 0 && inverse[3] === 0) nearest(image, stretched(inverse, to), out)
  else nearest(image, fixedPoint(inverse), out)
  return out
}

type Source = (x: number, y: number) => readonly [number, number]

/** Positions along an axis are added up step by step, as rounding then does what it does there. */
function stretched(m: Matrix3, { width, height }: PictureSize): Source {
  const steps = (count: number, start: number, step: number) => {
    const at = new Float64Array(count)
    for (let i = 0, position = start; i < count; i++, position += step) at[i] = position
    return at
  }
  const columns = steps(width, m[2]! + m[0]! * 0.5, m[0]!)
  const rows = steps(height, m[5]! + m[4]! * 0.5, m[4]!)
  return (x, y) => [columns[x]!, rows[y]!]
}

function fixedPoint(m: Matrix3): Source {
  const fix = (value: number) => Math.floor(value * one + 0.5)
  const [a, b, d, e] = [fix(m[0]!), fix(m[1]!), fix(m[3]!), fix(m[4]!)]
  const startX = fix(m[2]! + m[0]! * 0.5 + m[1]! * 0.5)
  const startY = fix(m[5]! + m[3]! * 0.5 + m[4]! * 0.5)
  return (x, y) => [(startX + a * x + b * y) / one, (startY + d * x + e * y) / one]
}

function nearest(image: Image, source: Source, out: Image): void {
  const { width, height, channels, data } = image
  let to = 0
  for (let y = 0; y < out.height; y++)
    for (let x = 0; x < out.width; x++, to += channels) {
      const [fromX, fromY] = source(x, y)
      if (!(fromX >= 0 && fromX < width && fromY >= 0 && fromY < height)) continue
      const from = (Math.floor(fromY) * width + Math.floor(fromX)) * channels
      for (let c = 0; c < channels; c++) out.data[to + c] = data[from + c]!
    }
}

function bilinear({ width, height, channels, data }: Image, m: Matrix3, out: Image): void {
  const [a, b, c, d, e, f, g, h, i] = m as unknown as readonly [number, number, number, number, number, number, number, number, number]
  const row = width * channels
  let to = 0
  for (let y = 0; y < out.height; y++)
    for (let x = 0; x < out.width; x++, to += channels) {
      const w = g * (x + 0.5) + h * (y + 0.5) + i
      const fromX = (a * (x + 0.5) + b * (y + 0.5) + c) / w
      const fromY = (d * (x + 0.5) + e * (y + 0.5) + f) / w
      if (!(fromX >= 0 && fromX < width && fromY >= 0 && fromY < height)) continue
      const [left, top] = [Math.floor(fromX - 0.5), Math.floor(fromY - 0.5)]
      const [dx, dy] = [fromX - 0.5 - left, fromY - 0.5 - top]
      // Beyond the outermost centres the border is repeated.
      const x0 = Math.max(0, left) * channels
      const x1 = Math.min(width - 1, left + 1) * channels
      const upper = Math.max(0, top) * row
      const lower = Math.min(height - 1, top + 1) * row
      for (let k = 0; k < channels; k++) {
        const high = data[upper + x0 + k]! + (data[upper + x1 + k]! - data[upper + x0 + k]!) * dx
        const low = data[lower + x0 + k]! + (data[lower + x1 + k]! - data[lower + x0 + k]!) * dx
        out.data[to + k] = high + (low - high) * dy
      }
    }
}
