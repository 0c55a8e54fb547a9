// Tensors as plain numbers and back, for every numeric element type.

import { FoveaError } from '../util/errors.ts'
import { widenBfloat16, widenFloat16 } from '../util/half.ts'
import { bitsOfNumber, type FloatFormat, floatFormats, numberOfBits, roundHalfEven } from '../util/small-float.ts'
import { type DataType, dataTypes } from './data-type.ts'
import { sizeOf, Tensor } from './tensor.ts'

export interface TensorOfNumbersOptions {
  /**
   * Numbers out of range become the nearest one that the type holds. When false: float8 types give infinity or NaN, integers
   * keep their low bits, as ONNX's Cast does. Of float64 to float16 and bfloat16, infinity comes either way.
   * @default true
   */
  saturate?: boolean
  /** For float8e8m0, which holds powers of two: away from zero, towards zero, or to the nearest (ties up). @default 'up' */
  roundMode?: 'up' | 'down' | 'nearest'
}

/**
 * The elements of a numeric tensor as float64, in row-major order. int64 and uint64 are exact up to 2^53; bool is 0 or 1.
 *
 * @throws FoveaError TENSOR_INVALID for string and complex tensors
 */
export function numbersOf(tensor: Tensor): Float64Array {
  const { dtype, size } = tensor
  const { bits, kind } = dataTypes[dtype]
  if (kind === 'string' || kind === 'complex') throw new FoveaError('TENSOR_INVALID', { expected: 'a tensor of numbers', found: dtype })
  const numbers = new Float64Array(size)
  const table = bits <= 8 ? numberTable(dtype) : undefined
  if (table !== undefined) return unpack(tensor.bytes, bits, table, numbers)
  const { data } = tensor
  if (dtype === 'float16') widenFloat16(data as Uint16Array, numbers)
  else if (dtype === 'bfloat16') widenBfloat16(data as Uint16Array, numbers)
  else if (data instanceof BigInt64Array || data instanceof BigUint64Array) for (let i = 0; i < size; i++) numbers[i] = Number(data[i])
  else numbers.set(data)
  return numbers
}

/**
 * A tensor of the given numbers: rounded to the nearest that the type holds, ties to even (ONNX specification, Cast and
 * QuantizeLinear). NaN becomes 0 in integers and true in bool.
 *
 * @throws FoveaError TENSOR_INVALID for string and complex types, and where the number of values does not fit the shape
 */
export function tensorOfNumbers(
  dtype: DataType,
  dims: readonly number[],
  values: Float64Array | readonly number[],
  options: TensorOfNumbersOptions = {},
): Tensor {
  const { bits, kind } = dataTypes[dtype]
  if (kind === 'string' || kind === 'complex') throw new FoveaError('TENSOR_INVALID', { expected: 'a numeric type', found: dtype })
  if (values.length !== sizeOf(dims))
    throw new FoveaError('TENSOR_INVALID', { expected: `${sizeOf(dims)} values for [${dims.join(',')}]`, found: `${values.length}` })
  switch (dtype) {
    case 'float32':
      return Tensor.of(dtype, dims, new Float32Array(values))
    case 'float64':
      return Tensor.of(dtype, dims, new Float64Array(values))
    case 'int64':
    case 'uint64':
      return wideIntegers(dtype, dims, values, options.saturate ?? true)
  }
  const encode = encoderOf(dtype, options)
  if (bits < 8) return new Tensor(dtype, dims, pack(values, bits, encode))
  const elements = new (bits === 8 ? Uint8Array : bits === 16 ? Uint16Array : Uint32Array)(values.length)
  for (let i = 0; i < elements.length; i++) elements[i] = encode(values[i]!)
  return Tensor.of(dtype, dims, elements)
}

/** How one number becomes the bits of an element of at most 32 bits. */
function encoderOf(dtype: DataType, options: TensorOfNumbersOptions): (value: number) => number {
  const saturate = options.saturate ?? true
  const { bits, kind } = dataTypes[dtype]
  if (kind === 'bool') return (value) => (value === 0 ? 0 : 1)
  if (dtype === 'float8e8m0') return (value) => scaleBits(value, saturate, options.roundMode ?? 'up')
  const format = formatOf(dtype)
  // The wider formats have infinities, and ONNX casts to these.
  if (format !== undefined) return (value) => bitsOfNumber(format, value, saturate && bits <= 8)
  const span = 2 ** bits
  const low = kind === 'signed' ? -span / 2 : 0
  const high = low + span - 1
  return (value) => {
    const whole = Number.isNaN(value) ? 0 : saturate ? Math.min(Math.max(roundHalfEven(value), low), high) : roundHalfEven(value)
    // Two's complement: the low bits. Infinities have none.
    return Number.isFinite(whole) ? ((whole % span) + span) % span : 0
  }
}

