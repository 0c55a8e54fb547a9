// The safetensors format in memory: a file's bytes to tensors and back.

import type { Tensor } from '../../graph/tensor.ts'
import { encodeHeader, lengthBytes, parseHeader, readHeaderLength, tensorOfEntry } from './header.ts'

export interface Safetensors {
  readonly tensors: Map<string, Tensor>
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Reads a file's bytes. The tensors are views into them. A file that is larger than the memory is read by `openSafetensors`.
 *
 * @throws FoveaError SAFETENSORS_MALFORMED naming the tensor; SAFETENSORS_UNSUPPORTED for an element type that our tensors do not have
 */
export function decodeSafetensors(bytes: Uint8Array, file?: string): Safetensors {
  const length = readHeaderLength(bytes.subarray(0, lengthBytes), bytes.length, file)
  const content = bytes.subarray(lengthBytes + length)
  const { entries, metadata } = parseHeader(bytes.subarray(lengthBytes, lengthBytes + length), content.length, file)
  const tensors = new Map<string, Tensor>()
  for (const [name, entry] of entries) tensors.set(name, tensorOfEntry(name, entry, content.subarray(entry.begin, entry.end), file))
  return { tensors, metadata }
}

/**
 * The file as chunks: the header, then each tensor's own bytes, nothing copied. Equal contents give equal files.
 *
 * @throws FoveaError SAFETENSORS_MALFORMED for a type or name that the format does not have
 */
export function encodeSafetensors(tensors: ReadonlyMap<string, Tensor>, metadata: ReadonlyMap<string, string> = new Map()): Uint8Array[] {
  const { head, order } = encodeHeader(tensors, metadata)
  return [head, ...order.map((name) => tensors.get(name)!.bytes)]
}
