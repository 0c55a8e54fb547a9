// Outlines to masks by the rule of COCO's mask API (pycocotools, maskApi.c `rleFrPoly`), so that areas and IoUs come out the same.

import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { Box, Polygon, RunLengths } from './annotation.ts'
import { checkSize, mergeMasks } from './run-lengths.ts'

/** Outlines are drawn as lines of whole points on a grid this many times finer than pixels. */
const scale = 5

/** The most crossings of columns that one outline may have: a real one has a few for each column. */
const maxCrossings = 2 ** 24

/**
 * The pixels inside an outline: where the outline crosses the middle of a pixel's column, it opens or closes a run, rounded up to the next
 * pixel. Outlines that cross themselves follow the even-odd rule; what lies outside the picture is cut off.
 *
 * @throws FoveaError MASK_INVALID for corners that are not finite, an odd number of coordinates, or an outline that crosses columns 2^24 times
 */
export function polygonMask(polygon: Polygon, width: number, height: number): RunLengths {
  if (!Array.isArray(polygon) && !ArrayBuffer.isView(polygon)) throw notThese('polygon', 'a list of coordinates', polygon)
  checkSize(width, height)
  const corners = fineCorners(polygon)
  const crossings: number[] = []
  for (let i = 0; i < corners.length; i += 2) {
    const j = (i + 2) % corners.length
    crossEdge(corners[i]!, corners[i + 1]!, corners[j]!, corners[j + 1]!, width, height, crossings)
  }
  return runsBetween(crossings, width, height)
}

/** One mask of all parts of an outline. An empty list gives an empty mask. */
export function polygonsMask(polygons: readonly Polygon[], width: number, height: number): RunLengths {
  if (!Array.isArray(polygons)) throw notThese('polygons', 'a list of outlines', polygons)
  const masks = polygons.map((polygon) => polygonMask(polygon, width, height))
  return masks.length > 0 ? mergeMasks(masks) : polygonMask([], width, height)
}

/** The pixels of a box, by the same rule. */
export function boxMask(box: Box, width: number, height: number): RunLengths {
  if (typeof box !== 'object' || box === null) throw notThese('box', 'an object of x1, y1, x2, y2', box)
  const { x1, y1, x2, y2 } = box
  return polygonMask([x1, y1, x1, y2, x2, y2, x2, y1], width, height)
}

function fineCorners(polygon: Polygon): Float64Array {
  const odd = polygon.length % 2 === 1
  if (odd)
    throw new FoveaError('MASK_INVALID', { field: 'polygon', expected: 'x and y of each corner', found: `${polygon.length} numbers` })
  return Float64Array.from(polygon, (value, i) => {
    if (!Number.isFinite(value))
      throw new FoveaError('MASK_INVALID', { field: `polygon[${i}]`, expected: 'a finite number', found: String(value) })
    return Math.trunc(scale * value + 0.5)
  })
}

/**
 * Where an edge crosses the middles of columns, as positions counted down the columns. The middle of column c lies between the points
 * 5c + 2 and 5c + 3 of the fine grid; of the two, the upper one decides.
 */
function crossEdge(ax: number, ay: number, bx: number, by: number, width: number, height: number, crossings: number[]): void {
  if (ax === bx) return
  const [dx, dy] = [Math.abs(bx - ax), Math.abs(by - ay)]
  const flat = dx >= dy
  // Edges are walked in one direction, so that both neighbours of an edge round it the same way.
  const [x, y, endX, endY] = (flat ? ax > bx : ay > by) ? [bx, by, ax, ay] : [ax, ay, bx, by]
  const slope = flat ? (endY - y) / dx : (endX - x) / dy
  const [low, high] = [Math.min(x, endX), Math.max(x, endX)]
  const first = Math.max(0, Math.ceil((low - 2) / scale))
  const last = Math.min(width - 1, Math.floor((high - 3) / scale))
  if (crossings.length + last - first >= maxCrossings)
    throw new FoveaError('MASK_INVALID', { field: 'polygon', expected: `at most ${maxCrossings} crossings of columns`, found: 'more' })
  const rowAt = (step: number) => (flat ? Math.trunc(y + slope * step + 0.5) : step + y)
  const columnAt = (step: number) => Math.trunc(x + slope * step + 0.5)
  for (let column = first; column <= last; column++) {
    const left = scale * column + 2
    const step = flat ? left - x : lastBefore(left, x, slope, dy, columnAt)
    const upper = Math.min(rowAt(step), rowAt(step + 1))
    const row = Math.ceil(Math.min(height, Math.max(0, (upper + 0.5) / scale - 0.5)))
    crossings.push(column * height + row)
  }
}

/** The step of a steep edge after which its x goes from one side of the middle of a column to the other. */
function lastBefore(left: number, x: number, slope: number, steps: number, columnAt: (step: number) => number): number {
  const isBefore = slope > 0 ? (step: number) => columnAt(step) <= left : (step: number) => columnAt(step) > left
  let step = Math.min(steps - 1, Math.max(0, Math.floor((left + 0.5 - x) / slope)))
  while (step > 0 && !isBefore(step)) step--
  while (step < steps - 1 && isBefore(step + 1)) step++
  return step
}

/** Every crossing turns the mask on or off; two at one place do nothing. */
function runsBetween(crossings: number[], width: number, height: number): RunLengths {
  const ends = Float64Array.from(crossings).sort()
  const counts: number[] = []
  let begin = 0
  for (let i = 0; i < ends.length; i++) {
    if (ends[i] === ends[i + 1]) {
      i++
      continue
    }
    counts.push(ends[i]! - begin)
    begin = ends[i]!
  }
  if (begin < width * height || counts.length === 0) counts.push(width * height - begin)
  return { width, height, counts }
}

function notThese(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('MASK_INVALID', { field, expected, found: said(found) })
}
