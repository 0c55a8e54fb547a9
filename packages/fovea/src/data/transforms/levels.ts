// Changes that look up each value in a table: equalize, autocontrast, posterize, solarize, invert; and grayscale.

import type { Image } from '../../vision/image.ts'
import { grayed } from './adjust.ts'
import { checkNumber, checkWhole } from './parameters.ts'
import { colorStep, type Step } from './step.ts'

/** Those without a figure. */
export interface Plain {
  readonly kind: 'grayscale' | 'invert' | 'autocontrast' | 'equalize'
}

export interface Posterize {
  readonly kind: 'posterize'
  readonly bits: number
}

export interface Solarize {
  readonly kind: 'solarize'
  readonly threshold: number
}

/** Luma in all channels; their number stays. Equal to torchvision's `rgb_to_grayscale`, byte for byte. */
export function grayscale(): Plain {
  return { kind: 'grayscale' }
}

/** The negative. Equal to torchvision's `invert`, byte for byte. */
export function invert(): Plain {
  return { kind: 'invert' }
}

/** Stretches each channel to 0 to 255. Equal to torchvision's `autocontrast`, byte for byte. */
export function autocontrast(): Plain {
  return { kind: 'autocontrast' }
}

/** Makes all values of a channel about as frequent. Equal to torchvision's `equalize`, byte for byte. */
export function equalize(): Plain {
  return { kind: 'equalize' }
}

/** Keeps the highest `bits` of each value, 0 to 8. Equal to torchvision's `posterize`, byte for byte. */
export function posterize(bits: number): Posterize {
  return { kind: 'posterize', bits: checkWhole('bits', bits, 0, 8) }
}

/** Inverts the values from `threshold` on, 0 to 256. Equal to torchvision's `solarize`, byte for byte. */
export function solarize(threshold: number): Solarize {
  return { kind: 'solarize', threshold: checkNumber('threshold', threshold, 0, 256) }
}

type Table = ArrayLike<number>

/** The table of a channel by how often it has each value. */
const tables: Record<Exclude<Plain['kind'], 'grayscale'>, (histogram: Uint32Array) => Table> = {
  invert: () => table((value) => 255 - value),
  autocontrast: (histogram) => {
    const low = histogram.findIndex((count) => count > 0)
    const high = histogram.findLastIndex((count) => count > 0)
    if (high <= low) return table((value) => value)
    const scale = 255 / (high - low)
    const offset = -low * scale
    return table((value) => Math.trunc(value * scale + offset))
  },
  equalize: (histogram) => {
    const last = histogram[histogram.findLastIndex((count) => count > 0)]!
    const step = Math.floor((histogram.reduce((sum, count) => sum + count, 0) - last) / 255)
    if (step === 0) return table((value) => value)
    let below = Math.floor(step / 2)
    return table((value) => {
      const level = Math.floor(below / step)
      below += histogram[value]!
      return level
    })
  },
}

export function drawPlain({ kind }: Plain): Step[] {
  return [colorStep((image) => (kind === 'grayscale' ? grayed(image) : lookUp(image, tables[kind])))]
}

export function drawPosterize({ bits }: Posterize): Step[] {
  const kept = 256 - 2 ** (8 - bits)
  return [colorStep((image) => lookUp(image, () => table((value) => value & kept)))]
}

export function drawSolarize({ threshold }: Solarize): Step[] {
  return [colorStep((image) => lookUp(image, () => table((value) => (value < threshold ? value : 255 - value))))]
}

function table(of: (value: number) => number): Table {
  return Uint8ClampedArray.from({ length: 256 }, (_, value) => of(value))
}

function lookUp(image: Image, tableOf: (histogram: Uint32Array) => Table): Image {
  const { channels } = image
  const data = new Uint8Array(image.data.length)
  for (let c = 0; c < channels; c++) {
    const histogram = new Uint32Array(256)
    for (let i = c; i < data.length; i += channels) histogram[image.data[i]!] = histogram[image.data[i]!]! + 1
    const values = tableOf(histogram)
    for (let i = c; i < data.length; i += channels) data[i] = values[image.data[i]!]!
  }
  return { ...image, data }
}
