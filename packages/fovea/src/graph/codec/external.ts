// External data: where a tensor's bytes lie in another file, and which locations are allowed.

import { clipAll } from '../../util/clip.ts'
import { FoveaError } from '../../util/errors.ts'
import type { StringStringEntryProto } from './onnx_pb.gen.ts'
import type { Source } from './source.ts'

/**
 * Gives `length` bytes of the file at `location`, relative to the model, from `offset` on; all bytes to its end where the
 * length is not known. Whether links lead out of the model's folder is for the reader to check.
 */
export type ReadExternal = (location: string, offset: number, length: number | undefined) => Uint8Array

/**
 * Reads the bytes that a tensor's `external_data` points to.
 *
 * @param expected number of bytes that the tensor takes by its type and shape
 * @throws FoveaError ONNX_EXTERNAL_DATA
 */
export function readExternalData(entries: readonly StringStringEntryProto[], expected: number, source: Source): Uint8Array {
  const values = new Map(entries.map(({ key, value }) => [key, value]))
  const location = checkLocation(values.get('location') ?? '', source)
  const offset = wholeNumber(values.get('offset'), 'offset', source) ?? 0
  const length = wholeNumber(values.get('length'), 'length', source)
  if (length !== undefined && length !== expected) source.fail('ONNX_EXTERNAL_DATA', `a length of ${expected} bytes`, `${length}`)
  if (source.readExternal === undefined)
    source.fail(
      'ONNX_EXTERNAL_DATA',
      'a reader for external data',
      `none, and data in ${location}`,
      'Open the model by its path, or pass readExternal.',
    )
  if (expected === 0) return new Uint8Array(0)
  const bytes = read(source.readExternal, location, offset, expected, source)
  if (bytes.length !== expected) source.fail('ONNX_EXTERNAL_DATA', `${expected} bytes at ${offset} of ${location}`, `${bytes.length}`)
  return bytes
}

function read(readExternal: ReadExternal, location: string, offset: number, length: number, source: Source): Uint8Array {
  try {
    return readExternal(location, offset, length)
  } catch (cause) {
    if (cause instanceof FoveaError) throw cause
    throw new FoveaError('ONNX_EXTERNAL_DATA', {
      ...clipAll({
        ...source.place,
        expected: `${length} bytes at ${offset} of ${location}`,
        found: cause instanceof Error ? cause.message : String(cause),
      }),
      cause,
    })
  }
}

/** Only plain paths below the model's folder: not absolute, no `..`, no backslash, drive or NUL. */
function checkLocation(location: string, source: Source): string {
  const parts = location.split('/')
  const plain = !/[\\\0]/.test(location) && !/^[A-Za-z]:/.test(location) && !parts.includes('..')
  if (!plain || location === '' || location.startsWith('/'))
    source.fail('ONNX_EXTERNAL_DATA', "a path below the model's folder", JSON.stringify(location))
  return location
}

function wholeNumber(text: string | undefined, name: string, source: Source): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value)) source.fail('ONNX_EXTERNAL_DATA', `a whole number as ${name}`, JSON.stringify(text))
  return value
}
