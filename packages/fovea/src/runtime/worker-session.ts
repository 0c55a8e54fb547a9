// A session in a worker thread, seen from the outside.

import { Worker } from 'node:worker_threads'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { type ErrorCode, type ErrorDetails, FoveaError } from '../util/errors.ts'
import { FeedBuffers, type PackedFeeds, type WireTensors } from './feed-buffers.ts'
import type { Feeds, Port, RunOptions, Session, SessionOptions } from './session.ts'
import { type JoinedSource, joinSource, type Source, sourceOf } from './source.ts'

export type Request =
  | { readonly kind: 'open'; readonly source: JoinedSource; readonly options: SessionOptions; readonly state: WireTensors }
  | { readonly kind: 'run'; readonly feeds: PackedFeeds; readonly options: RunOptions }
  | { readonly kind: 'readState' }
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

/** The file beside this one, with its ending: TypeScript when the source is run, JavaScript when the build is. */
function workerFile(): URL {
  return new URL(`./session.worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}

export async function openWorkerSession(model: Model | Uint8Array | string, options: SessionOptions): Promise<Session> {
  return openWorkerSource(sourceOf(model), options)
}

export async function openWorkerSource(source: Source, options: SessionOptions): Promise<Session> {
  const buffers = new FeedBuffers()
  const connection = new Connection(new Worker(workerFile()), buffers)
  const { initialState = {}, ...rest } = options
  try {
    // The worker starts while the pieces are joined; handing the result over copies nothing.
    const joined = await joinSource(source)
    const { ports } = await connection.ask(
      { kind: 'open', source: joined, options: rest, state: toWire(initialState) },
      typeof joined.model === 'string' ? [] : [joined.model.buffer],
    )
    return new WorkerSession(connection, buffers, ports!.inputs, ports!.outputs)
  } catch (error) {
    await connection.terminate()
    throw error
  }
}

/** Numbered questions and answers; a worker that dies rejects what is open and all that comes. */
class Connection {
  readonly #worker: Worker
  readonly #open = new Map<number, { resolve: (answer: Answer) => void; reject: (error: unknown) => void }>()
  #next = 0
  #dead: FoveaError | undefined

  constructor(worker: Worker, buffers: FeedBuffers) {
    this.#worker = worker
    worker.on('message', (reply: Reply) => {
      const waiting = this.#open.get(reply.id)
      this.#open.delete(reply.id)
      if (reply.feedBuffer !== undefined) buffers.giveBack(reply.feedBuffer)
      if (this.#open.size === 0) worker.unref()
      if ('error' in reply) waiting?.reject(new FoveaError(reply.error.code, reply.error.details))
      else waiting?.resolve(reply)
    })
    worker.on('error', (cause) => this.#fail(new FoveaError('RUNTIME_WORKER_DIED', { found: cause.message, cause })))
    worker.on('exit', (code) => this.#fail(new FoveaError('RUNTIME_WORKER_DIED', { found: `exit code ${code}` })))
    worker.unref()
  }

  ask(request: Request, transferred: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead)
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject })
      // The process may end while the session idles, not while it works.
      this.#worker.ref()
      this.#worker.postMessage({ id, request }, transferred)
    })
  }

  async terminate(): Promise<void> {
    this.#dead ??= new FoveaError('RUNTIME_CLOSED')
    await this.#worker.terminate()
  }

  #fail(error: FoveaError): void {
    this.#dead ??= error
    for (const { reject } of this.#open.values()) reject(this.#dead)
    this.#open.clear()
  }
}

class WorkerSession implements Session {
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly #connection: Connection
  readonly #buffers: FeedBuffers
  #closed = false

  constructor(connection: Connection, buffers: FeedBuffers, inputs: readonly Port[], outputs: readonly Port[]) {
    this.#connection = connection
    this.#buffers = buffers
    this.inputs = inputs
    this.outputs = outputs
  }

  async run(feeds: Feeds, options: RunOptions = {}): Promise<Record<string, Tensor>> {
    const packed = this.#buffers.pack(feeds)
    const { tensors } = await this.#connection.ask({ kind: 'run', feeds: packed, options }, [packed.buffer])
    return fromWire(tensors!)
  }

  async readState(): Promise<Record<string, Tensor>> {
    const { tensors } = await this.#connection.ask({ kind: 'readState' })
    return fromWire(tensors!)
  }

  async writeState(state: Feeds): Promise<void> {
    await this.#connection.ask({ kind: 'writeState', state: toWire(state) })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // A worker that has died is closed already.
    await this.#connection.ask({ kind: 'close' }).catch(() => undefined)
    await this.#connection.terminate()
  }
}
