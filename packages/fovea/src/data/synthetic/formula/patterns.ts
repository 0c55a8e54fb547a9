// The families of patterns that textures are composed of: smooth noise, cells, gratings, tiles, discs, fibres.
// Diverse generators teach more than many samples of one (Baradad 2021, arXiv:2106.05963; Baradad 2022, arXiv:2211.16412).

import type { Random } from '../../../util/random.ts'
import { cellHash, type Noise, smoothstep, valueNoise } from '../noise.ts'

/**
 * A pattern of about -1 to 1 over the plane whose structures are about one unit wide. `traits` decides what kind of pattern it is: the
 * class; `instance` where its parts lie.
 */
export type Family = (traits: Random, instance: Random) => Noise

/** Sum of octaves, each twice as fine, in the manner of 1/f spectra (Perlin 1985). */
function octaves(count: number, gain: number, instance: Random, shape: (value: number) => number): Noise {
  const layers = Array.from({ length: count }, () => valueNoise(instance))
  const total = layers.reduce((sum, _, i) => sum + gain ** i, 0)
  return (x, y) => {
    let sum = 0
    let scale = 1
    let weight = 1
    for (let i = 0; i < layers.length; i++) {
      sum += weight * shape(layers[i]!(x * scale, y * scale))
      scale *= 2
      weight *= gain
    }
    return sum / total
  }
}

const fractal: Family = (traits, instance) => octaves(traits.integer(2, 5), traits.uniform(0.35, 0.85), instance, (value) => 1.6 * value)
const ridged: Family = (traits, instance) =>
  octaves(traits.integer(1, 4), traits.uniform(0.4, 0.7), instance, (value) => 1 - 4 * Math.abs(value))
const billows: Family = (traits, instance) =>
  octaves(traits.integer(1, 4), traits.uniform(0.4, 0.7), instance, (value) => 3 * Math.abs(value) - 1)

/** Smooth noise without its coarse part: spots and labyrinths of one size. */
const band: Family = (traits, instance) => {
  const [fine, coarse] = [valueNoise(instance), valueNoise(instance)]
  const share = traits.uniform(0.4, 0.9)
  return (x, y) => 1.8 * (fine(x, y) - share * coarse(x / 2, y / 2))
}

/** A few plane waves of one length in random directions. */
const waves: Family = (traits, instance) => {
  const count = traits.integer(3, 7)
  const spread = traits.uniform(0.2, 1)
  const parts = new Float64Array(3 * count)
  for (let i = 0; i < count; i++) {
    const angle = (i / count) * Math.PI * spread + instance.uniform(-0.2, 0.2)
    const length = instance.uniform(0.85, 1.15) * Math.PI
    parts.set([length * Math.cos(angle), length * Math.sin(angle), instance.uniform(0, 2 * Math.PI)], 3 * i)
  }
  const root = Math.sqrt(2 * count)
  return (x, y) => {
    let sum = 0
    for (let i = 0; i < parts.length; i += 3) sum += Math.sin(parts[i]! * x + parts[i + 1]! * y + parts[i + 2]!)
    return (1.4 * sum) / root
  }
}

export interface Cell {
  /** Distances to the nearest and the second nearest point. */
  first: number
  second: number
  /** A number from 0 to 1 of the nearest point. */
  id: number
}

/** Points scattered one to a cell of the lattice (Worley 1996). */
export function cells(instance: Random, jitter: number): (x: number, y: number, found: Cell) => void {
  const around = new Neighbours(instance.uint32())
  // The points around the last cell, x and y in turn.
  const points = new Float64Array(18)
  return (x, y, found) => {
    if (around.move(Math.floor(x), Math.floor(y)))
      for (let n = 0; n < 9; n++) {
        const h = around.hashes[n]!
        points[2 * n] = around.x(n) + 0.5 + jitter * ((h & 0xffff) / 0x10000 - 0.5)
        points[2 * n + 1] = around.y(n) + 0.5 + jitter * ((h >>> 16) / 0x10000 - 0.5)
      }
    let first = 9
    let second = 9
    let nearest = 0
    for (let n = 0; n < 9; n++) {
      const dx = points[2 * n]! - x
      const dy = points[2 * n + 1]! - y
      const distance = dx * dx + dy * dy
      if (distance < first) {
        second = first
        first = distance
        nearest = n
      } else if (distance < second) second = distance
    }
    found.first = Math.sqrt(first)
    found.second = Math.sqrt(second)
    found.id = (Math.imul(around.hashes[nearest]!, 0x9e3779b1) >>> 8) / 0x1000000
  }
}

