// A session in a worker thread, seen from the outside.

import { Worker } from 'node:worker_threads'
import type { Model } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import { FeedBuffers } from './feed-buffers.ts'
import { refuseTelemetry } from './onnx-runtime.ts'
import type { Feeds, Port, RunOptions, Session, SessionOptions } from './session.ts'
import { joinSource, type Source, sourceOf } from './source.ts'
import { type Answer, fromWire, type Reply, type Request, toWire } from './wire.ts'
import { workerFlags } from './worker-flags.ts'

/** The file beside this one, with its ending: TypeScript when the source is run, JavaScript when the build is. */
function workerFile(): URL {
  return new URL(`./session.worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}

export async function openWorkerSession(model: Model | Uint8Array | string, options: SessionOptions): Promise<Session> {
  return openWorkerSource(sourceOf(model), options)
}

export async function openWorkerSource(source: Source, options: SessionOptions): Promise<Session> {
  refuseTelemetry()
  const buffers = new FeedBuffers()
  const connection = new Connection(new Worker(workerFile(), { execArgv: workerFlags() }), buffers)
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

  async readState(names?: readonly string[]): Promise<Record<string, Tensor>> {
    const { tensors } = await this.#connection.ask({ kind: 'readState', names })
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
