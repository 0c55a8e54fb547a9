// One answer about a picture from what a head answers about its tiles, one after another.

import type { Detection } from '../../vision/annotation.ts'
import { type Density, DensityMap } from '../../vision/density.ts'
import { Detections } from '../../vision/detections.ts'
import type { Image } from '../../vision/image.ts'
import { boxOf } from '../../vision/metrics/detections.ts'
import { shiftMask } from '../../vision/move-mask.ts'
import { Segmentation } from '../../vision/segmentation.ts'
import { mergeTiles, type Tile, type TileDetections, tileCores, tileShares } from '../../vision/tiles.ts'
import type { HeadAnswer } from '../answers.ts'
import type { Count } from '../heads/count.ts'
import type { ViewRule } from './rule.ts'

/** Takes in the answers about tiles; of each it keeps what the whole needs. */
export interface TileJoiner {
  add(tile: Tile, answer: HeadAnswer): void
  finish(): HeadAnswer
}

type Size = Pick<Image, 'width' | 'height'>

/** Boxes of all looks, doubles left out; the picture as a whole is a tile too. */
export function detectionJoiner({ width, height }: Size, { iou, byClass, limit, labels }: ViewRule): TileJoiner {
  const found: TileDetections[] = []
  return {
    add(tile, answer) {
      const { detections } = answer as Detections
      found.push({ tile, detections: detections.map((detection) => moved(detection, tile, { width, height })) })
    },
    finish: () => new Detections(mergeTiles(found, { width, height }, { iou, byClass, limit }), { labels, width, height }),
  }
}

function moved(detection: Detection, { left, top }: Tile, picture: Size): Detection {
  const { x1, y1, x2, y2 } = boxOf(detection, 'detection')
  const { mask } = detection
  const box = { x1: x1 + left, y1: y1 + top, x2: x2 + left, y2: y2 + top }
  return { ...detection, box, ...(mask && { mask: shiftMask(mask, left, top, picture) }) }
}

/** Each pixel from the tile in whose middle it lies the most. @param tiles all that will be added */
export function segmentationJoiner({ width, height }: Size, { labels }: ViewRule, tiles: readonly Tile[]): TileJoiner {
  const cores = new Map(tileCores(tiles).map((core, i) => [tiles[i]!, core]))
  const data = new Uint8Array(width * height)
  let names = labels
  return {
    add(tile, answer) {
      const part = answer as Segmentation
      const core = cores.get(tile)!
      names = part.labels
      const [left, right] = [Math.max(tile.left, Math.round(core.x1)), Math.min(tile.left + tile.width, Math.round(core.x2))]
      const [top, bottom] = [Math.max(tile.top, Math.round(core.y1)), Math.min(tile.top + tile.height, Math.round(core.y2))]
      for (let y = top; y < bottom; y++) {
        const from = (y - tile.top) * tile.width - tile.left
        data.set(part.data.subarray(from + left, from + right), y * width + left)
      }
    },
    finish: () => new Segmentation(data, width, height, names),
  }
}

/** Densities fade into one another where tiles overlap, so that what lies in several counts once. @param tiles all that will be added */
export function countJoiner(picture: Size, tiles: readonly Tile[]): TileJoiner {
  let open: { across: Axis; down: Axis; all: Float32Array; kinds: Map<string, Float32Array>; some: Count } | undefined
  const begin = (tile: Tile, some: Count) => {
    const { width, height, kinds } = some.density
    const across = axisOf(
      picture.width,
      tile.width / width,
      width,
      tiles.map(({ left, width }) => [left, width]),
    )
    const down = axisOf(
      picture.height,
      tile.height / height,
      height,
      tiles.map(({ top, height }) => [top, height]),
    )
    const empty = () => new Float32Array(across.cells * down.cells)
    return { across, down, all: empty(), kinds: new Map(Object.keys(kinds ?? {}).map((name) => [name, empty()])), some }
  }
  return {
    add(tile, answer) {
      const { density } = answer as Count
      open ??= begin(tile, answer as Count)
      const [columns, rows] = [open.across.placed(tile.left), open.down.placed(tile.top)]
      addCells(open.all, open.across.cells, density, columns, rows)
      for (const [name, cells] of open.kinds) addCells(cells, open.across.cells, density.kinds![name]!, columns, rows)
    },
    finish() {
      const { across, down, all, kinds, some } = open!
      const mapOf = (cells: Float32Array) => new DensityMap(across.cells, down.cells, cells)
      const own = kinds.size === 0 ? undefined : Object.fromEntries([...kinds].map(([name, cells]) => [name, mapOf(cells)]))
      const count = sumOf(all)
      const counts = Object.fromEntries(Object.keys(some.counts).map((name) => [name, own ? sumOf(own[name]!.data) : count]))
      return { ...some, count, counts, density: new DensityMap(across.cells, down.cells, all, own) }
    },
  }
}

function sumOf(cells: Float32Array): number {
  return cells.reduce((sum, value) => sum + value, 0)
}

/** Parts of a tile's cell that go to cells of the picture. */
type Shares = readonly (readonly [cell: number, share: number])[]

function addCells(out: Float32Array, width: number, map: Density, columns: readonly Shares[], rows: readonly Shares[]): void {
  for (let y = 0, i = 0; y < map.height; y++)
    for (let x = 0; x < map.width; x++, i++)
      for (const [row, down] of rows[y]!)
        for (const [column, across] of columns[x]!) {
          const at = row * width + column
          out[at] = out[at]! + map.data[i]! * down * across
        }
}

interface Axis {
  /** Of the picture along the side. */
  readonly cells: number
  /** Where the cells of the tile that begins there go. */
  readonly placed: (start: number) => readonly Shares[]
}

/** Points of a cell at which it is asked how much its tile has to say. */
const samples = 8

/** @param side of the picture, @param pixels of a tile's cell, both in pixels; @param count cells of a tile; no cell is finer than a pixel */
function axisOf(side: number, pixels: number, count: number, spans: readonly (readonly [number, number])[]): Axis {
  const cells = Math.max(1, Math.min(side, Math.round(side / pixels)))
  const share = tileShares(spans)
  const known = new Map<number, Shares[]>()
  const placed = (start: number) => {
    const before = known.get(start)
    if (before !== undefined) return before
    const shares = Array.from({ length: count }, (_, i): Shares => {
      const parts = new Map<number, number>()
      for (let s = 0; s < samples; s++) {
        const at = start + (i + (s + 0.5) / samples) * pixels
        const cell = Math.min(cells - 1, Math.max(0, Math.floor((at / side) * cells)))
        parts.set(cell, (parts.get(cell) ?? 0) + share(start, at) / samples)
      }
      return [...parts].filter(([, part]) => part > 0)
    })
    known.set(start, shares)
    return shares
  }
  return { cells, placed }
}
