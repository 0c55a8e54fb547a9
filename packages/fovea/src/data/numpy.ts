// Arrays as NumPy stores them, .npy (NEP 1): a magic number, a header written as a Python dict, the elements. Ours instead of a
// package: the one that there is for TypeScript brings a whole NumPy with it, 8 MB and 0.2 s to load.

import type { DataType } from '../graph/data-type.ts'
import { sizeOf, Tensor, type TypedArray } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'

export interface NumpyArray {
  readonly dtype: DataType
  readonly shape: readonly number[]
  /** The elements, row-major; float16 as bits. Empty for strings. */
  readonly data: TypedArray
  /** The elements of a string array. */
  readonly strings?: readonly string[]
}

const descriptions: Partial<Record<DataType, string>> = {
  float32: '<f4',
  float64: '<f8',
  float16: '<f2',
  int8: '|i1',
  uint8: '|u1',
  int16: '<i2',
  uint16: '<u2',
  int32: '<i4',
  uint32: '<u4',
  int64: '<i8',
  uint64: '<u8',
  bool: '|b1',
  complex64: '<c8',
  complex128: '<c16',
}
const types = new Map(Object.entries(descriptions).map(([dtype, text]) => [text.slice(1), dtype as DataType]))

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
/** Longer headers are no arrays of ours; they would only fill the memory. */
const maxHeader = 2 ** 16

/** The bytes of an .npy file, in two parts so that large arrays are not copied. @throws FoveaError NUMPY_MALFORMED for types NumPy lacks */
export function encodeNpy(array: NumpyArray): [header: Uint8Array, elements: Uint8Array] {
  const { shape, strings, dtype } = array
  const text = dtype === 'string' ? encodeText(strings ?? []) : undefined
  const descr = text === undefined ? descriptions[dtype] : `<U${text.width}`
  if (descr === undefined) throw new FoveaError('NUMPY_MALFORMED', { expected: 'an element type that NumPy has', found: dtype })
  const count = text === undefined ? new Tensor(dtype, shape, bytesOf(array.data)).size : (strings ?? []).length
  if (count !== sizeOf(shape)) throw new FoveaError('NUMPY_MALFORMED', { expected: `${sizeOf(shape)} strings`, found: `${count}` })
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`
  // Version 1 holds up to 64 kB of header; the elements begin at a multiple of 64 bytes.
  const length = Math.ceil((10 + dict.length + 1) / 64) * 64 - 10
  const header = new Uint8Array(10 + length).fill(0x20)
  header.set([...magic, 1, 0, length & 255, length >> 8])
  header.set(new TextEncoder().encode(dict), 10)
  header[header.length - 1] = 0x0a
  return [header, text?.bytes ?? bytesOf(array.data)]
}

/** Reads an .npy file, versions 1 to 3, of any byte order and of rows or columns first. @throws FoveaError NUMPY_MALFORMED */
export function decodeNpy(bytes: Uint8Array, file?: string): NumpyArray {
  const fail = (expected: string, found: string): never => {
    throw new FoveaError('NUMPY_MALFORMED', { file, expected, found })
  }
  if (bytes.length < 10 || magic.some((byte, i) => bytes[i] !== byte)) fail('the magic number of .npy', `${bytes.length} other bytes`)
  const version = bytes[6]!
  if (version < 1 || version > 3) fail('version 1, 2 or 3', `${version}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = version === 1 ? 10 : 12
  const length = version === 1 ? view.getUint16(8, true) : bytes.length < 12 ? 0 : view.getUint32(8, true)
  if (length > maxHeader || start + length > bytes.length) fail('a header inside the file', `one of ${length} bytes`)
  const header = new TextDecoder().decode(bytes.subarray(start, start + length))
  const descr = /'descr'\s*:\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header)
  const columnsFirst = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1]
  const listed = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header)?.[1]
  if (descr === null || columnsFirst === undefined || listed === undefined)
    return fail('descr, fortran_order and shape', header.slice(0, 80))
  const shape = (listed.match(/\d+/g) ?? []).map(Number)
  const dtype = types.get(descr[2]!)
  const width = Number(descr[2]!.slice(1)) * (descr[2]!.startsWith('U') ? 4 : 1)
  if (dtype === undefined && !descr[2]!.startsWith('U')) fail('an element type of numbers, bool or text', descr[2]!)
  const size = sizeOf(shape) * width
  if (shape.length > 32 || !Number.isSafeInteger(size) || start + length + size > bytes.length)
    fail(`${size} bytes for [${shape}]`, `${bytes.length - start - length}`)
  const elements = bytes.slice(start + length, start + length + size)
  if (descr[1] === '>') swapBytes(elements, unitOf(dtype, width))
  const rows = columnsFirst === 'True' && shape.length > 1 ? rowsFirst(elements, shape, width) : elements
  if (dtype === undefined) return { dtype: 'string', shape, data: new Uint8Array(0), strings: decodeText(rows, width) }
  return { dtype, shape, data: new Tensor(dtype, shape, rows).data }
}

function bytesOf(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** Bytes that are swapped together: text is of 4-byte characters, complex numbers are pairs. */
function unitOf(dtype: DataType | undefined, width: number): number {
  return dtype === undefined ? 4 : dtype.startsWith('complex') ? width / 2 : width
}

function swapBytes(bytes: Uint8Array, unit: number): void {
  for (let at = 0; at < bytes.length; at += unit) bytes.subarray(at, at + unit).reverse()
}

/** From columns first to rows first. */
function rowsFirst(bytes: Uint8Array, shape: readonly number[], width: number): Uint8Array {
  const out = new Uint8Array(bytes.length)
  const steps = shape.map((_, i) => sizeOf(shape.slice(0, i)))
  const index = shape.map(() => 0)
  for (let to = 0; to < out.length; to += width) {
    const from = index.reduce((sum, value, i) => sum + value * steps[i]!, 0) * width
    out.set(bytes.subarray(from, from + width), to)
    for (let i = shape.length - 1; i >= 0; i--) {
      index[i] = index[i]! + 1
      if (index[i]! < shape[i]!) break
      index[i] = 0
    }
  }
  return out
}

/** Text of fixed width, 4 bytes a character, padded with zeros. */
function encodeText(strings: readonly string[]): { width: number; bytes: Uint8Array } {
  const lists = strings.map((text) => Array.from(text, (character) => character.codePointAt(0)!))
  const width = lists.reduce((most, list) => Math.max(most, list.length), 1)
  const out = new DataView(new ArrayBuffer(strings.length * width * 4))
  lists.forEach((list, i) => {
    list.forEach((code, j) => {
      out.setUint32((i * width + j) * 4, code, true)
    })
  })
  return { width, bytes: new Uint8Array(out.buffer) }
}

function decodeText(bytes: Uint8Array, width: number): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: width === 0 ? 0 : bytes.length / width }, (_, i) => {
    let text = ''
    for (let at = i * width; at < (i + 1) * width; at += 4) {
      const code = view.getUint32(at, true)
      if (code !== 0) text += code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
    }
    return text
  })
}
