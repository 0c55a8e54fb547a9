// Threads that draw scenes: the same bytes however many there are.

import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { workerFlags } from '../../../runtime/worker-flags.ts'
import { FoveaError } from '../../../util/errors.ts'
import type { FormulaBatch, FormulaJob, FormulaPlan } from './batch.ts'

interface Task {
  readonly job: FormulaJob
  readonly resolve: (batch: FormulaBatch) => void
  readonly reject: (error: Error) => void
}

export interface FormulaPoolOptions extends FormulaPlan {
  readonly threads: number
}

/** A few threads that draw batches of scenes; jobs are begun in the order of the calls. */
export class FormulaPool {
  readonly #plan: FormulaPlan
  readonly #size: number
  readonly #busy = new Map<Worker, Task | undefined>()
  readonly #waiting: Task[] = []

  constructor({ threads, ...plan }: FormulaPoolOptions) {
    this.#plan = plan
    this.#size = threads
  }

  /**
   * Draws the scenes `start` to `start + count - 1`. A signal takes back what no thread has begun; what is under way is finished.
   *
   * @throws FoveaError CANCELLED, DATA_WORKER_CRASHED
   */
  batch(start: number, count: number, signal?: AbortSignal): Promise<FormulaBatch> {
    const { promise, resolve, reject } = Promise.withResolvers<FormulaBatch>()
    if (signal?.aborted) return Promise.reject(new FoveaError('CANCELLED'))
    const task = { job: { start, count }, resolve, reject }
    const drop = () => this.#drop(task)
    signal?.addEventListener('abort', drop, { once: true })
    this.#waiting.push(task)
    this.#dispatch()
    return promise.finally(() => signal?.removeEventListener('abort', drop))
  }

  /** Ends all threads; what is still under way is rejected. */
  async close(): Promise<void> {
    for (const task of this.#waiting.splice(0)) task.reject(new FoveaError('CANCELLED'))
    const threads = [...this.#busy]
    this.#busy.clear()
    for (const [, task] of threads) task?.reject(new FoveaError('CANCELLED'))
    await Promise.all(threads.map(([worker]) => worker.terminate()))
  }

  #drop(task: Task): void {
    const at = this.#waiting.indexOf(task)
    if (at < 0) return
    this.#waiting.splice(at, 1)
    task.reject(new FoveaError('CANCELLED'))
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const idle = [...this.#busy].find(([, task]) => task === undefined)?.[0] ?? this.#spawn()
      if (idle === undefined) return
      const task = this.#waiting.shift()!
      this.#busy.set(idle, task)
      idle.ref()
      idle.postMessage(task.job)
    }
  }

  #spawn(): Worker | undefined {
    if (this.#busy.size >= this.#size) return undefined
    // The worker stands beside this file, as .ts in the sources and as .js in the build.
    const worker = new Worker(new URL(`./worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: this.#plan,
      name: 'fovea-formula',
      execArgv: workerFlags(),
    })
    this.#busy.set(worker, undefined)
    let reason: unknown
    worker.on('message', (batch: FormulaBatch) => {
      const task = this.#busy.get(worker)
      this.#busy.set(worker, undefined)
      worker.unref()
      task?.resolve(batch)
      this.#dispatch()
    })
    worker.on('error', (error) => {
      reason = error
    })
    worker.on('exit', (code) => {
      const task = this.#busy.get(worker)
      if (!this.#busy.delete(worker)) return
      const remedy = 'Draw smaller batches or with fewer threads where memory is short; else report this, with the options.'
      task?.reject(new FoveaError('DATA_WORKER_CRASHED', { found: String(reason ?? `exit code ${code}`), cause: reason, remedy }))
      this.#dispatch()
    })
    return worker
  }
}
