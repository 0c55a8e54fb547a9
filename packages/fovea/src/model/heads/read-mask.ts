// The mask of a detection, from cells of the model's input to pixels of the picture.

import type { Box, RunLengths } from '../../vision/annotation.ts'
import { RunWriter } from '../../vision/geometry/run-writer.ts'
import type { Placement } from '../../vision/placement.ts'
import { cellsAbout } from '../../vision/resize-map.ts'

export interface CellMask {
  /** Row by row, 255 for certain. */
  readonly cells: Uint8Array
  readonly height: number
  readonly width: number
  /** Pixels of the input between cells. */
  readonly stride: number
}

/** What counts as part of the thing. */
const half = 127.5

/**
 * Pixels of the picture whose place in the mask is at least half certain, within the box: bilinear between the middles of cells, the outermost
 * reaching to the edge.
 *
 * @param box in pixels of the picture, inside of it
 */
export function readMask(mask: CellMask, box: Box, { scaled, offset, picture: [height, width] }: Placement): RunLengths {
  const { cells, stride } = mask
  const [down, across] = [scaled[0] / height, scaled[1] / width]
  const [left, right] = [Math.max(0, Math.floor(box.x1)), Math.min(width, Math.ceil(box.x2))]
  const [top, bottom] = [Math.max(0, Math.floor(box.y1)), Math.min(height, Math.ceil(box.y2))]
  const rows = Array.from({ length: bottom - top }, (_, i) => cellsAbout(((top + i + 0.5) * down + offset[0]) / stride, mask.height))
  const writer = new RunWriter()
  for (let x = left; x < right; x++) {
    const column = cellsAbout(((x + 0.5) * across + offset[1]) / stride, mask.width)
    let start = -1
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!
      const at = (y: number) => {
        const from = y * mask.width
        return cells[from + column.low]! * (1 - column.part) + cells[from + column.high]! * column.part
      }
      const isPart = at(row.low) * (1 - row.part) + at(row.high) * row.part >= half
      if (isPart && start < 0) start = i
      if (start >= 0 && (!isPart || i === rows.length - 1)) {
        writer.add(x * height + top + start, x * height + top + (isPart ? i + 1 : i))
        start = -1
      }
    }
  }
  return writer.finish(width, height)
}
