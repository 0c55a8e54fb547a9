// Shape classes: outlines, fractals, strokes and branches, each drawn once from its number.
// After FractalDB (Kataoka 2020, arXiv:2101.08515) and radial contours (Kataoka 2022, arXiv:2206.09132).

import { Random } from '../../../util/random.ts'
import { smoothstep } from '../noise.ts'

/** Number of shape classes; the class after the last one means that there is no object. */
export const shapeClasses = 95

/** A shape around the origin, about 1 from its middle to its border. */
export type Shape =
  /** Inside where the distance from the middle is between the two radii of the direction, given for equal steps of the angle. */
  | { readonly kind: 'outline'; readonly outer: Float32Array; readonly inner: Float32Array | undefined }
  /** Points x, y in turn, each a blot of the given radius. */
  | { readonly kind: 'points'; readonly points: Float32Array; readonly radius: number }
  /** Ends of segments x0, y0, x1, y1 in turn, of the given half width. */
  | { readonly kind: 'segments'; readonly segments: Float32Array; readonly width: number }

/** What is drawn of `traits` is the class, what is drawn of `instance` one shape of it. */
type Draw = (traits: Random) => (instance: Random) => Shape

/** Steps of the angle in an outline. */
const steps = 256

const tau = 2 * Math.PI

const drawn = new Map<number, (instance: Random) => Shape>()

/** A shape of a class; `instance` jitters its parameters by a few per cent. */
export function shapeInstance(shapeClass: number, instance: Random): Shape {
  let draw = drawn.get(shapeClass)
  if (draw === undefined) {
    draw = families[familyOf(shapeClass)]!(new Random(0, 'shape', shapeClass))
    drawn.set(shapeClass, draw)
  }
  return draw(instance)
}

/** Share of the classes by family: fractals 3, outlines of waves 2, polygons 1, compounds 1, strokes 1, branches 1. */
const turn = [0, 1, 0, 2, 1, 0, 3, 4, 5] as const

function familyOf(shapeClass: number): number {
  return turn[shapeClass % turn.length]!
}

/** An iterated function system: two to four affine maps, chosen by their areas, of which the orbit of one point is drawn. */
const fractal: Draw = (traits) => {
  let maps = drawMaps(traits)
  while (!isSpread(orbit(maps, new Random(0, 'probe'), 400))) maps = drawMaps(traits)
  const radius = traits.uniform(0.02, 0.05)
  return (instance) => {
    const jittered = maps.map(({ weight, map }) => ({ weight, map: map.map((value) => value * (1 + instance.normal(0, 0.02))) }))
    const points = orbit(jittered, instance, 1800)
    return { kind: 'points', points: centred(isSpread(points) ? points : orbit(maps, instance, 1800)), radius }
  }
}

interface WeightedMap {
  readonly weight: number
  /** a, b, c, d, e, f of x' = a x + b y + e, y' = c x + d y + f. */
  readonly map: Float64Array
}

function drawMaps(traits: Random): WeightedMap[] {
  return Array.from({ length: traits.integer(2, 5) }, () => {
    // By singular values, so that each map surely contracts (Anderson & Farrell 2022).
    const [long, short] = [traits.uniform(0.45, 0.85), traits.uniform(0.15, 0.8)]
    const [a, b, flip] = [traits.uniform(0, tau), traits.uniform(0, tau), traits.chance(0.5) ? -1 : 1]
    const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)]
    const minor = long * short
    const linear = [
      long * ca * cb - minor * flip * sa * sb,
      -long * ca * sb - minor * flip * sa * cb,
      long * sa * cb + minor * flip * ca * sb,
      -long * sa * sb + minor * flip * ca * cb,
    ]
    return { weight: Math.max(0.05, long * minor), map: Float64Array.of(...linear, traits.uniform(-1, 1), traits.uniform(-1, 1)) }
  })
}