const columns = Int8Array.of(-1, 0, 1, -1, 0, 1, -1, 0, 1)
const rows = Int8Array.of(-1, -1, -1, 0, 0, 0, 1, 1, 1)

/** Hashes of a cell and its eight neighbours, row by row; they are kept while the cell stays, as it mostly does from point to point. */
class Neighbours {
  readonly hashes = new Int32Array(9)
  readonly #salt: number
  #cx = Number.NaN
  #cy = Number.NaN

  constructor(salt: number) {
    this.#salt = salt
  }

  /** Goes to a cell; false where it is there already. */
  move(cx: number, cy: number): boolean {
    if (cx === this.#cx && cy === this.#cy) return false
    this.#cx = cx
    this.#cy = cy
    for (let n = 0; n < 9; n++) this.hashes[n] = cellHash(this.x(n), this.y(n), this.#salt)
    return true
  }

  x(n: number): number {
    return this.#cx + columns[n]!
  }

  y(n: number): number {
    return this.#cy + rows[n]!
  }
}

function cellular(traits: Random, instance: Random, value: (cell: Cell) => number): Noise {
  const nearest = cells(instance, traits.uniform(0.5, 1))
  const cell: Cell = { first: 0, second: 0, id: 0 }
  return (x, y) => {
    nearest(x, y, cell)
    return value(cell)
  }
}

const bubbles: Family = (traits, instance) => cellular(traits, instance, ({ first }) => 2.4 * first - 1.1)
const mosaic: Family = (traits, instance) => cellular(traits, instance, ({ id }) => 2 * id - 1)

/** Borders of cells: cracks, crazing, mud. */
const cracks: Family = (traits, instance) => {
  const width = traits.uniform(0.08, 0.35)
  return cellular(traits, instance, ({ first, second }) => 2 * smoothstep(0, width, second - first) - 1)
}

/** Round spots of several sizes, sharp or soft. */
const spots: Family = (traits, instance) => {
  const [radius, soft, vary] = [traits.uniform(0.2, 0.42), traits.uniform(0.02, 0.2), traits.uniform(0, 0.6)]
  return cellular(traits, instance, ({ first, id }) => {
    const own = radius * (1 - vary * id)
    return 1 - 2 * smoothstep(own - soft, own + soft, first)
  })
}

/** Discs that cover one another, as fallen leaves do: the statistics of natural scenes (Lee 2001). */
const leaves: Family = (traits, instance) => {
  const levels = [0, 1, 2].map((level) => ({ scale: 0.6 + level * 0.7, around: new Neighbours(instance.uint32()) }))
  const square = traits.chance(0.4)
  const reach = traits.uniform(0.5, 0.95)
  return (x, y) => {
    let best = -1
    let shade = 0
    for (let level = 0; level < levels.length; level++) {
      const { scale, around } = levels[level]!
      const u = x * scale
      const v = y * scale
      around.move(Math.floor(u), Math.floor(v))
      for (let n = 0; n < 9; n++) {
        const h = around.hashes[n]!
        const order = h & 0xff
        if (order <= best) continue
        const dx = Math.abs(around.x(n) + ((h >>> 8) & 0xff) / 256 - u)
        const dy = Math.abs(around.y(n) + ((h >>> 16) & 0xff) / 256 - v)
        if ((square ? Math.max(dx, dy) : Math.sqrt(dx * dx + dy * dy)) > reach * (0.35 + 0.65 * (order / 255))) continue
        best = order
        shade = (h >>> 24) / 128 - 1
      }
    }
    return best < 0 ? 0 : shade
  }
}

/** Stripes: round, sharp, or of unequal width. */
const stripes: Family = (traits, instance) => {
  const [duty, edge] = [traits.uniform(-0.6, 0.6), traits.uniform(0.05, 1.2)]
  const phase = instance.uniform(0, 2 * Math.PI)
  return (x) => 2 * smoothstep(duty - edge, duty + edge, Math.sin(Math.PI * x + phase)) - 1
}

/** Threads over and under one another. */
export const weave: Family = (traits, instance) => {
  const [twill, depth] = [traits.integer(1, 4), traits.uniform(0.3, 1)]
  const [px, py] = [instance.uniform(0, 9), instance.uniform(0, 9)]
  return (x, y) => {
    const u = x + px
    const v = y + py
    const over = (((Math.floor(u) + twill * Math.floor(v)) % (twill + 1)) + twill + 1) % (twill + 1) === 0
    const along = over ? u - Math.floor(u) : v - Math.floor(v)
    return 2 * Math.sin(Math.PI * along) - 1 + (over ? depth : -depth) * 0.6
  }
}

/** Bricks, boards and tiles with their joints. */
const tiles: Family = (traits, instance) => {
  const [long, shift, joint] = [traits.pick([1, 1, 2, 3]), traits.pick([0, 0.5, 0.33]), traits.uniform(0.04, 0.16)]
  const [salt, tone] = [instance.uint32(), traits.uniform(0, 1)]
  return (x, y) => {
    const row = Math.floor(y)
    const u = x / long + shift * row
    const fx = (u - Math.floor(u)) * long
    const fy = y - row
    const inside = Math.min(fx, long - fx, fy, 1 - fy)
    if (inside < joint) return -1
    return 0.5 + 0.5 * tone * ((cellHash(Math.floor(u), row, salt) & 0xff) / 128 - 1)
  }
}

/** A lattice of dots, straight or offset, as in halftones and perforated sheets. */
const dots: Family = (traits, instance) => {
  const [radius, offset] = [traits.uniform(0.18, 0.42), traits.pick([0, 0.5])]
  const [px, py] = [instance.uniform(0, 9), instance.uniform(0, 9)]
  return (x, y) => {
    const row = Math.floor(y + py)
    const dx = fraction(x + px + offset * row) - 0.5
    const dy = fraction(y + py) - 0.5
    return 1 - 2 * smoothstep(radius - 0.08, radius + 0.08, Math.sqrt(dx * dx + dy * dy))
  }
}

/** Rings around a far centre, bent by noise: wood, strata. */
const rings: Family = (traits, instance) => {
  const [cx, cy] = [instance.uniform(-6, 6), instance.uniform(-6, 6)]
  const bend = valueNoise(instance)
  const [strength, sharp] = [traits.uniform(0.2, 1), traits.uniform(0, 1)]
  return (x, y) => {
    const at = fraction(Math.sqrt((x - cx) ** 2 + (y - cy) ** 2) / 1.5 + strength * bend(x / 3, y / 3))
    return sharp * (2 * at - 1) + (1 - sharp) * Math.sin(2 * Math.PI * at)
  }
}

/** Thin bent lines in one direction, few or many: fibres, scratches, hair. */
const fibres: Family = (traits, instance) => {
  const [length, width, few] = [traits.uniform(4, 12), traits.uniform(0.08, 0.25), traits.uniform(0.3, 1)]
  const bend = valueNoise(instance)
  const nearest = cells(instance, 1)
  const cell: Cell = { first: 0, second: 0, id: 0 }
  return (x, y) => {
    const u = x + 0.8 * bend(x / 4, y / length)
    nearest(u, y / length, cell)
    if (cell.id > few) return -0.6
    const strand = Math.abs(fraction(u) - 0.5)
    return 1.6 * (1 - smoothstep(0, width, Math.min(strand, cell.first))) - 0.6
  }
}

/** Long streaks of one direction: brushed, rolled, ground. */
const streaks: Family = (traits, instance) => {
  const [coarse, fine] = [valueNoise(instance), valueNoise(instance)]
  const [length, share] = [traits.uniform(8, 30), traits.uniform(0.2, 0.8)]
  return (x, y) => 1.8 * (share * coarse(x, y / length) + (1 - share) * fine(x * 2.3, (y / length) * 2))
}

/** Grain of one pixel's order, sparse or dense. */
const speckle: Family = (traits, instance) => {
  const grain = valueNoise(instance)
  const [sharpness, sign] = [traits.integer(1, 6), traits.pick([1, -1])]
  return (x, y) => {
    const value = 0.5 + 0.5 * grain(x * 3, y * 3)
    return sign * (3 * value ** sharpness - 1)
  }
}

function fraction(value: number): number {
  return value - Math.floor(value)
}

export const patternFamilies: readonly Family[] = [
  fractal,
  ridged,
  billows,
  band,
  waves,
  bubbles,
  mosaic,
  cracks,
  spots,
  leaves,
  stripes,
  weave,
  tiles,
  dots,
  rings,
  fibres,
  streaks,
  speckle,
]
