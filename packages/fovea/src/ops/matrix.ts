// Matrix products of float64 arrays, batched and broadcast.

import { sizeOf } from '../graph/tensor.ts'
import { broadcastShape, broadcastStrides, forEachOffset, type NDArray, stridesOf } from './ndarray.ts'

/** An array with its axes reordered: axis i of the result is axis perm[i] of x. */
export function permuteArray(x: NDArray, perm: readonly number[]): NDArray {
  const dims = perm.map((axis) => x.dims[axis]!)
  const strides = stridesOf(x.dims)
  const data = new Float64Array(x.data.length)
  forEachOffset(dims, [perm.map((axis) => strides[axis]!)], (i, at) => {
    data[i] = x.data[at[0]!]!
  })
  return { dtype: x.dtype, dims, data }
}

/** Swaps the last two axes. */
export function transposeArray(x: NDArray): NDArray {
  const rank = x.dims.length
  return permuteArray(
    x,
    [...x.dims.keys()].map((axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis)),
  )
}

export function reshapeArray(x: NDArray, dims: readonly number[]): NDArray {
  return { dtype: x.dtype, dims, data: x.data }
}

/** C[m, n] += A[m, k] B[k, n] on slices of flat arrays. */
function multiplyInto(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  [m, k, n]: readonly [number, number, number],
  [atC, atA, atB]: readonly [number, number, number],
): void {
  for (let i = 0; i < m; i++)
    for (let p = 0; p < k; p++) {
      const factor = a[atA + i * k + p]!
      for (let j = 0; j < n; j++) c[atC + i * n + j]! += factor * b[atB + p * n + j]!
    }
}

/**
 * The matrix product with numpy's rules: axes before the last two are batches and broadcast; a vector is a row on the left and a
 * column on the right, and its axis is dropped from the result. Undefined where the shapes do not fit.
 */
export function multiplyArrays(a: NDArray, b: NDArray): NDArray | undefined {
  if (a.dims.length === 0 || b.dims.length === 0) return undefined
  const left = a.dims.length === 1 ? [1, ...a.dims] : a.dims
  const right = b.dims.length === 1 ? [...b.dims, 1] : b.dims
  const [m, k, n] = [left.at(-2)!, left.at(-1)!, right.at(-1)!]
  const batch = broadcastShape(left.slice(0, -2), right.slice(0, -2))
  if (right.at(-2) !== k || batch === undefined) return undefined
  const data = new Float64Array(sizeOf(batch) * m * n)
  const strides = [broadcastStrides(left.slice(0, -2), batch), broadcastStrides(right.slice(0, -2), batch)]
  forEachOffset(batch, strides, (i, at) => multiplyInto(data, a.data, b.data, [m, k, n], [i * m * n, at[0]! * m * k, at[1]! * k * n]))
  const dims = [...batch, ...(a.dims.length === 1 ? [] : [m]), ...(b.dims.length === 1 ? [] : [n])]
  return { dtype: a.dtype, dims, data }
}

/** Determinant of an n x n matrix in row-major order, by elimination with row pivots. */
export function determinant(values: ArrayLike<number>, n: number): number {
  const m = Float64Array.from(values)
  let result = 1
  for (let column = 0; column < n; column++) {
    let pivot = column
    for (let row = column + 1; row < n; row++) if (Math.abs(m[row * n + column]!) > Math.abs(m[pivot * n + column]!)) pivot = row
    const top = m[pivot * n + column]!
    if (top === 0) return 0
    if (pivot !== column) {
      result = -result
      for (let j = 0; j < n; j++) [m[pivot * n + j], m[column * n + j]] = [m[column * n + j]!, m[pivot * n + j]!]
    }
    result *= top
    for (let row = column + 1; row < n; row++) {
      const factor = m[row * n + column]! / top
      for (let j = column; j < n; j++) m[row * n + j]! -= factor * m[column * n + j]!
    }
  }
  return result
}
