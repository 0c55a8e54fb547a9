// The safetensors format: a JSON header and raw tensors, read without trust and written without surprise.
// Specification: https://github.com/huggingface/safetensors

import type { DataType } from '../graph/data-type.ts'
import { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'

const dtypeNames = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F8_E4M3: 'float8e4m3fn',
  F8_E5M2: 'float8e5m2',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
} as const satisfies Record<string, DataType>

const namesByType = new Map<DataType, string>(Object.entries(dtypeNames).map(([name, dtype]) => [dtype, name]))

/** The one name of a header that is no tensor's. */
const metadataKey = '__metadata__'

/** The reference implementation refuses longer headers. */
const maxHeaderBytes = 100_000_000

export interface Safetensors {
  readonly tensors: Map<string, Tensor>
  readonly metadata: Map<string, string>
}

/**
 * Reads a file's bytes. The tensors are views into them.
 *
 * @throws FoveaError SAFETENSORS_MALFORMED naming the tensor
 */
export function decodeSafetensors(bytes: Uint8Array, file?: string): Safetensors {
  const fail = (expected: string, found: string, field?: string): never => {
    throw new FoveaError('SAFETENSORS_MALFORMED', { expected, found, field, file })
  }
  if (bytes.length < 8) fail('at least 8 bytes', `${bytes.length}`)
  const headerLength = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true))
  if (headerLength > maxHeaderBytes || 8 + headerLength > bytes.length)
    fail(`a header within the file's ${bytes.length} bytes`, `${headerLength} bytes`)
  const header = parseHeader(bytes.subarray(8, 8 + headerLength), fail)
  const content = bytes.subarray(8 + headerLength)
  const tensors = new Map<string, Tensor>()
  let metadata = new Map<string, string>()
  const ranges: { name: string; begin: number; end: number }[] = []
  for (const [name, entry] of Object.entries(header)) {
    if (name === metadataKey) {
      metadata = parseMetadata(entry, fail)
      continue
    }
    const { dtype, dims, begin, end } = parseEntry(name, entry, fail)
    if (end > content.length) fail(`data within ${content.length} bytes`, `an end at ${end}`, name)
    tensors.set(name, tensorOf(name, dtype, dims, content.subarray(begin, end), fail))
    ranges.push({ name, begin, end })
  }
  let covered = 0
  for (const { name, begin, end } of ranges.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) fail(`data that begins at ${covered}, without gap or overlap`, `${begin}`, name)
    covered = end
  }
  if (covered !== content.length) fail(`${covered} bytes of data`, `${content.length}`)
  return { tensors, metadata }
}

type Fail = (expected: string, found: string, field?: string) => never

function parseHeader(bytes: Uint8Array, fail: Fail): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (isObject(header)) return header
  } catch {
    // Told below.
  }
  return fail('a JSON object as header', 'something else')
}

function parseMetadata(entry: unknown, fail: Fail): Map<string, string> {
  if (!isObject(entry) || !Object.values(entry).every((value) => typeof value === 'string'))
    return fail('an object of texts', JSON.stringify(entry).slice(0, 60), metadataKey)
  return new Map(Object.entries(entry as Record<string, string>))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseEntry(name: string, entry: unknown, fail: Fail): { dtype: DataType; dims: number[]; begin: number; end: number } {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>
  const known = typeof dtype === 'string' && Object.hasOwn(dtypeNames, dtype) ? dtypeNames[dtype as keyof typeof dtypeNames] : undefined
  if (known === undefined) return fail(`a dtype of ${Object.keys(dtypeNames).join(', ')}`, String(dtype), name)
  if (!isNaturals(shape)) return fail('a shape of whole numbers', JSON.stringify(shape), name)
  if (!isNaturals(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    return fail('data_offsets [begin, end]', JSON.stringify(offsets), name)
  return { dtype: known, dims: shape, begin: offsets[0]!, end: offsets[1]! }
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}

function tensorOf(name: string, dtype: DataType, dims: number[], bytes: Uint8Array, fail: Fail): Tensor {
  try {
    return new Tensor(dtype, dims, bytes, name)
  } catch (error) {
    return fail('as many bytes as type and shape need', error instanceof FoveaError ? (error.details.found ?? '') : String(error), name)
  }
}

/**
 * The file as chunks: the header, then each tensor's own bytes, nothing copied. Tensors are sorted by falling element size, then
 * name, so that all data stay aligned and equal contents give equal files.
 *
 * @throws FoveaError SAFETENSORS_MALFORMED for a type or name that the format does not have
 */
export function encodeSafetensors(tensors: ReadonlyMap<string, Tensor>, metadata: ReadonlyMap<string, string> = new Map()): Uint8Array[] {
  const elementBytes = (tensor: Tensor) => (tensor.size === 0 ? 0 : tensor.bytes.length / tensor.size)
  const sorted = [...tensors].sort(([p, a], [q, b]) => elementBytes(b) - elementBytes(a) || (p < q ? -1 : 1))
  const header = new Map<string, unknown>()
  if (metadata.size > 0) header.set(metadataKey, Object.fromEntries(metadata))
  let offset = 0
  for (const [name, { dtype, dims, bytes }] of sorted) {
    const known = namesByType.get(dtype)
    if (known === undefined)
      throw new FoveaError('SAFETENSORS_MALFORMED', { field: name, expected: `one of ${[...namesByType.keys()].join(', ')}`, found: dtype })
    if (name === metadataKey)
      throw new FoveaError('SAFETENSORS_MALFORMED', { field: name, expected: 'tensors of other names', found: name })
    header.set(name, { dtype: known, shape: dims, data_offsets: [offset, offset + bytes.length] })
    offset += bytes.length
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const padded = Math.ceil(text.length / 8) * 8
  const head = new Uint8Array(8 + padded).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true)
  head.set(text, 8)
  return [head, ...sorted.map(([, tensor]) => tensor.bytes)]
}
