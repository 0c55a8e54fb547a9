// Masks to outlines along the edges of their pixels: the way back from `polygonMask`, without loss. Borders are followed as by Suzuki and Abe (1985), on
// edges between pixels instead of on pixels.

import { FoveaError } from '../util/errors.ts'
import type { Polygon, RunLengths } from './annotation.ts'
import { checkRunLengths, maskBounds, visitRuns } from './run-lengths.ts'

/** The most pixels of the box around a mask. */
const maxPixels = 2 ** 30

/** Ways along the edges, each a quarter turn clockwise (as seen) from the one before. The mask is always on the right. */
const east = 0
const south = 1
const west = 2
const north = 3
const stepX = [1, 0, -1, 0] as const
const stepY = [0, 1, 0, -1] as const

/**
 * The outlines of a mask, one for each part whose pixels hang together by their sides, from the top down: corners are whole numbers, clockwise as seen. A hole
 * is joined to the border above it by a line that is walked down and up again; it encloses nothing, so that area (shoelace formula) and pixels are
 * those of the mask: `polygonsMask(maskPolygons(mask))` is the mask. Linear in the pixels of the box around it.
 *
 * @returns an empty list for a mask without pixels
 * @throws FoveaError MASK_INVALID for counts that do not fill the mask, or a box around it of more than 2^30 pixels
 */
export function maskPolygons(mask: RunLengths): Polygon[] {
  const bounds = maskBounds(checkRunLengths(mask))
  if (bounds === undefined) return []
  const [width, height] = [bounds.x2 - bounds.x1, bounds.y2 - bounds.y1]
  if (width * height > maxPixels)
    throw new FoveaError('MASK_INVALID', { field: 'size', expected: `${maxPixels} pixels at most`, found: `${width}x${height}` })
  const pixels = new PaddedPixels(width, height)
  visitRuns(mask, (x, top, bottom) => pixels.fill(x - bounds.x1, top - bounds.y1, bottom - bounds.y1))
  const { starts, holes } = findBorders(pixels)
  return starts.map((start) => followWithHoles(pixels, start, holes, bounds.x1, bounds.y1))
}

/** Pixels of the box around a mask, with a border of nothing around them. */
class PaddedPixels {
  readonly width: number
  readonly height: number
  readonly #stride: number
  readonly #bits: Uint8Array

  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.#stride = width + 2
    this.#bits = new Uint8Array(this.#stride * (height + 2))
  }

  fill(x: number, top: number, bottom: number): void {
    for (let y = top; y < bottom; y++) this.#bits[(y + 1) * this.#stride + x + 1] = 1
  }

  has(x: number, y: number): boolean {
    return this.#bits[(y + 1) * this.#stride + x + 1] === 1
  }

  /** The way on from a corner of pixels that was reached on the way `from`: to the right where that is nothing, so that pixels which touch by a corner are parted. */
  turn(x: number, y: number, from: number): number {
    const right = (from + 1) % 4
    // Of the four pixels around the corner, the two ahead: on the right of the way and on the left.
    if (!this.has(x - (from === west || from === south ? 1 : 0), y - (from === north || from === west ? 1 : 0))) return right
    return this.has(x - (from === west || from === north ? 1 : 0), y - (from === north || from === east ? 1 : 0)) ? (from + 3) % 4 : from
  }
}

/** A corner of pixels, and the way on which it is reached. */
interface Place {
  readonly x: number
  readonly y: number
  readonly from: number
}

/**
 * Where outer borders begin, and for each hole the edge to which it is joined: the upper side of a pixel, by its number, leads to the height of the
 * hole's highest side, straight below.
 */
function findBorders(pixels: PaddedPixels): { starts: Place[]; holes: ReadonlyMap<number, number> } {
  const { width, height } = pixels
  const seen = new Uint8Array(width * height)
  const starts: Place[] = []
  const holes = new Map<number, number>()
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (seen[y * width + x] === 1 || !pixels.has(x, y) || pixels.has(x, y - 1)) continue
      // Twice the area, and the highest side that has the mask above it.
      let area = 0
      let [topX, topY] = [0, height]
      let [atX, atY, way] = [x, y, east]
      do {
        if (way === east) seen[atY * width + atX] = 1
        if (way === west && atY < topY) [topX, topY] = [atX - 1, atY]
        area += atX * stepY[way]! - atY * stepX[way]!
        atX += stepX[way]!
        atY += stepY[way]!
        way = pixels.turn(atX, atY, way)
      } while (atX !== x || atY !== y || way !== east)
      if (area > 0) {
        starts.push({ x, y, from: north })
        continue
      }
      let above = topY - 1
      while (pixels.has(topX, above - 1)) above--
      holes.set(above * width + topX, topY)
    }
  return { starts, holes }
}

/** One outline with its holes, and with their holes' joined ones in turn: those hang lower each time, so the walk ends. */
function followWithHoles(pixels: PaddedPixels, start: Place, holes: ReadonlyMap<number, number>, left: number, top: number): number[] {
  const outline: number[] = []
  const add = (x: number, y: number) => {
    if (outline.at(-2) !== x + left || outline.at(-1) !== y + top) outline.push(x + left, y + top)
  }
  const walks: { readonly start: Place; x: number; y: number; from: number; begun: boolean }[] = [{ start, ...start, begun: false }]
  while (walks.length > 0) {
    const walk = walks.at(-1)!
    if (walk.begun && walk.x === walk.start.x && walk.y === walk.start.y && walk.from === walk.start.from) {
      walks.pop()
      const outer = walks.at(-1)
      if (outer === undefined) break
      // Back to the border above, which goes on to the east.
      add(walk.x, walk.y)
      add(outer.x, outer.y)
      step(outer, east)
      continue
    }
    const way = pixels.turn(walk.x, walk.y, walk.from)
    const below = way === east ? holes.get(walk.y * pixels.width + walk.x) : undefined
    if (way !== walk.from || below !== undefined) add(walk.x, walk.y)
    if (below === undefined) step(walk, way)
    else {
      walk.begun = true
      const place = { x: walk.x, y: below, from: west }
      add(place.x, place.y)
      walks.push({ start: place, ...place, begun: false })
    }
  }
  return outline
}

function step(walk: { x: number; y: number; from: number; begun: boolean }, way: number): void {
  walk.x += stepX[way]!
  walk.y += stepY[way]!
  walk.from = way
  walk.begun = true
}
