// ZIP archives as .npz needs them: entries stored or deflated, no encryption, up to 4 GB (APPNOTE 6.3, without ZIP64).

import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { FoveaError } from '../util/errors.ts'

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50 } as const
const largest = 2 ** 32 - 1
/** 1 January 1980: the same content gives the same bytes. */
const date = 0x21
/** Names are UTF-8. */
const utf8 = 0x800

export interface ZipEntry {
  readonly name: string
  /** Parts of the content, so that large ones are not copied. */
  readonly chunks: readonly Uint8Array[]
}

/** The parts of an archive's bytes. @throws FoveaError NUMPY_MALFORMED where it would be larger than 4 GB */
export function encodeZip(entries: readonly ZipEntry[], { compress = false }: { readonly compress?: boolean } = {}): Uint8Array[] {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let at = 0
  for (const { name, chunks } of entries) {
    const size = lengthOf(chunks)
    const crc = chunks.reduce((sum, chunk) => crc32(chunk, sum), 0)
    const content = compress ? [new Uint8Array(deflateRawSync(Buffer.concat(chunks)))] : chunks
    const facts = { name: new TextEncoder().encode(name), method: compress ? 8 : 0, crc, packed: lengthOf(content), size, at }
    if (Math.max(at + facts.packed, size) > largest || entries.length > 65_535 || facts.name.length > 65_535)
      throw new FoveaError('NUMPY_MALFORMED', {
        expected: 'at most 4 GB in one .npz file',
        found: 'more',
        remedy: 'Write each array to an .npy file of its own.',
      })
    const local = recordOf(signatures.local, facts)
    parts.push(local, ...content)
    directory.push(recordOf(signatures.central, facts))
    at += local.length + facts.packed
  }
  const end = new DataView(new ArrayBuffer(22))
  end.setUint32(0, signatures.end, true)
  end.setUint16(8, entries.length, true)
  end.setUint16(10, entries.length, true)
  end.setUint32(12, lengthOf(directory), true)
  end.setUint32(16, at, true)
  return [...parts, ...directory, new Uint8Array(end.buffer)]
}

/** The contents of an archive by name. @throws FoveaError NUMPY_MALFORMED where it is cut off, damaged, or of a kind that is not read */
export function decodeZip(bytes: Uint8Array, file?: string): Map<string, Uint8Array> {
  const fail = (expected: string, found: string): never => {
    throw new FoveaError('NUMPY_MALFORMED', { file, expected, found })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const inside = (at: number, length: number) => at + length <= bytes.length || fail('a whole archive', `${bytes.length} bytes`)
  // The end may carry a comment of up to 64 kB.
  let end = bytes.length - 22
  while (end >= 0 && end > bytes.length - 65_558 && view.getUint32(end, true) !== signatures.end) end--
  if (end < 0 || view.getUint32(end, true) !== signatures.end) return fail('a ZIP archive', `${bytes.length} other bytes`)
  const entries = new Map<string, Uint8Array>()
  let at = view.getUint32(end + 16, true)
  for (let i = 0; i < view.getUint16(end + 10, true); i++) {
    inside(at, 46)
    if (view.getUint32(at, true) !== signatures.central) fail('an entry of the directory', 'other bytes')
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)]
    const [crc, packed, size] = [16, 20, 24].map((offset) => view.getUint32(at + offset, true)) as [number, number, number]
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [number, number, number]
    const from = view.getUint32(at + 42, true)
    inside(at + 46, name)
    const label = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + name))
    if (flags & 1 || (method !== 0 && method !== 8)) fail('entries stored or deflated', `"${label}" of method ${method}`)
    inside(from, 30)
    const start = from + 30 + view.getUint16(from + 26, true) + view.getUint16(from + 28, true)
    inside(start, packed)
    const content = bytes.subarray(start, start + packed)
    // Deflate makes nothing more than 1,032 times as long.
    if (size > 1032 * packed + 64) fail('sizes that can be', `${size} bytes out of ${packed} in "${label}"`)
    const whole = method === 0 ? content : inflate(content, size, () => fail('deflated data', `damage in "${label}"`))
    if (whole.length !== size || crc32(whole) !== crc) fail(`the content that was written of "${label}"`, 'another')
    entries.set(label, whole)
    at += 46 + name + extra + comment
  }
  return entries
}

function inflate(content: Uint8Array, size: number, fail: () => never): Uint8Array {
  try {
    return new Uint8Array(inflateRawSync(content, { maxOutputLength: Math.max(1, size) }))
  } catch {
    return fail()
  }
}

interface Facts {
  readonly name: Uint8Array
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly at: number
}

/** The record of an entry before its content, or in the directory, which says where that is. */
function recordOf(signature: number, { name, method, crc, packed, size, at }: Facts): Uint8Array {
  const central = signature === signatures.central
  const shift = central ? 2 : 0
  const out = new Uint8Array((central ? 46 : 30) + name.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, signature, true)
  if (central) view.setUint16(4, 20, true)
  view.setUint16(4 + shift, 20, true)
  view.setUint16(6 + shift, utf8, true)
  view.setUint16(8 + shift, method, true)
  view.setUint16(12 + shift, date, true)
  view.setUint32(14 + shift, crc, true)
  view.setUint32(18 + shift, packed, true)
  view.setUint32(22 + shift, size, true)
  view.setUint16(26 + shift, name.length, true)
  if (central) view.setUint32(42, at, true)
  out.set(name, central ? 46 : 30)
  return out
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0)
}
