// Locally aware patch features (Roth et al. 2022, arXiv:2106.08265, section 3.1): maps of a backbone as one row for each place of a grid.

import { Tensor } from '../../graph/tensor.ts'
import type { Emitter } from '../emitter.ts'

/** A map of which patches are made; its size is fixed, since a bank of patches holds for one scale. */
export interface PatchMap {
  /** float [N, channels, height, width]. */
  readonly value: string
  readonly channels: number
  readonly height: number
  readonly width: number
  /** Takes away the mean over the picture: what counts is how a place differs from its own picture. */
  readonly relative?: boolean
}

export interface PatchGrid {
  readonly height: number
  readonly width: number
}

/**
 * Brings maps to one grid and averages each over 3x3 places, then puts their channels behind each other.
 *
 * @returns float [N, sum of channels, height, width]
 */
export function emitPatchFeatures(e: Emitter, maps: readonly PatchMap[], grid: PatchGrid): string {
  const { b } = e
  const parts = maps.map((map) => {
    const relative = map.relative ? e.sub(map.value, b.op('ReduceMean', [map.value, b.ints([2, 3])], { keepdims: 1 })) : map.value
    return resized(e, averaged(e, shrunk(e, relative, map, grid)), map, grid)
  })
  return parts.length === 1 ? parts[0]! : b.op('Concat', parts, { axis: 1 })
}

/** Means over a place and its neighbours; at the border over those that are there. */
function averaged({ b }: Emitter, value: string): string {
  return b.op('AveragePool', [value], { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], count_include_pad: 0 })
}

/** A finer map, averaged over the places that fall into one of the grid; no size that is left over falls out. */
function shrunk({ b }: Emitter, value: string, { height, width }: PatchMap, grid: PatchGrid): string {
  const kernel = [Math.floor(height / grid.height), Math.floor(width / grid.width)]
  if (!kernel.some((side) => side > 1)) return value
  const sides = kernel.map((side) => Math.max(1, side))
  return b.op('AveragePool', [value], { kernel_shape: sides, strides: sides, ceil_mode: 1, count_include_pad: 0 })
}

/** Bilinear, from whatever size is left. */
function resized({ b }: Emitter, value: string, { height, width }: PatchMap, grid: PatchGrid): string {
  const left = (side: number, cells: number) => Math.ceil(side / Math.max(1, Math.floor(side / cells)))
  if (left(height, grid.height) === grid.height && left(width, grid.width) === grid.width) return value
  const sizes = b.op('Concat', [b.op('Shape', [value], { start: 0, end: 2 }), b.ints([grid.height, grid.width])], { axis: 0 })
  return b.op('Resize', [value, '', '', sizes], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' })
}

/** What is done to the features of each place. */
export interface Projection {
  /** [rows, channels], row by row. */
  readonly weight: Float32Array
  /** [rows]. */
  readonly bias: Float32Array
  /** How much the place in the picture counts: behind the rows come two more, its x and y from -1 to 1, times this. 0 leaves them out. */
  readonly position: number
}

/**
 * Scales the features as the good pictures ask, and lays them out as one row a place.
 *
 * @param name of the weights in the graph
 * @returns float [N, height * width, rows], two more with positions
 */
export function emitPatchRows(e: Emitter, features: string, grid: PatchGrid, projection: Projection, name: string): string {
  const { b } = e
  const { weight, bias, position } = projection
  const rows = bias.length + (position > 0 ? 2 : 0)
  const channels = weight.length / bias.length
  // Rows of positions have no weights; what they are is added below.
  const kernel = new Float32Array(rows * channels)
  kernel.set(weight)
  const shift = new Float32Array(rows)
  shift.set(bias)
  const projected = b.op(
    'Conv',
    [
      features,
      b.weight(b.fresh(`${name}.weight`), Tensor.float32([rows, channels, 1, 1], kernel)),
      b.weight(b.fresh(`${name}.bias`), Tensor.float32([rows], shift)),
    ],
    { kernel_shape: [1, 1] },
  )
  const flat = b.op('Transpose', [e.reshape(projected, [0, rows, -1])], { perm: [0, 2, 1] })
  if (position === 0) return flat
  return e.add(
    flat,
    b.weight(b.fresh(`${name}.places`), Tensor.float32([1, grid.height * grid.width, rows], placesOf(grid, rows, position))),
  )
}

/** 0 but for the last two of each row: x and y of the middle of its cell. */
export function placesOf({ height, width }: PatchGrid, rows: number, position: number): Float32Array {
  const places = new Float32Array(height * width * rows)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const end = (y * width + x + 1) * rows
      places[end - 2] = position * (((x + 0.5) / width) * 2 - 1)
      places[end - 1] = position * (((y + 0.5) / height) * 2 - 1)
    }
  return places
}
