// A scene: an object of one shape class, filled with one texture, before a ground of up to three others, under a lamp, seen by a camera.

import { Random } from '../../../util/random.ts'
import { createImage, type Image } from '../../../vision/image.ts'
import { divide } from './divide.ts'
import { type Placement, rasterize } from './rasterize.ts'
import { shapeClasses, shapeInstance } from './shapes.ts'
import { textureClasses, textureInstance } from './textures.ts'

/** Raised when the same number draws another scene than before. */
export const formulaVersion = 4

/** Number of classes of each question. The last class of shapes is "no object". */
export const formulaClasses = { shape: shapeClasses + 1, texture: textureClasses } as const

/** Parts of a scene that have a texture each: up to three of the ground, and last the object. */
export const formulaParts = 4

const objectPart = formulaParts - 1

export interface FormulaScene {
  /** RGB, size x size. */
  readonly image: Image
  /** Class of the object; the last class where there is none. */
  readonly shape: number
  /** Class of each part's texture; -1 for a part that is not there. */
  readonly textures: readonly number[]
  /** Share of each pixel that each part fills, 0 to 255: [size, size, parts]. What an occluder hides belongs to no part. */
  readonly cover: Uint8Array
}

export interface FormulaOptions {
  readonly seed: number
  /** Side in pixels. */
  readonly size: number
}

/** Draws scene number `index`: it depends on the seed, the size and the number alone. */
export function drawFormula(index: number, { seed, size }: FormulaOptions): FormulaScene {
  const random = new Random(seed, 'scene', size, index)
  const bare = random.chance(0.35)
  const shape = bare ? shapeClasses : random.integer(0, shapeClasses)
  const grounds = random.chance(0.4) ? 1 : random.chance(0.6) ? 2 : 3
  const textures = Array.from({ length: formulaParts }, (_, part) =>
    part < grounds || (part === objectPart && !bare) ? random.integer(0, textureClasses) : -1,
  )
  const object = new Float32Array(size * size)
  if (!bare) placeObjects(shape, random, object, size)
  const layers = Array.from({ length: grounds }, (_, part) => (part === 0 ? new Float32Array(size * size).fill(1) : divide(random, size)))
  const shares = sharesOf([...layers, object])
  const painter = new Painter(random, size)
  // Calm parts let shapes be seen that busy ones would hide.
  const strength = () => (!bare && random.chance(0.3) ? 0.3 : 1)
  layers.forEach((layer, part) => {
    painter.paint(textures[part]!, layer, shares[part]!, strength())
  })
  if (!bare) {
    if (random.chance(0.4)) painter.shade(object)
    painter.paint(textures[objectPart]!, object, object, strength())
    if (random.chance(0.35)) painter.light(object)
  }
  if (random.chance(0.15)) painter.occlude(shares)
  const image = createImage(size, size, 3, painter.develop())
  return { image, shape, textures, cover: coverOf([...shares.slice(0, grounds), ...absent(grounds), shares[grounds]!], size) }
}

/** What is left to see of layers that lie on one another, the lowest first. */
function sharesOf(layers: readonly Float32Array[]): Float32Array[] {
  const shares = layers.map((layer) => Float32Array.from(layer))
  for (let upper = 1; upper < layers.length; upper++)
    for (let i = 0; i < layers[upper]!.length; i++) {
      const left = 1 - layers[upper]![i]!
      if (left < 1) for (let lower = 0; lower < upper; lower++) shares[lower]![i] = shares[lower]![i]! * left
    }
  return shares
}

function absent(grounds: number): undefined[] {
  return new Array<undefined>(objectPart - grounds).fill(undefined)
}

function coverOf(parts: readonly (Float32Array | undefined)[], size: number): Uint8Array {
  const cover = new Uint8Array(size * size * parts.length)
  parts.forEach((share, part) => {
    if (share !== undefined) for (let i = 0; i < share.length; i++) cover[i * parts.length + part] = Math.round(255 * share[i]!)
  })
  return cover
}

