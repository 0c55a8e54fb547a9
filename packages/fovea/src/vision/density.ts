// Points as densities: each is spread over some cells, and adds one to the sum.

import type { Annotation } from './annotation.ts'
import { boxOf } from './metrics/detections.ts'

/** Where a thing is, in pixels, and how far it is spread: the deviation of its Gaussian in pixels where that is known. */
export interface Place {
  readonly x: number
  readonly y: number
  readonly spread?: number
}

/** The middle of the box, outline or mask, spread over a quarter of its size; else the first keypoint that is marked. */
export function placesOf(annotations: readonly Annotation[]): Place[] {
  return annotations.flatMap((annotation): Place[] => {
    const point = annotation.keypoints?.find(({ visibility }) => visibility > 0)
    if ((annotation.box ?? annotation.polygons ?? annotation.mask) === undefined)
      return point === undefined ? [] : [{ x: point.x, y: point.y }]
    const { x1, y1, x2, y2 } = boxOf(annotation, 'annotation')
    return [{ x: (x1 + x2) / 2, y: (y1 + y2) / 2, spread: Math.sqrt((x2 - x1) * (y2 - y1)) / 4 }]
  })
}

/** Things in each cell, row by row. */
export interface Density {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
  /** Of each kind by name, where there are several. */
  readonly kinds?: Readonly<Record<string, Density>> | undefined
}

/** A density that knows how to become JSON: the cells are a list, to six digits, of all kinds together. */
export class DensityMap implements Density {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
  readonly kinds: Density['kinds']

  constructor(width: number, height: number, data: Float32Array, kinds?: Density['kinds']) {
    this.width = width
    this.height = height
    this.data = data
    this.kinds = kinds
  }

  toJSON(): { width: number; height: number; data: number[] } {
    return { width: this.width, height: this.height, data: Array.from(this.data, (value) => Number(value.toPrecision(6))) }
  }
}

export interface DensityGrid {
  readonly width: number
  readonly height: number
  /** Pixels between cells. */
  readonly stride: number
}

/** Neighbours that tell how close things are. */
const neighbours = 3
/** Part of the mean distance to them that a point is spread over (MCNN: Zhang 2016). */
const nearness = 0.3
/** The least and the most deviation, in cells: wider, and the peak of a lone thing sinks to what nothing can be told from. */
const narrowest = 0.6
const widest = 1.5

/**
 * Adds the places to the cells: each a Gaussian of sum 1 over the cells of the grid, so that the whole sums to their number. A place without
 * a spread takes 0.3 of the mean distance to its three nearest neighbours: close crowds get sharp points. Deviations are kept from 0.6 to 1.5 cells.
 *
 * @param cells row by row, of the grid's size; what stands there is added to
 */
export function drawDensity(cells: Float32Array, { width, height, stride }: DensityGrid, places: readonly Place[]): void {
  const column = new Float64Array(width)
  const row = new Float64Array(height)
  for (const [i, place] of places.entries()) {
    const deviation = Math.min(widest, Math.max(narrowest, (place.spread ?? nearness * meanDistance(places, i)) / stride))
    const across = spread(column, place.x / stride - 0.5, deviation)
    const down = spread(row, place.y / stride - 0.5, deviation)
    for (let y = down.from; y <= down.to; y++)
      for (let x = across.from; x <= across.to; x++) cells[y * width + x] = cells[y * width + x]! + row[y]! * column[x]!
  }
}

/** Shares of the cells of a line, in place; they sum to 1 also where a part would lie beyond an end. */
function spread(shares: Float64Array, at: number, deviation: number): { from: number; to: number } {
  const last = shares.length - 1
  const middle = Math.min(last, Math.max(0, Math.round(at)))
  const reach = Math.ceil(3 * deviation)
  const [from, to] = [Math.max(0, middle - reach), Math.min(last, middle + reach)]
  let sum = 0
  for (let i = from; i <= to; i++) {
    shares[i] = Math.exp(-((i - at) ** 2) / (2 * deviation * deviation))
    sum += shares[i]!
  }
  // A place far outside of the grid would leave nothing to divide by.
  for (let i = from; i <= to; i++) shares[i] = sum > 0 ? shares[i]! / sum : i === middle ? 1 : 0
  return { from, to }
}

/** To the three nearest others; infinite for a place that is alone. */
function meanDistance(places: readonly Place[], i: number): number {
  const { x, y } = places[i]!
  const nearest: number[] = []
  for (const [j, other] of places.entries()) {
    if (j === i) continue
    const distance = Math.hypot(other.x - x, other.y - y)
    if (nearest.length === neighbours && distance >= nearest[neighbours - 1]!) continue
    const at = nearest.findIndex((each) => distance < each)
    nearest.splice(at < 0 ? nearest.length : at, 0, distance)
    nearest.length = Math.min(nearest.length, neighbours)
  }
  return nearest.length === 0 ? Number.POSITIVE_INFINITY : nearest.reduce((sum, each) => sum + each, 0) / nearest.length
}
