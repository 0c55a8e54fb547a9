// A session: a compiled model that runs, on this thread or in a worker.

import type { DataType } from '../graph/data-type.ts'
import type { Dim } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { checkSessionOptions } from './check-options.ts'
import { openLocalSession } from './local-session.ts'
import { openWorkerSession } from './worker-session.ts'

/** An input or output of a session. */
export interface Port {
  readonly name: string
  readonly dtype: DataType
  readonly dims: readonly Dim[]
}

export type Feeds = Readonly<Record<string, Tensor>>

export interface SessionOptions {
  /** `cpu`, `webgpu`, `cuda:N` or `tensorrt:N`. @default 'cpu' */
  readonly device?: string
  /** Threads within one operator. @default the number of cores */
  readonly threads?: number
  /** Runs in a worker thread, so that the event loop stays free: a run blocks its own thread. @default true */
  readonly worker?: boolean
  /** ONNX Runtime's own graph optimization. @default 'all' */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all'
  /**
   * State that stays inside the session: each key is an input, its value the output that becomes that input in the next
   * run. Such inputs are not fed and such outputs not returned; `initialState` gives their first values.
   */
  readonly carry?: Readonly<Record<string, string>>
  readonly initialState?: Feeds
  /**
   * Lays out the memory of a whole run ahead, after a first run that allocates piece by piece; both stay reserved. Training steps do
   * without: a fifth less memory at the same speed. @default true
   */
  readonly memoryPattern?: boolean
  /** ONNX Runtime's session configuration entries, by their full names. */
  readonly config?: Readonly<Record<string, string>>
  /** Writes ONNX Runtime's profile to a file of this prefix when the session closes. */
  readonly profilePrefix?: string
  /** Where the model came from, for error messages. */
  readonly file?: string
}

export interface RunOptions {
  /** Which outputs to compute and return. @default all that are not carried */
  readonly outputs?: readonly string[]
}

/** A model ready to run. All methods may be called again as soon as their promise has settled; runs queue up. */
export interface Session {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  /**
   * Runs the model once.
   *
   * @throws FoveaError RUNTIME_FEED where a feed is missing or does not fit, RUNTIME_RUN_FAILED, RUNTIME_CLOSED
   */
  run(feeds: Feeds, options?: RunOptions): Promise<Record<string, Tensor>>
  /** A copy of the carried state, by input name: of all of it, or of what is named and carried. */
  readState(names?: readonly string[]): Promise<Record<string, Tensor>>
  /** Replaces (part of) the carried state. */
  writeState(state: Feeds): Promise<void>
  /** Releases memory and thread. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Compiles a model.
 *
 * @param model a Model, the bytes of an .onnx file, or its path
 * @throws FoveaError RUNTIME_OPTION, RUNTIME_UNKNOWN_DEVICE, RUNTIME_DEVICE_UNAVAILABLE, RUNTIME_LOAD_FAILED
 */
export async function openSession(model: Model | Uint8Array | string, options: SessionOptions = {}): Promise<Session> {
  checkSessionOptions(options)
  return options.worker === false ? openLocalSession(model, options) : openWorkerSession(model, options)
}
