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

/**
 * ONNX Runtime's view of a tensor; the two share memory.
 *
 * @throws FoveaError RUNTIME_FEED for element types that onnxruntime-node does not take
 */
export function toRuntime(constructor: RuntimeTensorConstructor, tensor: Tensor, name: string): RuntimeTensor {
  const { dtype, dims } = tensor
  if (!supported.has(dtype)) throw new FoveaError('RUNTIME_FEED', { field: name, expected: 'an element type that onnxruntime-node takes', found: dtype })
  if (dtype === 'string') return new constructor('string', [...tensor.strings], dims)
  const data = dtype === 'float16' ? float16View(tensor.bytes) : tensor.data
  // Its types tie each array to its element type; ours are tied by the tensor's own construction.
  return new (constructor as new (type: string, data: unknown, dims: readonly number[]) => RuntimeTensor)(dtype, data, dims)
}

/** Our view of ONNX Runtime's tensor; the two share memory. */
export function fromRuntime(tensor: RuntimeTensor): Tensor {
  const dtype = tensor.type as DataType
  if (dtype === 'string') return new Tensor('string', tensor.dims, tensor.data as string[])
  const data = tensor.data as Exclude<typeof tensor.data, string[]>
  return new Tensor(dtype, tensor.dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}

/** Newer Node versions have a Float16Array, which ONNX Runtime then insists on; older ones pass the bits. */
function float16View(bytes: Uint8Array): unknown {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  const View = (globalThis as { Float16Array?: new (buffer: ArrayBufferLike, offset: number, length: number) => unknown }).Float16Array ?? Uint16Array
  return new View(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
}
