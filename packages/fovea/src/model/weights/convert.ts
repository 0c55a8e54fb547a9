// Tensors of a checkpoint in the element type of a network.

import { type DataType, dataTypes } from '../../graph/data-type.ts'
import { Tensor } from '../../graph/tensor.ts'
import { numbersOf } from '../../graph/tensor-values.ts'
import { widenBfloat16, widenFloat16 } from '../../util/half.ts'

/** True where the elements are real numbers: integers in a checkpoint are counters or quantized, and mean something else. */
export function isConvertible(type: DataType | undefined): boolean {
  return type !== undefined && dataTypes[type].kind === 'float'
}

/** The tensor in another float type and shape. float16, bfloat16 and smaller are exact in float32; float64 is rounded. */
export function toFloats(tensor: Tensor, dtype: 'float32' | 'float64', dims: readonly number[]): Tensor {
  if (tensor.dtype === dtype) return tensor.reshape(dims)
  const { size } = tensor
  const floats = dtype === 'float32' ? new Float32Array(size) : new Float64Array(size)
  if (tensor.dtype === 'float16') widenFloat16(tensor.data as Uint16Array, floats)
  else if (tensor.dtype === 'bfloat16') widenBfloat16(tensor.data as Uint16Array, floats)
  else floats.set(tensor.dtype === 'float32' ? (tensor.data as Float32Array) : numbersOf(tensor))
  return Tensor.of(dtype, dims, floats)
}