function orbit(maps: readonly WeightedMap[], random: Random, count: number): Float32Array {
  const total = maps.reduce((sum, { weight }) => sum + weight, 0)
  const points = new Float32Array(2 * count)
  // The first steps lead from anywhere to the figure.
  const lead = 20
  const choices = new Float64Array(lead + count)
  random.fill(choices)
  let x = 0
  let y = 0
  for (let i = -lead; i < count; i++) {
    let left = choices[lead + i]! * total
    let chosen = maps[0]!
    for (let k = 0; k < maps.length; k++) {
      chosen = maps[k]!
      left -= chosen.weight
      if (left <= 0) break
    }
    const { map } = chosen
    const moved = map[0]! * x + map[1]! * y + map[4]!
    y = map[2]! * x + map[3]! * y + map[5]!
    x = moved
    if (i < 0) continue
    points[2 * i] = x
    points[2 * i + 1] = y
  }
  return points
}

/** True where the points fill a good part of their box and are no mere line or blot. */
function isSpread(points: Float32Array): boolean {
  const { left, top, width, height } = boxOf(points)
  if (!(width > 0.3 && height > 0.3 && width < 20 && height < 20 && width / height < 4 && height / width < 4)) return false
  const filled = new Uint8Array(256)
  for (let i = 0; i < points.length; i += 2)
    filled[Math.floor(((points[i]! - left) / width) * 15.99) * 16 + Math.floor(((points[i + 1]! - top) / height) * 15.99)] = 1
  return filled.reduce((sum, cell) => sum + cell, 0) > 40
}

function boxOf(points: Float32Array): { left: number; top: number; width: number; height: number } {
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < points.length; i += 2) {
    left = Math.min(left, points[i]!)
    right = Math.max(right, points[i]!)
    top = Math.min(top, points[i + 1]!)
    bottom = Math.max(bottom, points[i + 1]!)
  }
  return { left, top, width: right - left, height: bottom - top }
}

/** Moved and scaled to a half side of 1. */
function centred(points: Float32Array): Float32Array {
  const { left, top, width, height } = boxOf(points)
  const half = Math.max(width, height, 1e-6) / 2
  const moved = new Float32Array(points.length)
  for (let i = 0; i < points.length; i += 2) {
    moved[i] = (points[i]! - left - width / 2) / half
    moved[i + 1] = (points[i + 1]! - top - height / 2) / half
  }
  return moved
}

function outline(radius: (angle: number) => number, hole = 0): Shape {
  const outer = Float32Array.from({ length: steps }, (_, i) => Math.max(0.1, radius((i / steps) * tau)))
  const most = outer.reduce((a, b) => Math.max(a, b), 0)
  const scaled = outer.map((value) => value / most)
  return { kind: 'outline', outer: scaled, inner: hole > 0 ? scaled.map((value) => value * hole) : undefined }
}

/** A circle whose radius is a sum of waves (visual atoms, Takashima 2023, arXiv:2303.01112). */
const wavy: Draw = (traits) => {
  const parts = Array.from({ length: traits.integer(2, 5) }, () => ({
    waves: traits.integer(1, 12),
    height: traits.uniform(0.08, 0.4),
    phase: traits.uniform(0, tau),
  }))
  const hole = traits.chance(0.25) ? traits.uniform(0.35, 0.75) : 0
  return (instance) => {
    const jitter = parts.map(() => 1 + instance.normal(0, 0.05))
    return outline(
      (angle) => parts.reduce((sum, { waves, height, phase }, i) => sum + height * jitter[i]! * Math.sin(waves * angle + phase), 1),
      hole,
    )
  }
}

/** Regular polygons, stars, gears, petals and superellipses. */
const regular: Draw = (traits) => {
  const [kind, corners, depth] = [traits.integer(0, 5), traits.integer(3, 10), traits.uniform(0.3, 0.75)]
  const hole = traits.chance(0.25) ? traits.uniform(0.3, 0.7) : 0
  const sector = tau / corners
  const power = traits.pick([0.6, 1, 4, 8])
  const flat = traits.uniform(0.35, 1)
  return (instance) => {
    const soft = depth * (1 + instance.normal(0, 0.03))
    if (kind === 0) return outline((angle) => Math.cos(sector / 2) / Math.cos((angle % sector) - sector / 2), hole)
    if (kind === 1) return outline((angle) => soft + (1 - soft) * Math.abs(1 - 2 * ((angle % sector) / sector)), hole)
    if (kind === 2) return outline((angle) => soft + (1 - soft) * smoothstep(0.2, 0.3, Math.abs((angle % sector) / sector - 0.5)), hole)
    if (kind === 3) return outline((angle) => soft + (1 - soft) * Math.abs(Math.cos((corners * angle) / 2)), hole)
    return outline((angle) => (Math.abs(Math.cos(angle)) ** power + Math.abs(Math.sin(angle) / flat) ** power) ** (-1 / power), hole)
  }
}

