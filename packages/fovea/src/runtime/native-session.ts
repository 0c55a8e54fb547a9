// A compiled model on the thread that calls it. A worker loads this file to start: it imports nothing that running does not need.

import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node'
import type { DataType } from '../graph/data-type.ts'
import type { Dim } from '../graph/dims.ts'
import { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import { narrowed, widen } from './carriers.ts'
import { checkFeeds } from './check-feeds.ts'
import { executionProviders, parseDevice } from './device.ts'
import { loadRuntime } from './onnx-runtime.ts'
import type { Feeds, Port, RunOptions, Session, SessionOptions } from './session.ts'
import type { JoinedSource } from './source.ts'
import { fromRuntime, isRuntimeType, toRuntime } from './tensors.ts'

type Runtime = typeof import('onnxruntime-node')

/** Compiles a model. @throws FoveaError as `openSession` */
export async function openNative({ model, narrow }: JoinedSource, options: SessionOptions): Promise<Session> {
  const device = parseDevice(options.device ?? 'cpu')
  const runtime = await loadRuntime()
  // What ONNX Runtime would print is either thrown as an error too, or of no use to our users.
  runtime.env.logLevel = 'fatal'
  if (typeof model === 'string' && !existsSync(model)) throw new FoveaError('RUNTIME_LOAD_FAILED', { file: model, found: 'no such file' })
  const settings: InferenceSession.SessionOptions = {
    executionProviders: executionProviders(device),
    graphOptimizationLevel: options.optimization ?? 'all',
    intraOpNumThreads: options.threads ?? availableParallelism(),
    interOpNumThreads: 1,
    enableMemPattern: options.memoryPattern ?? true,
    logSeverityLevel: 4,
    extra: { ...options.config },
    ...(options.profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profilePrefix }),
  }
  try {
    const create = runtime.InferenceSession.create as (
      source: string | Uint8Array,
      settings: InferenceSession.SessionOptions,
    ) => Promise<InferenceSession>
    const native = await create(model, settings)
    // The runtime has its own copy: give the file's memory back now, since a worker that idles collects no garbage.
    if (typeof model !== 'string') model.buffer.transfer(0)
    return new NativeSession(runtime, native, options, narrow)
  } catch (cause) {
    if (cause instanceof FoveaError) throw cause
    throw loadError(cause, device.kind, options.file ?? (typeof model === 'string' ? model : undefined))
  }
}

function loadError(cause: unknown, kind: string, file: string | undefined): FoveaError {
  const found = messageOf(cause)
  const absent =
    kind !== 'cpu' && /provider|backend|cuda|cudnn|tensorrt|webgpu|adapter|no available|shared library|not supported/i.test(found)
  return absent
    ? new FoveaError('RUNTIME_DEVICE_UNAVAILABLE', { expected: `a working ${kind} provider`, found, cause })
    : new FoveaError('RUNTIME_LOAD_FAILED', { file, found, cause })
}

/** What the runtime said. Where it names the line of its own source first, which may take hundreds of characters, the end says why. */
function messageOf(cause: unknown): string {
  const text = (cause instanceof Error ? cause.message : String(cause)).replaceAll(/\s+/g, ' ')
  return text.length <= 600 ? text : `${text.slice(0, 120)} … ${text.slice(-480)}`
}

class NativeSession implements Session {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly #runtime: Runtime
  #native: InferenceSession | undefined
  readonly #carry: ReadonlyMap<string, string>
  readonly #returned: readonly string[]
  readonly #narrow: ReadonlyMap<string, DataType>
  /** The carried inputs, and equally shaped tensors that the next run writes its carried outputs into. */
  #state: Record<string, RuntimeTensor> = {}
  #spare: Record<string, RuntimeTensor> = {}
  #queue: Promise<unknown> = Promise.resolve()

