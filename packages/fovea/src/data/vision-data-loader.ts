// Batches of pictures with what is marked in them, made ahead of time in worker threads, in an order that only the seed decides.

import { FoveaError } from '../util/errors.ts'
import { maxOf } from '../util/extremes.ts'
import { Random } from '../util/random.ts'
import { said } from '../util/said.ts'
import type { Annotation } from '../vision/annotation.ts'
import type { LabelMap } from '../vision/geometry/label-map.ts'
import type { Image } from '../vision/image.ts'
import type { LabelledPicture, LabelledStream } from '../vision/labelled-set.ts'
import { type BatchJob, BatchMaker, type FailedSample, type MadeBatch, type PlaceJob, type SampleJob } from './batch-maker.ts'
import type { Collate, Stacked } from './collate.ts'
import { type ImageDataset, type Sample, samplesOf } from './dataset.ts'
import { IndexedDataset } from './formats/indexed-dataset.ts'
import type { SplitName } from './formats/split-folders.ts'
import type { ImageFolder } from './image-folder.ts'
import { checkCount, invalid, type LoaderOptions, type LoaderPlan, planLoader } from './loader-options.ts'
import { type OpenFolderOptions, openFolder } from './open-folder.ts'
import { PictureCache } from './picture-cache.ts'
import { Sampler } from './sampler.ts'
import { compose, parseTransform, type Transform } from './transforms/compose.ts'
import { drawPartners } from './transforms/mix.ts'
import { WorkerPool } from './worker-pool.ts'

/** What every batch tells of its pictures; lists have one entry for each. */
export interface BatchFacts {
  readonly epoch: number
  /** Number of the batch in its epoch, from 0. */
  readonly batch: number
  /** The class of each picture as a whole, -1 where unknown. */
  readonly labels: Int32Array<ArrayBuffer>
  /** Which sample of the data set each picture is; the first of a mosaic. */
  readonly indices: Int32Array<ArrayBuffer>
  readonly paths: readonly string[]
  /** [height, width] in pixels, without padding. */
  readonly sizes: readonly (readonly [height: number, width: number])[]
  /** What is marked, in pixels of the picture as it is in the batch. */
  readonly annotations: readonly (readonly Annotation[])[]
  /** A class for each pixel, of samples that have one. */
  readonly labelMaps: readonly (LabelMap | undefined)[]
  /** [count, classes]: the share of each class, where a mix is on. */
  readonly targets: Float32Array<ArrayBuffer> | undefined
  /** Pictures that could not be read, of this batch. */
  readonly failed: readonly FailedSample[]
}

/** Pictures in one array: uint8 NHWC. */
export interface Batch extends BatchFacts, Stacked {}

/** Pictures each of its own size. */
export interface ListBatch extends BatchFacts {
  readonly images: readonly Image[]
}

export type BatchOf<C extends Collate> = C extends 'list' ? ListBatch : Batch

export interface EpochOptions {
  /** Default 0. */
  readonly epoch?: number
  /** The first batch, for resuming inside an epoch. Default 0. */
  readonly from?: number
  readonly signal?: AbortSignal
}

/** A folder of pictures with the augmentation that training on it uses; evaluation leaves the augmentation out. */
export interface VisionDataset extends ImageFolder {
  readonly transform: Transform | undefined
}

export interface FromFolderOptions<C extends Collate = 'stack'> extends LoaderOptions<C>, OpenFolderOptions {
  /** The split that the loader iterates. Default the first that exists of train, val, test. */
  readonly split?: SplitName
}

/** What a loader is made from: an `ImageDataset`, what `openDataset` and `readDataset` give, or samples one after another. */
export type LoaderSource = ImageDataset | IndexedDataset | LabelledStream | AsyncIterable<Partial<Sample>> | Iterable<Partial<Sample>>

/** Replacements tried for one place of a batch before giving up. */
const maxReplacements = 50

