// Masks as run lengths down the columns (COCO's order): to and from pixels.

import type { Box, RunLengths } from '../annotation.ts'

/** Calls `visit` for each run of 1 within one column: pixels `top` to `bottom` - 1 of column `x`. */
export function visitRuns({ height, counts }: RunLengths, visit: (x: number, top: number, bottom: number) => void): void {
  let at = 0
  counts.forEach((count, i) => {
    const end = at + count
    if (i % 2 === 1)
      for (let start = at; start < end; ) {
        const x = Math.floor(start / height)
        const stop = Math.min(end, (x + 1) * height)
        visit(x, start - x * height, stop - x * height)
        start = stop
      }
    at = end
  })
}

/** Number of pixels of 1. */
export function maskArea({ counts }: RunLengths): number {
  return counts.reduce((sum, count, i) => (i % 2 === 1 ? sum + count : sum), 0)
}

/** The box around the pixels of 1; undefined where there are none. */
export function maskBounds(mask: RunLengths): Box | undefined {
  let [x1, y1, x2, y2] = [Infinity, Infinity, -Infinity, -Infinity]
  visitRuns(mask, (x, top, bottom) => {
    x1 = Math.min(x1, x)
    x2 = Math.max(x2, x + 1)
    y1 = Math.min(y1, top)
    y2 = Math.max(y2, bottom)
  })
  return x1 > x2 ? undefined : { x1, y1, x2, y2 }
}

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