  constructor(runtime: Runtime, native: InferenceSession, options: SessionOptions, narrow: ReadonlyMap<string, DataType>) {
    this.#runtime = runtime
    this.#native = native
    this.#narrow = narrow
    this.inputs = portsOf(native.inputMetadata, narrow)
    this.outputs = portsOf(native.outputMetadata, narrow)
    this.#carry = new Map(Object.entries(options.carry ?? {}))
    const carried = new Set(this.#carry.values())
    this.#returned = native.outputNames.filter((name) => !carried.has(name))
    // The binding would misjudge the size of such a result and end the process.
    for (const { name, dtype } of this.outputs)
      if (!isRuntimeType(dtype) && !narrow.has(name))
        throw new FoveaError('RUNTIME_LOAD_FAILED', {
          field: name,
          expected: 'outputs of element types that onnxruntime-node can return',
          found: dtype,
        })
    this.#set(options.initialState ?? {})
  }

  async run(feeds: Feeds, options: RunOptions = {}): Promise<Record<string, Tensor>> {
    const previous = this.#queue
    const result = previous.then(() => this.#run(feeds, options))
    this.#queue = result.catch(() => undefined)
    return result
  }

  async #run(feeds: Feeds, options: RunOptions): Promise<Record<string, Tensor>> {
    if (this.#native === undefined) throw new FoveaError('RUNTIME_CLOSED')
    checkFeeds(this.inputs, feeds, new Set(Object.keys(this.#state)))
    const inputs: Record<string, RuntimeTensor> = { ...this.#state }
    for (const [name, tensor] of Object.entries(feeds))
      inputs[name] = toRuntime(this.#runtime.Tensor, this.#narrow.has(name) ? widen(tensor) : tensor, name)
    const fetches: Record<string, RuntimeTensor | null> = {}
    for (const name of options.outputs ?? this.#returned) fetches[name] = null
    for (const [input, output] of this.#carry) fetches[output] = this.#spare[input]!
    let results: InferenceSession.OnnxValueMapType
    try {
      results = await this.#native.run(inputs, fetches)
    } catch (cause) {
      throw new FoveaError('RUNTIME_RUN_FAILED', { found: messageOf(cause), cause })
    }
    // The outputs were written into the spare tensors: swap the two sets, copying nothing.
    const state = this.#state
    this.#state = this.#spare
    this.#spare = state
    const returned: Record<string, Tensor> = {}
    for (const name of options.outputs ?? this.#returned) {
      const tensor = fromRuntime(results[name] as RuntimeTensor)
      const narrow = this.#narrow.get(name)
      returned[name] = narrow === undefined ? tensor : narrowed(tensor, narrow)
    }
    return returned
  }

  async readState(names: readonly string[] = Object.keys(this.#state)): Promise<Record<string, Tensor>> {
    await this.#queue
    const copies = names
      .filter((name) => Object.hasOwn(this.#state, name))
      .map((name) => {
        const { dtype, dims, bytes } = fromRuntime(this.#state[name]!)
        return [name, new Tensor(dtype, dims, bytes.slice())] as const
      })
    return Object.fromEntries(copies)
  }

  async writeState(state: Feeds): Promise<void> {
    await this.#queue
    this.#set(state)
  }

  async close(): Promise<void> {
    await this.#queue
    const native = this.#native
    this.#native = undefined
    this.#state = {}
    this.#spare = {}
    // Ending the profile writes its file; without profiling it does nothing.
    native?.endProfiling()
    await native?.release()
  }

  #set(state: Feeds): void {
    for (const [name, tensor] of Object.entries(state)) {
      if (!this.#carry.has(name)) throw new FoveaError('RUNTIME_FEED', { field: name, expected: 'a carried input', found: `"${name}"` })
      checkFeeds(
        this.inputs.filter((port) => port.name === name),
        { [name]: tensor },
        new Set(),
      )
      const copy = (bytes: Uint8Array) => toRuntime(this.#runtime.Tensor, new Tensor(tensor.dtype, tensor.dims, bytes), name)
      this.#state[name] = copy(tensor.bytes.slice())
      this.#spare[name] = copy(new Uint8Array(tensor.bytes.length))
    }
  }
}

function portsOf(metadata: readonly InferenceSession.ValueMetadata[], narrow: ReadonlyMap<string, DataType>): Port[] {
  return metadata.map((entry) =>
    entry.isTensor
      ? {
          name: entry.name,
          dtype: narrow.get(entry.name) ?? (entry.type as DataType),
          dims: entry.shape.map((dim): Dim => (dim === '' ? null : dim)),
        }
      : { name: entry.name, dtype: 'string', dims: [] },
  )
}
