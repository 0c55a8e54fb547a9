// Makes one batch: decode, resize, augment, pack. Runs in a worker or in the caller's thread with the same result.

import { FoveaError, isFoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import { createImage, type Image } from '../vision/image.ts'
import { channelsOf, type Preprocessing } from '../vision/preprocessing.ts'
import { orderChannels, planResize, preprocessImage, resizeImage } from '../vision/resize.ts'
import { decodeImage } from './decode.ts'
import { type CacheMemory, ImageCache } from './image-cache.ts'
import { readFileBytes } from './source.ts'
import { applyTransform, isIdentity, type Transform } from './transforms/compose.ts'

/** All that a batch depends on besides its job; it can be cloned to a worker. */
export interface BatchPlan {
  /** With a fixed size. */
  readonly preprocessing: Preprocessing
  /** The size, [height, width], at which pictures are cached and augmented. */
  readonly workSize: readonly [number, number]
  readonly transform: Transform | undefined
  readonly seed: number
  readonly onError: 'skip' | 'stop'
  /** An unreadable picture is replaced by another one (training) or left out (evaluation). */
  readonly replaceFailed: boolean
  readonly exactDecode: boolean
  readonly maxPixels: number | undefined
  readonly paths: readonly string[]
  readonly labels: Int32Array
  readonly cache: CacheMemory
}

export interface BatchJob {
  readonly epoch: number
  /** Position of the first sample in the epoch's order; it seeds the augmentation. */
  readonly start: number
  /** Which samples. */
  readonly samples: Uint32Array
}

export interface FailedSample {
  readonly index: number
  readonly path: string
  readonly code: string
  readonly message: string
}

export interface MadeBatch {
  /** uint8 NHWC, one picture after another. */
  readonly images: Uint8Array<ArrayBuffer>
  readonly labels: Int32Array<ArrayBuffer>
  /** The sample that each picture is, after replacement. */
  readonly indices: Int32Array<ArrayBuffer>
  readonly failed: readonly FailedSample[]
}

/** How many files of a batch are read and decoded at the same time. */
const concurrency = 4
/** Replacements tried for one place of a batch before giving up. */
const maxReplacements = 50

export class BatchMaker {
  readonly #plan: BatchPlan
  readonly #cache: ImageCache
  readonly #channels: 1 | 3
  readonly #inMemory: (index: number) => Image | undefined

  /** `inMemory` gives the pictures that have no file, where this thread has them. */
  constructor(plan: BatchPlan, inMemory: (index: number) => Image | undefined = () => undefined) {
    this.#plan = plan
    this.#cache = new ImageCache(plan.cache)
    this.#channels = channelsOf(plan.preprocessing)
    this.#inMemory = inMemory
  }

  async make(job: BatchJob): Promise<MadeBatch> {
    const { labels, preprocessing } = this.#plan
    const count = job.samples.length
    const [height, width] = preprocessing.size!
    const size = height * width * this.#channels
    const images = new Uint8Array(count * size)
    const indices = new Int32Array(count).fill(-1)
    const failures: FailedSample[][] = Array.from({ length: count }, () => [])
    let next = 0
    const lane = async () => {
      for (let i = next++; i < count; i = next++) {
        const image = await this.#sample(job, i, indices, failures[i]!)
        if (image !== undefined) images.set(image.data, i * size)
      }
    }
    await Promise.all(Array.from({ length: concurrency }, lane))
    const failed = failures.flat()
    if (!indices.includes(-1)) return { images, labels: Int32Array.from(indices, (index) => labels[index]!), indices, failed }
    return compact(images, indices, labels, size, failed)
  }

  /** Fills the cache with pictures that only this thread has. */
  preload(index: number): void {
    const image = this.#inMemory(index)
    if (image !== undefined && this.#cache.get(index) === undefined) this.#cache.put(index, this.#fit(image).data)
  }

  async #sample(job: BatchJob, place: number, indices: Int32Array, failed: FailedSample[]): Promise<Image | undefined> {
    const { paths, seed, onError, replaceFailed } = this.#plan
    const position = job.start + place
    const spare = new Random(seed, 'replacement', job.epoch, position)
    let index = job.samples[place]!
    for (let attempt = 0; attempt <= maxReplacements; attempt++) {
      try {
        const image = await this.#load(index)
        indices[place] = index
        return this.#augment(image, new Random(seed, 'augmentation', job.epoch, position))
      } catch (error) {
        if (!isFoveaError(error) || !isFileFault(error) || onError === 'stop') throw error
        failed.push({ index, path: paths[index]!, code: error.code, message: error.message })
        if (!replaceFailed) return undefined
      }
      index = spare.integer(0, paths.length)
    }
    throw new FoveaError('DATA_NO_IMAGES', {
      expected: 'readable images',
      found: `${maxReplacements} unreadable ones in a row`,
      file: paths[index],
    })
  }

  /** The picture at the working size, in RGB or grey. */
  async #load(index: number): Promise<Image> {
    const { workSize, paths, exactDecode, maxPixels } = this.#plan
    const cached = this.#cache.get(index)
    if (cached !== undefined) return createImage(workSize[1], workSize[0], this.#channels, cached, paths[index])
    let image = this.#inMemory(index)
    if (image === undefined) {
      const path = paths[index]!
      const shrinkFor = exactDecode ? undefined : this.#leastSize()
      image = await decodeImage(await readFileBytes(path), { name: path, maxPixels, shrinkFor })
    }
    const fitted = this.#fit(image)
    this.#cache.put(index, fitted.data)
    return fitted
  }

  #fit(image: Image): Image {
    const { preprocessing, workSize } = this.#plan
    return preprocessImage(image, { ...preprocessing, size: workSize, color: preprocessing.color === 'gray' ? 'gray' : 'rgb' })
  }

  /** What a shrunken JPEG must still measure: twice the size that the picture is reduced to. */
  #leastSize(): readonly [number, number] {
    const [height, width] = this.#plan.workSize
    const side = 2 * Math.max(height, width)
    const { scaled } = planResize(side, side, { ...this.#plan.preprocessing, size: [side, side] })
    return [scaled[0], scaled[1]]
  }

  #augment(image: Image, random: Random): Image {
    const { transform, preprocessing } = this.#plan
    const [height, width] = preprocessing.size!
    const changed = isIdentity(transform) ? image : applyTransform(image, transform!, random)
    return orderChannels(resizeImage(changed, height, width, preprocessing.interpolation), preprocessing)
  }
}

/** Faults of one file, as opposed to those of the program. */
function isFileFault({ code }: FoveaError): boolean {
  return [
    'DATA_EMPTY_FILE',
    'DATA_TRUNCATED',
    'DATA_UNREADABLE_IMAGE',
    'DATA_UNSUPPORTED_FORMAT',
    'DATA_IMAGE_TOO_LARGE',
    'DATA_NO_PIXELS',
    'DATA_TRANSFER_SYNTAX',
    'DATA_TOO_MANY_BYTES',
    'DATA_FILE_NOT_FOUND',
  ].includes(code)
}

/** Closes the gaps that left-out pictures leave. */
function compact(images: Uint8Array, indices: Int32Array, labels: Int32Array, size: number, failed: readonly FailedSample[]): MadeBatch {
  const places = Array.from(indices.keys()).filter((i) => indices[i] !== -1)
  const kept = new Uint8Array(places.length * size)
  places.forEach((place, i) => {
    kept.set(images.subarray(place * size, (place + 1) * size), i * size)
  })
  const keptIndices = Int32Array.from(places, (place) => indices[place]!)
  return { images: kept, indices: keptIndices, labels: Int32Array.from(keptIndices, (index) => labels[index]!), failed }
}
