// Arrays of float64: what the reference meaning of every operator computes with.

import type { DataType } from '../graph/data-type.ts'
import { sizeOf } from '../graph/tensor.ts'

/**
 * An array with the element type it stands for. Numbers of every type are held as float64, so int64 values are exact up to
 * 2^53; floats keep float64 precision whatever `dtype` says, which is what gradient checks need.
 */
export interface NDArray {
  readonly dtype: DataType
  readonly dims: readonly number[]
  readonly data: Float64Array
}

export function ndarray(
  dtype: DataType,
  dims: readonly number[],
  data: Float64Array | readonly number[] = new Float64Array(sizeOf(dims)),
): NDArray {
  const array = data instanceof Float64Array ? data : Float64Array.from(data)
  if (array.length !== sizeOf(dims)) throw new RangeError(`ndarray: ${array.length} values for shape [${dims}]`)
  return { dtype, dims, data: array }
}

/** Row-major strides. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides = new Array<number>(dims.length)
  let stride = 1
  for (let i = dims.length - 1; i >= 0; i--) {
    strides[i] = stride
    stride *= dims[i]!
  }
  return strides
}

/** Applies a function to every element. */
export function mapArray(x: NDArray, f: (value: number) => number, dtype: DataType = x.dtype): NDArray {
  return { dtype, dims: x.dims, data: x.data.map(f) }
}

/** The shape of a result under numpy's broadcasting, or undefined where the shapes do not fit. */
export function broadcastShape(...shapes: (readonly number[])[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length))
  const result = new Array<number>(rank).fill(1)
  for (const shape of shapes)
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i
      const dim = shape[i]!
      if (dim === 1) continue
      if (result[at] !== 1 && result[at] !== dim) return undefined
      result[at] = dim
    }
  return result
}

/** Strides with which an array of shape `dims` is read as if broadcast to `target`: 0 along stretched axes. */
export function broadcastStrides(dims: readonly number[], target: readonly number[]): number[] {
  const own = stridesOf(dims)
  const lead = target.length - dims.length
  return target.map((_, i) => (i < lead || dims[i - lead] === 1 ? 0 : own[i - lead]!))
}

/**
 * Calls `visit` for every index of `dims` in row-major order with the matching offset of each strided view.
 * The offsets array is reused between calls.
 */
export function forEachOffset(
  dims: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (position: number, offsets: Int32Array) => void,
): void {
  const total = sizeOf(dims)
  const index = new Int32Array(dims.length)
  const offsets = new Int32Array(strides.length)
  for (let position = 0; position < total; position++) {
    visit(position, offsets)
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis]!++
      for (let k = 0; k < strides.length; k++) offsets[k]! += strides[k]![axis]!
      if (index[axis]! < dims[axis]!) break
      for (let k = 0; k < strides.length; k++) offsets[k]! -= strides[k]![axis]! * dims[axis]!
      index[axis] = 0
    }
  }
}

/** Combines two arrays elementwise under broadcasting. */
export function zipArrays(a: NDArray, b: NDArray, f: (x: number, y: number) => number, dtype: DataType = a.dtype): NDArray {
  const dims = broadcastShape(a.dims, b.dims)
  if (dims === undefined) throw new RangeError(`shapes [${a.dims}] and [${b.dims}] do not broadcast`)
  const data = new Float64Array(sizeOf(dims))
  forEachOffset(dims, [broadcastStrides(a.dims, dims), broadcastStrides(b.dims, dims)], (i, at) => {
    data[i] = f(a.data[at[0]!]!, b.data[at[1]!]!)
  })
  return { dtype, dims, data }
}

/** Axis counted from the front; negative axes count from the end. */
export function normalizeAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis
}