/** One large object, or up to three smaller ones of the same class. */
function placeObjects(shape: number, random: Random, cover: Float32Array, size: number): void {
  const count = random.chance(0.7) ? 1 : random.integer(2, 4)
  for (let i = 0; i < count; i++) {
    const half = size * (count === 1 ? random.uniform(0.28, 0.5) : random.uniform(0.18, 0.28))
    const margin = half * 0.75
    const place: Placement = {
      x: random.uniform(margin, size - margin),
      y: random.uniform(margin, size - margin),
      half,
      angle: random.uniform(0, 2 * Math.PI),
      stretch: Math.exp(random.uniform(-0.3, 0.3)),
    }
    rasterize(shapeInstance(shape, random), place, cover, size)
  }
}

type Color = readonly [number, number, number]

/** Lays layers of colour over one another; linear values of about 0 to 1. */
export class Painter {
  readonly #random: Random
  readonly #size: number
  readonly #pixels: Float32Array
  /** How far colours go from grey: none at all in four of ten pictures. */
  readonly #chroma: number

  constructor(random: Random, size: number) {
    this.#random = random
    this.#size = size
    this.#pixels = new Float32Array(size * size * 3)
    this.#chroma = random.chance(0.4) ? 0 : random.uniform(0.02, 0.2)
  }

  /** Paints a texture where `layer` says, and leaves out what will be hidden: where `visible` is 0. */
  paint(texture: number, layer: Float32Array, visible: Float32Array, strength: number): void {
    const random = this.#random
    const value = textureInstance(texture, random)
    const [red, green, blue] = this.#color(random.uniform(0.2, 0.8))
    // Lightness moves most, as it does in nature; hue now and then.
    const contrast = strength * Math.exp(random.uniform(Math.log(0.08), Math.log(0.3)))
    const [redSwing, greenSwing, blueSwing] = this.#color(contrast).map(
      (channel, c) => channel + (c - 1) * random.normal(0, this.#chroma * 0.3),
    ) as unknown as Color
    const size = this.#size
    const pixels = this.#pixels
    for (let y = 0, i = 0; y < size; y++)
      for (let x = 0; x < size; x++, i++) {
        const share = layer[i]!
        if (share === 0 || visible[i] === 0) continue
        const t = Math.max(-2.5, Math.min(2.5, value(x / size, y / size)))
        const [left, at] = [1 - share, 3 * i]
        pixels[at] = pixels[at]! * left + (red + t * redSwing) * share
        pixels[at + 1] = pixels[at + 1]! * left + (green + t * greenSwing) * share
        pixels[at + 2] = pixels[at + 2]! * left + (blue + t * blueSwing) * share
      }
  }

  /** A soft shadow beside the object. */
  shade(cover: Float32Array): void {
    const size = this.#size
    const [dx, dy] = [this.#random.integer(-4, 5), this.#random.integer(-4, 5)].map((step) => Math.round((step * size) / 64)) as [
      number,
      number,
    ]
    const depth = this.#random.uniform(0.2, 0.6)
    const soft = blurred(cover, size)
    for (let y = 0, i = 0; y < size; y++)
      for (let x = 0; x < size; x++, i++) {
        const u = x - dx
        const v = y - dy
        if (u < 0 || v < 0 || u >= size || v >= size) continue
        this.#scale(i, 1 - depth * soft[v * size + u]!)
      }
  }

  /** Takes the object for a relief and lights it from one side. */
  light(cover: Float32Array): void {
    const size = this.#size
    const angle = this.#random.uniform(0, 2 * Math.PI)
    const strength = this.#random.uniform(0.6, 2)
    const [lx, ly] = [Math.cos(angle) * strength, Math.sin(angle) * strength]
    const height = blurred(blurred(cover, size), size)
    for (let y = 1; y < size - 1; y++)
      for (let x = 1; x < size - 1; x++) {
        const i = y * size + x
        const slope = (height[i + 1]! - height[i - 1]!) * lx + (height[i + size]! - height[i - size]!) * ly
        this.#scale(i, Math.max(0.3, Math.min(1.8, 1 + slope)))
      }
  }

