// Element types that onnxruntime-node cannot pass in or out travel as wider ones that hold all their values.

import type { DataType } from '../graph/data-type.ts'
import type { Tensor } from '../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'

/** By narrow type, the type that holds all its values exactly and that the binding takes. */
export const carriers: Partial<Record<DataType, DataType>> = {
  bfloat16: 'float32',
  float8e4m3fn: 'float32',
  float8e4m3fnuz: 'float32',
  float8e5m2: 'float32',
  float8e5m2fnuz: 'float32',
  float4e2m1: 'float32',
  float8e8m0: 'float32',
  int4: 'int8',
  int2: 'int8',
  uint4: 'uint8',
  uint2: 'uint8',
}

/** The tensor as it travels. */
export function widen(tensor: Tensor): Tensor {
  const carrier = carriers[tensor.dtype]
  return carrier === undefined ? tensor : tensorOfNumbers(carrier, tensor.dims, numbersOf(tensor))
}

/** The tensor as the user sees it. */
export function narrowed(tensor: Tensor, dtype: DataType): Tensor {
  return tensorOfNumbers(dtype, tensor.dims, numbersOf(tensor))
}