function wideIntegers(
  dtype: 'int64' | 'uint64',
  dims: readonly number[],
  values: Float64Array | readonly number[],
  saturate: boolean,
): Tensor {
  const low = dtype === 'int64' ? -(2n ** 63n) : 0n
  const high = dtype === 'int64' ? 2n ** 63n - 1n : 2n ** 64n - 1n
  const encode = (value: number) => {
    if (Number.isNaN(value)) return 0n
    if (!Number.isFinite(value)) return saturate ? (value > 0 ? high : low) : 0n
    const whole = BigInt(roundHalfEven(value))
    return saturate ? (whole < low ? low : whole > high ? high : whole) : whole
  }
  const array = dtype === 'int64' ? new BigInt64Array(values.length) : new BigUint64Array(values.length)
  // Storing a bigint that is too wide keeps its low bits.
  for (let i = 0; i < array.length; i++) array[i] = encode(values[i]!)
  return Tensor.of(dtype, dims, array)
}

const e8m0Nan = 255
const e8m0Bias = 127

/** float8e8m0: 2^(bits - 127), no sign, no zero. Negative numbers, for which ONNX defines nothing, count as too small. */
function scaleBits(value: number, saturate: boolean, roundMode: 'up' | 'down' | 'nearest'): number {
  if (Number.isNaN(value)) return e8m0Nan
  if (value === Number.POSITIVE_INFINITY) return saturate ? e8m0Nan - 1 : e8m0Nan
  if (value <= 0) return saturate ? 0 : e8m0Nan
  const below = Math.floor(Math.log2(value))
  // log2 may be off by one beside powers of two.
  const exponent = 2 ** below > value ? below - 1 : 2 ** (below + 1) <= value ? below + 1 : below
  const fraction = value / 2 ** exponent
  const up = roundMode === 'up' ? fraction > 1 : roundMode === 'nearest' && fraction >= 1.5
  const bits = exponent + (up ? 1 : 0) + e8m0Bias
  if (bits >= 0 && bits < e8m0Nan) return bits
  if (!saturate) return e8m0Nan
  return bits < 0 ? 0 : e8m0Nan - 1
}

function formatOf(dtype: DataType): FloatFormat | undefined {
  return (floatFormats as Partial<Record<DataType, FloatFormat>>)[dtype]
}

const tables = new Map<DataType, Float64Array>()

/** The number of every bit pattern of a type of at most 8 bits. */
function numberTable(dtype: DataType): Float64Array {
  const known = tables.get(dtype)
  if (known !== undefined) return known
  const { bits, kind } = dataTypes[dtype]
  const format = formatOf(dtype)
  const half = 2 ** (bits - 1)
  const table = Float64Array.from({ length: 2 ** bits }, (_, pattern) => {
    if (kind === 'bool') return pattern === 0 ? 0 : 1
    if (dtype === 'float8e8m0') return pattern === e8m0Nan ? Number.NaN : 2 ** (pattern - e8m0Bias)
    if (format !== undefined) return numberOfBits(format, pattern)
    return kind === 'signed' && pattern >= half ? pattern - 2 * half : pattern
  })
  tables.set(dtype, table)
  return table
}

/** Elements of 2, 4 or 8 bits, the first in the low bits of each byte. */
function unpack(bytes: Uint8Array, bits: number, table: Float64Array, numbers: Float64Array): Float64Array {
  const perByte = 8 / bits
  const mask = 2 ** bits - 1
  for (let i = 0; i < numbers.length; i++) numbers[i] = table[(bytes[Math.floor(i / perByte)]! >> ((i % perByte) * bits)) & mask]!
  return numbers
}

function pack(values: Float64Array | readonly number[], bits: number, encode: (value: number) => number): Uint8Array {
  const perByte = 8 / bits
  const bytes = new Uint8Array(Math.ceil(values.length / perByte))
  for (let i = 0; i < values.length; i++) bytes[Math.floor(i / perByte)]! |= encode(values[i]!) << ((i % perByte) * bits)
  return bytes
}
