// Where tracks were lately, to be drawn.

import type { Detections } from '../detections.ts'
import { boxOf } from '../metrics/detections.ts'
import { type Anchor, anchorPoint, checkAnchors } from '../zones/anchors.ts'
import { requireTracks } from '../zones/tallies.ts'
import { type ClockOptions, FrameClock, type FrameTime, trackingInvalid } from './clock.ts'

export interface TrailsOptions extends ClockOptions {
  /** How long a place is kept. @default 2 */
  readonly seconds?: number
  /** Which point of the box leaves the trail. @default 'bottom-center' */
  readonly anchor?: Anchor
}

export interface Trail {
  readonly trackId: number | string
  readonly label: number
  /** Pixels, oldest first. */
  readonly points: readonly (readonly [x: number, y: number])[]
}

interface Path {
  label: number
  readonly places: { readonly x: number; readonly y: number; readonly time: number }[]
}

/** The places of tracked detections in the last seconds. */
export class Trails {
  readonly #clock: FrameClock
  readonly #seconds: number
  readonly #anchor: Anchor
  readonly #paths = new Map<number | string, Path>()

  /** @throws FoveaError TRACKING_INVALID */
  constructor({ seconds = 2, anchor = 'bottom-center', frameRate = 30 }: TrailsOptions = {}) {
    if (!(seconds >= 0 && Number.isFinite(seconds))) throw trackingInvalid('seconds', '0 or more', seconds)
    checkAnchors([anchor])
    this.#clock = new FrameClock({ frameRate })
    this.#seconds = seconds
    this.#anchor = anchor
  }

  /** Takes a frame in. @throws FoveaError TRACKING_INVALID for detections without a track and a time before the last frame, METRIC_INVALID */
  update(tracked: Detections, time: FrameTime = {}): void {
    const seen = [...requireTracks(tracked)].map(([id, detection], i) => ({ id, detection, box: boxOf(detection, `detections[${i}]`) }))
    const now = this.#clock.next(time)
    for (const { id, detection, box } of seen) {
      const path = this.#paths.get(id) ?? { label: detection.label, places: [] }
      this.#paths.set(id, path)
      const [x, y] = anchorPoint(box, this.#anchor)
      path.label = detection.label
      path.places.push({ x, y, time: now })
    }
    for (const [id, { places }] of this.#paths) {
      while (places.length > 0 && now - places[0]!.time > this.#seconds + 1e-9) places.shift()
      if (places.length === 0) this.#paths.delete(id)
    }
  }

  get trails(): readonly Trail[] {
    return [...this.#paths].map(([trackId, { label, places }]) => ({ trackId, label, points: places.map(({ x, y }) => [x, y] as const) }))
  }
}
