// Names, types and tensors as text: the leaves of the printed model.

import { hashBytes } from '../util/hash.ts'
import { encodeUtf8 } from '../util/utf8.ts'
import { type DataType, dataTypes } from './data-type.ts'
import type { Dim } from './dims.ts'
import type { SparseTensor, ValueType } from './model.ts'
import { Tensor } from './tensor.ts'
import { numbersOf, tensorOfNumbers } from './tensor-values.ts'

/** A name that needs no quotes; `:` may stand inside, as in `conv:0`, and `-` not before `>`. */
export const plainName = /^(?!_$)(?:[\w./$%+]|(?<!^)(?:-(?!>)|:{1,2}(?=[\w./$%+])))+$/

const plainPart = /^[\w.-]+$/

export function printName(name: string): string {
  return plainName.test(name) ? name : JSON.stringify(name)
}

/** `Conv`, `com.microsoft::FusedMatMul`; both parts in quotes where one needs them. */
export function printOperator(domain: string, op: string): string {
  if (domain === '') return plainPart.test(op) ? op : JSON.stringify(op)
  return plainPart.test(domain) && plainPart.test(op) ? `${domain}::${op}` : `${JSON.stringify(domain)}::${JSON.stringify(op)}`
}

/** `float32[N,3,8,8]`, `sequence(int64[])`; `?` where nothing is known. */
export function printType(type: ValueType | undefined): string {
  if (type === undefined) return '?'
  const denotation = type.denotation === undefined ? '' : ` as ${JSON.stringify(type.denotation)}`
  return printShapeOfType(type) + denotation
}

function printShapeOfType(type: ValueType): string {
  switch (type.kind) {
    case 'tensor':
      return `${type.dtype}${printDims(type.dims)}`
    case 'sparse':
      return `sparse ${type.dtype}${printDims(type.dims)}`
    case 'sequence':
    case 'optional':
      return `${type.kind}(${printType(type.element)})`
    case 'map':
      return `map(${type.key}, ${printType(type.value)})`
    case 'opaque':
      return `opaque(${JSON.stringify(type.domain)}, ${JSON.stringify(type.name)})`
  }
}

function printDims(dims: readonly Dim[] | undefined): string {
  return dims === undefined ? '[...]' : `[${dims.map(printDim).join(',')}]`
}

/** Symbols and expressions stand as they are; other text is quoted. */
function printDim(dim: Dim): string {
  if (typeof dim !== 'string') return dim === null ? '?' : `${dim}`
  return /^(?!\d+$)[\w(-][\w.+\-*/() ]*$/.test(dim) && dim === dim.trim() && isBalanced(dim) ? dim : JSON.stringify(dim)
}

function isBalanced(text: string): boolean {
  let depth = 0
  for (const character of text) {
    if (character === '(') depth++
    if (character === ')' && --depth < 0) return false
  }
  return depth === 0
}

/**
 * Type and elements: `float32[2] {1, 0.5}`. Above `limit` elements a hash of the contents stands for them, and
 * elements that numbers cannot show (NaN with a payload) stand as bytes.
 */
export function printTensor(tensor: Tensor, limit: number): string {
  return `${tensor.dtype}[${tensor.dims.join(',')}] ${printElements(tensor, limit)}`
}

export function printElements(tensor: Tensor, limit: number): string {
  if (tensor.size > limit) return `#${contentHash(tensor)}`
  const elements = elementsOf(tensor)
  return elements === undefined ? `hex"${printHex(tensor.bytes)}"` : `{${elements.join(', ')}}`
}

export function printSparse(sparse: SparseTensor, limit: number): string {
  const dims = `[${sparse.dims.join(',')}]`
  return `sparse ${dims} ${printTensor(sparse.values, limit)} at ${printTensor(sparse.indices, limit)}`
}

/** A hash of the elements; equal for equal contents whatever the shape. */
export function contentHash(tensor: Tensor): string {
  return hashBytes(tensor.dtype === 'string' ? encodeUtf8(JSON.stringify(tensor.strings)) : tensor.bytes)
}

export function printHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** A float attribute: always with a point or an exponent, so that it is not taken for an int. */
export function printFloat(value: number): string {
  const text = printReal(value, Math.fround)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

function elementsOf(tensor: Tensor): string[] | undefined {
  const { dtype } = tensor
  if (dtype === 'string') return tensor.strings.map((text) => JSON.stringify(text))
  if (dtype === 'int64' || dtype === 'uint64') return Array.from(tensor.data as BigInt64Array, String)
  if (dtype === 'complex64' || dtype === 'complex128') return complexElements(tensor, dtype)
  // A NaN may carry bits of its own through the conversion; the text stands for the plain one.
  const numbers = Array.from(numbersOf(tensor), (value) => (Number.isNaN(value) ? Number.NaN : value))
  const again = tensorOfNumbers(dtype, tensor.dims, numbers, { saturate: false })
  if (printHex(again.bytes) !== printHex(tensor.bytes)) return undefined
  if (dtype === 'bool') return numbers.map((value) => (value === 0 ? 'false' : 'true'))
  return numbers.map((value) => printNumber(dtype, value))
}

function complexElements(tensor: Tensor, dtype: 'complex64' | 'complex128'): string[] | undefined {
  const part = dtype === 'complex64' ? 'float32' : 'float64'
  const parts = elementsOf(new Tensor(part, [tensor.size * 2], tensor.bytes))
  return parts && Array.from({ length: tensor.size }, (_, i) => `${parts[2 * i]} ${parts[2 * i + 1]}`)
}

function printNumber(dtype: DataType, value: number): string {
  const { kind } = dataTypes[dtype]
  if (kind !== 'float') return `${value}`
  if (dtype === 'float64') return printReal(value, (number) => number)
  if (dtype === 'float32') return printReal(value, Math.fround)
  return printReal(value, (number) => numbersOf(tensorOfNumbers(dtype, [], [number], { saturate: false }))[0]!)
}

/** The shortest decimal that becomes `value` again when rounded to its type; whole numbers in full. */
function printReal(value: number, round: (number: number) => number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return `${value}`
  for (let digits = 1; digits < 17; digits++) {
    const short = Number(value.toPrecision(digits))
    if (round(short) === value) return `${short}`
  }
  return `${value}`
}
