// What a crowd stands on: families of grounds, and things that are no people.

import type { Random } from '../../../util/random.ts'
import { type Cell, cells, weave } from '../formula/patterns.ts'
import { cellHash, fractalNoise, smoothstep, valueNoise } from '../noise.ts'
import { type Color, type ColorCanvas, castShadow, fillEllipse, fillRectangle, scaled } from './canvas.ts'

export const crowdBackgrounds = ['plain', 'gradient', 'texture', 'tiles', 'stripes', 'cobbles', 'carpet', 'litter'] as const
export type CrowdBackground = (typeof crowdBackgrounds)[number]

type Ground = (x: number, y: number) => Color

/** Fills the canvas. */
export function drawBackground(background: CrowdBackground, canvas: ColorCanvas, random: Random): void {
  const { width, height, data } = canvas
  const color = grounds[background](random, width, height)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data.set(color(x + 0.5, y + 0.5), (y * width + x) * 3)
}

const grounds: Record<CrowdBackground, (random: Random, width: number, height: number) => Ground> = {
  plain: (random) => {
    const color = groundColor(random)
    return () => color
  },
  gradient: (random, width, height) => {
    const [from, to] = [groundColor(random), groundColor(random)]
    const angle = random.uniform(0, 2 * Math.PI)
    const [dx, dy] = [Math.cos(angle) / width, Math.sin(angle) / height]
    return (x, y) => mix(from, to, 0.5 + (x - width / 2) * dx + (y - height / 2) * dy)
  },
  texture,
  tiles,
  stripes,
  cobbles,
  carpet,
  litter,
}

/** Grass, sand or asphalt: coarse patches under fine grain. */
function texture(random: Random): Ground {
  const [from, to] = [groundColor(random), groundColor(random)]
  const patches = fractalNoise(random, 4)
  const grain = valueNoise(random)
  const scale = random.uniform(18, 60)
  const strength = random.uniform(0.04, 0.16)
  const contrast = random.uniform(0.25, 0.7)
  return (x, y) =>
    scaled(
      mix(from, to, 0.5 + contrast * patches(x / scale, y / scale)),
      1 + strength * grain(x / 1.4, y / 1.4) + 0.1 * patches(x / 5, y / 5),
    )
}

/** Paving with joints, each stone of its own shade. */
function tiles(random: Random, width: number, height: number): Ground {
  const color = groundColor(random)
  const side = random.uniform(0.04, 0.14) * Math.min(width, height)
  const stretch = random.uniform(1, 2.2)
  const angle = random.uniform(-0.6, 0.6)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const bond = random.chance(0.5) ? 0.5 : 0
  const shade = valueNoise(random)
  const grain = valueNoise(random)
  const [variety, joint] = [random.uniform(0.05, 0.22), random.uniform(0.5, 0.85)]
  return (x, y) => {
    const row = (y * cos - x * sin) / side
    const column = (x * cos + y * sin) / (side * stretch) + bond * (Math.floor(row) & 1)
    const edge = Math.min(fraction(row), 1 - fraction(row), stretch * Math.min(fraction(column), 1 - fraction(column))) * side
    // Whole lattice points far apart: neighbours have nothing to do with each other.
    const stone = 1 + variety * shade(Math.floor(column) * 3, Math.floor(row) * 3) + 0.05 * grain(x / 1.6, y / 1.6)
    return scaled(color, stone * (joint + (1 - joint) * smoothstep(0.4, 1.6, edge)))
  }
}

/** Planks, lanes or a crossing. */
function stripes(random: Random, width: number, height: number): Ground {
  const [one, two] = [groundColor(random), groundColor(random)]
  const period = random.uniform(0.06, 0.25) * Math.min(width, height)
  const angle = random.uniform(0, Math.PI)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const part = random.uniform(0.25, 0.75)
  const grain = fractalNoise(random, 3)
  return (x, y) => {
    const across = fraction((x * cos + y * sin) / period) * period
    const inside = smoothstep(0, 1.2, across) * (1 - smoothstep(part * period - 1.2, part * period, across))
    return scaled(mix(one, two, inside), 1 + 0.08 * grain(x / 6, y / 6))
  }
}

/** Stones of any shape, each of its own shade, with dark or light joints. */
function cobbles(random: Random, width: number, height: number): Ground {
  const color = groundColor(random)
  const side = random.uniform(0.03, 0.14) * Math.min(width, height)
  const find = cells(random, random.uniform(0.5, 1))
  const stone: Cell = { first: 0, second: 0, id: 0 }
  const [variety, joint, wide] = [random.uniform(0.05, 0.3), random.uniform(0.45, 1.25), random.uniform(0.05, 0.2)]
  const grain = valueNoise(random)
  return (x, y) => {
    find(x / side, y / side, stone)
    const shade = 1 + variety * (2 * stone.id - 1) + 0.06 * grain(x / 1.6, y / 1.6)
    return scaled(color, shade * (joint + (1 - joint) * smoothstep(0, wide, stone.second - stone.first)))
  }
}

