// A few threads that make batches. They keep the process alive only while a batch is awaited.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { workerFlags } from '../runtime/worker-flags.ts'
import { FoveaError } from '../util/errors.ts'
import type { BatchJob, BatchPlan, MadeBatch } from './batch-maker.ts'
import type { WorkerReply, WorkerRequest } from './worker.ts'

interface Task {
  readonly job: BatchJob
  readonly resolve: (made: MadeBatch) => void
  readonly reject: (error: Error) => void
}

interface Thread {
  readonly worker: Worker
  task: Task | undefined
}

export class WorkerPool {
  readonly #plan: BatchPlan
  readonly #size: number
  readonly #threads = new Set<Thread>()
  readonly #waiting: Task[] = []
  #nextId = 0

  constructor(plan: BatchPlan, size: number) {
    this.#plan = plan
    this.#size = size
  }

  /** Resolves with the batch; jobs are begun in the order of the calls. Rejects with DATA_WORKER_CRASHED where the thread dies. */
  run(job: BatchJob, signal?: AbortSignal): Promise<MadeBatch> {
    return new Promise((resolve, reject) => {
      const task = { job, resolve, reject }
      this.#waiting.push(task)
      signal?.addEventListener('abort', () => this.#drop(task), { once: true })
      this.#dispatch()
    })
  }

  /** Ends all threads; what is still under way is rejected. */
  async close(): Promise<void> {
    for (const task of this.#waiting.splice(0)) task.reject(cancelled())
    const threads = [...this.#threads]
    this.#threads.clear()
    await Promise.all(
      threads.map(({ worker, task }) => {
        task?.reject(cancelled())
        return worker.terminate()
      }),
    )
  }

  /** A job that no thread has begun is forgotten. */
  #drop(task: Task): void {
    const at = this.#waiting.indexOf(task)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    task.reject(cancelled())
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const thread = [...this.#threads].find(({ task }) => task === undefined) ?? this.#spawn()
      if (thread === undefined) return
      thread.task = this.#waiting.shift()!
      thread.worker.ref()
      thread.worker.postMessage({ id: this.#nextId++, job: thread.task.job } satisfies WorkerRequest)
    }
  }

  #spawn(): Thread | undefined {
    if (this.#threads.size >= this.#size) return undefined
    // The worker stands beside this file, as .ts in the sources and as .js in the build. Flags about a program on the command line are
    // not for files.
    const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: this.#plan,
      name: 'fovea-data',
      execArgv: workerFlags(),
    })
    const thread: Thread = { worker, task: undefined }
    this.#threads.add(thread)
    let reason: unknown
    worker.on('message', (reply: WorkerReply) => this.#finish(thread, reply))
    worker.on('error', (error) => {
      reason = error
    })
    worker.on('exit', (code) => this.#lose(thread, reason ?? `exit code ${code}`))
    return thread
  }

  #finish(thread: Thread, reply: WorkerReply): void {
    const task = thread.task
    thread.task = undefined
    thread.worker.unref()
    if ('made' in reply) task?.resolve(reply.made)
    else task?.reject(new FoveaError(reply.code, reply.details))
    this.#dispatch()
  }

  #lose(thread: Thread, reason: unknown): void {
    if (!this.#threads.delete(thread)) return
    const files = (thread.task?.job.places ?? []).map(({ sample }) => sample.path)
    const found = reason instanceof Error ? reason.message : String(reason)
    const file = files.length > 3 ? `${files.slice(0, 3).join(', ')} and ${files.length - 3} more` : files.join(', ')
    thread.task?.reject(new FoveaError('DATA_WORKER_CRASHED', { found, file, cause: reason }))
    this.#dispatch()
  }
}

function cancelled(): FoveaError {
  return new FoveaError('CANCELLED')
}
