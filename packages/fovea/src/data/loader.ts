// Batches of pictures for training and evaluation, made ahead of time in worker threads, in an order that only the seed decides.

import { freemem } from 'node:os'
import { FoveaError } from '../util/errors.ts'
import { channelsOf, type Preprocessing } from '../vision/preprocessing.ts'
import { BatchMaker, type BatchPlan, type FailedSample, type MadeBatch } from './batch-maker.ts'
import type { ImageDataset } from './dataset.ts'
import { allocateCache } from './image-cache.ts'
import { epochOrder, type Sampling } from './sampler.ts'
import { parseTransform, type Transform } from './transforms/compose.ts'
import { WorkerPool } from './worker-pool.ts'

export interface LoaderOptions {
  /** The model's contract; its size must be fixed. */
  readonly preprocessing: Preprocessing
  /** Sets the defaults of `sampling`, `dropLast` and `exactDecode`, and what replaces an unreadable picture. Default false. */
  readonly training?: boolean
  /** Default 32. */
  readonly batchSize?: number
  /** Augmentation, done on uint8 pictures of `workSize`. Default none. */
  readonly transform?: Transform
  /** The size, [height, width], at which pictures are cached and augmented. Default the size of `preprocessing`. */
  readonly workSize?: readonly [height: number, width: number]
  /** Default `shuffled` in training, else `sequential`. */
  readonly sampling?: Sampling
  /** Default 0. */
  readonly seed?: number
  /** Leaves an incomplete last batch out. Default true in training (where there is a full batch at all), else false. */
  readonly dropLast?: boolean
  /** Threads; 0 works in the caller's. The batches do not depend on it. Default 0. */
  readonly workers?: number
  /** Batches that are made ahead. Default 2 per thread, at least 2. */
  readonly prefetch?: number
  /** Memory for decoded pictures; 0 decodes in every epoch. Default 1 GiB, at most half of what is free. */
  readonly cacheBytes?: number
  /** An unreadable picture: `skip` reports it and goes on, `stop` throws its error. Default `skip`. */
  readonly onError?: 'skip' | 'stop'
  /** False lets large JPEGs be decoded at a fraction of their size. Default true, except in training. */
  readonly exactDecode?: boolean
  /** Larger pictures are unreadable. Default 2^27. */
  readonly maxPixels?: number
}

export interface Batch extends MadeBatch {
  readonly epoch: number
  /** Number of the batch in its epoch, from 0. */
  readonly batch: number
  /** [count, height, width, channels] of `images`. */
  readonly shape: readonly [number, number, number, number]
}

export interface EpochOptions {
  /** Default 0. */
  readonly epoch?: number
  /** The first batch, for resuming inside an epoch. Default 0. */
  readonly from?: number
  readonly signal?: AbortSignal
}

/**
 * Iterates over a data set in batches: `for await (const batch of loader.batches({ epoch }))`.
 * The bytes of a batch depend on the data set, the options, `epoch` and `batch` alone: not on the number of threads, on timing, or on
 * what was iterated before. In training an unreadable picture is replaced by another one, drawn by seed, so that batches keep their
 * size; else it is left out. Either way it is listed in `failed` and in `failures`.
 * @throws DATA_NO_IMAGES, DATA_OPTION_INVALID; while iterating also CANCELLED, DATA_WORKER_CRASHED and, with `stop`, the file's error.
 */
export class ImageLoader {
  readonly dataset: ImageDataset
  readonly batchSize: number
  readonly batchesPerEpoch: number
  readonly #plan: BatchPlan
  readonly #sampling: Sampling
  readonly #workers: number
  readonly #prefetch: number
  readonly #maker: BatchMaker
  readonly #failures = new Map<number, FailedSample>()
  #pool: WorkerPool | undefined