/**
 * Iterates over a data set in batches: `for await (const batch of loader)`, or `loader.batches({ epoch, from })`.
 * The bytes of a batch depend on the data set, the options, `epoch` and `batch` alone: not on the number of threads, on timing, or on
 * what was iterated before. In training an unreadable picture is replaced by another one, drawn by seed, so that batches keep their
 * size; else it is left out. Either way it is listed in `failed` and in `failures`.
 * @throws DATA_NO_IMAGES, DATA_OPTION_INVALID, DATA_TRANSFORM_INVALID; while iterating also CANCELLED, DATA_WORKER_CRASHED and, with `stop`,
 *   the file's error
 */
export class VisionDataLoader<C extends Collate = 'stack'> implements VisionDataset {
  /** What is iterated. */
  readonly dataset: ImageDataset
  readonly classes: readonly string[]
  /** Where the data set lies; empty for one that is no folder. */
  readonly root: string
  readonly splits: ImageFolder['splits']
  readonly splitBySeed: boolean
  readonly warnings: readonly string[]
  readonly transform: Transform | undefined
  readonly batchSize: number
  readonly batchesPerEpoch: number
  readonly #options: LoaderOptions<C>
  readonly #plan: LoaderPlan
  readonly #sampler: Sampler
  readonly #maker: BatchMaker
  readonly #memory: PictureCache
  readonly #failures = new Map<number, FailedSample>()
  #pool: WorkerPool | undefined

  constructor(dataset: ImageDataset, options: LoaderOptions<C> = {}, folder?: ImageFolder) {
    checkDataset(dataset)
    if (typeof options !== 'object' || options === null)
      throw new FoveaError('DATA_OPTION_INVALID', { field: 'options', expected: 'an object', found: said(options) })
    if (dataset.samples.length === 0) throw new FoveaError('DATA_NO_IMAGES', { expected: 'at least one sample', found: 'none' })
    const { training = false, seed = 0 } = options
    this.#sampler = new Sampler(dataset, options.sampling ?? (training ? 'shuffled' : 'sequential'), seed)
    this.#plan = planLoader(dataset, options, this.#sampler.length)
    this.#options = options
    this.dataset = dataset
    this.classes = dataset.classes
    this.root = folder?.root ?? ''
    this.splits = folder?.splits ?? { train: dataset }
    this.splitBySeed = folder?.splitBySeed ?? false
    this.warnings = folder?.warnings ?? []
    this.transform = this.#plan.batch.transform
    this.batchSize = this.#plan.batchSize
    this.batchesPerEpoch = this.#plan.batchesPerEpoch
    this.#maker = new BatchMaker(this.#plan.batch)
    this.#memory = new PictureCache(this.#plan.batch.memory)
  }

  /** Several transforms in a row. */
  static compose(steps: readonly Transform[]): Transform {
    return compose(steps)
  }

  /**
   * A loader over a folder of any known format; no picture is opened yet. The folder's other splits stand in `splits`, and `split` gives
   * loaders over them.
   * @throws what `openImageFolder` and `readDataset` throw, DATA_OPTION_INVALID, DATA_TRANSFORM_INVALID
   */
  static async fromFolder<C extends Collate = 'stack'>(root: string, options: FromFolderOptions<C> = {}): Promise<VisionDataLoader<C>> {
    if (options.transform !== undefined) parseTransform(options.transform)
    const folder = await openFolder(root, options)
    return new VisionDataLoader<C>(splitOf(folder, options.split), options, folder)
  }

  /**
   * A loader over a data set that is open already, or over samples `{ path, image, label, annotations }` of which each has a path or an image.
   * Streams are read to their end and kept: paths and annotations, no pixels but those of samples that are in memory. Of an `IndexedDataset`
   * nothing is kept: each sample is read from the index when it is its turn (`index.dataset({ split })` for a part of it).
   * @throws what the source throws, DATA_NO_IMAGES, DATA_OPTION_INVALID, DATA_TRANSFORM_INVALID
   */
  static async fromDataset<C extends Collate = 'stack'>(
    source: LoaderSource,
    options: LoaderOptions<C> = {},
  ): Promise<VisionDataLoader<C>> {
    return new VisionDataLoader<C>(await datasetOf(source), options)
  }

