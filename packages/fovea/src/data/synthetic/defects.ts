// The faults of a surface: each changes the lightness of a field and says where, as a mask from 0 to 1.

import type { Random } from '../../util/random.ts'
import { fractalNoise, smoothstep, valueNoise } from './noise.ts'
import type { Field } from './texture.ts'

/** A surface being drawn. `warmth` shifts colour between blue (-1) and rust (1). */
export interface Canvas {
  readonly size: number
  readonly light: Field
  readonly warmth: Float32Array
  readonly mask: Float32Array
  /** Which thing marks a pixel most, from 1 on; 0 where none does. */
  readonly owners: Uint8Array
  /** Things so far. */
  things: number
}

type Point = readonly [x: number, y: number]

/** One or two thin, slightly bent grooves: a bright edge beside a dark one, fading at the ends. */
export function drawScratch(canvas: Canvas, random: Random): void {
  const count = random.chance(0.3) ? 2 : 1
  for (let i = 0; i < count; i++) {
    canvas.things++
    const path = curve(canvas.size, random)
    const width = random.uniform(0.55, 1.15)
    const depth = random.uniform(0.13, 0.3) * (random.chance(0.3) ? -1 : 1)
    stroke(canvas, path, width + 1.8, (distance, side, along) => {
      const ends = smoothstep(0, 0.12, along) * smoothstep(1, 0.88, along)
      const core = 1 - smoothstep(width * 0.4, width + 0.5, distance)
      const rim = (1 - smoothstep(width, width + 1.4, distance)) * (side > 0 ? 1 : 0)
      return { light: ends * depth * (core - 0.55 * rim), warmth: 0, mask: ends * core }
    })
  }
}

/** One to four round holes with a lit rim opposite to the lamp. */
export function drawPits(canvas: Canvas, random: Random): void {
  const { size } = canvas
  const lamp = random.uniform(0, 2 * Math.PI)
  const count = random.integer(1, 5)
  for (let i = 0; i < count; i++) {
    canvas.things++
    const [cx, cy] = [random.uniform(0.12, 0.88) * size, random.uniform(0.12, 0.88) * size]
    const radius = random.uniform(0.028, 0.065) * size
    const flat = random.uniform(0.8, 1.2)
    const wobble = valueNoise(random)
    const depth = random.uniform(0.16, 0.34)
    eachPixel(canvas, cx, cy, radius * 2.2, (x, y) => {
      const [dx, dy] = [(x - cx) * flat, (y - cy) / flat]
      const distance = Math.hypot(dx, dy) / (radius * (1 + 0.22 * wobble(cx + dx / radius, cy + dy / radius)))
      const facing = Math.cos(Math.atan2(dy, dx) - lamp)
      const hole = 1 - smoothstep(0.72, 1.08, distance)
      const rim = smoothstep(0.75, 1, distance) * (1 - smoothstep(1, 1.5, distance))
      return { light: -depth * hole * (1 - 0.3 * facing) + 0.16 * rim * facing, warmth: 0, mask: hole }
    })
  }
}

/** A soft patch of oil, water or rust: wide, faint, with an uneven border that is a little darker than its middle. */
export function drawStain(canvas: Canvas, random: Random): void {
  canvas.things++
  const { size } = canvas
  const [cx, cy] = [random.uniform(0.25, 0.75) * size, random.uniform(0.25, 0.75) * size]
  const radius = random.uniform(0.15, 0.3) * size
  const [angle, flat] = [random.uniform(0, Math.PI), random.uniform(0.65, 1.5)]
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const border = fractalNoise(random, 3)
  const depth = random.uniform(0.05, 0.13) * (random.chance(0.35) ? -1 : 1)
  const warmth = random.uniform(-0.5, 1)
  eachPixel(canvas, cx, cy, radius * 2.4, (x, y) => {
    const [dx, dy] = [((x - cx) * cos + (y - cy) * sin) * flat, ((y - cy) * cos - (x - cx) * sin) / flat]
    const distance = Math.hypot(dx, dy) / radius + 0.42 * border(x / (size * 0.16), y / (size * 0.16))
    const inside = 1 - smoothstep(0.82, 1.08, distance)
    const edge = smoothstep(0.6, 0.95, distance) * (1 - smoothstep(0.95, 1.12, distance))
    return { light: -depth * (inside * 0.8 + edge * 0.7), warmth: warmth * 0.55 * inside, mask: inside }
  })
}

/** A jagged dark line that wanders, thins out and forks. */
export function drawCrack(canvas: Canvas, random: Random): void {
  canvas.things++
  const { size } = canvas
  const depth = random.uniform(0.2, 0.38)
  const heading = random.uniform(0, 2 * Math.PI)
  const shift = () => 0.5 + random.uniform(-0.14, 0.14)
  const start: Point = [size * (shift() - 0.34 * Math.cos(heading)), size * (shift() - 0.34 * Math.sin(heading))]
  const trunk = walk(start, heading, random.uniform(0.55, 0.85) * size, size, random)
  crackLine(canvas, trunk, random.uniform(0.55, 0.95), depth)
  const forks = random.integer(1, 4)
  for (let i = 0; i < forks; i++) {
    const from = random.integer(Math.floor(trunk.length * 0.2), Math.max(2, Math.floor(trunk.length * 0.85)))
    const turn = heading + random.uniform(0.5, 1.1) * (random.chance(0.5) ? 1 : -1)
    crackLine(canvas, walk(trunk[from]!, turn, random.uniform(0.14, 0.34) * size, size, random), random.uniform(0.35, 0.6), depth * 0.85)
  }
}

