// `--track`, `--line` and `--zone` of `fovea predict`: numbers and counts beside what a detector sees in frames.

import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Answer } from '../model/answer-text.ts'
import type { DetectHead } from '../model/heads/head.ts'
import type { ModelMetadata } from '../model/metadata.ts'
import type { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError } from '../util/errors.ts'
import type { Detections } from '../vision/detections.ts'
import type { DrawnLine, DrawnZone } from '../vision/drawing/tracking.ts'
import { Tracker, type TrackScores, trackIdOf } from '../vision/tracking/tracker.ts'
import { type Trail, Trails } from '../vision/tracking/trails.ts'
import { type Anchor, anchorNames } from '../vision/zones/anchors.ts'
import { LineZone } from '../vision/zones/line-zone.ts'
import { PolygonZone } from '../vision/zones/polygon-zone.ts'
import { parseNumber } from './terminal.ts'

export interface TrackFlags {
  track?: boolean
  trackBuffer?: number
  line?: (readonly number[])[]
  zone?: (readonly number[])[]
  anchor?: Anchor
  confidence?: TrackScores
}

/** Adds the options of tracking. */
export function withTrackOptions(command: Command): Command {
  return command
    .option('--track', 'frames: follow what a detector finds, and give each thing a number')
    .option('--track-buffer <seconds>', 'keep the number of a thing that is not seen for so long (default: 1)', parseNumber)
    .option(
      '--line <x1,y1,x2,y2>',
      'count what crosses this line, in pixels; to its left is in (with --track; may be repeated)',
      parseLine,
      [],
    )
    .option('--zone <x1,y1,...>', 'count what is inside this outline, and for how long (with --track; may be repeated)', parseZone, [])
    .addOption(
      new Option('--anchor <point>', 'of a box: which point decides on lines and zones (default: all corners, bottom-center)').choices(
        anchorNames,
      ),
    )
}

function parseLine(text: string, before: (readonly number[])[]): (readonly number[])[] {
  return [...before, parseNumbers(text, (count) => count === 4, 'It must be four numbers: x1,y1,x2,y2.')]
}

function parseZone(text: string, before: (readonly number[])[]): (readonly number[])[] {
  return [
    ...before,
    parseNumbers(text, (count) => count >= 6 && count % 2 === 0, 'It must be x and y of at least three corners: x1,y1,x2,y2,x3,y3.'),
  ]
}

function parseNumbers(text: string, fits: (count: number) => boolean, message: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (!fits(numbers.length) || !numbers.every(Number.isFinite)) throw new InvalidArgumentError(message)
  return numbers
}

/** True where tracking was asked for in any way. */
export function asksTracking({ track, trackBuffer, line = [], zone = [], anchor }: TrackFlags): boolean {
  return track === true || trackBuffer !== undefined || line.length > 0 || zone.length > 0 || anchor !== undefined
}

/** What a frame adds to its line of JSON. */
export interface TrackRecord {
  readonly lines?: readonly object[]
  readonly zones?: readonly object[]
}

/** A frame with its numbers. */
export interface TrackedFrame {
  readonly answer: Answer
  readonly record: TrackRecord
  /** `line 1: 3 in, 1 out`. */
  readonly words: readonly string[]
  readonly drawing: { readonly trails: readonly Trail[]; readonly lines: readonly DrawnLine[]; readonly zones: readonly DrawnZone[] }
}

/** The tracker, lines and zones of a run. */
export class Tracking {
  /** From which score on the model must tell detections. */
  readonly confidence: number
  readonly #tracker: Tracker
  readonly #head: string
  readonly #trails = new Trails()
  readonly #lines: readonly LineZone[]
  readonly #zones: readonly PolygonZone[]

  /** @throws FoveaError MODEL_TASK for a model that does not detect, TRACKING_INVALID */
  constructor({ model, metadata }: Pick<DeepSeekVision<never>, 'model' | 'metadata'>, flags: TrackFlags) {
    const head = detector(metadata)
    const stored = model.graph.initializers.get(head.thresholds.confidence)!.data as Float32Array
    const own = Object.fromEntries(head.labels.map((label, i) => [label, stored[i]!]))
    // What the model would tell by itself may begin a track; what is weaker only goes on with one.
    const highScore = typeof flags.confidence === 'number' ? flags.confidence : { ...own, ...flags.confidence }
    this.#head = head.name
    this.#tracker = new Tracker({ highScore, newScore: highScore, lostSeconds: flags.trackBuffer ?? 1 })
    this.confidence = this.#tracker.lowScore
    const anchors = flags.anchor === undefined ? {} : { anchors: [flags.anchor] }
    this.#lines = (flags.line ?? []).map(
      ([x1, y1, x2, y2]) => new LineZone({ start: { x: x1!, y: y1! }, end: { x: x2!, y: y2! }, ...anchors }),
    )
    this.#zones = (flags.zone ?? []).map((polygon) => new PolygonZone({ polygon, ...anchors }))
  }

  /** Takes in a frame. @throws FoveaError TRACKING_INVALID for a time before the last frame */
  update(answer: Answer, timestamp: number): TrackedFrame {
    const found = answer.task === 'multi' ? answer.heads[this.#head] : answer
    const tracked = this.#tracker.update(found as Detections, { timestamp })
    this.#trails.update(tracked, { timestamp })
    const lines = this.#lines.map((line) => {
      const crossed = line.update(tracked)
      const { inCount, outCount, inByClass, outByClass } = line
      return { in: inCount, out: outCount, inByClass, outByClass, crossedIn: idsOf(crossed.in), crossedOut: idsOf(crossed.out) }
    })
    const zones = this.#zones.map((zone) => {
      const { entered, left } = zone.update(tracked, { timestamp })
      const { count, counts, total, totals, visits } = zone
      const dwell = visits.map((visit) => ({ trackId: visit.trackId, name: visit.name, seconds: rounded(visit.dwell) }))
      const gone = left.map((visit) => ({ trackId: visit.trackId, name: visit.name, seconds: rounded(visit.dwell) }))
      return { count, counts, total, totals, dwell, entered: idsOf(entered), left: gone }
    })
    return {
      answer: answer.task === 'multi' ? { ...answer, heads: { ...answer.heads, [this.#head]: tracked } } : tracked,
      record: { ...(lines.length > 0 && { lines }), ...(zones.length > 0 && { zones }) },
      words: [
        ...lines.map((line, i) => `line ${i + 1}: ${line.in} in, ${line.out} out`),
        ...zones.map((zone, i) => `zone ${i + 1}: ${zone.count} inside, ${zone.total} so far`),
      ],
      drawing: { trails: this.#trails.trails, lines: this.#lines, zones: this.#zones },
    }
  }
}

function idsOf(found: Detections): (number | string)[] {
  return found.detections.map((detection) => trackIdOf(detection)!)
}

function rounded(seconds: number): number {
  return Number(seconds.toFixed(3))
}

function detector({ heads = [], task, name }: ModelMetadata): DetectHead {
  const head = heads.find((one) => one.task === 'detect')
  if (head !== undefined) return head
  throw new FoveaError('MODEL_TASK', { field: name, expected: 'a model that detects, for --track', found: task })
}