  /** A loader over another split of the folder, with the same options but those given. @throws DATA_OPTION_INVALID where there is no such split */
  split(name: SplitName, options: LoaderOptions<C> = {}): VisionDataLoader<C> {
    const { root, classes, splits, splitBySeed, warnings } = this
    const folder = { root, classes, splits, splitBySeed, warnings }
    return new VisionDataLoader<C>(splitOf(folder, name), { ...this.#options, ...options }, folder)
  }

  /** Pictures that could not be read so far, each once. */
  get failures(): readonly FailedSample[] {
    return [...this.#failures.values()].sort((a, b) => a.index - b.index)
  }

  /**
   * The batches of one epoch, from `from` on. An evaluation batch whose pictures are all unreadable is not given.
   * @throws DATA_OPTION_INVALID when the first batch is asked for, and what the class says
   */
  async *batches(options: EpochOptions = {}): AsyncGenerator<BatchOf<C>, void, undefined> {
    if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', said(options))
    const { epoch = 0, from = 0, signal } = options
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal', 'an AbortSignal', said(signal))
    checkCount('epoch', epoch, 0)
    checkCount('from', from, 0)
    const order = this.#sampler.order(epoch)
    const stop = new AbortController()
    const stopped = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
    const ahead: Promise<MadeBatch>[] = []
    let next = from
    try {
      for (let batch = from; batch < this.batchesPerEpoch; batch++) {
        for (; next < this.batchesPerEpoch && ahead.length < this.#plan.prefetch; next++) {
          const made = this.#make(order, epoch, next, stopped)
          // It is awaited later, if at all: until then a failure is not "unhandled".
          made.catch(() => undefined)
          ahead.push(made)
        }
        const made = await untilAborted(ahead.shift()!, signal)
        for (const failure of made.failed) this.#failures.set(failure.index, failure)
        if (made.indices.length > 0) yield this.#label(made, epoch, batch)
      }
    } finally {
      stop.abort()
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<BatchOf<C>, void, undefined> {
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

  /** In training anew, as long as there are pictures that cannot be read: what is known of those makes the outcome the same in every run. */
  async #make(order: Uint32Array, epoch: number, batch: number, signal: AbortSignal): Promise<MadeBatch> {
    for (;;) {
      const { job, replaced } = this.#job(order, epoch, batch)
      const made = await (this.#plan.workers === 0 ? this.#maker.make(job) : this.#startPool().run(job, signal))
      if (!this.#plan.batch.complete || made.failed.length === 0) return { ...made, failed: [...replaced, ...made.failed] }
      if (signal.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
      for (const failure of made.failed) this.#failures.set(failure.index, failure)
    }
  }

  #job(order: Uint32Array, epoch: number, batch: number): { readonly job: BatchJob; readonly replaced: readonly FailedSample[] } {
    const { batchSize, samplesPerEpoch, shard } = this.#plan
    const replaced: FailedSample[] = []
    const begin = batch * batchSize
    const places = Array.from({ length: Math.min(batchSize, samplesPerEpoch - begin) }, (_, i) => {
      const position = shard.index + (begin + i) * shard.count
      return this.#place(epoch, position, order[position]!, replaced)
    })
    return { job: { epoch, batch, places }, replaced }
  }

  #place(epoch: number, position: number, index: number, replaced: FailedSample[]): PlaceJob {
    const { seed, mosaic } = this.#plan.batch
    const spare = new Random(seed, 'replacement', epoch, position)
    const readable = (wanted: number) => this.#readable(wanted, spare, replaced)
    const sample = readable(index)
    if (mosaic === undefined) return { position, sample: this.#sample(sample), partners: [] }
    const random = new Random(seed, 'partners', epoch, position)
    const partners = random.chance(mosaic.probability) ? drawPartners(sample, this.dataset.samples.length, 3, random) : []
    return { position, sample: this.#sample(sample), partners: partners.map((partner) => this.#sample(readable(partner))) }
  }

  /** The sample, or another one in training where it is known that it cannot be read. */
  #readable(index: number, spare: Random, replaced: FailedSample[]): number {
    if (!this.#plan.batch.complete) return index
    for (let attempt = 0, at = index; attempt <= maxReplacements; attempt++) {
      const failure = this.#failures.get(at)
      if (failure === undefined) return at
      replaced.push(failure)
      at = spare.integer(0, this.dataset.samples.length)
    }
    throw new FoveaError('DATA_NO_IMAGES', {
      expected: 'readable images',
      found: `${maxReplacements} unreadable ones in a row`,
      file: sampleAt(this.dataset, index).path,
    })
  }

  #sample(index: number): SampleJob {
    const { path, label, image, annotations = [], labelMap } = sampleAt(this.dataset, index)
    if (annotations.length > 0 && this.#plan.batch.mixes.length > 0)
      throw new FoveaError('DATA_OPTION_INVALID', {
        field: 'mix',
        expected: 'pictures with classes only, or a mosaic: annotations cannot be blended',
        found: `${annotations.length} annotations`,
        file: path,
      })
    // Where the cache has it already, its pixels need not travel.
    const pixels = image === undefined || this.#memory.has(index) ? undefined : this.#plan.workers === 0 ? image : compact(image)
    return { index, path, label, image: pixels, annotations, labelMap }
  }

  #startPool(): WorkerPool {
    this.#pool ??= new WorkerPool(this.#plan.batch, this.#plan.workers)
    return this.#pool
  }

  #label(made: MadeBatch, epoch: number, batch: number): BatchOf<C> {
    const paths = Array.from(made.indices, (index) => sampleAt(this.dataset, index).path)
    // The plan's `collate` is C: what was made is of that kind.
    return { ...made, epoch, batch, paths } as unknown as BatchOf<C>
  }
}

/** By its outside alone: a list of a data set on disk is read when it is asked. */
function checkDataset(dataset: ImageDataset): void {
  const { classes, samples } = Object(dataset) as Partial<ImageDataset>
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === 'string'))
    throw invalid('classes', 'a list of names', said(classes))
  if (typeof samples !== 'object' || samples === null || !Number.isSafeInteger(samples.length))
    throw invalid('samples', 'a list of samples', said(samples))
}

function sampleAt({ samples }: ImageDataset, index: number): Sample {
  const sample = samples[index]
  if (typeof sample !== 'object' || sample === null || typeof sample.path !== 'string')
    throw invalid(`samples[${index}]`, 'an object with a path', said(sample))
  if (!Number.isInteger(sample.label)) throw invalid(`samples[${index}].label`, 'a class number, or -1', said(sample.label))
  return sample
}

function splitOf({ splits, root }: Pick<ImageFolder, 'splits' | 'root'>, name?: SplitName): ImageDataset {
  const found = name === undefined ? (splits.train ?? splits.val ?? splits.test) : splits[name]
  if (found !== undefined) return found
  if (name === undefined) throw new FoveaError('DATA_NO_IMAGES', { expected: 'pictures in train, val or test', found: 'none', file: root })
  throw invalid('split', Object.keys(splits).join(', '), name)
}

async function datasetOf(source: LoaderSource): Promise<ImageDataset> {
  if (source instanceof IndexedDataset) return source.dataset()
  if ('samples' in source) return source
  if ('pictures' in source) {
    const pictures: LabelledPicture[] = []
    for await (const picture of source.pictures) pictures.push(picture)
    return samplesOf({ classes: source.classes, pictures })
  }
  const samples: Sample[] = []
  let classes = 0
  for await (const { path, image, label = -1, annotations, labelMap } of source) {
    const name = path ?? image?.source ?? `sample ${samples.length}`
    if (path === undefined && image === undefined) throw invalid(`samples[${samples.length}]`, 'a path or an image', 'neither')
    samples.push({ path: name, label, ...(image && { image }), ...(annotations && { annotations }), ...(labelMap && { labelMap }) })
    classes = maxOf(
      (annotations ?? []).map((annotation) => annotation.label + 1),
      Math.max(classes, label + 1),
    )
  }
  return { classes: Array.from({ length: classes }, (_, i) => `${i}`), samples }
}

/** A view of a larger buffer would be sent with all of it. What is no image is told where it is read, as any other bad picture. */
function compact(image: Image): Image {
  if (!(image.data instanceof Uint8Array)) return image
  return image.data.length === image.data.buffer.byteLength ? image : { ...image, data: Uint8Array.from(image.data) }
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
