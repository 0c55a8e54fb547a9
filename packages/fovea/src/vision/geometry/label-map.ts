// A label for every pixel, and how label maps and masks follow a geometry.

import type { RunLengths } from '../annotation.ts'
import { maskBounds, visitRuns } from '../run-lengths.ts'
import type { Geometry } from './geometry.ts'
import { invert3 } from './matrix.ts'
import { boundsOf, columnSpan, moveVisible } from './polygon.ts'
import { RunWriter } from './run-writer.ts'

/** Semantic segmentation: `data` holds a class for each pixel, row by row. */
export interface LabelMap {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array | Uint16Array | Int32Array
  /** What stands where nothing is known; metrics and losses leave it out. Usually 255. */
  readonly unknown: number
}

/**
 * The map after a geometry: each pixel takes the label under its centre, so that no labels are invented. What lay outside the picture,
 * also where the picture itself is mirrored there, is `unknown`.
 */
export function moveLabelMap(map: LabelMap, geometry: Geometry): LabelMap {
  const { width, height } = geometry.to
  const data = new (map.data.constructor as Uint8ArrayConstructor)(width * height).fill(map.unknown)
  visitPixels(geometry, geometry.seen, (x, y, from) => {
    data[y * width + x] = map.data[from]!
  })
  return { ...map, width, height, data }
}

/** The mask after a geometry, by the pixel under each centre. */
export function moveMask(mask: RunLengths, geometry: Geometry): RunLengths {
  const { width, height } = geometry.to
  const writer = new RunWriter()
  const bounds = maskBounds(mask)
  if (bounds !== undefined) {
    const { x1, y1, x2, y2 } = bounds
    const row = x2 - x1
    const pixels = new Uint8Array(row * (y2 - y1))
    visitRuns(mask, (x, top, bottom) => {
      for (let y = top; y < bottom; y++) pixels[(y - y1) * row + x - x1] = 1
    })
    visitPixels(
      geometry,
      geometry.seen,
      (x, y, from) => {
        const [fromX, fromY] = [from % mask.width, Math.floor(from / mask.width)]
        if (fromX < x1 || fromX >= x2 || fromY < y1 || fromY >= y2 || pixels[(fromY - y1) * row + fromX - x1] === 0) return
        writer.add(x * height + y, x * height + y + 1)
      },
      [x1, y1, x2, y1, x2, y2, x1, y2],
    )
  }
  return writer.finish(width, height)
}

/** Pixels of a mask whose centres are still to be seen. */
export function seenMaskArea(mask: RunLengths, { seen }: Geometry): number {
  let area = 0
  visitRuns(mask, (x, top, bottom) => {
    const span = columnSpan(seen, x + 0.5)
    if (span !== undefined) area += Math.max(0, Math.min(bottom, endRow(span[1])) - Math.max(top, firstRow(span[0])))
  })
  return area
}

/** Down the columns: every pixel after the geometry that shows one from before, and that one's place, row by row. `part` bounds the work. */
function visitPixels(
  { from, to, matrix }: Geometry,
  seen: readonly number[],
  visit: (x: number, y: number, from: number) => void,
  part: readonly number[] = seen,
): void {
  const shown = moveVisible(seen, matrix)
  const bounds = boundsOf([moveVisible(part, matrix)])
  if (bounds === undefined) return
  const [a, b, c, d, e, f, g, h, i] = invert3(matrix) as unknown as readonly [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  for (let x = Math.max(0, Math.floor(bounds.x1)); x < Math.min(to.width, Math.ceil(bounds.x2)); x++) {
    const span = columnSpan(shown, x + 0.5)
    if (span === undefined) continue
    const end = Math.min(to.height, endRow(span[1]), Math.ceil(bounds.y2))
    for (let y = Math.max(0, firstRow(span[0]), Math.floor(bounds.y1)); y < end; y++) {
      const [px, py] = [x + 0.5, y + 0.5]
      const w = g * px + h * py + i
      const column = Math.min(from.width - 1, Math.max(0, Math.floor((a * px + b * py + c) / w)))
      const row = Math.min(from.height - 1, Math.max(0, Math.floor((d * px + e * py + f) / w)))
      visit(x, y, row * from.width + column)
    }
  }
}

// A centre on the very edge belongs to the picture, whatever rounding did to it.
const slack = 1e-6

function firstRow(top: number): number {
  return Math.ceil(top - 0.5 - slack)
}

function endRow(bottom: number): number {
  return Math.floor(bottom - 0.5 + slack) + 1
}
