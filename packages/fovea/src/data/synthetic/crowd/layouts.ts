// Where people stand: families of layouts, each a way to propose places, of which those too close to others are left.

import type { Random } from '../../../util/random.ts'

export const crowdLayouts = ['uniform', 'gradient', 'clustered', 'queues', 'grid', 'ring', 'groups'] as const
export type CrowdLayout = (typeof crowdLayouts)[number]

export interface CrowdPoint {
  /** The middle of the head, in pixels. */
  readonly x: number
  readonly y: number
  /** Diameter of the head in pixels. */
  readonly size: number
}

/** The ground that people stand on, in pixels. */
export interface Ground {
  readonly width: number
  readonly height: number
  /** Diameter of a head at a height of the picture. */
  readonly sizeAt: (y: number) => number
}

type Propose = () => readonly [x: number, y: number]

/** Heads that are closer than this, in diameters, hide too much of each other. */
const leastGap = 0.85

/** Exactly `count` points inside the picture. Where they do not fit at the least gap, they come as close as they must. */
export function placeCrowd(layout: CrowdLayout, count: number, ground: Ground, random: Random): CrowdPoint[] {
  if (layout === 'grid') return gridPoints(count, ground, random)
  return spaced(families[layout](count, ground, random), count, ground)
}

const families: Record<Exclude<CrowdLayout, 'grid'>, (count: number, ground: Ground, random: Random) => Propose> = {
  uniform:
    (_count, { width, height }, random) =>
    () => [random.uniform(0, width), random.uniform(0, height)],
  gradient,
  clustered,
  queues,
  ring,
  groups,
}

/** Dense at one side, empty at the other. */
function gradient(_count: number, { width, height }: Ground, random: Random): Propose {
  const angle = random.uniform(0, 2 * Math.PI)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const steepness = random.uniform(1.5, 4)
  return () => {
    for (;;) {
      const [x, y] = [random.next(), random.next()]
      const along = 0.5 + ((x - 0.5) * cos + (y - 0.5) * sin) / Math.SQRT2
      if (random.chance(along ** steepness)) return [x * width, y * height]
    }
  }
}

/** Groups that stand together, and some who walk alone. */
function clustered(count: number, { width, height, sizeAt }: Ground, random: Random): Propose {
  const groups = Array.from({ length: random.integer(2, Math.max(3, Math.min(9, 2 + Math.ceil(count / 12)))) }, () => {
    const [x, y] = [random.uniform(0.12, 0.88) * width, random.uniform(0.12, 0.88) * height]
    const spread = sizeAt(y) * random.uniform(0.6, 1.3) * Math.sqrt(Math.max(1, count / 6))
    return { x, y, spread, flat: random.uniform(0.5, 1) }
  })
  const alone = random.uniform(0.03, 0.15)
  return () => {
    if (random.chance(alone)) return [random.uniform(0, width), random.uniform(0, height)]
    const { x, y, spread, flat } = random.pick(groups)
    return [random.normal(x, spread), random.normal(y, spread * flat)]
  }
}

/** Lines of people, one behind the other, along bent paths; as many as the crowd needs. */
function queues(count: number, { width, height, sizeAt }: Ground, random: Random): Propose {
  const size = sizeAt(height / 2)
  const needed = Math.ceil((count * size * 1.5) / Math.hypot(width, height))
  const angle = random.uniform(0, Math.PI)
  const lines = Array.from({ length: needed + random.integer(0, 2) }, (_, i) => {
    // In parallel, as at counters, give or take.
    const direction = angle + random.normal(0, 0.08)
    const shift = (i + 0.5 + random.uniform(-0.25, 0.25)) / (needed + 1) - 0.5
    const [cx, cy] = [width * (0.5 - Math.sin(angle) * shift), height * (0.5 + Math.cos(angle) * shift)]
    const half = random.uniform(0.35, 0.6) * Math.hypot(width, height)
    return { cx, cy, cos: Math.cos(direction) * half, sin: Math.sin(direction) * half, bend: random.uniform(-0.25, 0.25) }
  })
  const looseness = random.uniform(0.08, 0.3)
  return () => {
    const { cx, cy, cos, sin, bend } = random.pick(lines)
    const t = random.uniform(-1, 1)
    const off = bend * (1 - t * t)
    const jitter = () => random.normal(0, looseness * size)
    return [cx + cos * t - sin * off + jitter(), cy + sin * t + cos * off + jitter()]
  }
}

