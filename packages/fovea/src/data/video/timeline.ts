// The timestamps of a source: one line of seconds that never falls, over reconnects and clocks that are set anew.

/** Larger jumps of a live stream's clock are taken for a clock that was set, not for time that passed. */
const largestJump = 10

export class Timeline {
  readonly #live: boolean
  readonly #now: () => number
  #begin: number | undefined
  /** Added to the stream's clock. */
  #offset: number | undefined
  #lastTime: number | undefined
  #last = 0

  /** @param now seconds of a clock that never falls */
  constructor(live: boolean, now: () => number = () => performance.now() / 1000) {
    this.#live = live
    this.#now = now
  }

  /** Says that the next frame is the first of a new connection. */
  reconnected(): void {
    this.#offset = undefined
  }

  /** The timestamp of a frame that the stream dates `time`, or that has no date. */
  stamp(time: number | undefined): number {
    const now = this.#now()
    this.#begin ??= now
    const elapsed = now - this.#begin
    if (time === undefined) this.#last = Math.max(this.#last, elapsed)
    else if (!this.#live) this.#last = Math.max(this.#last, time)
    else {
      if (this.#offset === undefined || this.#jumped(time, elapsed)) this.#offset = Math.max(this.#last, elapsed) - time
      this.#last = Math.max(this.#last, time + this.#offset)
      this.#lastTime = time
    }
    return this.#last
  }

  #jumped(time: number, elapsed: number): boolean {
    const step = time - (this.#lastTime ?? time)
    return step < -1 || (step > largestJump && time + this.#offset! > elapsed + largestJump)
  }
}

/** Picks the first frame of each 1/fps of time: the same rule as `selectFilter` has FFmpeg follow. */
export class Sampler {
  readonly #fps: number
  #cell = Number.NEGATIVE_INFINITY

  constructor(fps: number) {
    this.#fps = fps
  }

  takes(timestamp: number): boolean {
    const cell = Math.floor(timestamp * this.#fps + 1e-6)
    if (cell <= this.#cell) return false
    this.#cell = cell
    return true
  }
}

/** FFmpeg's filter that passes the first frame of each 1/fps, counted from the first frame. */
export function selectFilter(fps: number): string {
  const cell = (time: string) => `floor((${time}-start_t)*${fps}+1e-6)`
  return `select='isnan(prev_selected_t)+gt(${cell('t')},${cell('prev_selected_t')})'`
}