/** Cloth, mats or gratings: threads over and under one another. */
function carpet(random: Random): Ground {
  const [one, two] = [groundColor(random), groundColor(random)]
  const pattern = weave(random, random)
  const side = random.uniform(2.5, 9)
  const angle = random.uniform(0, Math.PI)
  const [cos, sin] = [Math.cos(angle) / side, Math.sin(angle) / side]
  const contrast = random.uniform(0.15, 0.5)
  const wear = fractalNoise(random, 2)
  return (x, y) => {
    const thread = pattern(x * cos + y * sin, y * cos - x * sin)
    return scaled(mix(one, two, 0.5 + contrast * thread), 1 + 0.1 * wear(x / 40, y / 40))
  }
}

/** Leaves, paper and chips, straight and thin, scattered over a plain ground. */
function litter(random: Random): Ground {
  const color = groundColor(random)
  const side = random.uniform(7, 24)
  const tints: Color[] = Array.from({ length: 3 }, () => [random.uniform(0.1, 0.9), random.uniform(0.1, 0.9), random.uniform(0.1, 0.8)])
  const [many, long, thin] = [random.uniform(0.2, 0.9), random.uniform(0.2, 0.5) * side, random.uniform(0.15, 0.5)]
  const salt = random.uint32()
  /** The piece that a cell of the lattice holds, if it holds one. */
  const pieceOf = (column: number, row: number) => {
    const drawn = (of: number) => cellHash(column, row, salt ^ Math.imul(of + 1, 0x9e3779b1)) / 0x100000000
    if (drawn(0) > many) return []
    const angle = Math.PI * drawn(3)
    const [x, y] = [(column + drawn(1)) * side, (row + drawn(2)) * side]
    return [{ x, y, cos: Math.cos(angle), sin: Math.sin(angle), tint: tints[Math.floor(3 * drawn(4))]! }]
  }
  // Those around the last cell, in which most points lie too.
  let [column, row] = [Number.NaN, Number.NaN]
  let pieces: ReturnType<typeof pieceOf> = []
  const around = [-1, 0, 1]
  return (x, y) => {
    const [c, r] = [Math.floor(x / side), Math.floor(y / side)]
    if (c !== column || r !== row) pieces = around.flatMap((dy) => around.flatMap((dx) => pieceOf(c + dx, r + dy)))
    ;[column, row] = [c, r]
    const hit = pieces.find((piece) => {
      const [dx, dy] = [x - piece.x, y - piece.y]
      return Math.abs(dx * piece.cos + dy * piece.sin) < long && Math.abs(dy * piece.cos - dx * piece.sin) < thin * long
    })
    return hit?.tint ?? color
  }
}

/** Benches, boxes, posts, bushes and stains: a counter that takes all that stands out for people is wrong here. */
export function drawClutter(canvas: ColorCanvas, count: number, unit: number, random: Random): void {
  const { width, height } = canvas
  for (let i = 0; i < count; i++) {
    const [x, y] = [random.uniform(0, width), random.uniform(0, height)]
    const color: Color = [random.uniform(0.1, 0.8), random.uniform(0.1, 0.8), random.uniform(0.1, 0.75)]
    const kind = random.integer(0, 4)
    if (kind === 0) {
      const [w, h] = [unit * random.uniform(2, 7), unit * random.uniform(0.8, 3)]
      castShadow(canvas, { x: x + unit * 0.4, y: y + unit * 0.4, rx: w * 0.62, ry: h * 0.72 }, 0.35)
      fillRectangle(canvas, x - w / 2, y - h / 2, x + w / 2, y + h / 2, (_u, v) => scaled(color, v < -0.6 ? 1.15 : 0.95))
    } else if (kind === 1) {
      const h = unit * random.uniform(4, 10)
      fillRectangle(canvas, x - unit * 0.16, y - h, x + unit * 0.16, y, (u) => scaled(color, 1 - 0.3 * u))
    } else if (kind === 2) {
      // Bushes are much larger than heads, and green.
      const radius = unit * random.uniform(2, 4)
      const leaves = fractalNoise(random, 3)
      castShadow(canvas, { x: x + radius * 0.2, y: y + radius * 0.2, rx: radius * 1.1, ry: radius * 1.1 }, 0.4)
      const green: Color = [random.uniform(0.1, 0.25), random.uniform(0.3, 0.5), random.uniform(0.08, 0.2)]
      fillEllipse(
        canvas,
        { x, y, rx: radius, ry: radius * random.uniform(0.7, 1) },
        (u, v) => scaled(green, 1 + 0.6 * leaves(u * 6, v * 6)),
        { soft: unit },
      )
    } else
      fillEllipse(
        canvas,
        { x, y, rx: unit * random.uniform(1.5, 5), ry: unit * random.uniform(1, 3), angle: random.uniform(0, 3) },
        color,
        { soft: unit, opacity: 0.18 },
      )
  }
}

/** Of little colour, not too dark for shadows. */
function groundColor(random: Random): Color {
  const base = random.uniform(0.3, 0.82)
  const tint = () => base + random.normal(0, 0.06)
  return [tint(), tint(), tint()]
}

function mix(a: Color, b: Color, t: number): Color {
  const part = Math.min(1, Math.max(0, t))
  return [a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1]), a[2] + part * (b[2] - a[2])]
}

function fraction(value: number): number {
  return value - Math.floor(value)
}
