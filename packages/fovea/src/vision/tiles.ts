// Large pictures in parts: where the parts lie, and one answer from theirs (slicing-aided inference: Akyon 2022, arXiv:2202.06934).

import { FoveaError } from '../util/errors.ts'
import type { Box, Detection } from './annotation.ts'
import { boxArea, boxIntersection } from './boxes.ts'
import { boxOf } from './metrics/detections.ts'

export interface Tile {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export interface TileOptions {
  /** Pixels of the picture that a tile has, one number or height and width; a picture that is smaller is one tile. */
  readonly size: number | readonly [height: number, width: number]
  /** The part of a tile that the next one sees as well, 0 to 0.9: things of that size are whole in one of them. @default 0.2 */
  readonly overlap?: number
}

/**
 * Tiles of one size that cover the picture, row by row, spread evenly: neighbours overlap by at least `overlap`, the last ends with the picture.
 *
 * @throws FoveaError METRIC_INVALID for a size below 1 or an overlap outside of 0 to 0.9
 */
export function tilesOf(width: number, height: number, { size, overlap = 0.2 }: TileOptions): Tile[] {
  const [tileHeight, tileWidth] = typeof size === 'number' ? [size, size] : size
  for (const side of [tileHeight, tileWidth])
    if (!(Number.isSafeInteger(side) && side >= 1)) throw invalid('tiles.size', 'whole numbers of at least 1', String(size))
  if (!(overlap >= 0 && overlap <= 0.9)) throw invalid('tiles.overlap', '0 to 0.9', String(overlap))
  const columns = startsOf(width, tileWidth, overlap)
  const rows = startsOf(height, tileHeight, overlap)
  if (rows.length * columns.length > mostTiles)
    throw invalid('tiles.size', `at most ${mostTiles} tiles`, `${rows.length * columns.length} for a picture of ${width}x${height}`)
  return rows.flatMap((top) =>
    columns.map((left) => ({ left, top, width: Math.min(width, tileWidth), height: Math.min(height, tileHeight) })),
  )
}

/** Far more than the largest pictures need at the sizes that models see. */
const mostTiles = 10_000

function startsOf(length: number, tile: number, overlap: number): number[] {
  if (tile >= length) return [0]
  const steps = Math.ceil((length - tile) / Math.max(1, Math.floor(tile * (1 - overlap))))
  return Array.from({ length: steps + 1 }, (_, i) => Math.round((i * (length - tile)) / steps))
}

/**
 * The part of each tile whose every point lies in no other tile, or further from its border than from that of any other: together they cover the picture once.
 *
 * @param tiles of one picture, as `tilesOf` gives them
 */
export function tileCores(tiles: readonly Tile[]): Box[] {
  const columns = coresOf(tiles.map(({ left, width }) => [left, width]))
  const rows = coresOf(tiles.map(({ top, height }) => [top, height]))
  return tiles.map(({ left, top }) => {
    const [[x1, x2], [y1, y2]] = [columns.get(left)!, rows.get(top)!]
    return { x1, y1, x2, y2 }
  })
}

/** By where a tile begins: from the middle of the overlap with the one before to that with the next. */
function coresOf(spans: readonly (readonly [start: number, length: number])[]): Map<number, readonly [from: number, to: number]> {
  const lengths = new Map(spans)
  const starts = [...lengths.keys()].sort((a, b) => a - b)
  const ends = starts.map((start) => start + lengths.get(start)!)
  return new Map(
    starts.map((start, i) => [
      start,
      [i === 0 ? start : (start + ends[i - 1]!) / 2, i === starts.length - 1 ? ends[i]! : (starts[i + 1]! + ends[i]!) / 2],
    ]),
  )
}

/**
 * How much each tile has to say about places along a side, beside the others that see them: the further from its border, the more. Shares of a place sum to 1.
 *
 * @param spans where tiles begin along the side, and their lengths; the same one several times counts once
 * @returns the share that the tile that begins at `start` has at `at`
 */
export function tileShares(spans: readonly (readonly [start: number, length: number])[]): (start: number, at: number) => number {
  const lengths = new Map(spans)
  const depth = (from: number, at: number) => Math.max(0, Math.min(at - from, from + lengths.get(from)! - at))
  const starts = [...lengths.keys()]
  return (start, at) => {
    const sum = starts.reduce((total, from) => total + depth(from, at), 0)
    return sum === 0 ? 1 : depth(start, at) / sum
  }
}

/** What was found in a tile, in pixels of the picture. */
export interface TileDetections {
  readonly tile: Tile
  readonly detections: readonly Detection[]
}

export interface MergeTilesOptions {
  /** Boxes that overlap a better one by more than this go. @default 0.5 */
  readonly iou?: number
  /** Boxes of different classes leave each other alone. @default true */
  readonly byClass?: boolean
  /** The most detections. @default no limit */
  readonly limit?: number
}

/** Of a box that the border of a tile cut, so much must lie in another to be taken for a part of it. */
const partOfAnother = 0.6

/**
 * One list from those of the tiles, the best score first. A thing that the border of a tile cuts is found whole in another, or in the picture as a
 * whole, so boxes that touch no such border come first, and cut ones are left out where they repeat one that stays or lie in it for the greater part.
 */
export function mergeTiles(
  parts: readonly TileDetections[],
  { width, height }: { readonly width: number; readonly height: number },
  { iou = 0.5, byClass = true, limit = Number.POSITIVE_INFINITY }: MergeTilesOptions = {},
): Detection[] {
  const all = parts.flatMap(({ tile, detections }) =>
    detections.map((detection) => {
      const box = boxOf(detection, 'detection')
      return { detection, box, isCut: isCut(box, tile, width, height) }
    }),
  )
  all.sort((a, b) => Number(a.isCut) - Number(b.isCut) || b.detection.score - a.detection.score)
  const kept: typeof all = []
  for (const one of all) {
    const repeats = kept.some(({ detection, box }) => {
      if (byClass && detection.label !== one.detection.label) return false
      const both = boxIntersection(box, one.box)
      const area = boxArea(one.box)
      return both > iou * (boxArea(box) + area - both) || (one.isCut && both > partOfAnother * area)
    })
    if (!repeats) kept.push(one)
  }
  return kept
    .map(({ detection }) => detection)
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
}

/** True where the box ends with its tile, and the picture does not. */
function isCut({ x1, y1, x2, y2 }: Box, tile: Tile, width: number, height: number): boolean {
  const near = (a: number, b: number, side: number) => Math.abs(a - b) <= Math.max(1, 0.01 * side)
  const [right, bottom] = [tile.left + tile.width, tile.top + tile.height]
  return (
    (tile.left > 0 && near(x1, tile.left, tile.width)) ||
    (tile.top > 0 && near(y1, tile.top, tile.height)) ||
    (right < width && near(x2, right, tile.width)) ||
    (bottom < height && near(y2, bottom, tile.height))
  )
}

function invalid(field: string, expected: string, found: string): FoveaError {
  const remedy = 'Give the side of a tile in pixels, such as 640, and an overlap such as 0.2.'
  return new FoveaError('METRIC_INVALID', { field, expected, found, remedy })
}