  /** Plain blots before everything, which no question asks about; the parts lose what they hide. */
  occlude(shares: readonly Float32Array[]): void {
    const random = this.#random
    const size = this.#size
    const blot = new Float32Array(size * size)
    for (let left = random.integer(1, 4); left > 0; left--) {
      blot.fill(0)
      const outer = new Float32Array(16).map(() => random.uniform(0.6, 1))
      const half = size * random.uniform(0.05, 0.16)
      const place = { x: random.uniform(0, size), y: random.uniform(0, size), half, angle: 0, stretch: Math.exp(random.uniform(-1, 1)) }
      rasterize({ kind: 'outline', outer, inner: undefined }, place, blot, size)
      const color = this.#color(random.uniform(0.1, 0.9))
      for (let i = 0; i < blot.length; i++) {
        const share = blot[i]!
        if (share === 0) continue
        for (const cover of shares) cover[i] = cover[i]! * (1 - share)
        for (let c = 0; c < 3; c++) this.#pixels[3 * i + c] = this.#pixels[3 * i + c]! * (1 - share) + color[c]! * share
      }
    }
  }

  /** The picture as a camera gives it: uneven light, contrast, blur, noise, bytes. */
  develop(): Uint8Array {
    const random = this.#random
    const size = this.#size
    const angle = random.uniform(0, 2 * Math.PI)
    const slope = random.chance(0.5) ? random.uniform(0, 0.5) : 0
    const [gx, gy] = [(Math.cos(angle) * slope) / size, (Math.sin(angle) * slope) / size]
    const vignette = random.chance(0.3) ? random.uniform(0, 0.5) : 0
    if (slope > 0 || vignette > 0)
      for (let y = 0, i = 0; y < size; y++)
        for (let x = 0; x < size; x++, i++) {
          const u = x - size / 2
          const v = y - size / 2
          this.#scale(i, 1 + gx * u + gy * v - (vignette * (u * u + v * v)) / (size * size))
        }
    if (random.chance(0.25)) this.#blur()
    const gamma = Math.exp(random.uniform(-0.35, 0.35))
    const noise = random.chance(0.6) ? random.uniform(0.005, 0.04) : 0
    const tones = new Uint8Array(257)
    for (let i = 0; i <= 256; i++) tones[i] = Math.round(Math.fround(255 * (i / 256) ** gamma))
    const pixels = this.#pixels
    // The same grain in all channels of a grey picture, its own in each of a coloured one.
    const step = this.#chroma === 0 ? 3 : 1
    // Each grain is a sum of three numbers, drawn a row at a time.
    const numbers = new Float64Array((9 * size) / step)
    const bytes = new Uint8Array(pixels.length)
    for (let i = 0, k = 0; i < bytes.length; i += step, k += 3) {
      if (i % (3 * size) === 0) {
        k = 0
        if (noise > 0) random.fill(numbers)
      }
      const grain = noise * (numbers[k]! + numbers[k + 1]! + numbers[k + 2]! - 1.5) * 2
      for (let at = i; at < i + step; at++) {
        const value = pixels[at]! + grain
        bytes[at] = tones[value <= 0 ? 0 : value >= 1 ? 256 : Math.round(256 * value)]!
      }
    }
    return bytes
  }

  #blur(): void {
    const size = this.#size
    for (let c = 0; c < 3; c++) {
      const plane = new Float32Array(size * size)
      for (let i = 0; i < plane.length; i++) plane[i] = this.#pixels[3 * i + c]!
      const soft = blurred(plane, size)
      for (let i = 0; i < plane.length; i++) this.#pixels[3 * i + c] = soft[i]!
    }
  }

  #scale(pixel: number, factor: number): void {
    for (let at = 3 * pixel; at < 3 * pixel + 3; at++) this.#pixels[at] = this.#pixels[at]! * factor
  }

  /** A colour of this lightness, as far from grey as the picture's colours go. */
  #color(light: number): Color {
    const random = this.#random
    const [warm, green] = [random.normal(0, this.#chroma), random.normal(0, this.#chroma * 0.5)]
    return [light + warm - green / 2, light + green, light - warm - green / 2]
  }
}

/** A binomial blur of 3 x 3, borders kept. */
function blurred(values: Float32Array, size: number): Float32Array {
  const rows = new Float32Array(values.length)
  for (let row = 0; row < values.length; row += size)
    for (let x = 0; x < size; x++) {
      const i = row + x
      rows[i] = 0.5 * values[i]! + 0.25 * (values[x === 0 ? i : i - 1]! + values[x === size - 1 ? i : i + 1]!)
    }
  const result = new Float32Array(values.length)
  for (let i = 0; i < values.length; i++)
    result[i] = 0.5 * rows[i]! + 0.25 * (rows[i < size ? i : i - size]! + rows[i >= values.length - size ? i : i + size]!)
  return result
}
