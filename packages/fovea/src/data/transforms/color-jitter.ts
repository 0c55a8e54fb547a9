// Random brightness, contrast, saturation and hue, folded into one matrix so that each pixel is visited once.

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import { invert3, multiply3 } from '../../vision/geometry/matrix.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { mapRgb, sumRgb } from '../../vision/kernels/vectors.ts'
import { checkNumber, invalid } from './parameters.ts'
import type { Step } from './step.ts'

export interface ColorJitter {
  readonly kind: 'colorJitter'
  /** Each factor is drawn from max(0, 1 - v) to 1 + v. */
  readonly brightness: number
  readonly contrast: number
  readonly saturation: number
  /** The turn of hue is drawn from -v to v, in full turns: 0 to 0.5. */
  readonly hue: number
}

/**
 * Changes the colours by random amounts; all default to 0, no change. Grey pictures take brightness and contrast only.
 * Not torchvision's bytes: there each change is rounded and clipped by itself, in a random order, and hue is turned in HSV; here all are one
 * matrix, so that each pixel is visited once. For brightness, contrast or saturation alone the difference is at most 1 of 255;
 * `adjustBrightness` and its like are equal.
 */
export function colorJitter(options: Partial<Omit<ColorJitter, 'kind'>>): ColorJitter {
  if (typeof options !== 'object' || options === null) throw invalid('colorJitter', 'an object such as { brightness: 0.2 }', options)
  return {
    kind: 'colorJitter',
    brightness: checkNumber('brightness', options.brightness ?? 0, 0, 10),
    contrast: checkNumber('contrast', options.contrast ?? 0, 0, 10),
    saturation: checkNumber('saturation', options.saturation ?? 0, 0, 10),
    hue: checkNumber('hue', options.hue ?? 0, 0, 0.5),
  }
}

export interface ColorFactors {
  readonly brightness: number
  readonly contrast: number
  readonly saturation: number
  readonly hue: number
}

export function drawColorJitter({ brightness, contrast, saturation, hue }: ColorJitter, _from: PictureSize, random: Random): Step[] {
  const factor = (strength: number) => random.uniform(Math.max(0, 1 - strength), 1 + strength)
  const factors = {
    brightness: factor(brightness),
    contrast: factor(contrast),
    saturation: factor(saturation),
    hue: random.uniform(-hue, hue),
  }
  return [{ apply: (image) => adjustColors(image, factors) }]
}

// Luma of ITU-R BT.601 and the YIQ axes, on which hue is an angle and saturation a radius.
const luma = [0.299, 0.587, 0.114] as const
const fromYiq = [1, 0.9563, 0.621, 1, -0.2721, -0.6474, 1, -1.107, 1.7046]
const toYiq = invert3(fromYiq)

/**
 * Hue is turned and saturation scaled in YIQ, then the picture is scaled by `brightness` and spread about its own mean luma by `contrast`.
 * All of it is linear, so values are clipped once, at the end.
 */
export function adjustColors(image: Image, { brightness, contrast, saturation, hue }: ColorFactors): Image {
  const { channels, data } = image
  const picture = (pixels?: Uint8Array) => createImage(image.width, image.height, channels, pixels, image.source)
  const gain = brightness * contrast
  const offset = (1 - contrast) * brightness * meanLuma(image)
  if (channels === 1) {
    const table = Uint8ClampedArray.from({ length: 256 }, (_, value) => value * gain + offset)
    return picture(data.map((value) => table[value]!))
  }
  const cos = Math.cos(2 * Math.PI * hue) * saturation
  const sin = Math.sin(2 * Math.PI * hue) * saturation
  const matrix = multiply3(fromYiq, multiply3([1, 0, 0, 0, cos, -sin, 0, sin, cos], toYiq))
  const m = Int32Array.from(matrix, (v) => Math.round(v * gain * 65536))
  const shift = Math.round(offset * 65536) + 32768
  const largest = Math.max(...[0, 3, 6].map((row) => Math.abs(m[row]!) + Math.abs(m[row + 1]!) + Math.abs(m[row + 2]!)))
  // Sums that fit 32 bits are shifted instead of divided: the same bytes, sooner.
  const fits = 255 * largest + Math.abs(shift) < 2 ** 31
  const mapped = fits && channels === 3 ? mapRgb(data, m, shift) : undefined
  if (mapped !== undefined) return picture(mapped)
  const out = picture()
  if (fits) mapColors32(data, out.data, channels, m, shift)
  else mapColors(data, out.data, channels, m, shift)
  if (channels === 4) for (let i = 3; i < data.length; i += 4) out.data[i] = data[i]!
  return out
}

function mapColors(data: Uint8Array, out: Uint8Array, channels: number, m: Int32Array, shift: number): void {
  for (let i = 0; i < data.length; i += channels) {
    const r = data[i]!
    const g = data[i + 1]!
    const b = data[i + 2]!
    out[i] = clip(Math.floor((m[0]! * r + m[1]! * g + m[2]! * b + shift) / 65536))
    out[i + 1] = clip(Math.floor((m[3]! * r + m[4]! * g + m[5]! * b + shift) / 65536))
    out[i + 2] = clip(Math.floor((m[6]! * r + m[7]! * g + m[8]! * b + shift) / 65536))
  }
}

function mapColors32(data: Uint8Array, out: Uint8Array, channels: number, m: Int32Array, shift: number): void {
  const [a, b, c, d, e, f, g, h, i] = m as unknown as readonly [number, number, number, number, number, number, number, number, number]
  for (let at = 0; at < data.length; at += channels) {
    const red = data[at]!
    const green = data[at + 1]!
    const blue = data[at + 2]!
    out[at] = clip((Math.imul(a, red) + Math.imul(b, green) + Math.imul(c, blue) + shift) >> 16)
    out[at + 1] = clip((Math.imul(d, red) + Math.imul(e, green) + Math.imul(f, blue) + shift) >> 16)
    out[at + 2] = clip((Math.imul(g, red) + Math.imul(h, green) + Math.imul(i, blue) + shift) >> 16)
  }
}

function meanLuma({ channels, data }: Image): number {
  if (channels === 1) return data.reduce((sum, value) => sum + value, 0) / data.length
  const [red, green, blue] = (channels === 3 ? sumRgb(data) : undefined) ?? sumColors(data, channels)
  return ((red * luma[0] + green * luma[1] + blue * luma[2]) / data.length) * channels
}

function sumColors(data: Uint8Array, channels: number): readonly [number, number, number] {
  let red = 0
  let green = 0
  let blue = 0
  for (let i = 0; i < data.length; i += channels) {
    red += data[i]!
    green += data[i + 1]!
    blue += data[i + 2]!
  }
  return [red, green, blue]
}

function clip(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value
}
