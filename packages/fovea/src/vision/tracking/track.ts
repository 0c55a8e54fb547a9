// One thing that is followed through the frames.

import type { Box } from '../annotation.ts'
import type { NamedDetection } from '../detections.ts'
import { BoxFilter } from './kalman.ts'

/**
 * `tentative`: seen too seldom yet to have a number. `tracked`: seen in the last frame. `lost`: not seen, but it may come back. `removed`: it will not come back.
 */
export type TrackState = 'tentative' | 'tracked' | 'lost' | 'removed'

/** What is known of a track. */
export interface Track {
  /** From 1 on, never used twice; 0 while it is tentative. */
  readonly id: number
  readonly state: TrackState
  /** As of the detection that was seen last. */
  readonly label: number
  readonly name: string
  readonly score: number
  /** Where the filter thinks it to be: also while it is lost. */
  readonly box: Box
  /** Pixels a second. */
  readonly velocity: readonly [x: number, y: number]
  /** Seconds. */
  readonly firstSeen: number
  readonly lastSeen: number
  /** Frames in which it was seen. */
  readonly hits: number
}

/** The state behind a `Track`, held by the tracker alone. */
export class TrackRecord {
  id = 0
  state: TrackState = 'tentative'
  hits = 1
  lastSeen: number
  detection: NamedDetection
  readonly firstSeen: number
  readonly filter: BoxFilter

  constructor(detection: NamedDetection, box: Box, time: number) {
    this.detection = detection
    this.filter = new BoxFilter(box)
    this.firstSeen = time
    this.lastSeen = time
  }

  /** Is seen again. */
  take(detection: NamedDetection, box: Box, time: number): void {
    this.filter.update(box)
    this.detection = detection
    this.lastSeen = time
    this.hits++
    if (this.id > 0) this.state = 'tracked'
  }

  view(frameRate: number): Track {
    const { id, state, hits, firstSeen, lastSeen, filter } = this
    const { label, name, score } = this.detection
    const [x, y] = filter.velocity
    return { id, state, label, name, score, box: filter.box, velocity: [x * frameRate, y * frameRate], firstSeen, lastSeen, hits }
  }
}
