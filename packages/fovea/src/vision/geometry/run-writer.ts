// Builds a mask run by run.

import type { RunLengths } from '../annotation.ts'

/** Collects runs from top to bottom, column after column. */
export class RunWriter {
  readonly #counts: number[] = []
  #end = 0

  /** Pixels from `start` to `end` - 1 are 1; counted down the columns, not before those of the last call. */
  add(start: number, end: number): void {
    if (end <= start) return
    if (start === this.#end && this.#counts.length > 0) {
      this.#counts[this.#counts.length - 1] = this.#counts.at(-1)! + (end - start)
    } else {
      this.#counts.push(start - this.#end, end - start)
    }
    this.#end = end
  }

  finish(width: number, height: number): RunLengths {
    const rest = width * height - this.#end
    return { width, height, counts: rest > 0 ? [...this.#counts, rest] : [...this.#counts] }
  }
}
