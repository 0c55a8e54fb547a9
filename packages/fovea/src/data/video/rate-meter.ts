// Frames a second, from when the last of them came.

/** How far back is looked, in milliseconds, and at most how many frames. */
const span = 2000
const longest = 240

export class RateMeter {
  readonly #now: () => number
  readonly #times: number[] = []

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  tick(): void {
    this.#times.push(this.#now())
    if (this.#times.length > longest) this.#times.shift()
  }

  /** Intervals between the frames of the last two seconds, over the time that they took; 0 with fewer than two frames. */
  perSecond(): number {
    const since = this.#now() - span
    const recent = this.#times.filter((time) => time >= since)
    const took = (recent.at(-1) ?? 0) - (recent[0] ?? 0)
    return took > 0 ? ((recent.length - 1) * 1000) / took : 0
  }
}