/** One to three circles around something that is looked at. */
function ring(count: number, { width, height, sizeAt }: Ground, random: Random): Propose {
  const side = Math.min(width, height)
  const [cx, cy] = [random.uniform(0.4, 0.6) * width, random.uniform(0.4, 0.6) * height]
  const flat = random.uniform(0.6, 1)
  const inner = random.uniform(0.14, 0.26) * side
  const size = sizeAt(cy)
  // Circles until all find room at one and a half heads each.
  const radii: number[] = []
  for (let room = 0, radius = inner; room < count && radii.length < 12; radius += 1.6 * size) {
    radii.push(radius)
    room += (2 * Math.PI * radius) / (1.7 * size)
  }
  const total = radii.reduce((sum, radius) => sum + radius, 0)
  const looseness = random.uniform(0.08, 0.25)
  return () => {
    let at = random.uniform(0, total)
    let radius = radii[0] ?? inner
    for (const one of radii) {
      radius = one
      at -= one
      if (at < 0) break
    }
    const turn = random.uniform(0, 2 * Math.PI)
    const loose = radius + random.normal(0, looseness * size)
    return [cx + Math.cos(turn) * loose, cy + Math.sin(turn) * loose * flat]
  }
}

/** Some alone, most in twos, threes and fours side by side or in a knot, as people walk (Moussaïd 2010). */
function groups(_count: number, { width, height, sizeAt }: Ground, random: Random): Propose {
  const closeness = random.uniform(0.9, 1.4)
  const knots = random.next()
  let left = 0
  let [x, y, dx, dy] = [0, 0, 0, 0]
  return () => {
    if (left === 0) {
      left = random.integer(1, 5)
      ;[x, y] = [random.uniform(0, width), random.uniform(0, height)]
      const angle = random.uniform(0, 2 * Math.PI)
      ;[dx, dy] = [Math.cos(angle), Math.sin(angle)]
    } else {
      // Side by side goes on in a line; in a knot each turns off.
      const step = closeness * sizeAt(y)
      if (random.chance(knots)) [dx, dy] = [-dy, dx]
      ;[x, y] = [x + dx * step, y + dy * step]
    }
    left--
    return [x, y]
  }
}

/** Rows and columns as of seats or a parade, a little turned, some seats empty. */
function gridPoints(count: number, { width, height, sizeAt }: Ground, random: Random): CrowdPoint[] {
  const seats = Math.ceil(count * random.uniform(1, 1.35))
  const angle = random.normal(0, 0.06)
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const stagger = random.chance(0.4) ? 0.5 : 0
  const looseness = random.uniform(0.02, 0.14)
  const margin = 0.04 * Math.min(width, height)
  for (let columns = Math.max(1, Math.round(Math.sqrt((seats * width) / height))); ; columns++) {
    const rows = Math.max(1, Math.ceil(seats / columns))
    const [dx, dy] = [(width - 2 * margin) / columns, (height - 2 * margin) / rows]
    const places: CrowdPoint[] = []
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const [u, v] = [
          (column + 0.5 + (row % 2) * stagger - stagger / 2) * dx + margin - width / 2,
          (row + 0.5) * dy + margin - height / 2,
        ]
        const x = width / 2 + u * cos - v * sin + random.normal(0, looseness * dx)
        const y = height / 2 + u * sin + v * cos + random.normal(0, looseness * dy)
        if (x >= 0 && x < width && y >= 0 && y < height) places.push({ x, y, size: sizeAt(y) })
      }
    // Corners that the turn took out of the picture are made up for by more columns.
    if (places.length >= count) return [...random.permutation(places.length)].slice(0, count).map((i) => places[i]!)
  }
}

/** The first proposals that lie inside and keep their distance; the distance shrinks where many in a row do not. */
function spaced(propose: Propose, count: number, { width, height, sizeAt }: Ground): CrowdPoint[] {
  const points: CrowdPoint[] = []
  const cell = Math.max(1, leastGap * Math.max(sizeAt(0), sizeAt(height)))
  const cells = new Map<string, CrowdPoint[]>()
  const around = (x: number, y: number) => {
    const [column, row] = [Math.floor(x / cell), Math.floor(y / cell)]
    return [-1, 0, 1].flatMap((dy) => [-1, 0, 1].flatMap((dx) => cells.get(`${column + dx} ${row + dy}`) ?? []))
  }
  let gap = leastGap
  for (let misses = 0; points.length < count; ) {
    const [x, y] = propose()
    const size = sizeAt(y)
    const isInside = x >= 0 && x < width && y >= 0 && y < height
    if (isInside && around(x, y).every((other) => Math.hypot(x - other.x, y - other.y) >= (gap * (size + other.size)) / 2)) {
      const point = { x, y, size }
      points.push(point)
      const key = `${Math.floor(x / cell)} ${Math.floor(y / cell)}`
      const neighbours = cells.get(key)
      if (neighbours === undefined) cells.set(key, [point])
      else neighbours.push(point)
      misses = 0
    } else if (++misses >= 60) {
      gap *= 0.85
      misses = 0
    }
  }
  return points
}
