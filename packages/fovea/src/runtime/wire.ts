// What a session and its worker say to each other. The worker loads this file too: it imports little.

import { Tensor } from '../graph/tensor.ts'
import type { ErrorCode, ErrorDetails } from '../util/errors.ts'
import type { Feeds, Port, RunOptions, SessionOptions } from './session.ts'
import type { JoinedSource } from './source.ts'

/** A tensor as it crosses between threads; its bytes may be a part of a buffer that is transferred. */
export interface WireTensor {
  readonly dtype: Tensor['dtype']
  readonly dims: readonly number[]
  readonly content: Uint8Array | readonly string[]
}

export type WireTensors = Record<string, WireTensor>

export interface PackedFeeds {
  readonly tensors: WireTensors
  /** Holds the bytes of all tensors; to be transferred. */
  readonly buffer: ArrayBuffer
}

export type Request =
  | { readonly kind: 'open'; readonly source: JoinedSource; readonly options: SessionOptions; readonly state: WireTensors }
  | { readonly kind: 'run'; readonly feeds: PackedFeeds; readonly options: RunOptions }
  | { readonly kind: 'readState'; readonly names: readonly string[] | undefined }
  | { readonly kind: 'writeState'; readonly state: WireTensors }
  | { readonly kind: 'close' }

/** What comes back: an answer or an error, and with either the buffer that the feeds of a run came in. */
export type Reply = { readonly id: number; readonly feedBuffer?: ArrayBuffer } & (Answer | Refusal)

export interface Answer {
  readonly tensors?: WireTensors
  readonly ports?: { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] }
}

export interface Refusal {
  readonly error: { readonly code: ErrorCode; readonly details: ErrorDetails }
}

export function toWire(tensors: Feeds): WireTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, dims, bytes, strings }]) => [
      name,
      { dtype, dims, content: dtype === 'string' ? strings : bytes },
    ]),
  )
}

export function fromWire(tensors: WireTensors): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(tensors).map(([name, { dtype, dims, content }]) => [name, new Tensor(dtype, dims, content)]))
}
