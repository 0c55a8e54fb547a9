// Faultless surfaces: brushed and rolled metal, woven fabric, cast parts, under uneven light.

import type { Random } from '../../util/random.ts'
import { fractalNoise, valueNoise } from './noise.ts'

/** Lightness of each pixel, about 0 to 1; rows from the top. */
export type Field = Float32Array

const textures = [brushed, rolled, woven, cast] as const

/** The bare surface of a size x size picture. */
export function drawTexture(size: number, random: Random): Field {
  const shade = random.pick(textures)(random)
  const light = drawLight(size, random)
  const base = random.uniform(0.34, 0.66)
  const field = new Float32Array(size * size)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) field[y * size + x] = (base + shade(x, y)) * light(x, y)
  }
  return field
}

type Shade = (x: number, y: number) => number

/** Long fine streaks in one direction. */
function brushed(random: Random): Shade {
  const angle = random.pick([0, Math.PI / 2]) + random.uniform(-0.2, 0.2)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const coarse = valueNoise(random)
  const fine = valueNoise(random)
  const strength = random.uniform(0.05, 0.11)
  return (x, y) => {
    const along = x * cos + y * sin
    const across = y * cos - x * sin
    return strength * (0.6 * coarse(along / 40, across / 1.6) + 0.6 * fine(along / 14, across / 0.7))
  }
}

/** Mottled scale of hot-rolled steel. */
function rolled(random: Random): Shade {
  const cells = fractalNoise(random, 4)
  const scale = random.uniform(9, 18)
  const stretch = random.uniform(1, 1.8)
  const strength = random.uniform(0.09, 0.16)
  return (x, y) => strength * cells(x / scale / stretch, y / scale)
}

/** A plain weave: warp over weft, then weft over warp. */
function woven(random: Random): Shade {
  const angle = random.uniform(-0.35, 0.35)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const period = random.uniform(3.4, 6)
  const yarn = valueNoise(random)
  const contrast = random.uniform(0.06, 0.12)
  return (x, y) => {
    const u = (x * cos + y * sin) / period
    const v = (y * cos - x * sin) / period
    const over = (Math.floor(u) + Math.floor(v)) % 2 === 0
    const across = over ? u - Math.floor(u) : v - Math.floor(v)
    const thread = over ? yarn(Math.floor(u) * 7.3, v / 3) : yarn(u / 3, Math.floor(v) * 7.3 + 100)
    return contrast * (Math.sin(Math.PI * across) * 1.6 - 1 + (over ? 0.25 : -0.25)) + 0.05 * thread
  }
}

/** The even, speckled skin of a casting or of sandblasted plastic. */
function cast(random: Random): Shade {
  const slow = fractalNoise(random, 2)
  const grain = valueNoise(random)
  const strength = random.uniform(0.05, 0.1)
  return (x, y) => 0.04 * slow(x / 22, y / 22) + strength * grain(x / 1.3, y / 1.3)
}

/** A lamp at one side, and the fall-off of a lens. */
function drawLight(size: number, random: Random): Shade {
  const angle = random.uniform(0, 2 * Math.PI)
  const slope = random.uniform(0, 0.28)
  const vignette = random.uniform(0, 0.22)
  const [dx, dy] = [Math.cos(angle) / size, Math.sin(angle) / size]
  const middle = (size - 1) / 2
  return (x, y) => {
    const [cx, cy] = [x - middle, y - middle]
    return 1 + slope * (cx * dx + cy * dy) * 1.4 - (vignette * (cx * cx + cy * cy) * 2) / (size * size)
  }
}
