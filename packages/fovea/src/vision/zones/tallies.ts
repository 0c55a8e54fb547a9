// Counts by the name of a class.

import { Detections, type NamedDetection } from '../detections.ts'
import { trackingInvalid } from '../tracking/clock.ts'
import { trackIdOf } from '../tracking/tracker.ts'

export class Tallies {
  readonly #counts = new Map<string, number>()
  #total = 0

  get total(): number {
    return this.#total
  }

  /** By the name of the class; those of which nothing was counted are absent. */
  get byClass(): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    this.#total++
  }

  clear(): void {
    this.#counts.clear()
    this.#total = 0
  }
}

/** @throws FoveaError TRACKING_INVALID where it did not go through a tracker */
export function requireTrack(detection: NamedDetection, index: number): number | string {
  const id = trackIdOf(detection)
  if (id === undefined) throw trackingInvalid(`detections[${index}].attributes.trackId`, 'the number of a track', 'none')
  return id
}

/** Detections whose numbers are all there and differ. @throws FoveaError TRACKING_INVALID */
export function requireTracks(found: Detections): Map<number | string, NamedDetection> {
  if (!(found instanceof Detections)) throw trackingInvalid('detections', 'Detections', typeof found)
  const byTrack = new Map(found.detections.map((detection, i) => [requireTrack(detection, i), detection]))
  if (byTrack.size !== found.length) throw trackingInvalid('detections', 'one detection of each track', 'a number twice')
  return byTrack
}
