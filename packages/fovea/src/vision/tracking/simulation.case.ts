// Things that move, hide each other, are missed and mistaken, with the truth known; and the figures of trackers on them.

import { Random } from '../../util/random.ts'
import type { Box, Detection } from '../annotation.ts'
import { boxArea, boxIntersection, boxIoU } from '../boxes.ts'
import { Detections } from '../detections.ts'
import { linearAssignment } from './assignment.ts'
import { trackIdOf } from './tracker.ts'

export interface SimulatedFrame {
  /** The things that are there, whether seen or not. */
  readonly present: readonly number[]
  /** `attributes.truth` is the thing behind a detection; false alarms have none. */
  readonly found: Detections
}

const [width, height] = [640, 480]

/** Walkers in a hall, who turn at will: scores fall where one stands before another or in the shade, boxes tremble, some are missed, and some are false alarms. */
export function crowdOf(
  seed: number,
  { things = 14, frames = 200 }: { readonly things?: number; readonly frames?: number } = {},
): SimulatedFrame[] {
  const random = new Random(seed)
  const walkers = Array.from({ length: things }, () => ({
    x: random.uniform(40, width - 40),
    y: random.uniform(60, height - 60),
    vx: random.uniform(-4, 4),
    vy: random.uniform(-2, 2),
    h: random.uniform(60, 100),
    shade: 0,
  }))
  return Array.from({ length: frames }, () => {
    for (const walker of walkers) {
      walker.vx = bounce(walker.x, walker.vx + random.normal(0, 0.4), width)
      walker.vy = bounce(walker.y, walker.vy + random.normal(0, 0.25), height)
      walker.x += walker.vx
      walker.y += walker.vy
      walker.shade = walker.shade > 0 ? walker.shade - 1 : random.chance(0.01) ? random.integer(5, 30) : 0
    }
    const boxes = walkers.map(({ x, y, h }): Box => ({ x1: x - h / 5, y1: y - h / 2, x2: x + h / 5, y2: y + h / 2 }))
    const found: Detection[] = []
    for (const [truth, box] of boxes.entries()) {
      // Who stands lower is nearer, and hides.
      const hidden = boxes.reduce(
        (most, other) => (other.y2 > box.y2 ? Math.max(most, boxIntersection(box, other) / boxArea(box)) : most),
        0,
      )
      const clear = walkers[truth]!.shade > 0 ? 0.4 : 0.85
      const score = Math.min(0.98, Math.max(0, clear - 0.8 * hidden + random.normal(0, 0.08)))
      if (score < 0.05 || random.chance(0.03)) continue
      const jitter = () => random.normal(0, 1.5)
      found.push({ label: 0, score, box: shifted(box, jitter(), jitter(), jitter(), jitter()), attributes: { truth } })
    }
    for (let i = random.integer(0, 3); i > 0; i--) {
      const [x, y] = [random.uniform(0, width - 30), random.uniform(0, height - 80)]
      found.push({ label: 0, score: random.uniform(0.05, 0.45), box: { x1: x, y1: y, x2: x + 30, y2: y + 80 }, attributes: {} })
    }
    return { present: boxes.map((_, i) => i), found: new Detections(found, { labels: ['person'], width, height }) }
  })
}

function bounce(place: number, speed: number, end: number): number {
  return place < 30 ? Math.abs(speed) : place > end - 30 ? -Math.abs(speed) : speed
}

function shifted({ x1, y1, x2, y2 }: Box, a: number, b: number, c: number, d: number): Box {
  return { x1: x1 + a, y1: y1 + b, x2: x2 + c, y2: y2 + d }
}

export interface TrackFigures {
  /** How often a thing went on under another number. */
  readonly switches: number
  /** 1 - (misses + false alarms + switches) / truths (CLEAR MOT, Bernardin & Stiefelhagen 2008). */
  readonly mota: number
  /** F1 of detections under the best pairing of numbers with things (Ristani et al. 2016). */
  readonly idf1: number
}

/** A detection is right where it comes of a thing: `attributes.truth` tells, no overlap need be measured. */
export function measureTracks(frames: readonly SimulatedFrame[], tracker: { update(found: Detections): Detections }): TrackFigures {
  const lastId = new Map<number, unknown>()
  const shared = new Map<string, number>()
  const [things, numbers] = [new Set<number>(), new Set<unknown>()]
  let [switches, misses, alarms, truths, answers] = [0, 0, 0, 0, 0]
  for (const { present, found } of frames) {
    truths += present.length
    for (const truth of present) things.add(truth)
    const seen = new Set<number>()
    for (const detection of tracker.update(found)) {
      const id = trackIdOf(detection)!
      const truth = detection.attributes!.truth as number | undefined
      answers++
      numbers.add(id)
      if (truth === undefined) {
        alarms++
        continue
      }
      seen.add(truth)
      if (lastId.has(truth) && lastId.get(truth) !== id) switches++
      lastId.set(truth, id)
      const key = `${truth} ${id}`
      shared.set(key, (shared.get(key) ?? 0) + 1)
    }
    misses += present.length - seen.size
  }
  const [rows, columns] = [[...things], [...numbers]]
  const costs = rows.flatMap((truth) => columns.map((id) => -(shared.get(`${truth} ${id}`) ?? 0)))
  const pairing = linearAssignment({ rows: rows.length, columns: columns.length, costs, limit: 0 })
  const right = pairing.reduce((sum, column, row) => sum - (column < 0 ? 0 : costs[row * columns.length + column]!), 0)
  return { switches, mota: 1 - (misses + alarms + switches) / truths, idf1: (2 * right) / (truths + answers) }
}

/** The plainest tracker: the best overlap with the last box first, strong detections alone, the last box kept for 30 frames. */
export function greedyTracker(least = 0.3): { update(found: Detections): Detections } {
  let tracks: { id: number; box: Box; missed: number }[] = []
  let lastId = 0
  return {
    update(found) {
      const strong = found.above(0.5)
      const pairs = tracks
        .flatMap((track) => strong.detections.map((detection) => ({ track, detection, overlap: boxIoU(detection.box!, track.box) })))
        .filter(({ overlap }) => overlap > least)
        .sort((a, b) => b.overlap - a.overlap)
      const ids = new Map<Detection, number>()
      const taken = new Set<number>()
      for (const { track, detection } of pairs) {
        if (taken.has(track.id) || ids.has(detection)) continue
        taken.add(track.id)
        ids.set(detection, track.id)
        track.box = detection.box!
      }
      tracks = tracks
        .map((track) => ({ ...track, missed: taken.has(track.id) ? 0 : track.missed + 1 }))
        .filter(({ missed }) => missed <= 30)
      for (const detection of strong)
        if (!ids.has(detection)) {
          ids.set(detection, ++lastId)
          tracks.push({ id: lastId, box: detection.box!, missed: 0 })
        }
      return new Detections(
        strong.detections.map((one) => ({ ...one, attributes: { ...one.attributes, trackId: ids.get(one)! } })),
        found,
      )
    },
  }
}
