// Detections of one frame after another, told which are the same thing: ByteTrack (Zhang et al. 2022, arXiv:2110.06864).

import type { Box } from '../annotation.ts'
import { boxIoU } from '../boxes.ts'
import { Detections, type NamedDetection } from '../detections.ts'
import { boxOf } from '../metrics/detections.ts'
import { linearAssignment } from './assignment.ts'
import { type ClockOptions, FrameClock, type FrameTime, trackingInvalid } from './clock.ts'
import { type Track, TrackRecord } from './track.ts'

/** One score for all classes, or by class name; classes that are not named have the default. */
export type TrackScores = number | Readonly<Record<string, number>>

export interface TrackerOptions extends ClockOptions {
  /** From this score on a detection is strong: it is matched first, also with tracks that are lost. @default 0.5 */
  readonly highScore?: TrackScores
  /** Detections from this score on to `highScore` go on with tracks, but begin none: let the detector give them. @default 0.1 */
  readonly lowScore?: number
  /** From this score on a detection that no track takes begins one. @default highScore + 0.1, at most 1 */
  readonly newScore?: TrackScores
  /** Strong detections match where IoU, times the score with `fuseScores`, is above this. @default 0.2 */
  readonly overlap?: number
  /** Weak detections match where IoU is above this. @default 0.5 */
  readonly weakOverlap?: number
  /** A second sight of a thing that was new matches as `overlap` says, above this. @default 0.3 */
  readonly newOverlap?: number
  /** Strong detections count as far as they are trusted: IoU is multiplied by the score. @default true */
  readonly fuseScores?: boolean
  /** A track takes detections of its own class only. Without it a class that flickers costs no track, and things of two classes may change numbers. @default true */
  readonly byClass?: boolean
  /** A new thing has a number once it was seen in so many frames in a row. Those of the first frame have one at once. @default 2 */
  readonly minHits?: number
  /** How long a track is kept that is not seen, in frames of `frameRate`. @default 30 */
  readonly lostFrames?: number
  /** The same in seconds, in place of `lostFrames`. */
  readonly lostSeconds?: number
}

const defaultHigh = 0.5

/** The score of a class; `''` is none. */
function scoreOf(scores: TrackScores, name: string, otherwise: number): number {
  return typeof scores === 'number' ? scores : Object.hasOwn(scores, name) ? scores[name]! : otherwise
}

/** By the names that errors give them. */
function scoresIn(field: string, scores: TrackScores): Record<string, number> {
  if (typeof scores === 'number') return { [field]: scores }
  if (typeof scores !== 'object' || scores === null) throw trackingInvalid(field, '0 to 1, or numbers by class', scores)
  return Object.fromEntries(Object.entries(scores).map(([name, score]) => [`${field}.${name}`, score]))
}

/** What begins a track of a class where nothing else is said. */
function above(high: number): number {
  return Math.min(1, high + 0.1)
}

/** Two tracks that lie over each other by more than this are one: the paper's code. */
const sameOverlap = 0.85

interface Seen {
  readonly detection: NamedDetection
  readonly box: Box
}

/**
 * Follows things through the frames of one camera.
 *
 * ```ts
 * const tracker = new Tracker()
 * for await (const { image, timestamp } of source) {
 *   const tracked = tracker.update(await model.predict(image, { confidence: tracker.lowScore }), { timestamp })
 *   for (const { name, box, attributes } of tracked) console.log(attributes?.trackId, name, box)
 * }
 * ```
 *
 * Boxes move by a Kalman filter, whose step is the time between two frames, so frames may be dropped. The order of detections does not matter.
 */
export class Tracker {
  readonly highScore: TrackScores
  readonly lowScore: number
  readonly newScore: TrackScores
  readonly #options: Required<Pick<TrackerOptions, 'overlap' | 'weakOverlap' | 'newOverlap' | 'fuseScores' | 'byClass' | 'minHits'>>
  readonly #lostSeconds: number
  readonly #clock: FrameClock
  #records: TrackRecord[] = []
  #removed: TrackRecord[] = []
  #begun = false
  #lastId = 0

