// The batches of a training: pictures straight from the loader, features behind a frozen prefix, or features kept in memory.

import type { ImageDataset } from '../data/dataset.ts'
import type { DiskCacheOptions } from '../data/disk-cache.ts'
import { Sampler } from '../data/sampler.ts'
import { VisionDataLoader } from '../data/vision-data-loader.ts'
import { formatDims, isStatic } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { openSession, type Session } from '../runtime/session.ts'
import { FoveaError } from '../util/errors.ts'
import type { Preprocessing } from '../vision/preprocessing.ts'
import type { TrainEvent } from './events.ts'
import type { Recipe } from './options.ts'

export interface TrainingBatch {
  readonly input: Tensor
  readonly labels: Int32Array
  /** [count, classes]: the share of each class, where pictures are mixed. */
  readonly targets?: Float32Array | undefined
}

/** Where the training step gets its batches from. The same position always gives the same batch. */
export interface BatchSource<B = TrainingBatch> {
  readonly batchesPerEpoch: number
  batches(epoch: number, from: number, signal?: AbortSignal): AsyncIterable<B>
  /** Pictures that could not be read so far. */
  readonly failures: readonly { readonly path: string; readonly reason: string }[]
  close(): Promise<void>
}

export interface BatchSourceOptions {
  readonly train: ImageDataset
  readonly recipe: Recipe
  readonly preprocessing: Preprocessing
  /** From pictures to the features that the step takes; undefined where the step takes pictures. */
  readonly prefix: Model | undefined
  readonly onError: 'skip' | 'stop'
  readonly diskCache?: DiskCacheOptions | undefined
  readonly signal?: AbortSignal
  readonly onEvent: (event: TrainEvent) => void
}

/** Features kept in memory where a frozen part was cut off, else pictures. */
export async function openBatches(options: BatchSourceOptions): Promise<BatchSource> {
  const { train, recipe, preprocessing, prefix, onError, diskCache } = options
  if (prefix !== undefined) {
    const session = await openSession(prefix, { device: recipe.device, threads: recipe.threads })
    try {
      return await cacheFeatures(options, session, featureDims(prefix, recipe))
    } finally {
      await session.close()
    }
  }
  const loader = new VisionDataLoader(train, {
    preprocessing,
    training: true,
    // Pictures decoded at a fraction of their size differ from what validation and use will see; once decoded they are cached anyway.
    exactDecode: true,
    batchSize: recipe.batchSize,
    seed: recipe.seed,
    sampling: recipe.sampling,
    workers: 1,
    onError,
    ...(recipe.augment === undefined ? {} : { transform: recipe.augment }),
    ...(recipe.mix === undefined ? {} : { mix: recipe.mix }),
    ...(diskCache && { diskCache }),
  })
  return new PictureBatches(loader)
}

/** Shape of one picture's features, the batch being 1. @throws FoveaError SHAPE_UNKNOWN */
export function featureDims(prefix: Model, { imageSize }: Pick<Recipe, 'imageSize'>): readonly number[] {
  const features = prefix.graph.outputs[0]!.name
  const dims = inferValues(prefix, { bindings: { N: 1, H: imageSize[0], W: imageSize[1] } }).dims(features)
  if (isStatic(dims)) return dims
  throw new FoveaError('SHAPE_UNKNOWN', { field: features, expected: 'a static shape', found: formatDims(dims) })
}

class PictureBatches implements BatchSource {
  readonly batchesPerEpoch: number
  protected readonly loader: VisionDataLoader

  constructor(loader: VisionDataLoader) {
    this.loader = loader
    this.batchesPerEpoch = loader.batchesPerEpoch
  }

  get failures(): BatchSource['failures'] {
    return this.loader.failures.map(({ path, message }) => ({ path, reason: message }))
  }

  async *batches(epoch: number, from: number, signal?: AbortSignal): AsyncGenerator<TrainingBatch> {
    for await (const { images, shape, labels, targets } of this.loader.batches({ epoch, from, ...(signal ? { signal } : {}) }))
      yield { input: new Tensor('uint8', shape, images), labels, targets }
  }

