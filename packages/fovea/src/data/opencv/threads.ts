// The threads that OpenCV runs in: started at the first request, one request at a time each, replaced where one dies or is aborted.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { workerFlags } from '../../runtime/worker-flags.ts'
import { FoveaError } from '../../util/errors.ts'
import { pack, type Reply, type Request } from './protocol.ts'

interface Task {
  readonly request: Request
  readonly buffers: ArrayBuffer[]
  readonly resolve: (value: unknown) => void
  readonly reject: (error: FoveaError) => void
}

interface Thread {
  readonly worker: Worker
  task: Task | undefined
  heapBytes: number
}

export interface ThreadsOptions {
  readonly size: number
  /** Whether aborting a request that runs may end its thread; what else lives there would be lost. */
  readonly mayEnd: boolean
}

export class OpenCvThreads {
  readonly #options: ThreadsOptions
  readonly #threads = new Set<Thread>()
  readonly #waiting: Task[] = []
  #calls = 0

  constructor(options: ThreadsOptions) {
    this.#options = options
  }

  get stats(): { readonly threads: number; readonly calls: number; readonly heapBytes: number } {
    const heapBytes = [...this.#threads].reduce((sum, thread) => sum + thread.heapBytes, 0)
    return { threads: this.#threads.size, calls: this.#calls, heapBytes }
  }

  /** Requests are begun in the order of the calls; what they hold is copied now. Rejects with CANCELLED once `signal` aborts. */
  run(request: Request, signal?: AbortSignal): Promise<unknown> {
    if (signal?.aborted) return Promise.reject(new FoveaError('CANCELLED', { cause: signal.reason }))
    const { packed, buffers } = pack(request)
    return new Promise((resolve, reject) => {
      const stopListening = () => signal?.removeEventListener('abort', abort)
      const task: Task = {
        request: packed,
        buffers,
        resolve: (value) => {
          stopListening()
          resolve(value)
        },
        reject: (error) => {
          stopListening()
          reject(error)
        },
      }
      const abort = () => this.#abort(task, signal?.reason)
      signal?.addEventListener('abort', abort, { once: true })
      this.#waiting.push(task)
      this.#dispatch()
    })
  }

  /** Ends all threads; what is still under way is rejected with CANCELLED. A later request starts them again. */
  async close(): Promise<void> {
    const error = new FoveaError('CANCELLED')
    for (const task of this.#waiting.splice(0)) task.reject(error)
    const threads = [...this.#threads]
    this.#threads.clear()
    for (const { task } of threads) task?.reject(error)
    await Promise.all(threads.map(({ worker }) => worker.terminate()))
  }

  #abort(task: Task, cause: unknown): void {
    const at = this.#waiting.indexOf(task)
    const thread = [...this.#threads].find((one) => one.task === task)
    if (at >= 0) this.#waiting.splice(at, 1)
    else if (thread !== undefined && this.#options.mayEnd) this.#end(thread)
    task.reject(new FoveaError('CANCELLED', { cause }))
    this.#dispatch()
  }

  #end(thread: Thread): void {
    this.#threads.delete(thread)
    void thread.worker.terminate()
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const thread = [...this.#threads].find(({ task }) => task === undefined) ?? this.#spawn()
      if (thread === undefined) return
      const task = this.#waiting.shift()!
      thread.task = task
      this.#calls++
      thread.worker.ref()
      try {
        thread.worker.postMessage(task.request, task.buffers)
      } catch (cause) {
        // Something among the options that cannot travel, such as a function.
        thread.task = undefined
        thread.worker.unref()
        task.reject(new FoveaError('OPENCV_ARGUMENT', { expected: 'plain data', found: String(cause), cause }))
      }
    }
  }

  #spawn(): Thread | undefined {
    if (this.#threads.size >= this.#options.size) return undefined
    const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
      name: 'fovea-opencv',
      execArgv: workerFlags(),
    })
    const thread: Thread = { worker, task: undefined, heapBytes: 0 }
    this.#threads.add(thread)
    let reason: unknown
    worker.on('message', (reply: Reply) => this.#finish(thread, reply))
    worker.on('error', (error) => {
      reason = error
    })
    worker.on('exit', (code) => this.#lose(thread, reason ?? `exit code ${code}`))
    return thread
  }

  #finish(thread: Thread, reply: Reply): void {
    const { task } = thread
    thread.task = undefined
    thread.heapBytes = reply.heapBytes
    thread.worker.unref()
    if ('value' in reply) task?.resolve(reply.value)
    else {
      if (reply.isFatal || (reply.isSpent && this.#options.mayEnd)) this.#end(thread)
      task?.reject(new FoveaError(reply.code, reply.details))
    }
    this.#dispatch()
  }

  #lose(thread: Thread, reason: unknown): void {
    if (!this.#threads.delete(thread)) return
    const found = reason instanceof Error ? reason.message : String(reason)
    thread.task?.reject(new FoveaError('OPENCV_WORKER_DIED', { found, cause: reason }))
    this.#dispatch()
  }
}