  /** @throws FoveaError TRACKING_INVALID */
  constructor(options: TrackerOptions = {}) {
    const { highScore = defaultHigh, fuseScores = true, byClass = true, minHits = 2 } = options
    const { overlap = 0.2, weakOverlap = 0.5, newOverlap = 0.3, lostFrames = 30, lostSeconds } = options
    const scores = { ...scoresIn('highScore', highScore), ...scoresIn('newScore', options.newScore ?? {}) }
    for (const [field, value] of Object.entries({ ...scores, overlap, weakOverlap, newOverlap }))
      if (!(value >= 0 && value <= 1)) throw trackingInvalid(field, '0 to 1', value)
    const least = typeof highScore === 'number' ? highScore : Math.min(defaultHigh, ...Object.values(highScore))
    const { lowScore = Math.min(0.1, least) } = options
    if (!(lowScore >= 0 && lowScore <= 1)) throw trackingInvalid('lowScore', '0 to 1', lowScore)
    if (lowScore > least) throw trackingInvalid('lowScore', `at most highScore, ${least}`, lowScore)
    const newScore = options.newScore ?? (typeof highScore === 'number' ? above(highScore) : {})
    const names = [highScore, newScore].flatMap((one) => (typeof one === 'number' ? [] : Object.keys(one)))
    for (const name of ['', ...names]) {
      const high = scoreOf(highScore, name, defaultHigh)
      const fresh = scoreOf(newScore, name, above(high))
      if (fresh < high) throw trackingInvalid('newScore', `at least highScore, ${high}`, fresh)
    }
    if (!(Number.isInteger(minHits) && minHits >= 1)) throw trackingInvalid('minHits', 'a whole number of at least 1', minHits)
    if (!(lostFrames >= 0)) throw trackingInvalid('lostFrames', '0 or more', lostFrames)
    if (lostSeconds !== undefined && !(lostSeconds >= 0)) throw trackingInvalid('lostSeconds', '0 or more', lostSeconds)
    if (lostSeconds !== undefined && options.lostFrames !== undefined)
      throw trackingInvalid('lostSeconds', 'lostFrames or lostSeconds', 'both')
    this.#clock = new FrameClock(options)
    this.highScore = highScore
    this.lowScore = lowScore
    this.newScore = newScore
    this.#lostSeconds = lostSeconds ?? lostFrames / this.#clock.frameRate
    this.#options = { overlap, weakOverlap, newOverlap, fuseScores, byClass, minHits }
  }

  /** All tracks that live: tentative, tracked and lost ones. */
  get tracks(): Track[] {
    return this.#records.map((record) => record.view(this.#clock.frameRate))
  }

  /** The numbered tracks that ended with the last frame. */
  get removed(): Track[] {
    return this.#removed.map((record) => record.view(this.#clock.frameRate))
  }

  /**
   * The detections of the next frame that belong to tracks with a number, in the order given: the number is their `attributes.trackId`, the `tracker_id` and
   * `track_id` of the JSON writers. A box without an area is left out.
   *
   * @throws FoveaError TRACKING_INVALID for scores outside 0 to 1 and a time before the last frame, METRIC_INVALID for detections without a place; the tracker is as before
   */
  update(found: Detections, time: FrameTime = {}): Detections {
    const seen = sightsOf(found)
    const before = this.#clock.now
    const first = !this.#begun
    const now = this.#clock.next(time)
    this.#begun = true
    this.#advance(first ? 0 : now - before, now)

    const { overlap, weakOverlap, newOverlap, minHits } = this.#options
    const high = ({ detection }: Seen) => scoreOf(this.highScore, detection.name, defaultHigh)
    const isStrong = (one: Seen) => one.detection.score >= high(one)
    const strong = seen.filter(isStrong)
    const weak = seen.filter((one) => one.detection.score >= this.lowScore && !isStrong(one))
    const numbered = this.#records.filter(({ state }) => state !== 'tentative')
    const tentative = this.#records.filter(({ state }) => state === 'tentative')
    // Lost tracks come back by strong detections alone: what is weak after an absence is too often something else.
    const strongMatch = this.#match(numbered, strong, overlap, this.#options.fuseScores, now)
    const present = strongMatch.unseen.filter(({ state }) => state === 'tracked')
    const weakMatch = this.#match(present, weak, weakOverlap, false, now)
    const newMatch = this.#match(tentative, strongMatch.left, newOverlap, this.#options.fuseScores, now)
    for (const record of weakMatch.unseen) record.state = 'lost'
    for (const record of newMatch.unseen) record.state = 'removed'
    const begun = newMatch.left
      .filter((one) => one.detection.score >= scoreOf(this.newScore, one.detection.name, above(high(one))))
      .map(({ detection, box }) => new TrackRecord(detection, box, now))
    for (const record of [...tentative, ...begun])
      if (record.state === 'tentative' && (first || record.hits >= minHits)) {
        record.state = 'tracked'
        record.id = ++this.#lastId
      }
    this.#records.push(...begun)
    this.#removeDoubles()
    this.#sweep()
    return this.#answer(found)
  }

