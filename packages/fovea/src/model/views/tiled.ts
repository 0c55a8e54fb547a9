// One answer about a picture from what a head answers about its tiles.

import type { Detection } from '../../vision/annotation.ts'
import { DensityMap } from '../../vision/density.ts'
import { Detections } from '../../vision/detections.ts'
import type { Image } from '../../vision/image.ts'
import { boxOf } from '../../vision/metrics/detections.ts'
import { shiftMask } from '../../vision/move-mask.ts'
import { Segmentation } from '../../vision/segmentation.ts'
import { mergeTiles, type Tile, tileCores, tileShares } from '../../vision/tiles.ts'
import type { HeadAnswer } from '../answers.ts'
import type { Count } from '../heads/count.ts'
import type { ViewRule } from './rule.ts'

/** What a head answers about a part of the picture. */
export interface TiledAnswer<A extends HeadAnswer = HeadAnswer> {
  readonly tile: Tile
  readonly answer: A
}

type Size = Pick<Image, 'width' | 'height'>

/** Boxes of all looks, doubles left out. @param looks tiles, and the picture as a whole where it was looked at */
export function joinDetections(
  looks: readonly TiledAnswer<Detections>[],
  picture: Size,
  { iou, byClass, limit, labels }: ViewRule,
): Detections {
  const found = looks.map(({ tile, answer }) => ({
    tile,
    detections: answer.detections.map((detection) => moved(detection, tile, picture)),
  }))
  return new Detections(mergeTiles(found, picture, { iou, byClass, limit }), { labels, ...sizeOf(picture) })
}

function moved(detection: Detection, { left, top }: Tile, picture: Size): Detection {
  const { x1, y1, x2, y2 } = boxOf(detection, 'detection')
  const { mask } = detection
  const box = { x1: x1 + left, y1: y1 + top, x2: x2 + left, y2: y2 + top }
  return { ...detection, box, ...(mask && { mask: shiftMask(mask, left, top, picture) }) }
}

/** Densities fade into one another where tiles overlap, so that what lies in several counts once. */
export function joinCounts(tiles: readonly TiledAnswer<Count>[], picture: Size): Count {
  const some = tiles[0]!.answer
  const across = axisOf(tiles, { side: 'width', start: 'left' }, picture)
  const down = axisOf(tiles, { side: 'height', start: 'top' }, picture)
  const joined = (mapOf: (answer: Count) => Count['density']): DensityMap => {
    const data = new Float32Array(across.cells * down.cells)
    for (const { tile, answer } of tiles) {
      const map = mapOf(answer)
      const [columns, rows] = [across.placed(tile.left), down.placed(tile.top)]
      for (let y = 0; y < map.height; y++)
        for (let x = 0; x < map.width; x++) {
          const at = rows.cell[y]! * across.cells + columns.cell[x]!
          data[at] = data[at]! + map.data[y * map.width + x]! * rows.share[y]! * columns.share[x]!
        }
    }
    return new DensityMap(across.cells, down.cells, data)
  }
  const density = joined((answer) => answer.density)
  const names = Object.keys(some.counts)
  const densities = some.densities && Object.fromEntries(names.map((name) => [name, joined((answer) => answer.densities![name]!)]))
  const counts = Object.fromEntries(names.map((name) => [name, sumOf(densities?.[name] ?? density)]))
  return { ...some, count: sumOf(density), counts, density, ...(densities && { densities }) }
}

/** Along a side: how many cells the picture has, and which of them those of a tile are, and what they have to say there. */
function axisOf(
  tiles: readonly TiledAnswer<Count>[],
  { side, start }: { readonly side: 'width' | 'height'; readonly start: 'left' | 'top' },
  picture: Size,
) {
  const { tile, answer } = tiles[0]!
  const own = answer.density[side]
  const pixels = tile[side] / own
  const cells = Math.max(1, Math.round(picture[side] / pixels))
  const share = tileShares(tiles.map(({ tile }) => [tile[start], tile[side]]))
  const known = new Map<number, { cell: number[]; share: number[] }>()
  for (const from of new Set(tiles.map(({ tile }) => tile[start]))) {
    const middles = Array.from({ length: own }, (_, i) => from + (i + 0.5) * pixels)
    known.set(from, {
      cell: middles.map((at) => Math.min(cells - 1, Math.floor((at / picture[side]) * cells))),
      share: middles.map((at) => share(from, at)),
    })
  }
  const placed = (from: number) => known.get(from)!
  return { cells, placed }
}

function sumOf({ data }: Count['density']): number {
  return data.reduce((sum, value) => sum + value, 0)
}

/** Each pixel from the tile in whose middle it lies the most. */
export function joinSegmentations(tiles: readonly TiledAnswer<Segmentation>[], picture: Size): Segmentation {
  const cores = tileCores(tiles.map(({ tile }) => tile))
  const data = new Uint8Array(picture.width * picture.height)
  for (const [i, { tile, answer }] of tiles.entries()) {
    const core = cores[i]!
    const [left, right] = [Math.max(tile.left, Math.round(core.x1)), Math.min(tile.left + tile.width, Math.round(core.x2))]
    const [top, bottom] = [Math.max(tile.top, Math.round(core.y1)), Math.min(tile.top + tile.height, Math.round(core.y2))]
    for (let y = top; y < bottom; y++) {
      const from = (y - tile.top) * tile.width - tile.left
      data.set(answer.data.subarray(from + left, from + right), y * picture.width + left)
    }
  }
  return new Segmentation(data, picture.width, picture.height, tiles[0]!.answer.labels)
}

function sizeOf({ width, height }: Size): Size {
  return { width, height }
}
