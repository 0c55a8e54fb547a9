// Tensors of a checkpoint in the element type of a network.

import { type DataType, dataTypes } from '../../graph/data-type.ts'
import { Tensor } from '../../graph/tensor.ts'
import { numbersOf } from '../../graph/tensor-values.ts'
import { float16ToNumber } from '../../util/half.ts'

/** True where the elements are real numbers: integers in a checkpoint are counters or quantized, and mean something else. */
export function isConvertible(type: DataType | undefined): boolean {
  return type !== undefined && dataTypes[type].kind === 'float'
}

let halves: Float32Array | undefined

/** Every float16 is exact in float32; a table is eighty times faster than taking bits apart. */
function halfTable(): Float32Array {
  halves ??= Float32Array.from({ length: 65_536 }, (_, bits) => float16ToNumber(bits))
  return halves
}

/** The tensor in another float type and shape. float16, bfloat16 and smaller are exact in float32; float64 is rounded. */
export function toFloats(tensor: Tensor, dtype: 'float32' | 'float64', dims: readonly number[]): Tensor {
  if (tensor.dtype === dtype) return tensor.reshape(dims)
  const { size } = tensor
  const floats = dtype === 'float32' ? new Float32Array(size) : new Float64Array(size)
  if (tensor.dtype === 'float16') {
    const table = halfTable()
    const { data } = tensor
    for (let i = 0; i < size; i++) floats[i] = table[data[i] as number]!
  } else if (tensor.dtype === 'bfloat16' && floats instanceof Float32Array) {
    // A bfloat16 is the upper half of a float32.
    const bits = new Uint32Array(floats.buffer)
    const { data } = tensor
    for (let i = 0; i < size; i++) bits[i] = (data[i] as number) << 16
  } else floats.set(tensor.dtype === 'float32' ? (tensor.data as Float32Array) : numbersOf(tensor))
  return Tensor.of(dtype, dims, floats)
}