  /** Forgets all tracks, and the time; numbers begin at 1 again. */
  reset(): void {
    this.#records = []
    this.#removed = []
    this.#begun = false
    this.#lastId = 0
    this.#clock.reset()
  }

  /** Moves all tracks on; those that were not seen for too long end. */
  #advance(seconds: number, now: number): void {
    this.#removed = []
    for (const record of this.#records) {
      // The slack takes up the rounding of times that are added up.
      if (record.state === 'lost' && now - record.lastSeen > this.#lostSeconds + 1e-9) record.state = 'removed'
      else {
        if (record.state === 'lost') record.filter.holdSize()
        record.filter.predict(seconds * this.#clock.frameRate)
      }
    }
    this.#sweep()
  }

  #match(records: readonly TrackRecord[], seen: readonly Seen[], least: number, fuse: boolean, now: number) {
    const costs = new Float64Array(records.length * seen.length)
    for (const [row, record] of records.entries()) {
      const place = record.filter.box
      for (const [column, { detection, box }] of seen.entries()) {
        const foreign = this.#options.byClass && detection.label !== record.detection.label
        costs[row * seen.length + column] = foreign ? Number.POSITIVE_INFINITY : -boxIoU(box, place) * (fuse ? detection.score : 1)
      }
    }
    const chosen = linearAssignment({ rows: records.length, columns: seen.length, costs, limit: -least })
    const taken = new Set<number>()
    for (const [row, column] of chosen.entries()) {
      if (column < 0) continue
      taken.add(column)
      const { detection, box } = seen[column]!
      records[row]!.take(detection, box, now)
    }
    return { unseen: records.filter((_, row) => chosen[row]! < 0), left: seen.filter((_, column) => !taken.has(column)) }
  }

  /** A lost track where another one is seen is that one: the one that lived longer stays. */
  #removeDoubles(): void {
    const lost = this.#records.filter(({ state }) => state === 'lost')
    const tracked = this.#records.filter(({ state }) => state === 'tracked')
    for (const old of lost)
      for (const record of tracked) {
        if (old.state === 'removed' || record.state === 'removed') continue
        if (this.#options.byClass && old.detection.label !== record.detection.label) continue
        if (boxIoU(old.filter.box, record.filter.box) <= sameOverlap) continue
        const isOlder = old.lastSeen - old.firstSeen > record.lastSeen - record.firstSeen
        if (isOlder) record.state = 'removed'
        else old.state = 'removed'
      }
  }

  #sweep(): void {
    this.#removed.push(...this.#records.filter(({ id, state }) => state === 'removed' && id > 0))
    this.#records = this.#records.filter(({ state }) => state !== 'removed')
  }

  #answer(found: Detections): Detections {
    const ids = new Map(this.#records.filter(({ state }) => state === 'tracked').map(({ detection, id }) => [detection, id]))
    const detections = found.detections
      .filter((detection) => ids.has(detection))
      .map((detection) => ({ ...detection, attributes: { ...detection.attributes, trackId: ids.get(detection)! } }))
    const { labels, width, height } = found
    return new Detections(detections, { labels, width, height })
  }
}

/** The number that a tracker gave; undefined for none. */
export function trackIdOf({ attributes }: Pick<NamedDetection, 'attributes'>): number | string | undefined {
  const id = attributes?.trackId
  return typeof id === 'number' || typeof id === 'string' ? id : undefined
}

/** In an order that what they are decides alone: best score first, then class, then place. */
function sightsOf(found: Detections): Seen[] {
  if (!(found instanceof Detections)) throw trackingInvalid('detections', 'Detections', typeof found)
  const seen = found.detections.map((detection, i) => {
    const { score } = detection
    if (!(score >= 0 && score <= 1)) throw trackingInvalid(`detections[${i}].score`, '0 to 1', score)
    return { detection, box: boxOf(detection, `detections[${i}]`) }
  })
  const key = ({ detection, box }: Seen) => [-detection.score, detection.label, box.x1, box.y1, box.x2, box.y2]
  return seen
    .filter(({ box }) => box.x2 > box.x1 && box.y2 > box.y1)
    .map((one) => ({ one, key: key(one) }))
    .sort((a, b) => a.key.reduce((order, value, i) => order || value - b.key[i]!, 0))
    .map(({ one }) => one)
}
