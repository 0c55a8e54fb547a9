// The time of frames: by their timestamps, or counted where they have none.

import { FoveaError } from '../../util/errors.ts'

export interface ClockOptions {
  /** Frames a second: the unit of everything that is counted in frames, and the time of frames without a timestamp. @default 30 */
  readonly frameRate?: number
}

export interface FrameTime {
  /** Seconds, never falling. @default one frame after the one before */
  readonly timestamp?: number
}

/** Seconds since any start; gaps may be of any length. */
export class FrameClock {
  readonly frameRate: number
  #now: number | undefined

  /** @throws FoveaError TRACKING_INVALID */
  constructor({ frameRate = 30 }: ClockOptions = {}) {
    if (!(frameRate > 0 && Number.isFinite(frameRate))) throw trackingInvalid('frameRate', 'a number above 0', frameRate)
    this.frameRate = frameRate
  }

  /** The time of the last frame. */
  get now(): number {
    return this.#now ?? 0
  }

  /** The time of the next frame; the clock is set to it. @throws FoveaError TRACKING_INVALID for a time before the last one */
  next({ timestamp }: FrameTime): number {
    const least = this.#now ?? Number.NEGATIVE_INFINITY
    if (timestamp !== undefined && !(Number.isFinite(timestamp) && timestamp >= least))
      throw trackingInvalid('timestamp', this.#now === undefined ? 'a number of seconds' : `at least ${least}, the frame before`, timestamp)
    this.#now = timestamp ?? (this.#now === undefined ? 0 : this.#now + 1 / this.frameRate)
    return this.#now
  }

  reset(): void {
    this.#now = undefined
  }
}

export function trackingInvalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('TRACKING_INVALID', { field, expected, found: String(found) })
}
