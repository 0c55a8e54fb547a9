// Where a picture lies in what the model saw, so that maps can be laid right over it.

import type { Preprocessing } from './preprocessing.ts'
import { planResize, type ResizePlan } from './resize.ts'

export interface Placement extends ResizePlan {
  /** Height and width of the picture itself. */
  readonly picture: readonly [height: number, width: number]
}

/** The placement of a picture of this size under a preprocessing. */
export function placementOf(width: number, height: number, preprocessing: Preprocessing): Placement {
  return { ...planResize(width, height, preprocessing), picture: [height, width] }
}

/** Values over a rectangle, row-major. */
export interface Grid {
  readonly height: number
  readonly width: number
  readonly data: Float32Array
}

/**
 * The part of a map over the model's input that belongs to the picture: without the borders of a letterbox, and with `outside` where
 * a crop cut the picture off. Cells keep about their size.
 */
export function overPicture(map: Grid, placement: Placement, outside = 0): Grid {
  const rows = axisOf(map.height, placement, 0)
  const columns = axisOf(map.width, placement, 1)
  const data = new Float32Array(rows.length * columns.length)
  let at = 0
  for (const y of rows) for (const x of columns) data[at++] = sample(map, y, x, outside)
  return { height: rows.length, width: columns.length, data }
}

/** The middles of the picture's cells, in cells of the map. */
function axisOf(cells: number, { size, scaled, offset }: Placement, axis: 0 | 1): number[] {
  const perPixel = cells / size[axis]
  const count = Math.max(1, Math.round(scaled[axis] * perPixel))
  return Array.from({ length: count }, (_, i) => (offset[axis] + ((i + 0.5) * scaled[axis]) / count) * perPixel)
}

/** Bilinear between the middles of cells; the outermost reach to the edge. */
function sample({ height, width, data }: Grid, y: number, x: number, outside: number): number {
  if (y < 0 || x < 0 || y > height || x > width) return outside
  const [top, left] = [clamp(y - 0.5, height - 1), clamp(x - 0.5, width - 1)]
  const [i, j] = [Math.floor(top), Math.floor(left)]
  const [below, right] = [Math.min(height - 1, i + 1), Math.min(width - 1, j + 1)]
  const [v, h] = [top - i, left - j]
  const upper = data[i * width + j]! * (1 - h) + data[i * width + right]! * h
  const lower = data[below * width + j]! * (1 - h) + data[below * width + right]! * h
  return upper * (1 - v) + lower * v
}

function clamp(value: number, high: number): number {
  return Math.min(high, Math.max(0, value))
}
