// What a loader is asked for, and the plan that follows from it and the data set.

import { freemem } from 'node:os'
import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { AnnotationRule } from '../vision/geometry/move-annotations.ts'
import { channelsOf, type Preprocessing } from '../vision/preprocessing.ts'
import { planResize } from '../vision/resize.ts'
import type { BatchPlan } from './batch-maker.ts'
import type { Collate, Padding } from './collate.ts'
import type { ImageDataset } from './dataset.ts'
import type { DiskCacheOptions } from './disk-cache.ts'
import { allocateCache, cacheBytesFor } from './picture-cache.ts'
import type { Sampling } from './sampler.ts'
import { parseTransform, type Transform } from './transforms/compose.ts'
import { type BatchMix, type Mosaic, parseMix } from './transforms/mix.ts'

export interface LoaderOptions<C extends Collate = 'stack'> {
  /**
   * A model's contract, of a fixed size: pictures are fitted to it before the transform, and have its size and channels in the end. Default
   * none: pictures keep their own size in RGB, and the transform decides.
   */
  readonly preprocessing?: Preprocessing
  /** With `preprocessing`, the size, [height, width], at which pictures are cached and augmented. Default that of `preprocessing`. */
  readonly workSize?: readonly [height: number, width: number]
  /** Sets the defaults of `sampling`, `dropLast` and `exactDecode`, and what replaces an unreadable picture. Default false. */
  readonly training?: boolean
  /** Default 32. */
  readonly batchSize?: number
  /** What is done to pictures and annotations together. A `normalize` in it is left to the model's graph. Default nothing. */
  readonly transform?: Transform
  /** What becomes of annotations that the transform cuts. */
  readonly rule?: AnnotationRule
  /**
   * `mosaic` joins four samples before the transform; `mixUp` or `cutMix` blend the pictures of a finished batch, which then has soft labels
   * in `targets` (for classes of whole pictures: annotations are refused). Of `mixUp` and `cutMix` together each batch takes one by chance. Default none.
   */
  readonly mix?: BatchMix | Mosaic | readonly (BatchMix | Mosaic)[]
  /**
   * `stack` takes pictures of one size, `pad` lays them at the top left of canvases as large as the greatest of the batch, `list` leaves them
   * as they are. Default `stack`.
   */
  readonly collate?: C
  /** For `pad`: the grey of the border (default 114), and what height and width are made multiples of (default 1). */
  readonly padding?: Partial<Padding>
  /** Default `shuffled` in training, else `sequential`. */
  readonly sampling?: Sampling
  /** This loader's part of each epoch, for several processes: every `count`-th sample of the order, from `index` on. Default all. */
  readonly shard?: { readonly index: number; readonly count: number }
  /** Default 0. */
  readonly seed?: number
  /** Leaves an incomplete last batch out. Default true in training (where there is a full batch at all), else false. */
  readonly dropLast?: boolean
  /** Threads; 0 works in the caller's. The batches do not depend on it. Default 0. */
  readonly workers?: number
  /** Batches that are made ahead, and so the most that lie in memory beside the one that was given out. Default 2 per thread, at least 2. */
  readonly prefetch?: number
  /** Memory for decoded pictures; 0 keeps none. Default 1 GiB, at most half of what is free. */
  readonly cacheBytes?: number
  /** A folder for decoded pictures, which later runs find again. Default none. */
  readonly diskCache?: DiskCacheOptions
  /** An unreadable picture: `skip` reports it and goes on, `stop` throws its error. Default `skip`. */
  readonly onError?: 'skip' | 'stop'
  /**
   * False lets JPEGs be decoded faster: usual ones by libjpeg-turbo's faster transform (values differ by 1 to 2 of 255 in the mean, 10 at most), and
   * large ones that a cache keeps as they are decoded, or that are not usual, at a half, a quarter or an eighth where twice the size that is needed is
   * left. Default true, except in training.
   */
  readonly exactDecode?: boolean
  /** Larger pictures are unreadable. Default 2^27. */
  readonly maxPixels?: number
}