/** Blots joined in a fixed arrangement. */
const compound: Draw = (traits) => {
  const parts = Array.from({ length: traits.integer(2, 6) }, () => ({
    x: traits.uniform(-0.6, 0.6),
    y: traits.uniform(-0.6, 0.6),
    long: traits.uniform(0.2, 0.5),
    short: traits.uniform(0.08, 0.3),
    angle: traits.uniform(0, tau),
  }))
  return (instance) => {
    const blots: number[] = []
    for (const { x, y, long, short, angle } of parts) {
      const [cos, sin] = [Math.cos(angle + instance.normal(0, 0.05)), Math.sin(angle)]
      for (let i = 0; i < 60; i++) {
        const at = instance.uniform(0, tau)
        const out = Math.sqrt(instance.next())
        const u = long * out * Math.cos(at)
        const v = short * out * Math.sin(at)
        blots.push(x + u * cos - v * sin, y + u * sin + v * cos)
      }
    }
    return { kind: 'points', points: centred(Float32Array.from(blots)), radius: 0.12 }
  }
}

/** One line through the plane: Lissajous figures, spirals, scribbles. */
const stroke: Draw = (traits) => {
  const kind = traits.integer(0, 3)
  const [a, b, start] = [traits.integer(1, 5), traits.integer(1, 5), traits.uniform(0, tau)]
  const turns = traits.uniform(1.5, 3.5)
  const course = Array.from({ length: 6 }, () => traits.uniform(-1, 1))
  const width = traits.uniform(0.05, 0.16)
  return (instance) => {
    const phase = start + instance.normal(0, 0.08)
    const bends = course.map((bend) => bend + instance.normal(0, 0.05))
    const point = (t: number): [number, number] => {
      if (kind === 0) return [Math.sin(a * tau * t + phase), Math.sin(b * tau * t)]
      if (kind === 1) return [t * Math.cos(turns * tau * t), t * Math.sin(turns * tau * t)]
      const wave = (from: number) =>
        bends.slice(from, from + 3).reduce((sum, bend, i) => sum + bend * Math.sin((i + 1) * Math.PI * t + bend), 0)
      return [2 * t - 1 + 0.3 * wave(0), wave(3)]
    }
    const count = 48
    const ends = centred(Float32Array.from({ length: 2 * (count + 1) }, (_, i) => point((i >> 1) / count)[i % 2]!))
    const segments = new Float32Array(4 * count)
    for (let i = 0; i < count; i++) segments.set(ends.subarray(2 * i, 2 * i + 4), 4 * i)
    return { kind: 'segments', segments, width }
  }
}

/** A trunk that forks again and again (Lindenmayer 1968). */
const branches: Draw = (traits) => {
  const [forks, angle, shrink, lean, width] = [
    traits.integer(2, 4),
    traits.uniform(0.3, 1.1),
    traits.uniform(0.55, 0.8),
    traits.uniform(-0.3, 0.3),
    traits.uniform(0.025, 0.06),
  ]
  const depth = forks === 2 ? 5 : 4
  return (instance) => {
    const ends: number[] = []
    const grow = (x: number, y: number, heading: number, length: number, left: number) => {
      const [u, v] = [x + length * Math.cos(heading), y + length * Math.sin(heading)]
      ends.push(x, y, u, v)
      if (left === 0) return
      for (let i = 0; i < forks; i++) {
        const turned = heading + lean + angle * (2 * (i / (forks - 1)) - 1) + instance.normal(0, 0.06)
        grow(u, v, turned, length * shrink * (1 + instance.normal(0, 0.06)), left - 1)
      }
    }
    grow(0, 0, 0, 1, depth)
    return { kind: 'segments', segments: centred(Float32Array.from(ends)), width }
  }
}

const families: readonly Draw[] = [fractal, wavy, regular, compound, stroke, branches]