/** One to three foreign particles pressed into the surface: angular, elongated along one direction, dark or bright, sharply bounded. */
export function drawInclusions(canvas: Canvas, random: Random): void {
  const { size } = canvas
  const angle = random.uniform(0, Math.PI)
  const polarity = random.chance(0.65) ? -1 : 1
  const count = random.integer(1, 4)
  for (let i = 0; i < count; i++) {
    canvas.things++
    const [cx, cy] = [random.uniform(0.18, 0.82) * size, random.uniform(0.18, 0.82) * size]
    const turned = angle + random.uniform(-0.25, 0.25)
    const [cos, sin] = [Math.cos(turned), Math.sin(turned)]
    const [long, short] = [random.uniform(0.09, 0.2) * size, random.uniform(0.02, 0.045) * size]
    const corners = Array.from({ length: 9 }, () => random.uniform(0.6, 1.25))
    const speckle = valueNoise(random)
    const depth = polarity * random.uniform(0.15, 0.3)
    eachPixel(canvas, cx, cy, long * 1.4, (x, y) => {
      const [u, v] = [((x - cx) * cos + (y - cy) * sin) / long, ((y - cy) * cos - (x - cx) * sin) / short]
      const around = ((Math.atan2(v, u) + Math.PI) / (2 * Math.PI)) * corners.length
      const [low, part] = [Math.floor(around) % corners.length, around - Math.floor(around)]
      const bound = corners[low]! * (1 - part) + corners[(low + 1) % corners.length]! * part
      const inside = 1 - smoothstep(0.85, 1.1, Math.hypot(u, v) / bound)
      return { light: depth * inside * (1 + 0.45 * speckle(x / 1.5, y / 1.5)), warmth: 0.25 * inside, mask: inside }
    })
  }
}

interface Mark {
  readonly light: number
  readonly warmth: number
  readonly mask: number
}

function eachPixel(
  { size, light, warmth, mask, owners, things }: Canvas,
  cx: number,
  cy: number,
  reach: number,
  mark: (x: number, y: number) => Mark,
): void {
  const [left, right] = [Math.max(0, Math.floor(cx - reach)), Math.min(size - 1, Math.ceil(cx + reach))]
  const [top, bottom] = [Math.max(0, Math.floor(cy - reach)), Math.min(size - 1, Math.ceil(cy + reach))]
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const at = y * size + x
      const change = mark(x, y)
      light[at] = light[at]! + change.light
      warmth[at] = warmth[at]! + change.warmth
      if (change.mask <= mask[at]!) continue
      mask[at] = change.mask
      owners[at] = things
    }
  }
}

/** Marks all pixels within `reach` of a path by their distance, the side they lie on and how far along they are, 0 to 1. */
function stroke(
  canvas: Canvas,
  path: readonly Point[],
  reach: number,
  mark: (distance: number, side: number, along: number) => Mark,
): void {
  const xs = path.map(([x]) => x)
  const ys = path.map(([, y]) => y)
  const [cx, cy] = [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2]
  const extent = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)) / 2 + reach
  eachPixel(canvas, cx, cy, extent, (x, y) => {
    let best = reach
    let side = 0
    let along = 0
    for (let i = 1; i < path.length; i++) {
      const [ax, ay] = path[i - 1]!
      const [dx, dy] = [path[i]![0] - ax, path[i]![1] - ay]
      const t = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)))
      const distance = Math.hypot(x - ax - t * dx, y - ay - t * dy)
      if (distance >= best) continue
      best = distance
      side = dx * (y - ay) - dy * (x - ax)
      along = (i - 1 + t) / (path.length - 1)
    }
    return best < reach ? mark(best, side, along) : { light: 0, warmth: 0, mask: 0 }
  })
}

/** A quadratic Bezier curve across a good part of the picture. */
function curve(size: number, random: Random): Point[] {
  const angle = random.uniform(0, Math.PI)
  const half = random.uniform(0.22, 0.46) * size
  const [cx, cy] = [random.uniform(0.3, 0.7) * size, random.uniform(0.3, 0.7) * size]
  const [dx, dy] = [Math.cos(angle) * half, Math.sin(angle) * half]
  const bend = random.uniform(-0.35, 0.35)
  const middle: Point = [cx - dy * bend, cy + dx * bend]
  return Array.from({ length: 17 }, (_, i) => {
    const t = i / 16
    const blend = (a: number, b: number, c: number) => (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t ** 2 * c
    return [blend(cx - dx, middle[0], cx + dx), blend(cy - dy, middle[1], cy + dy)]
  })
}

/** A walk of short steps whose direction jumps to and fro. */
function walk(start: Point, heading: number, length: number, size: number, random: Random): Point[] {
  const step = Math.max(1.5, size * 0.035)
  const points: Point[] = [start]
  let drift = heading
  for (let gone = 0; gone < length; gone += step) {
    drift += random.uniform(-0.28, 0.28)
    const direction = drift + random.uniform(-0.75, 0.75)
    const [x, y] = points.at(-1)!
    points.push([x + Math.cos(direction) * step, y + Math.sin(direction) * step])
  }
  return points
}

function crackLine(canvas: Canvas, path: readonly Point[], width: number, depth: number): void {
  stroke(canvas, path, width + 1.6, (distance, _side, along) => {
    const thinning = 1 - 0.65 * along
    const core = (1 - smoothstep(width * thinning * 0.4, width * thinning + 0.6, distance)) * smoothstep(1.02, 0.9, along)
    return { light: -depth * core, warmth: 0, mask: core }
  })
}