  async close(): Promise<void> {
    await this.loader.close()
  }
}

async function runPrefix(prefix: Session, images: Tensor): Promise<Tensor> {
  const result = await prefix.run({ [prefix.inputs[0]!.name]: images })
  return result[prefix.outputs[0]!.name]!
}

/** Runs the prefix once over all pictures. */
async function cacheFeatures(options: BatchSourceOptions, prefix: Session, dims: readonly number[]): Promise<BatchSource> {
  const { train, recipe, preprocessing, onError, onEvent, diskCache } = options
  const common = { preprocessing, batchSize: 32, workers: 1, onError, cacheBytes: 0 }
  const loader = new VisionDataLoader(train, { ...common, ...(diskCache && { diskCache }) })
  const size = sizeOf(dims)
  const features = new Float32Array(size * train.samples.length)
  const kept: number[] = []
  try {
    for await (const batch of loader.batches(options.signal ? { signal: options.signal } : {})) {
      const values = (await runPrefix(prefix, new Tensor('uint8', batch.shape, batch.images))).data as Float32Array
      batch.indices.forEach((index, i) => {
        features.set(values.subarray(i * size, (i + 1) * size), index * size)
        kept.push(index)
      })
      onEvent({ kind: 'features', done: Math.min(train.samples.length, (batch.batch + 1) * 32), total: train.samples.length })
    }
  } finally {
    await loader.close()
  }
  const failures = loader.failures.map(({ path, message }) => ({ path, reason: message }))
  if (kept.length === 0)
    throw new FoveaError('DATA_NO_IMAGES', {
      expected: 'readable images',
      found: `${failures.length} unreadable ones`,
      file: failures[0]?.path,
    })
  const readable: ImageDataset = { classes: train.classes, samples: kept.map((index) => train.samples[index]!) }
  return new CachedBatches(readable, Int32Array.from(kept), features, dims, recipe, failures)
}

class CachedBatches implements BatchSource {
  readonly batchesPerEpoch: number
  readonly failures: BatchSource['failures']
  readonly #dataset: ImageDataset
  readonly #rows: Int32Array
  readonly #features: Float32Array
  readonly #dims: readonly number[]
  readonly #sampler: Sampler
  readonly #batchSize: number

  constructor(
    dataset: ImageDataset,
    rows: Int32Array,
    features: Float32Array,
    dims: readonly number[],
    recipe: Recipe,
    failures: BatchSource['failures'],
  ) {
    this.#dataset = dataset
    this.#rows = rows
    this.#features = features
    this.#dims = dims
    this.#sampler = new Sampler(dataset, recipe.sampling, recipe.seed)
    this.failures = failures
    this.#batchSize = recipe.batchSize
    this.batchesPerEpoch = Math.max(1, Math.floor(dataset.samples.length / this.#batchSize))
  }

  async *batches(epoch: number, from: number, signal?: AbortSignal): AsyncGenerator<TrainingBatch> {
    const order = this.#sampler.order(epoch)
    const size = sizeOf(this.#dims)
    for (let batch = from; batch < this.batchesPerEpoch; batch++) {
      signal?.throwIfAborted()
      const input = new Float32Array(this.#batchSize * size)
      const labels = new Int32Array(this.#batchSize)
      for (let i = 0; i < this.#batchSize; i++) {
        // Pictures that could not be read may leave less than a batch: it is then filled from the front.
        const sample = order[(batch * this.#batchSize + i) % order.length]!
        const row = this.#rows[sample]!
        input.set(this.#features.subarray(row * size, (row + 1) * size), i * size)
        labels[i] = this.#dataset.samples[sample]!.label
      }
      yield { input: Tensor.float32([this.#batchSize, ...this.#dims.slice(1)], input), labels }
    }
  }

  async close(): Promise<void> {}
}
