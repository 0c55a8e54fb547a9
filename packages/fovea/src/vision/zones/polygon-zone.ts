// An area of the frame: what is in it now, what came and left, and how long it stayed.

import type { Polygon } from '../annotation.ts'
import { Detections, type NamedDetection } from '../detections.ts'
import { containsPoint, polygonArea } from '../geometry/polygon.ts'
import { boxOf } from '../metrics/detections.ts'
import { type ClockOptions, FrameClock, type FrameTime, trackingInvalid } from '../tracking/clock.ts'
import { trackIdOf } from '../tracking/tracker.ts'
import { type Anchor, anchorPoint, checkAnchors } from './anchors.ts'
import { Tallies } from './tallies.ts'

export interface PolygonZoneOptions extends ClockOptions {
  /** x and y of the corners in turn, in pixels of the frame. */
  readonly polygon: Polygon
  /** All of these points must be in the zone. @default ['bottom-center'] */
  readonly anchors?: readonly Anchor[]
  /** Seconds for which a track may be outside, or not be seen, without having left: jitter at the border is no second visit. @default 0.5 */
  readonly grace?: number
}

/** A stay in the zone. */
export interface Visit {
  readonly trackId: number | string
  readonly label: number
  readonly name: string
  /** Seconds, as of the frames' timestamps. */
  readonly entered: number
  readonly lastSeen: number
  /** Seconds from the first to the last sight inside. */
  readonly dwell: number
}

/** What a frame changed. */
export interface ZoneChanges {
  readonly inside: Detections
  readonly entered: Detections
  readonly left: readonly Visit[]
}

/**
 * Counts what is in an area. With detections of a tracker it also tells visits and how long they last.
 *
 * ```ts
 * const queue = new PolygonZone({ polygon: [0, 0, 200, 0, 200, 300, 0, 300] })
 * const { inside, left } = queue.update(tracker.update(found, { timestamp }), { timestamp })
 * console.log(queue.count, queue.counts, queue.total, queue.visits.map(({ dwell }) => dwell))
 * ```
 */
export class PolygonZone {
  readonly polygon: Polygon
  readonly anchors: readonly Anchor[]
  readonly grace: number
  readonly #clock: FrameClock
  readonly #entries = new Tallies()
  readonly #visits = new Map<number | string, Visit>()
  #inside: Detections | undefined

  /** @throws FoveaError TRACKING_INVALID */
  constructor({ polygon, anchors = ['bottom-center'], grace = 0.5, frameRate = 30 }: PolygonZoneOptions) {
    if (polygon.length < 6 || polygon.length % 2 !== 0 || !polygon.every(Number.isFinite))
      throw trackingInvalid('polygon', 'x and y of at least three corners', `[${polygon.slice(0, 12).join(', ')}]`)
    if (polygonArea(polygon) === 0 && !hasWidth(polygon))
      throw trackingInvalid('polygon', 'corners that are not on one line', `[${polygon.slice(0, 12).join(', ')}]`)
    if (!(grace >= 0 && Number.isFinite(grace))) throw trackingInvalid('grace', '0 or more seconds', grace)
    this.#clock = new FrameClock({ frameRate })
    this.polygon = [...polygon]
    this.anchors = checkAnchors(anchors)
    this.grace = grace
  }

  /** How many are inside in the last frame. */
  get count(): number {
    return this.#inside?.length ?? 0
  }

  /** The same by the name of the class, every class with its count. */
  get counts(): Record<string, number> {
    return this.#inside?.counts() ?? {}
  }

  /** Visits so far, those that go on among them: who comes back after `grace` counts again. */
  get total(): number {
    return this.#entries.total
  }

  get totals(): Record<string, number> {
    return this.#entries.byClass
  }

  /** The visits that go on, first come first. */
  get visits(): readonly Visit[] {
    return [...this.#visits.values()]
  }

  /** Detections without a track are counted, and have no visits. @throws FoveaError TRACKING_INVALID for a time before the last frame or a number twice, METRIC_INVALID for detections without a place */
  update(found: Detections, time: FrameTime = {}): ZoneChanges {
    if (!(found instanceof Detections)) throw trackingInvalid('detections', 'Detections', typeof found)
    const inside = found.filter((detection, i) => this.#holds(detection, i))
    const ids = inside.detections.map(trackIdOf).filter((id) => id !== undefined)
    if (new Set(ids).size !== ids.length) throw trackingInvalid('detections', 'one detection of each track', 'a number twice')
    const before = this.#clock.now
    const now = this.#clock.next(time)
    // Who was away for too long has left, even if it is back now: that is another visit. Who was here in the frame before was not away, however long ago that is.
    const here = new Set(ids)
    const left = [...this.#visits.values()].filter(
      ({ trackId, lastSeen }) => now - lastSeen > this.grace + 1e-9 && !(lastSeen === before && here.has(trackId)),
    )
    for (const { trackId } of left) this.#visits.delete(trackId)
    const entered = new Set<NamedDetection>()
    for (const detection of inside) {
      const trackId = trackIdOf(detection)
      if (trackId === undefined) continue
      const { label, name } = detection
      const visit = this.#visits.get(trackId)
      if (visit === undefined) {
        entered.add(detection)
        this.#entries.add(name)
      }
      const start = visit?.entered ?? now
      this.#visits.set(trackId, { trackId, label, name, entered: start, lastSeen: now, dwell: now - start })
    }
    this.#inside = inside
    return { inside, entered: inside.filter((detection) => entered.has(detection)), left }
  }

  /** Forgets visits, counts and the time. */
  reset(): void {
    this.#visits.clear()
    this.#entries.clear()
    this.#inside = undefined
    this.#clock.reset()
  }

  #holds(detection: NamedDetection, index: number): boolean {
    const box = boxOf(detection, `detections[${index}]`)
    return this.anchors.every((anchor) => containsPoint(this.polygon, ...anchorPoint(box, anchor)))
  }
}

/** True where the corners are not all on one line; one that crosses itself may have no area by the shoelace formula. */
function hasWidth(polygon: Polygon): boolean {
  const [x, y] = [polygon[0]!, polygon[1]!]
  for (let i = 2; i + 3 < polygon.length; i += 2)
    if ((polygon[i]! - x) * (polygon[i + 3]! - y) !== (polygon[i + 1]! - y) * (polygon[i + 2]! - x)) return true
  return false
}