/** All of it decided. */
export interface LoaderPlan {
  readonly batch: BatchPlan
  readonly batchSize: number
  readonly dropLast: boolean
  /** Samples of this loader's part of an epoch. */
  readonly samplesPerEpoch: number
  readonly batchesPerEpoch: number
  readonly shard: { readonly index: number; readonly count: number }
  readonly workers: number
  readonly prefetch: number
}

/** `epochLength`: samples that the sampling visits in an epoch. @throws DATA_NO_IMAGES, DATA_OPTION_INVALID, DATA_TRANSFORM_INVALID */
export function planLoader(dataset: ImageDataset, options: LoaderOptions<Collate>, epochLength: number): LoaderPlan {
  const { preprocessing, training = false, onError = 'skip', collate = 'stack', shard = { index: 0, count: 1 } } = options
  const count = dataset.samples.length
  if (preprocessing === null) throw invalid('preprocessing', 'an object', preprocessing)
  if (preprocessing !== undefined && preprocessing.size === undefined)
    throw invalid('preprocessing.size', 'a fixed size, as pictures of a batch must be equal', 'none')
  if (!['stack', 'pad', 'list'].includes(collate)) throw invalid('collate', 'stack, pad or list', collate)
  if (!['skip', 'stop'].includes(onError)) throw invalid('onError', 'skip or stop', onError)
  for (const [field, value] of Object.entries({ preprocessing: preprocessing ?? {}, shard, rule: options.rule ?? {} }))
    if (typeof value !== 'object' || value === null) throw invalid(field, 'an object', value)
  checkCount('shard.count', shard.count, 1)
  if (checkCount('shard.index', shard.index, 0) >= shard.count) throw invalid('shard.index', `0 to ${shard.count - 1}`, shard.index)
  const batchSize = checkCount('batchSize', options.batchSize ?? 32, 1)
  // Shards that drop an incomplete batch are equally long, so that processes stay in step.
  const even = Math.floor(epochLength / shard.count)
  const dropLast = options.dropLast ?? (training && even >= batchSize)
  const samplesPerEpoch = dropLast ? even : Math.max(0, Math.ceil((epochLength - shard.index) / shard.count))
  const batchesPerEpoch = dropLast ? Math.floor(samplesPerEpoch / batchSize) : Math.ceil(samplesPerEpoch / batchSize)
  if (dropLast && batchesPerEpoch === 0) throw invalid('batchSize', `at most ${even} with dropLast, the number of samples`, batchSize)
  const workers = checkCount('workers', options.workers ?? 0, 0)
  const transform = options.transform === undefined ? undefined : parseTransform(options.transform)
  const workSize = fitSize(options)
  const fit: Preprocessing | undefined = preprocessing && {
    ...preprocessing,
    size: workSize!,
    color: preprocessing.color === 'gray' ? 'gray' : 'rgb',
  }
  const exact = options.exactDecode ?? !training
  const limit = checkCount('cacheBytes', options.cacheBytes ?? Math.min(2 ** 30, Math.floor(freemem() / 2)), 0)
  const useful = fit === undefined ? limit : cacheBytesFor(count, workSize![0] * workSize![1] * channelsOf(fit))
  const disk = options.diskCache
  if (disk !== undefined) {
    if (typeof disk.folder !== 'string' || disk.folder === '') throw invalid('diskCache.folder', 'a path', disk.folder)
    checkCount('diskCache.bytes', disk.bytes ?? 0, 0)
  }
  return {
    batch: {
      preprocessing,
      fit,
      fastJpeg: !exact,
      shrinkFor: exact ? undefined : leastSize(fit, transform),
      maxPixels: options.maxPixels === undefined ? undefined : checkCount('maxPixels', options.maxPixels, 1),
      memory: allocateCache(count, Math.min(limit, useful)),
      disk,
      transform,
      rule: checkRule(options.rule ?? {}),
      ...mixesOf(options, collate),
      classes: dataset.classes.length,
      collate,
      padding: {
        value: checkCount('padding.value', options.padding?.value ?? 114, 0, 255),
        multiple: checkCount('padding.multiple', options.padding?.multiple ?? 1, 1, 65_536),
      },
      seed: checkCount('seed', options.seed ?? 0, Number.MIN_SAFE_INTEGER),
      onError,
      complete: training,
    },
    batchSize,
    dropLast,
    samplesPerEpoch,
    batchesPerEpoch,
    shard,
    workers,
    prefetch: checkCount('prefetch', options.prefetch ?? Math.max(2, 2 * workers), 1),
  }
}

