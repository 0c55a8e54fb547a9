// A tensor as ONNX stores it: element type, shape, little-endian bytes.

import { FoveaError } from '../util/errors.ts'
import { byteLength, type DataType, dataTypes } from './data-type.ts'

export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** The array that holds the raw elements. Types without one of their own are held as unsigned bits (float16 in a Uint16Array, int4 in packed bytes). */
const storage = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  complex64: Float32Array,
  complex128: Float64Array,
} as const

/** Number of elements of a shape; a scalar has one. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/**
 * A tensor. The bytes are kept as given (a view into a file is fine) and seen as a typed array on first use of `data`,
 * copied then only if they are not aligned.
 *
 * @throws FoveaError TENSOR_INVALID when the number of bytes or strings does not match type and shape
 */
export class Tensor {
  readonly dtype: DataType
  readonly dims: readonly number[]
  readonly bytes: Uint8Array
  /** The elements of a `string` tensor; empty otherwise. */
  readonly strings: readonly string[]
  #data: TypedArray | undefined

  constructor(dtype: DataType, dims: readonly number[], content: Uint8Array | readonly string[], name?: string) {
    this.dtype = dtype
    this.dims = dims
    const count = sizeOf(dims)
    const text = !(content instanceof Uint8Array)
    const expected = dtype === 'string' ? count : byteLength(dtype, count)
    if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) || text !== (dtype === 'string') || content.length !== expected)
      throw new FoveaError('TENSOR_INVALID', {
        field: name,
        expected: `${expected} ${dtype === 'string' ? 'strings' : 'bytes'} for ${dtype}[${dims.join(',')}]`,
        found: `${content.length} ${text ? 'strings' : 'bytes'}`,
      })
    this.bytes = text ? new Uint8Array(0) : plainBytes(content)
    this.strings = text ? content : []
  }

  /** The raw elements. For float16 and bfloat16 these are bits; for types of 4 bits and less, packed bytes. */
  get data(): TypedArray {
    this.#data ??= viewOf(this.dtype, this.bytes)
    return this.#data
  }

  get size(): number {
    return sizeOf(this.dims)
  }

  /** The same elements under another shape, sharing memory. */
  reshape(dims: readonly number[]): Tensor {
    return new Tensor(this.dtype, dims, this.dtype === 'string' ? this.strings : this.bytes)
  }

  /** A tensor over a typed array of raw elements, sharing its memory. */
  static of(dtype: DataType, dims: readonly number[], data: TypedArray): Tensor {
    return new Tensor(dtype, dims, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }

  static float32(dims: readonly number[], values: Float32Array | readonly number[]): Tensor {
    return Tensor.of('float32', dims, values instanceof Float32Array ? values : Float32Array.from(values))
  }

  static int64(dims: readonly number[], values: readonly (number | bigint)[]): Tensor {
    return Tensor.of('int64', dims, BigInt64Array.from(values, BigInt))
  }

  static scalar(value: number, dtype: 'float32' | 'float64' | 'int64' = 'float32'): Tensor {
    if (dtype === 'int64') return Tensor.int64([], [value])
    return Tensor.of(dtype, [], dtype === 'float32' ? Float32Array.of(value) : Float64Array.of(value))
  }
}

/** The same memory as a plain Uint8Array: the `slice` of a Node Buffer would share memory instead of copying it. */
function plainBytes(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function viewOf(dtype: DataType, bytes: Uint8Array): TypedArray {
  const View = (storage as Partial<Record<DataType, (typeof storage)[keyof typeof storage]>>)[dtype]
  if (View === undefined) return bytes
  const aligned = bytes.byteOffset % View.BYTES_PER_ELEMENT === 0 ? bytes : bytes.slice()
  return new View(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / View.BYTES_PER_ELEMENT)
}

export function bitsOf(dtype: DataType): number {
  return dataTypes[dtype].bits
}
