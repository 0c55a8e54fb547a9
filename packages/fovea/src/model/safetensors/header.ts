// The header of the safetensors format: names, types, shapes and places of the tensors, read without trust.
// Specification: https://github.com/huggingface/safetensors

import type { DataType } from '../../graph/data-type.ts'
import { dataTypes } from '../../graph/data-type.ts'
import { Tensor } from '../../graph/tensor.ts'
import { clip } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import { duplicateKey } from './json-keys.ts'

/** The element types of the format. Those that ONNX lacks, and so our tensors, have only their width. */
const dtypes = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F8_E4M3: 'float8e4m3fn',
  F8_E5M2: 'float8e5m2',
  F8_E8M0: 'float8e8m0',
  F8_E4M3FNUZ: 'float8e4m3fnuz',
  F8_E5M2FNUZ: 'float8e5m2fnuz',
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 'float4e2m1',
  C64: 'complex64',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
} as const satisfies Record<string, DataType | number>

/** Name of an element type as the format writes it. */
export type SafetensorsType = keyof typeof dtypes

const namesByType = new Map(Object.entries(dtypes).map(([name, type]) => [type, name as SafetensorsType]))

/** The one name of a header that is no tensor's. */
const metadataKey = '__metadata__'

/** The reference implementation refuses longer headers. */
const maxHeaderBytes = 100_000_000

/** A header nests three deep: tensors, their entries, shape and offsets. */
const maxDepth = 8

/** The length of the header stands before it, in 8 bytes. */
export const lengthBytes = 8

