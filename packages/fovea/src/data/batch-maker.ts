// Makes one batch: read, augment, move annotations, put together, mix. Runs in a worker or in the caller's thread with the same result.

import { type FoveaError, isFoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import type { Annotation } from '../vision/annotation.ts'
import { chainGeometry, type Geometry } from '../vision/geometry/geometry.ts'
import { type LabelMap, moveLabelMap } from '../vision/geometry/label-map.ts'
import { type AnnotationRule, moveAnnotations } from '../vision/geometry/move-annotations.ts'
import type { Image } from '../vision/image.ts'
import type { Preprocessing } from '../vision/preprocessing.ts'
import { orderChannels, resizeImage } from '../vision/resize.ts'
import { givePixels } from '../vision/spare-pixels.ts'
import { type Collate, type Padding, padImages, stackImages } from './collate.ts'
import { Scratch } from './fast-jpeg.ts'
import { ownCopy } from './picture-cache.ts'
import { PictureReader, type PictureSource, type ReadPlan, stretch } from './picture-reader.ts'
import { drawSteps, isIdentity, type Transform } from './transforms/compose.ts'
import { mergeSteps } from './transforms/merge.ts'
import { type BatchMix, joinMosaic, type Mosaic, mixBatch, softLabels } from './transforms/mix.ts'
import { type AnnotatedImage, geometryOfSteps } from './transforms/sample.ts'

/** All that batches have in common; it can be cloned to a worker. */
export interface BatchPlan extends ReadPlan {
  /** To whose size and channels pictures are brought in the end; undefined leaves them as the transform gives them. */
  readonly preprocessing: Preprocessing | undefined
  readonly transform: Transform | undefined
  readonly rule: AnnotationRule
  readonly mosaic: Mosaic | undefined
  /** Each batch takes one of them by chance. */
  readonly mixes: readonly BatchMix[]
  /** Number of classes, for soft labels. */
  readonly classes: number
  readonly collate: Collate
  readonly padding: Padding
  readonly seed: number
  readonly onError: 'skip' | 'stop'
  /** A batch with an unreadable picture is not made, so that the caller puts another in its place; else the picture is left out. */
  readonly complete: boolean
}

export interface SampleJob extends PictureSource {
  readonly label: number
  readonly annotations: readonly Annotation[]
  readonly labelMap?: LabelMap | undefined
}

/** A place in the batch: its sample, and the three more of a mosaic. */
export interface PlaceJob {
  /** In the order of the epoch; it seeds what is random. */
  readonly position: number
  readonly sample: SampleJob
  readonly partners: readonly SampleJob[]
}

export interface BatchJob {
  readonly epoch: number
  readonly batch: number
  readonly places: readonly PlaceJob[]
}

export interface FailedSample {
  readonly index: number
  readonly path: string
  readonly code: string
  readonly message: string
}

export interface MadeBatch {
  /** uint8 NHWC, or the pictures themselves. */
  readonly images: Uint8Array<ArrayBuffer> | readonly Image[]
  readonly shape: readonly [number, number, number, number] | undefined
  /** [height, width] of each picture, without padding. */
  readonly sizes: readonly (readonly [height: number, width: number])[]
  readonly annotations: readonly (readonly Annotation[])[]
  readonly labelMaps: readonly (LabelMap | undefined)[]
  readonly labels: Int32Array<ArrayBuffer>
  /** The sample that each picture is. */
  readonly indices: Int32Array<ArrayBuffer>
  /** [count, classes]: soft labels where a mix is on. */
  readonly targets: Float32Array<ArrayBuffer> | undefined
  readonly failed: readonly FailedSample[]
}

/** How many files of a batch are read and decoded at the same time. */
const concurrency = 4

export class BatchMaker {
  readonly #plan: BatchPlan
  readonly #reader: PictureReader
  readonly #mayBlock: boolean
  /** Scratch memory that no batch uses now. */
  readonly #idle: Scratch[] = []

  /** @param mayBlock The thread is there for batches alone, so that decoding may block it. */
  constructor(plan: BatchPlan, { mayBlock = false }: { readonly mayBlock?: boolean } = {}) {
    this.#plan = plan
    this.#reader = new PictureReader(plan)
    this.#mayBlock = mayBlock
  }

  async make(job: BatchJob): Promise<MadeBatch> {
    const { places } = job
    const samples: (AnnotatedImage | undefined)[] = places.map(() => undefined)
    const failures: FailedSample[][] = places.map(() => [])
    let next = 0
    const lane = async () => {
      // Its own until its last read has ended: several batches may be made at the same time.
      const scratch = this.#mayBlock ? (this.#idle.pop() ?? new Scratch()) : undefined
      try {
        for (let i = next++; i < places.length; i = next++) {
          const sample = await this.#place(job.epoch, places[i]!, failures[i]!, scratch)
          samples[i] = sample && scratch?.holds(sample.image) ? { ...sample, image: ownCopy(sample.image) } : sample
        }
      } catch (error) {
        // The other lanes need not begin anything more.
        next = places.length
        throw error
      } finally {
        if (scratch !== undefined) this.#idle.push(scratch)
      }
    }
    const lanes = await Promise.allSettled(Array.from({ length: concurrency }, lane))
    const broken = lanes.find(({ status }) => status === 'rejected')
    if (broken !== undefined) throw (broken as PromiseRejectedResult).reason
    const failed = failures.flat()
    const kept = places.flatMap(({ sample }, i) => (samples[i] === undefined ? [] : [{ ...samples[i]!, sample }]))
    return this.#collate(job, this.#plan.complete && failed.length > 0 ? [] : kept, failed)
  }

  #collate(job: BatchJob, kept: readonly (AnnotatedImage & { readonly sample: SampleJob })[], failed: readonly FailedSample[]): MadeBatch {
    const { collate, padding, mixes, classes, seed } = this.#plan
    const pictures = kept.map(({ image }) => image)
    const labels = Int32Array.from(kept, ({ sample }) => sample.label)
    const facts = {
      sizes: pictures.map(({ height, width }) => [height, width] as const),
      annotations: kept.map(({ annotations }) => annotations),
      labelMaps: kept.map(({ labelMap }) => labelMap),
      labels,
      indices: Int32Array.from(kept, ({ sample }) => sample.index),
      failed,
    }
    if (collate === 'list') {
      const images = kept.map(({ image, sample }) => (isOthers(image, sample.image) ? ownCopy(image) : image))
      return { ...facts, images, shape: undefined, targets: undefined }
    }
    const stacked = collate === 'pad' ? padImages(pictures, padding) : stackImages(pictures)
    for (const { image, sample } of kept) if (!isOthers(image, sample.image)) givePixels(image.data)
    if (mixes.length === 0) return { ...facts, ...stacked, targets: undefined }
    const soft = { ...stacked, targets: softLabels(labels, classes) }
    const random = new Random(seed, 'mix', job.epoch, job.batch)
    return { ...facts, ...mixBatch(soft, random.pick(mixes), random) }
  }

  /** The finished sample; undefined where it, or one that belongs to it, cannot be read. */
  async #place(
    epoch: number,
    { position, sample, partners }: PlaceJob,
    failed: FailedSample[],
    scratch: Scratch | undefined,
  ): Promise<AnnotatedImage | undefined> {
    const { seed, mosaic, rule } = this.#plan
    const free = partners.length === 0 ? scratch : undefined
    const read = await Promise.all([sample, ...partners].map((one) => this.#read(one, failed, free)))
    if (failed.length > 0) return undefined
    const random = new Random(seed, 'augmentation', epoch, position)
    const [first] = read
    if (partners.length === 0 || mosaic === undefined) return this.#augment(first!.image, first!.geometry, sample, random)
    const tiles = read.map((picture, i) => moved(picture!.image, [sample, ...partners][i]!, picture!.geometry, rule))
    const joined = joinMosaic(tiles, mosaic, new Random(seed, 'mosaic', epoch, position), rule)
    return this.#augment(joined.image, undefined, joined, random)
  }

  async #read(source: SampleJob, failed: FailedSample[], scratch: Scratch | undefined) {
    try {
      return await this.#reader.read(source, scratch)
    } catch (error) {
      if (!isFoveaError(error) || !isFileFault(error) || this.#plan.onError === 'stop') throw error
      failed.push({ index: source.index, path: source.path, code: error.code, message: error.message })
      return undefined
    }
  }

  #augment(
    image: Image,
    before: Geometry | undefined,
    marked: Pick<SampleJob, 'annotations' | 'labelMap'>,
    random: Random,
  ): AnnotatedImage {
    const { transform, preprocessing, rule } = this.#plan
    const steps = isIdentity(transform) ? [] : drawSteps(transform!, image, random)
    const changed = mergeSteps(steps).reduce((current, step) => replace(current, step.apply(current), image), image)
    const [height, width] = preprocessing?.size ?? [changed.height, changed.width]
    const fitted = replace(changed, resizeImage(changed, height, width, preprocessing?.interpolation), image)
    const out = preprocessing === undefined ? fitted : replace(fitted, orderChannels(fitted, preprocessing), image)
    // Where nothing is marked, nobody asks where it went.
    if (marked.annotations.length === 0 && marked.labelMap === undefined) return { image: out, annotations: marked.annotations }
    const after = width === changed.width && height === changed.height ? undefined : stretch(changed, out)
    const geometry = chain(before, chain(geometryOfSteps(steps), after))
    return moved(out, marked, geometry, rule)
  }
}

