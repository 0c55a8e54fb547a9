// Between our tensors and ONNX Runtime's, without copying.

import type { Tensor as RuntimeTensor } from 'onnxruntime-node'
import type { DataType } from '../graph/data-type.ts'
import { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'

type RuntimeTensorConstructor = typeof RuntimeTensor

/** Element types that onnxruntime-node can take and give. */
const supported = new Set<DataType>([
  ...(['float32', 'float64', 'float16', 'bool', 'string'] as const),
  ...(['uint8', 'int8', 'uint16', 'int16', 'int32', 'uint32', 'int64', 'uint64'] as const),
])

/** True for element types that can be fed and returned. */
export function isRuntimeType(dtype: DataType): boolean {
  return supported.has(dtype)
}

/**
 * ONNX Runtime's view of a tensor; the two share memory.
 *
 * @throws FoveaError RUNTIME_FEED for element types that onnxruntime-node does not take
 */
export function toRuntime(RuntimeTensorClass: RuntimeTensorConstructor, tensor: Tensor, name: string): RuntimeTensor {
  const { dtype, dims } = tensor
  if (!isRuntimeType(dtype))
    throw new FoveaError('RUNTIME_FEED', { field: name, expected: 'an element type that onnxruntime-node takes', found: dtype })
  if (dtype === 'string') return new RuntimeTensorClass('string', [...tensor.strings], dims)
  // Its types tie each array to its element type; ours are tied by the tensor's own construction.
  const create = RuntimeTensorClass as new (type: string, data: unknown, dims: readonly number[]) => RuntimeTensor
  if (dtype !== 'float16') return new create(dtype, tensor.data, dims)
  // Where Node has a Float16Array the tensor class turns bits into one, which the native side then reads as empty:
  // so the bits go in as uint16, and only the label says float16.
  return Object.assign(new create('uint16', tensor.data, dims), { type: 'float16' as const })
}

/** Our view of ONNX Runtime's tensor; the two share memory. */
export function fromRuntime(tensor: RuntimeTensor): Tensor {
  const dtype = tensor.type as DataType
  if (dtype === 'string') return new Tensor('string', tensor.dims, tensor.data as string[])
  const data = tensor.data as Exclude<typeof tensor.data, string[]>
  return new Tensor(dtype, tensor.dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}
