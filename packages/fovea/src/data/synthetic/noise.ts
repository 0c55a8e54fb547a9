// Smooth noise: the grain of every surface that is drawn here.

import type { Random } from '../../util/random.ts'

/** A field over the plane with values of about -1 to 1. */
export type Noise = (x: number, y: number) => number

/** A number of 32 bits for a cell of the plane, as good as drawn. */
export function cellHash(x: number, y: number, salt: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ salt
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Value noise on a lattice of unit cells, blended by a quintic (Perlin 2002), different for each state of `random`. */
export function valueNoise(random: Random): Noise {
  const salt = random.uint32()
  const lattice = (x: number, y: number) => cellHash(x, y, salt) / 0x80000000 - 1
  // The corners of the last cell are kept: most points lie in the cell of the one before.
  const corners = new Float64Array(4)
  let cx = Number.NaN
  let cy = Number.NaN
  return (x, y) => {
    const x0 = Math.floor(x)
    const y0 = Math.floor(y)
    if (x0 !== cx || y0 !== cy) {
      cx = x0
      cy = y0
      corners[0] = lattice(x0, y0)
      corners[1] = lattice(x0 + 1, y0)
      corners[2] = lattice(x0, y0 + 1)
      corners[3] = lattice(x0 + 1, y0 + 1)
    }
    const u = fade(x - x0)
    const v = fade(y - y0)
    const top = corners[0]! * (1 - u) + corners[1]! * u
    const bottom = corners[2]! * (1 - u) + corners[3]! * u
    return top * (1 - v) + bottom * v
  }
}

/** Octaves of noise, each twice as fine and half as strong. */
export function fractalNoise(random: Random, octaves: number): Noise {
  const layers = Array.from({ length: octaves }, () => valueNoise(random))
  const total = 2 - 2 ** (1 - octaves)
  return (x, y) => layers.reduce((sum, layer, i) => sum + layer(x * 2 ** i, y * 2 ** i) / 2 ** i, 0) / total
}

function fade(t: number): number {
  return t * t * t * (t * (t * 6 - 15) + 10)
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function smoothstep(low: number, high: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)))
  return t * t * (3 - 2 * t)
}