  constructor(dataset: ImageDataset, options: LoaderOptions) {
    const { preprocessing, training = false, seed = 0, onError = 'skip' } = options
    const size = preprocessing.size
    if (size === undefined) throw invalid('preprocessing.size', 'a fixed size, as pictures of a batch must be equal', 'none')
    const count = dataset.samples.length
    if (count === 0) throw new FoveaError('DATA_NO_IMAGES', { expected: 'at least one sample', found: 'none' })
    this.dataset = dataset
    this.batchSize = checkCount('batchSize', options.batchSize ?? 32, 1)
    const dropLast = options.dropLast ?? (training && count >= this.batchSize)
    this.batchesPerEpoch = dropLast ? Math.floor(count / this.batchSize) : Math.ceil(count / this.batchSize)
    if (this.batchesPerEpoch === 0)
      throw invalid('batchSize', `at most ${count} with dropLast, the number of samples`, String(this.batchSize))
    const workSize = options.workSize ?? size
    const slotBytes = checkCount('workSize', workSize[0], 1) * checkCount('workSize', workSize[1], 1) * channelsOf(preprocessing)
    const cacheBytes = checkCount('cacheBytes', options.cacheBytes ?? Math.min(2 ** 30, Math.floor(freemem() / 2)), 0)
    const cache = allocateCache(count, slotBytes, cacheBytes)
    this.#plan = {
      preprocessing,
      workSize,
      transform: options.transform === undefined ? undefined : parseTransform(options.transform),
      seed,
      onError,
      replaceFailed: training,
      exactDecode: options.exactDecode ?? !training,
      maxPixels: options.maxPixels,
      paths: dataset.samples.map(({ path }) => path),
      labels: Int32Array.from(dataset.samples, ({ label }) => label),
      cache,
    }
    this.#sampling = options.sampling ?? (training ? 'shuffled' : 'sequential')
    // Pictures in memory reach other threads through the cache; where it cannot hold them, this thread does the work.
    const reachable = dataset.samples.every(({ image }, i) => image === undefined || i < cache.slots)
    this.#workers = reachable ? checkCount('workers', options.workers ?? 0, 0) : 0
    this.#prefetch = checkCount('prefetch', options.prefetch ?? Math.max(2, 2 * this.#workers), 1)
    this.#maker = new BatchMaker(this.#plan, (index) => dataset.samples[index]!.image)
  }

  /** Pictures that could not be read so far, each once. */
  get failures(): readonly FailedSample[] {
    return [...this.#failures.values()].sort((a, b) => a.index - b.index)
  }

  /** The batches of one epoch, from `from` on. An evaluation batch whose pictures are all unreadable is not given. */
  async *batches({ epoch = 0, from = 0, signal }: EpochOptions = {}): AsyncGenerator<Batch, void, undefined> {
    const order = epochOrder(this.dataset, this.#sampling, this.#plan.seed, epoch)
    const stop = new AbortController()
    const stopped = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
    const ahead: Promise<MadeBatch>[] = []
    let next = from
    try {
      for (let batch = from; batch < this.batchesPerEpoch; batch++) {
        for (; next < this.batchesPerEpoch && ahead.length < this.#prefetch; next++) ahead.push(this.#request(order, epoch, next, stopped))
        const made = await untilAborted(ahead.shift()!, signal)
        for (const failure of made.failed) this.#failures.set(failure.index, failure)
        if (made.indices.length > 0) yield this.#label(made, epoch, batch)
      }
    } finally {
      stop.abort()
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch, void, undefined> {
    return this.batches()
  }

  /** Ends the threads. The loader can be used again afterwards; it starts new ones. */
  async close(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await pool?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #request(order: Uint32Array, epoch: number, batch: number, signal: AbortSignal): Promise<MadeBatch> {
    const start = batch * this.batchSize
    const job = { epoch, start, samples: order.slice(start, start + this.batchSize) }
    const made = this.#workers === 0 ? this.#maker.make(job) : this.#startPool().run(job, signal)
    // It is awaited later, if at all: until then a failure is not "unhandled".
    made.catch(() => undefined)
    return made
  }

  #startPool(): WorkerPool {
    if (this.#pool === undefined) {
      this.dataset.samples.forEach((_, i) => {
        this.#maker.preload(i)
      })
      this.#pool = new WorkerPool(this.#plan, this.#workers)
    }
    return this.#pool
  }

  #label(made: MadeBatch, epoch: number, batch: number): Batch {
    const [height, width] = this.#plan.preprocessing.size!
    return { ...made, epoch, batch, shape: [made.indices.length, height, width, channelsOf(this.#plan.preprocessing)] }
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  const aborted = () => new FoveaError('CANCELLED', { cause: signal.reason })
  if (signal.aborted) return Promise.reject(aborted())
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(aborted())
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function checkCount(field: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) throw invalid(field, `a whole number of at least ${least}`, String(value))
  return value
}

function invalid(field: string, expected: string, found: string): FoveaError {
  return new FoveaError('DATA_OPTION_INVALID', { field, expected, found })
}