function fitSize({ preprocessing, workSize }: LoaderOptions<Collate>): readonly [number, number] | undefined {
  if (preprocessing === undefined) {
    if (workSize !== undefined)
      throw invalid('workSize', 'preprocessing beside it, which tells how pictures are fitted', workSize.join('x'))
    return undefined
  }
  const [height, width] = workSize ?? preprocessing.size!
  return [checkCount('workSize', height, 1), checkCount('workSize', width, 1)]
}

function mixesOf({ mix = [] }: LoaderOptions<Collate>, collate: Collate): Pick<BatchPlan, 'mixes' | 'mosaic'> {
  const mixes = (Array.isArray(mix) ? mix : [mix]).map(parseMix)
  const mosaics = mixes.filter((one) => one.kind === 'mosaic')
  const blends = mixes.filter((one) => one.kind !== 'mosaic')
  if (new Set(mixes.map(({ kind }) => kind)).size < mixes.length)
    throw invalid('mix', 'each kind once', mixes.map(({ kind }) => kind).join(', '))
  if (blends.length > 0 && collate !== 'stack') throw invalid('mix', "collate 'stack', since blended pictures are of one size", collate)
  return { mosaic: mosaics[0], mixes: blends }
}

/** What a shrunken JPEG must still measure: twice the size that the picture, or the least part of it, is reduced to; undefined where none is told. */
function leastSize(fit: Preprocessing | undefined, transform: Transform | undefined): readonly [number, number] | undefined {
  if (fit !== undefined) {
    const side = 2 * Math.max(...fit.size!)
    return planResize(side, side, { ...fit, size: [side, side] }).scaled
  }
  const side = reducedTo(transform)
  return side === undefined ? undefined : [2 * side, 2 * side]
}

/** The size that the first step with one brings pictures to; undefined where the first that moves anything has none. */
function reducedTo(transform: Transform | undefined): number | undefined {
  switch (transform?.kind) {
    case 'compose': {
      const first = transform.steps.find(({ kind }) => kind !== 'randomHorizontalFlip' && kind !== 'randomVerticalFlip')
      return first === undefined ? undefined : reducedTo(first)
    }
    case 'randomResizedCrop':
    case 'letterbox':
      return transform.size && Math.max(...transform.size)
    case 'resize':
      return typeof transform.size === 'number' ? transform.size : Math.max(...transform.size)
    default:
      return undefined
  }
}

function checkRule(rule: AnnotationRule): AnnotationRule {
  const { minVisible = 0, minSide = 0 } = rule
  if (!(minVisible >= 0 && minVisible <= 1)) throw invalid('rule.minVisible', '0 to 1', minVisible)
  if (!(minSide >= 0 && Number.isFinite(minSide))) throw invalid('rule.minSide', 'pixels, 0 or more', minSide)
  if (rule.below !== undefined && rule.below !== 'drop' && rule.below !== 'keep') throw invalid('rule.below', 'drop or keep', rule.below)
  return rule
}

export function checkCount(field: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const range =
    most < Number.MAX_SAFE_INTEGER ? ` from ${least} to ${most}` : least > Number.MIN_SAFE_INTEGER ? ` of at least ${least}` : ''
  if (!Number.isSafeInteger(value) || value < least || value > most) throw invalid(field, `a whole number${range}`, value)
  return value
}

export function invalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('DATA_OPTION_INVALID', { field, expected, found: typeof found === 'string' ? found : said(found) })
}
