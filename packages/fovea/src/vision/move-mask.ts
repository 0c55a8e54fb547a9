// Masks in another place: shifted into a larger picture, or mirrored.

import type { RunLengths } from './annotation.ts'
import { RunWriter } from './geometry/run-writer.ts'
import { visitRuns } from './run-lengths.ts'

/** The mask with its upper left corner at (left, top) of a picture of this size; what lies outside is cut off. */
export function shiftMask(
  mask: RunLengths,
  left: number,
  top: number,
  { width, height }: { readonly width: number; readonly height: number },
): RunLengths {
  const writer = new RunWriter()
  visitRuns(mask, (x, from, to) => {
    const column = x + left
    if (column < 0 || column >= width) return
    const [start, end] = [Math.max(0, from + top), Math.min(height, to + top)]
    if (end > start) writer.add(column * height + start, column * height + end)
  })
  return writer.finish(width, height)
}

/** Left and right exchanged. */
export function mirrorMask(mask: RunLengths): RunLengths {
  const { width, height } = mask
  const runs: [x: number, top: number, bottom: number][] = []
  visitRuns(mask, (x, top, bottom) => runs.push([width - 1 - x, top, bottom]))
  const writer = new RunWriter()
  // Within a column the order from top to bottom stays.
  runs.sort(([a, top], [b, other]) => a - b || top - other)
  for (const [x, top, bottom] of runs) writer.add(x * height + top, x * height + bottom)
  return writer.finish(width, height)
}