/** Where a tensor lies, and what it is. */
export interface TensorEntry {
  readonly dtype: SafetensorsType
  /** The element type of our tensors; undefined where they have none like it. */
  readonly type: DataType | undefined
  readonly dims: readonly number[]
  /** First byte and the one behind the last, counted from the end of the header. */
  readonly begin: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly entries: ReadonlyMap<string, TensorEntry>
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Length of the header in bytes, from the first 8 bytes of a file.
 *
 * @throws FoveaError SAFETENSORS_MALFORMED where the file is shorter than its header, or the header longer than 100 MB
 */
export function readHeaderLength(start: Uint8Array, fileBytes: number, file?: string): number {
  if (start.length < lengthBytes) malformed(file)(`at least ${lengthBytes} bytes`, `${start.length}`)
  const length = Number(new DataView(start.buffer, start.byteOffset, lengthBytes).getBigUint64(0, true))
  if (length > maxHeaderBytes || lengthBytes + length > fileBytes)
    malformed(file)(`a header within the file's ${fileBytes} bytes`, `${length} bytes`)
  return length
}

/**
 * Reads a header. As in the reference implementation the tensors must cover the data without gap or overlap; a name that occurs
 * twice is refused too.
 *
 * @param dataBytes how many bytes of data follow the header
 * @throws FoveaError SAFETENSORS_MALFORMED naming the tensor
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, file?: string): SafetensorsHeader {
  const fail = malformed(file)
  const header = parseObject(bytes, fail)
  const entries = new Map<string, TensorEntry>()
  let metadata = new Map<string, string>()
  for (const [name, entry] of Object.entries(header))
    if (name === metadataKey) metadata = parseMetadata(entry, fail)
    else entries.set(name, parseEntry(name, entry, dataBytes, fail))
  let covered = 0
  for (const [name, { begin, end }] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) fail(`data that begins at ${covered}, without gap or overlap`, `${begin}`, name)
    covered = end
  }
  if (covered !== dataBytes) fail(`${covered} bytes of data`, `${dataBytes}`)
  return { entries, metadata }
}

/**
 * The tensor of an entry over its bytes.
 *
 * @throws FoveaError SAFETENSORS_UNSUPPORTED for an element type that Fovea's tensors do not have
 */
export function tensorOfEntry(name: string, { dtype, type, dims }: TensorEntry, bytes: Uint8Array, file?: string): Tensor {
  if (type === undefined)
    throw new FoveaError('SAFETENSORS_UNSUPPORTED', { file, field: clip(name), expected: `one of ${readableTypes()}`, found: dtype })
  return new Tensor(type, dims, bytes, name)
}

/** What a header must know of a tensor that is to be written. */
export interface TensorShape {
  readonly dtype: DataType
  readonly dims: readonly number[]
}

/**
 * The first bytes of a file, and the names of its tensors in the order of their data: by falling element size, then name, so that
 * all data stay aligned and equal contents give equal files.
 *
 * @throws FoveaError SAFETENSORS_MALFORMED for a type or name that the format does not have
 */
export function encodeHeader(
  tensors: ReadonlyMap<string, TensorShape>,
  metadata: ReadonlyMap<string, string>,
): { head: Uint8Array; order: string[] } {
  const fail = malformed(undefined)
  const bits = ({ dtype }: TensorShape) => dataTypes[dtype].bits
  const sorted = [...tensors].sort(([p, a], [q, b]) => bits(b) - bits(a) || (p < q ? -1 : 1))
  const header = new Map<string, unknown>()
  if (metadata.size > 0) header.set(metadataKey, Object.fromEntries(metadata))
  let offset = 0
  for (const [name, { dtype, dims }] of sorted) {
    const known = namesByType.get(dtype as never)
    if (known === undefined) return fail(`one of ${readableTypes()}`, dtype, name)
    if (name === metadataKey) fail('tensors of other names', name, name)
    const bytes = bytesOf(known, dims)
    if (bytes === undefined) return fail('elements that fill whole bytes', `${dtype}[${dims}]`, name)
    header.set(name, { dtype: known, shape: dims, data_offsets: [offset, offset + bytes] })
    offset += bytes
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const padded = Math.ceil(text.length / lengthBytes) * lengthBytes
  if (padded > maxHeaderBytes) fail(`a header of at most ${maxHeaderBytes} bytes`, `${padded}`)
  const head = new Uint8Array(lengthBytes + padded).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true)
  head.set(text, lengthBytes)
  return { head, order: sorted.map(([name]) => name) }
}

type Fail = (expected: string, found: string, field?: string) => never

function malformed(file: string | undefined): Fail {
  return (expected, found, field) => {
    throw new FoveaError('SAFETENSORS_MALFORMED', {
      expected,
      found: clip(found, 100),
      ...(field === undefined ? {} : { field: clip(field) }),
      ...(file === undefined ? {} : { file }),
    })
  }
}

function readableTypes(): string {
  return Object.entries(dtypes)
    .flatMap(([, type]) => (typeof type === 'string' ? [type] : []))
    .join(', ')
}

function parseObject(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  const isHeader = 'a JSON object as header'
  // White space may follow the object, never come before it.
  if (bytes[0] !== 0x7b) return fail(isHeader, 'something else')
  const text = decode(bytes)
  const found = text === undefined ? undefined : duplicateKey(text, maxDepth)
  if (found !== undefined) return fail(isHeader, 'key' in found ? `the name "${clip(found.key, 60)}" twice` : 'one without end')
  try {
    const header: unknown = JSON.parse(text ?? '')
    if (isObject(header)) return header
  } catch {
    // Told below.
  }
  return fail(isHeader, 'something else')
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function parseMetadata(entry: unknown, fail: Fail): Map<string, string> {
  if (!isObject(entry) || !Object.values(entry).every((value) => typeof value === 'string'))
    return fail('an object of texts', JSON.stringify(entry), metadataKey)
  return new Map(Object.entries(entry as Record<string, string>))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseEntry(name: string, entry: unknown, dataBytes: number, fail: Fail): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypes, dtype))
    return fail(`a dtype of ${Object.keys(dtypes).join(', ')}`, String(JSON.stringify(dtype)), name)
  if (!isNaturals(shape)) return fail('a shape of whole numbers', String(JSON.stringify(shape)), name)
  if (!isNaturals(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    return fail('data_offsets [begin, end]', String(JSON.stringify(offsets)), name)
  const [begin, end] = offsets as [number, number]
  const known = dtype as SafetensorsType
  const bytes = bytesOf(known, shape)
  if (bytes !== end - begin)
    fail('as many bytes as type and shape need', `${end - begin} for ${dtype}[${shape}], which needs ${bytes ?? 'no whole number'}`, name)
  if (end > dataBytes) fail(`data within ${dataBytes} bytes`, `an end at ${end}`, name)
  const type: DataType | number = dtypes[known]
  return { dtype: known, type: typeof type === 'number' ? undefined : type, dims: shape, begin, end }
}

/** Bytes that a tensor takes; undefined where they are no whole number, or beyond what numbers hold. */
function bytesOf(dtype: SafetensorsType, dims: readonly number[]): number | undefined {
  const type: DataType | number = dtypes[dtype]
  let bits: number = typeof type === 'number' ? type : dataTypes[type].bits
  for (const dim of dims) {
    bits *= dim
    if (!Number.isSafeInteger(bits)) return undefined
  }
  return bits % 8 === 0 ? bits / 8 : undefined
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
