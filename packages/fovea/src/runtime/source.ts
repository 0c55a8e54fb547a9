// A model on its way to the runtime: pieces of a file that are hashed and joined without holding up the event loop.

import { createHash } from 'node:crypto'
import { encodeModelChunks } from '../graph/codec/encode.ts'
import type { DataType } from '../graph/data-type.ts'
import type { Model } from '../graph/model.ts'
import { adaptBoundary } from './boundary.ts'
import { longestHold, nextTurn } from './turns.ts'

/** What ONNX Runtime is to compile, and which ports travel as a wider type. */
export interface Source {
  /** A path, or the bytes of an .onnx file in pieces, most of them views of the model's weights. */
  readonly model: string | readonly Uint8Array[]
  readonly narrow: ReadonlyMap<string, DataType>
}

/** A source whose pieces have been joined: this is what crosses to a worker. */
export interface JoinedSource {
  readonly model: string | Uint8Array<ArrayBuffer>
  readonly narrow: ReadonlyMap<string, DataType>
}

/** Encodes a model for the runtime, copying no weights; files and bytes go as they are. */
export function sourceOf(model: Model | Uint8Array | string): Source {
  if (typeof model === 'string') return { model, narrow: new Map() }
  if (model instanceof Uint8Array) return { model: [model], narrow: new Map() }
  const boundary = adaptBoundary(model)
  return { model: encodeModelChunks(boundary.model).parts, narrow: boundary.narrow }
}

/** The source with its pieces copied into one buffer that nobody else holds, so that it can be transferred. */
export async function joinSource({ model, narrow }: Source): Promise<JoinedSource> {
  if (typeof model === 'string') return { model, narrow }
  const bytes = new Uint8Array(lengthOf(model))
  let at = 0
  for await (const slice of pacedSlices(model)) {
    bytes.set(slice, at)
    at += slice.length
  }
  return { model: bytes, narrow }
}

/** SHA-256 of the bytes, in hexadecimal digits. */
export async function digestOf(parts: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256')
  for await (const slice of pacedSlices(parts)) hash.update(slice)
  return hash.digest('hex')
}

export function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

/** Copying or hashing this much takes about a millisecond at most. */
const sliceBytes = 2 ** 20

async function* pacedSlices(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  let begin = await nextTurn()
  for (const part of parts)
    for (let at = 0; at < part.length; at += sliceBytes) {
      yield part.subarray(at, at + sliceBytes)
      if (performance.now() - begin > longestHold) begin = await nextTurn()
    }
}
