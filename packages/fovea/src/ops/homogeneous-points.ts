// The points of an image or volume that affine grids are made of.

import { sizeOf } from '../graph/tensor.ts'
import { stridesOf } from './ndarray.ts'

/** The points of an image or volume in homogeneous coordinates, [positions, axes + 1], x first. */
export function homogeneousPoints(spatial: readonly number[], alignCorners: boolean): Float64Array {
  const width = spatial.length + 1
  const strides = stridesOf(spatial)
  const points = new Float64Array(sizeOf(spatial) * width).fill(1)
  for (let p = 0; p < sizeOf(spatial); p++)
    spatial.forEach((size, axis) => {
      const i = Math.floor(p / strides[axis]!) % size
      const value = alignCorners ? (size === 1 ? 0 : (2 * i) / (size - 1) - 1) : (2 * i + 1) / size - 1
      points[p * width + spatial.length - 1 - axis] = value
    })
  return points
}
