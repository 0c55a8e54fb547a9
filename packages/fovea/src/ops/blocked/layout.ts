// The blocked layout of ONNX Runtime's CPU kernels: how the elements of a picture and of a weight lie in memory.
//
// A value of logical shape [N, C, H, W] is held as [N, C/B, H, W, B]: B channels of one pixel side by side, as wide as a vector register
// of the machine (16 on AVX-512 and ARM64, 8 on AVX2). Its declared shape stays [N, C, H, W], so elementwise operators do not notice.
// Where the plane is one pixel, both layouts are the same.

import type { AttributeInputs, GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import { type NDArray, ndarray } from '../ndarray.ts'
import type { Attributes } from '../operator.ts'

/** Domain of the runtime's operators on this layout. They are internal to ONNX Runtime: probe for them before use. */
export const blockedDomain = 'com.microsoft.nchwc'

/** Channels in a block where a node does not say: that of AVX-512. Nodes of our own carry it as `block`, until they are to run. */
export const defaultBlock = 16

export function blockOf(ctx: Attributes): number {
  return ctx.int('block', defaultBlock)
}

/** Emits an operator of the layout. */
export function blockedOp(
  b: GraphBuilder,
  block: number,
  op: string,
  inputs: readonly (string | undefined)[],
  attributes: AttributeInputs = {},
): string {
  return b.op(`${blockedDomain}::${op}`, inputs, { ...attributes, block })
}

/** For each element of a value of shape [N, C, H, W] (C a multiple of the block) as it lies blocked, its place in row-major order. */
export function blockedPlaces([N, C, H, W]: readonly number[], block: number): Int32Array {
  const plane = H! * W!
  const places = new Int32Array(N! * C! * plane)
  let at = 0
  for (let n = 0; n < N!; n++)
    for (let first = 0; first < C!; first += block)
      for (let position = 0; position < plane; position++)
        for (let c = first; c < first + block; c++) places[at++] = (n * C! + c) * plane + position
  return places
}

/** A reference value in plain order as it lies blocked. */
export function toBlocked(x: NDArray, block: number): NDArray {
  const places = blockedPlaces(x.dims, block)
  return ndarray(
    x.dtype,
    x.dims,
    Float64Array.from(places, (place) => x.data[place]!),
  )
}

/** The inverse of `toBlocked`. */
export function toPlain(x: NDArray, block: number): NDArray {
  const data = new Float64Array(x.data.length)
  blockedPlaces(x.dims, block).forEach((place, i) => {
    data[place] = x.data[i]!
  })
  return ndarray(x.dtype, x.dims, data)
}

/**
 * How a convolution takes its weight [O, I, kh, kw]:
 * - `both`: [O/B, I/B, kh, kw, Bi, Bo], for a blocked input;
 * - `outer`: [O/B, I, kh, kw, Bo], for a plain input of fewer channels than a block, and for one channel to each filter.
 */
export interface Packing {
  readonly kind: 'both' | 'outer'
  readonly block: number
}

/** For each element of a packed weight its place in row-major order. */
export function packedPlaces([O, I, ...kernel]: readonly number[], { kind, block }: Packing): Int32Array {
  const taps = kernel.reduce((product, size) => product * size, 1)
  const inner = kind === 'both' ? block : 1
  const places = new Int32Array(O! * I! * taps)
  let at = 0
  for (let firstO = 0; firstO < O!; firstO += block)
    for (let firstI = 0; firstI < I!; firstI += inner)
      for (let tap = 0; tap < taps; tap++)
        for (let i = firstI; i < firstI + inner; i++) for (let o = firstO; o < firstO + block; o++) places[at++] = (o * I! + i) * taps + tap
  return places
}

/** A weight of float32 or float64 in the order in which the runtime takes it, bit for bit. */
export function packTensor(tensor: Tensor, packing: Packing): Tensor {
  const { source, target, result } = copies(tensor)
  packedPlaces(tensor.dims, packing).forEach((place, i) => {
    target[i] = source[place]!
  })
  return result
}

/** The inverse of `packTensor`. */
export function unpackTensor(tensor: Tensor, packing: Packing): Tensor {
  const { source, target, result } = copies(tensor)
  packedPlaces(tensor.dims, packing).forEach((place, i) => {
    target[place] = source[i]!
  })
  return result
}

/** Elements as integers, so that no bit of a float changes on the way. */
function copies({ dtype, dims, bytes, size }: Tensor) {
  const elements = (copy: Uint8Array) => (copy.length === 8 * size ? new BigUint64Array(copy.buffer) : new Uint32Array(copy.buffer))
  const target = new Uint8Array(bytes.length)
  // A Buffer's slice would be a view of the file it was read from.
  return { source: elements(new Uint8Array(bytes)), target: elements(target), result: new Tensor(dtype, dims, target) }
}

/** A reference weight in plain order. */
export function unpackWeight(weight: NDArray, packing: Packing): NDArray {
  const data = new Float64Array(weight.data.length)
  packedPlaces(weight.dims, packing).forEach((place, i) => {
    data[place] = weight.data[i]!
  })
  return ndarray(weight.dtype, weight.dims, data)
}
