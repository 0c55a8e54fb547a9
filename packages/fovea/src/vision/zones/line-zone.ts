// A line that things cross, counted by direction.

import type { Box } from '../annotation.ts'
import type { Detections, NamedDetection } from '../detections.ts'
import { boxOf } from '../metrics/detections.ts'
import { trackingInvalid } from '../tracking/clock.ts'
import { trackIdOf } from '../tracking/tracker.ts'
import { type Anchor, anchorPoint, checkAnchors, cornerAnchors } from './anchors.ts'
import { requireTracks, Tallies } from './tallies.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

export interface LineZoneOptions {
  /** In pixels of the frame. Who goes from right to left, looking from start to end, goes in. */
  readonly start: Point
  readonly end: Point
  /** All of these points must be over the line; with one of them, `margin` alone keeps jitter from counting. @default the four corners */
  readonly anchors?: readonly Anchor[]
  /** How far over the line the anchors must be, in parts of the box's shorter side. @default 0.1 */
  readonly margin?: number
  /** A crossing counts once the thing was seen over the line in so many frames in a row. @default 1 */
  readonly minFrames?: number
}

/** What crossed with the last frame. */
export interface LineCrossings {
  readonly in: Detections
  readonly out: Detections
}

interface Passage {
  /** The side that counts: 1 left, -1 right; 0 as long as the thing has only stood on the line. */
  side: -1 | 0 | 1
  /** Frames in a row on the other side. */
  frames: number
  /** The middle of the anchors when it was seen last. */
  last: Point
  /** Its side then; on the line it is the one before. */
  lastSide: -1 | 0 | 1
  /** The last time that its path cut through the line's extension, it did so between the line's ends. */
  cutWithin: boolean
}

/** Tracks that are remembered; of more, those not seen for longest are forgotten. */
const memory = 10_000

/**
 * Counts tracks that cross from one side to the other. A thing changes sides when all anchors are over the line by `margin`; until then it stays where it was, so
 * that one that trembles on the line counts once at most. It must cross between the ends of the line: who walks round them is not counted.
 *
 * ```ts
 * const door = new LineZone({ start: { x: 0, y: 200 }, end: { x: 640, y: 200 } })
 * const { in: entered } = door.update(tracker.update(found))
 * console.log(door.inCount, door.outCount, door.inByClass)
 * ```
 */
export class LineZone {
  readonly start: Point
  readonly end: Point
  readonly anchors: readonly Anchor[]
  readonly margin: number
  readonly minFrames: number
  readonly #in = new Tallies()
  readonly #out = new Tallies()
  readonly #passages = new Map<number | string, Passage>()

  /** @throws FoveaError TRACKING_INVALID */
  constructor({ start, end, anchors = cornerAnchors, margin = 0.1, minFrames = 1 }: LineZoneOptions) {
    for (const [field, { x, y }] of Object.entries({ start, end }))
      if (!(Number.isFinite(x) && Number.isFinite(y))) throw trackingInvalid(field, 'finite coordinates', `${x}, ${y}`)
    if (start.x === end.x && start.y === end.y) throw trackingInvalid('end', 'another point than start', `${end.x}, ${end.y}`)
    if (!(margin >= 0 && Number.isFinite(margin))) throw trackingInvalid('margin', '0 or more', margin)
    if (!(Number.isInteger(minFrames) && minFrames >= 1)) throw trackingInvalid('minFrames', 'a whole number of at least 1', minFrames)
    this.start = { x: start.x, y: start.y }
    this.end = { x: end.x, y: end.y }
    this.anchors = checkAnchors(anchors)
    this.margin = margin
    this.minFrames = minFrames
  }

  get inCount(): number {
    return this.#in.total
  }

  get outCount(): number {
    return this.#out.total
  }

  /** By the name of the class. */
  get inByClass(): Record<string, number> {
    return this.#in.byClass
  }

  get outByClass(): Record<string, number> {
    return this.#out.byClass
  }

  /** @throws FoveaError TRACKING_INVALID for detections without a track, METRIC_INVALID for those without a place */
  update(tracked: Detections): LineCrossings {
    const byTrack = requireTracks(tracked)
    const boxes = new Map([...byTrack].map(([id, detection], i) => [id, boxOf(detection, `detections[${i}]`)]))
    const crossed = { in: new Set<number | string>(), out: new Set<number | string>() }
    for (const [id, detection] of byTrack) {
      const direction = this.#move(id, boxes.get(id)!)
      if (direction === undefined) continue
      crossed[direction].add(id)
      if (direction === 'in') this.#in.add(detection.name)
      else this.#out.add(detection.name)
    }
    for (const id of this.#passages.keys()) {
      if (this.#passages.size <= memory) break
      this.#passages.delete(id)
    }
    const chosen = (ids: ReadonlySet<number | string>) => (detection: NamedDetection) => ids.has(trackIdOf(detection)!)
    return { in: tracked.filter(chosen(crossed.in)), out: tracked.filter(chosen(crossed.out)) }
  }

  /** Forgets tracks and counts. */
  reset(): void {
    this.#in.clear()
    this.#out.clear()
    this.#passages.clear()
  }

  #move(id: number | string, box: Box): 'in' | 'out' | undefined {
    const points = this.anchors.map((anchor) => anchorPoint(box, anchor))
    const middle = {
      x: points.reduce((sum, [x]) => sum + x, 0) / points.length,
      y: points.reduce((sum, [, y]) => sum + y, 0) / points.length,
    }
    const heights = points.map(([x, y]) => this.#heightOver(x, y))
    const margin = this.margin * Math.min(box.x2 - box.x1, box.y2 - box.y1)
    const side = heights.every((height) => height > margin) ? 1 : heights.every((height) => height < -margin) ? -1 : 0
    const passage = this.#passages.get(id) ?? { side: 0, frames: 0, last: middle, lastSide: 0, cutWithin: false }
    // Those seen last come last.
    this.#passages.delete(id)
    this.#passages.set(id, passage)
    this.#follow(passage, middle)
    if (passage.side === 0) passage.side = side
    if (side === 0 || side === passage.side) {
      // Back over the line, or on it: the frames in a row are broken.
      passage.frames = 0
      return undefined
    }
    if (++passage.frames < this.minFrames) return undefined
    passage.side = side
    passage.frames = 0
    if (!passage.cutWithin) return undefined
    return side === 1 ? 'in' : 'out'
  }

  /** Notes where the path of the middle cuts the line. */
  #follow(passage: Passage, middle: Point): void {
    const height = this.#heightOver(middle.x, middle.y)
    const side = Math.sign(height) as -1 | 0 | 1
    if (side !== 0 && passage.lastSide !== 0 && side !== passage.lastSide) {
      const before = this.#heightOver(passage.last.x, passage.last.y)
      const part = before / (before - height)
      const [x, y] = [passage.last.x + part * (middle.x - passage.last.x), passage.last.y + part * (middle.y - passage.last.y)]
      const [dx, dy] = [this.end.x - this.start.x, this.end.y - this.start.y]
      const along = ((x - this.start.x) * dx + (y - this.start.y) * dy) / (dx * dx + dy * dy)
      passage.cutWithin = along >= 0 && along <= 1
    }
    if (side !== 0) passage.lastSide = side
    passage.last = middle
  }

  /** Pixels from the line; over 0 to the left as seen from start to end (y points down). */
  #heightOver(x: number, y: number): number {
    const [dx, dy] = [this.end.x - this.start.x, this.end.y - this.start.y]
    return -(dx * (y - this.start.y) - dy * (x - this.start.x)) / Math.hypot(dx, dy)
  }
}
