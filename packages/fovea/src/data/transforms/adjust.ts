// Stated changes of brightness, contrast, saturation, sharpness and hue, by the arithmetic of Pillow (and so of torchvision on PIL images).

import { createImage, type Image, toGray } from '../../vision/image.ts'
import { checkNumber } from './parameters.ts'
import { colorStep, type Step } from './step.ts'

export interface Adjust {
  readonly kind: 'adjustBrightness' | 'adjustContrast' | 'adjustSaturation' | 'adjustSharpness'
  /** 1 changes nothing, 0 takes it all away, more than 1 exaggerates. */
  readonly factor: number
}

export interface AdjustHue {
  readonly kind: 'adjustHue'
  /** Of a full turn, -0.5 to 0.5. */
  readonly turn: number
}

/** Scales all values; 0 gives black. Equal to torchvision's `adjust_brightness`, byte for byte. */
export function adjustBrightness(factor: number): Adjust {
  return adjust('adjustBrightness', factor)
}

/** Spreads values about the picture's mean luma; 0 gives one grey. Equal to torchvision's `adjust_contrast`, byte for byte. */
export function adjustContrast(factor: number): Adjust {
  return adjust('adjustContrast', factor)
}

/** Moves colours away from their luma; 0 gives grey. Equal to torchvision's `adjust_saturation`, byte for byte. */
export function adjustSaturation(factor: number): Adjust {
  return adjust('adjustSaturation', factor)
}

/** 0 smooths with a 3x3 kernel, more than 1 sharpens; border pixels stay. Equal to torchvision's `adjust_sharpness`, byte for byte. */
export function adjustSharpness(factor: number): Adjust {
  return adjust('adjustSharpness', factor)
}

/** Turns hue in HSV; grey pictures stay as they are. Equal to torchvision's `adjust_hue`, byte for byte. */
export function adjustHue(turn: number): AdjustHue {
  return { kind: 'adjustHue', turn: checkNumber('turn', turn, -0.5, 0.5) }
}

function adjust(kind: Adjust['kind'], factor: number): Adjust {
  return { kind, factor: checkNumber('factor', factor, 0, 100) }
}

export function drawAdjust({ kind, factor }: Adjust): Step[] {
  return [colorStep((image) => blend(plain[kind](image), image, factor))]
}

export function drawAdjustHue({ turn }: AdjustHue): Step[] {
  return [colorStep((image) => turnHue(image, turn))]
}

/** The picture with all of a property taken away. */
const plain: Record<Adjust['kind'], (image: Image) => Image> = {
  adjustBrightness: ({ width, height, channels }) => createImage(width, height, channels),
  adjustContrast: (image) => {
    const gray = toGray(image).data
    const mean = Math.trunc(gray.reduce((sum, value) => sum + value, 0) / gray.length + 0.5)
    return { ...image, data: new Uint8Array(image.data.length).fill(mean) }
  },
  adjustSaturation: (image) => grayed(image),
  adjustSharpness: smoothed,
}

/** The luma in every channel. */
export function grayed(image: Image): Image {
  const gray = toGray(image).data
  const { channels } = image
  return { ...image, data: Uint8Array.from(image.data, (_, i) => gray[Math.floor(i / channels)]!) }
}

/** From `a` at 0 to `b` at 1 and beyond, in float32; parts of a step are cut off. */
function blend(a: Image, b: Image, factor: number): Image {
  if (factor === 1) return b
  const out = new Uint8Array(b.data.length)
  const by = Math.fround(factor)
  for (let i = 0; i < out.length; i++) {
    const value = Math.fround(a.data[i]! + Math.fround(by * (b.data[i]! - a.data[i]!)))
    out[i] = value <= 0 ? 0 : value >= 255 ? 255 : value
  }
  return { ...b, data: out }
}

/** Means of 3x3 pixels, the middle one five times; the border is left as it is. */
function smoothed(image: Image): Image {
  const { width, height, channels, data } = image
  const out = Uint8Array.from(data)
  const row = width * channels
  for (let y = 1; y < height - 1; y++)
    for (let i = y * row + channels; i < (y + 1) * row - channels; i++) {
      let sum = 4 * data[i]!
      for (let at = i - row; at <= i + row; at += row) sum += data[at - channels]! + data[at]! + data[at + channels]!
      // Thirteenths never lie halfway, so this is rounding.
      out[i] = (2 * sum + 13) / 26
    }
  return { ...image, data: out }
}

function turnHue(image: Image, turn: number): Image {
  if (image.channels === 1) return image
  const shift = Math.trunc(turn * 255)
  const data = Uint8Array.from(image.data)
  for (let i = 0; i < data.length; i += 3) {
    const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!]
    const high = Math.max(r, g, b)
    const low = Math.min(r, g, b)
    // A grey pixel has hue 0 and no saturation, so it stays.
    if (high === low) continue
    const range = high - low
    const part = (value: number) => Math.fround((high - value) / range)
    const sector = r === high ? part(b) - part(g) : g === high ? 2 + part(r) - part(b) : 4 + part(g) - part(r)
    const hue = Math.fround((Math.fround(sector) / 6 + 1) % 1)
    turnPixel(data, i, (Math.trunc(hue * 255) + shift) & 255, Math.trunc(Math.fround(range / high) * 255), high)
  }
  return { ...image, data }
}

/** Writes the RGB of a hue, saturation and value of 0 to 255. */
function turnPixel(data: Uint8Array, at: number, hue: number, saturation: number, value: number): void {
  const sector = Math.floor((hue * 6) / 255)
  const f = Math.fround((hue * 6) / 255 - sector)
  const s = Math.fround(saturation / 255)
  const p = round(value * (1 - s))
  const q = round(value * (1 - s * f))
  const t = round(value * (1 - s * (1 - f)))
  const v = value
  const colors = [
    [v, t, p],
    [q, v, p],
    [p, v, t],
    [p, q, v],
    [t, p, v],
    [v, p, q],
  ] as const
  data.set(saturation === 0 ? [v, v, v] : colors[sector % 6]!, at)
}

/** Halves go up. */
function round(value: number): number {
  return Math.floor(value + 0.5)
}
