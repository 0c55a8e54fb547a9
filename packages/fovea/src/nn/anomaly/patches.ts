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

/** A linear map of the channels: `weight` [rows, channels] row by row, and what is added, [rows]. */
export interface Projection {
  readonly weight: Float32Array
  readonly bias: Float32Array
}

/**
 * Scales the features as the good pictures ask, and lays them out as rows.
 *
 * @param weights names of weight and bias
 * @returns float [N, height * width, rows]
 */
export function emitPatchRows({ b }: Emitter, features: string, { weight, bias }: Projection, names: readonly [string, string]): string {
  const rows = bias.length
  const kernel = b.weight(b.fresh(names[0]), Tensor.float32([rows, weight.length / rows, 1, 1], weight))
  const shift = b.weight(b.fresh(names[1]), Tensor.float32([rows], bias))
  const projected = b.op('Conv', [features, kernel, shift], { kernel_shape: [1, 1] })
  return b.op('Transpose', [b.op('Reshape', [projected, b.ints([0, rows, -1])])], { perm: [0, 2, 1] })
}