/** An image with what is marked in it, moved; boxes that nothing has moved come back as they are. */
function moved(
  image: Image,
  { annotations, labelMap }: Pick<SampleJob, 'annotations' | 'labelMap'>,
  geometry: Geometry | undefined,
  rule: AnnotationRule,
): AnnotatedImage {
  if (geometry === undefined) return { image, annotations, ...(labelMap && { labelMap }) }
  return {
    image,
    annotations: annotations.length === 0 ? annotations : moveAnnotations(annotations, geometry, rule),
    ...(labelMap && { labelMap: moveLabelMap(labelMap, geometry) }),
  }
}

/** The picture after a step. That before it is of no use any more, unless it is what was read, or lives on in the new one. */
function replace(before: Image, after: Image, read: Image): Image {
  if (before.data.buffer !== after.data.buffer && before.data.buffer !== read.data.buffer) givePixels(before.data)
  return after
}

/** True where the bytes are a cache's or the data set's, which a batch must not give away. */
function isOthers({ data }: Image, source: Image | undefined): boolean {
  return data.buffer instanceof SharedArrayBuffer || data.length < data.buffer.byteLength || data === source?.data
}

function chain(first: Geometry | undefined, second: Geometry | undefined): Geometry | undefined {
  return first === undefined ? second : second === undefined ? first : chainGeometry(first, second)
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
