// What a training is asked for, and the recipe that follows from it and the data: plain values that decide every bit of the result.

import { availableParallelism } from 'node:os'
import { classCounts, type ImageDataset } from '../data/dataset.ts'
import type { DiskCacheOptions } from '../data/disk-cache.ts'
import { parseTransform, type Transform } from '../data/transforms/compose.ts'
import { type BatchMix, parseMix } from '../data/transforms/mix.ts'
import type { HubOptions } from '../model/hub/settings.ts'
import type { InputSpec } from '../model/input-spec.ts'
import { parseDevice } from '../runtime/device.ts'
import { maxOf, minOf } from '../util/extremes.ts'
import { parseVersion } from '../util/semver.ts'
import { type AugmentationName, augmentation, augmentations } from './augment.ts'
import { invalid, OptionReader } from './check-options.ts'
import type { TrainEvent } from './events.ts'

export interface TrainOptions {
  readonly train: ImageDataset
  readonly validation?: ImageDataset
  /** Name of an architecture, or what to fine-tune: an .onnx or .safetensors file, a folder, hf:owner/name. @default 'small-cnn' */
  readonly model?: string
  /**
   * Whether a name begins from the weights that are shipped under it: `false` draws fresh ones, `true` refuses a name without. Files,
   * folders and models of the hub always begin from their own. @default shipped weights where there are some, and a note says so
   */
  readonly pretrained?: boolean
  /** Row of the table that a .safetensors file belongs to, or whose backbone it fills. @default what the file says, else a reported guess */
  readonly architecture?: string
  /** Folder with the models that are found by name. @default the package's own */
  readonly shipped?: string
  /** Where a model of the hub comes from and goes to. */
  readonly hub?: HubOptions
  /** What an imported model without metadata expects of its pixels. @default a reported guess */
  readonly input?: InputSpec
  /** Folder for the model, checkpoint, log and plots. */
  readonly out: string
  /** The version that the model file states as its own (semver.org). @default '1.0.0' */
  readonly modelVersion?: string
  /** @default by the size of the data set: about 40,000 pictures seen, 12 to 60 epochs */
  readonly epochs?: number
  /** @default 32, less for fewer than 160 pictures */
  readonly batchSize?: number
  /** Side of the square input in pixels. @default the model's own: 64 for the default architecture */
  readonly imageSize?: number
  /** @default 0 */
  readonly seed?: number
  /** `none`, `head`, `blocks:N` or a stage name. @default 'none' */
  readonly freeze?: string
  /** @default 'adamw' */
  readonly optimizer?: 'sgd' | 'adam' | 'adamw'
  /** Largest learning rate of the schedule. @default 0.05 for sgd, 0.002 else; half of that when fine-tuning */
  readonly learningRate?: number
  /** @default 5e-4 for sgd and adam, 0.05 for adamw */
  readonly weightDecay?: number
  /** @default 'cosine' */
  readonly schedule?: 'constant' | 'step' | 'cosine' | 'one-cycle'
  /** Epochs of linear warm-up. @default 1 */
  readonly warmupEpochs?: number
  /** Global norm to which gradients are clipped; 0 leaves them. @default 5 */
  readonly clipNorm?: number
  /** Decay of the moving average of the weights, which is then validated and saved; less in the first steps; 0 keeps none. @default 0 */
  readonly averageDecay?: number
  /** Batches whose gradients are averaged for one update. @default 1 */
  readonly accumulate?: number
  /** @default 'cross-entropy' */
  readonly loss?: 'cross-entropy' | 'focal'
  /** @default 0.05 */
  readonly labelSmoothing?: number
  /** What is done about unequal classes. @default 'auto': weights from a ratio of 1.5 on */
  readonly balance?: 'auto' | 'none' | 'weights' | 'sampling'
  /** A preset, or a transform. @default 'light'; 'none' for `freeze: 'head'`, whose features are then computed once */
  readonly augment?: AugmentationName | Transform
  /**
   * Blends pictures and classes of a batch in pairs: `mixUp`, `cutMix`, or both, of which each batch takes one by chance. The loss is then that
   * of soft targets. @default none
   */
  readonly mix?: BatchMix | readonly BatchMix[]
  /** Epochs without a better validation before stopping; 0 never stops. @default a third of the epochs, at least 8 */
  readonly patience?: number
  /** Device of the training step. @default 'cpu' */
  readonly device?: string
  /** Threads of the training step. @default the number of cores */
  readonly threads?: number
  /**
   * `blocked` trains convolutions on the memory layout of ONNX Runtime's CPU kernels: faster by about half, equal within rounding.
   * `standard` keeps to ONNX's own operators. @default 'auto': blocked where the installed runtime and the device have it
   */
  readonly layout?: 'auto' | 'standard' | 'blocked'
  /** Memory for cached features of a frozen prefix. @default 2 GiB */
  readonly featureCacheBytes?: number
  /**
   * A folder for decoded pictures, for sets that are larger than the memory: later epochs and later trainings find them there. Weights do not
   * depend on it. @default none
   */
  readonly diskCache?: DiskCacheOptions
  /** An unreadable picture is skipped and reported, or stops the training. @default 'skip' */
  readonly onError?: 'skip' | 'stop'
  /** Goes on from the checkpoint in `out`; where there is none the training begins, and says so. @default false */
  readonly resume?: boolean
  /** Trains anew in a folder that holds a training already, which is lost; without it that is refused. @default false */
  readonly overwrite?: boolean
  /** Seconds between checkpoints. Each better model, the end and a cancellation are followed by one as well. @default 120 */
  readonly checkpointSeconds?: number
  readonly signal?: AbortSignal
  readonly onEvent?: (event: TrainEvent) => void
}

const layouts: readonly Recipe['layout'][] = ['auto', 'standard', 'blocked']

/** The course of a training, decided. It is stored in checkpoint and model; equal recipes and data give equal weights. */
export interface Recipe {
  readonly model: string
  /** False where the first weights were drawn. */
  readonly pretrained: boolean
  readonly classes: readonly string[]
  readonly samples: number
  readonly epochs: number
  readonly batchSize: number
  readonly imageSize: readonly [height: number, width: number]
  readonly seed: number
  readonly freeze: string
  readonly optimizer: 'sgd' | 'adam' | 'adamw'
  readonly learningRate: number
  readonly weightDecay: number
  readonly schedule: 'constant' | 'step' | 'cosine' | 'one-cycle'
  readonly warmupEpochs: number
  readonly clipNorm: number
  readonly averageDecay: number
  readonly accumulate: number
  readonly loss: 'cross-entropy' | 'focal'
  readonly labelSmoothing: number
  /** Factor on the loss of each class; undefined where all count alike. */
  readonly classWeights: readonly number[] | undefined
  readonly sampling: 'shuffled' | 'balanced'
  readonly augment: Transform | undefined
  /** Undefined where nothing is mixed. */
  readonly mix: readonly BatchMix[] | undefined
  readonly patience: number
  readonly device: string
  readonly threads: number
  /** As asked for: `auto` follows the machine. */
  readonly layout: 'auto' | 'standard' | 'blocked'
}

export interface ModelFacts {
  readonly name: string
  /** Fixed by an imported model; free otherwise. */
  readonly imageSize: readonly [number, number] | undefined
  /** Taken where the size is free and the user names none. */
  readonly defaultSize: number
  /** False for weights just drawn. */
  readonly pretrained: boolean
}

/** Resolves all defaults. @throws FoveaError TRAIN_OPTION naming the option */
export function resolveRecipe(options: TrainOptions, model: ModelFacts): Recipe {
  const { train } = options
  const samples = train.samples.length
  if (samples === 0) throw invalid('train', 'pictures to train on', 'none')
  checkData(options)
  if (options.modelVersion !== undefined && parseVersion(options.modelVersion) === undefined)
    throw invalid('modelVersion', 'a version such as 1.2.3', options.modelVersion)
  const read = new OptionReader(options)
  const freeze = options.freeze ?? 'none'
  const optimizer = read.oneOf('optimizer', ['sgd', 'adam', 'adamw'], 'adamw')
  const loss = read.oneOf('loss', ['cross-entropy', 'focal'], 'cross-entropy')
  const baseRate = optimizer === 'sgd' ? 0.05 : 0.002
  const tuned = model.pretrained && freeze !== 'head'
  const imageSize = imageSizeOf(options, model)
  const epochs = read.whole('epochs', 1, Math.min(60, Math.max(12, Math.round(40_000 / samples))))
  const batchSize = Math.min(samples, read.whole('batchSize', 1, samples < 160 ? Math.max(4, Math.floor(samples / 5)) : 32))
  const learningRate = read.amount('learningRate', tuned ? baseRate / 2 : baseRate)
  const augment = options.augment ?? (freeze === 'head' ? 'none' : 'light')
  parseDevice(options.device ?? 'cpu')
  return {
    model: model.name,
    pretrained: model.pretrained,
    classes: train.classes,
    samples,
    epochs,
    batchSize,
    imageSize,
    seed: read.whole('seed', 0, 0),
    freeze,
    optimizer,
    learningRate,
    weightDecay: read.amount('weightDecay', optimizer === 'adamw' ? 0.05 : 5e-4),
    schedule: read.oneOf('schedule', ['constant', 'step', 'cosine', 'one-cycle'], 'cosine'),
    warmupEpochs: Math.min(read.amount('warmupEpochs', 1), epochs / 2),
    clipNorm: read.amount('clipNorm', 5),
    averageDecay: read.amount('averageDecay', 0, 1),
    accumulate: read.whole('accumulate', 1, 1),
    loss,
    labelSmoothing: smoothingOf(loss, read.amount('labelSmoothing', loss === 'focal' ? 0 : 0.05, 1)),
    ...balanceOf(train, read.oneOf('balance', ['auto', 'none', 'weights', 'sampling'], 'auto')),
    augment: typeof augment === 'string' ? presetOf(augment, imageSize) : parseTransform(augment),
    mix: mixOf(options.mix, loss, batchSize),
    patience: read.whole('patience', 0, Math.max(8, Math.ceil(epochs / 3))),
    device: options.device ?? 'cpu',
    threads: threadsOf(read.whole('threads', 1, availableParallelism())),
    layout: read.oneOf('layout', layouts, 'auto'),
  }
}

/** The focal loss of the literature knows no smoothing: what would be ignored is refused. */
function smoothingOf(loss: Recipe['loss'], smoothing: number): number {
  if (loss === 'focal' && smoothing > 0) throw invalid('labelSmoothing', '0 with the focal loss', smoothing)
  return smoothing
}

/** The focal loss of the literature knows no soft targets, and a batch of one has nothing to be mixed with. */
function mixOf(mix: TrainOptions['mix'] = [], loss: Recipe['loss'], batchSize: number): Recipe['mix'] {
  const mixes = (Array.isArray(mix) ? mix : [mix]).map(parseMix).map((one) => {
    if (one.kind === 'mosaic') throw invalid('mix', 'mixUp or cutMix, as a classifier learns classes of whole pictures', one.kind)
    return one
  })
  if (mixes.length === 0) return undefined
  if (new Set(mixes.map(({ kind }) => kind)).size < mixes.length)
    throw invalid('mix', 'each kind once', mixes.map(({ kind }) => kind).join(', '))
  if (loss === 'focal') throw invalid('mix', 'nothing with the focal loss', mixes[0]!.kind)
  if (batchSize < 2) throw invalid('batchSize', 'at least 2, as pictures are mixed in pairs', batchSize)
  return mixes
}

/** More threads than processors only wait for one another; thousands take the machine's memory. */
function threadsOf(threads: number): number {
  const most = Math.max(64, 4 * availableParallelism())
  if (threads > most) throw invalid('threads', `at most ${most}`, threads)
  return threads
}

/** Labels are numbers of classes, so both parts must count the same classes in the same order. */
function checkData({ train, validation }: TrainOptions): void {
  const { classes } = train
  for (const [field, dataset] of Object.entries({ train, validation })) {
    if (dataset === undefined) continue
    if (dataset.classes.length !== classes.length || dataset.classes.some((name, i) => name !== classes[i]))
      throw invalid(field, `the classes that are trained, ${classes.join(', ')}`, dataset.classes.join(', '))
    const stray = dataset.samples.find(({ label }) => !(Number.isInteger(label) && label >= 0 && label < classes.length))
    if (stray !== undefined) throw invalid(field, `labels from 0 to ${classes.length - 1}`, `${stray.label} for ${stray.path}`)
  }
}

function imageSizeOf(options: TrainOptions, model: ModelFacts): readonly [number, number] {
  const { imageSize } = options
  if (imageSize === undefined) return model.imageSize ?? [model.defaultSize, model.defaultSize]
  if (!Number.isSafeInteger(imageSize) || imageSize < 8 || imageSize > 2048) throw invalid('imageSize', '8 to 2048', imageSize)
  const fixed = model.imageSize
  if (fixed !== undefined && (fixed[0] !== imageSize || fixed[1] !== imageSize))
    throw invalid('imageSize', `${fixed.join('x')}, which the model is fixed to`, imageSize)
  return [imageSize, imageSize]
}

function presetOf(name: string, imageSize: readonly [number, number]): Transform | undefined {
  if (!(augmentations as readonly string[]).includes(name)) throw invalid('augment', augmentations.join(', '), name)
  return augmentation(name as AugmentationName, Math.min(...imageSize))
}

/** Weights are inverse to the square root of the class counts, with a mean of one over the samples: full inversion overweights rare classes' noise. */
function balanceOf(train: ImageDataset, balance: NonNullable<TrainOptions['balance']>): Pick<Recipe, 'classWeights' | 'sampling'> {
  const counts = classCounts(train)
  const present = counts.filter((count) => count > 0)
  const uneven = maxOf(present) / minOf(present) >= 1.5
  if (balance === 'sampling') return { classWeights: undefined, sampling: 'balanced' }
  if (balance === 'none' || (balance === 'auto' && !uneven)) return { classWeights: undefined, sampling: 'shuffled' }
  const raw = counts.map((count) => (count === 0 ? 0 : 1 / Math.sqrt(count)))
  const mean = raw.reduce((sum, weight, i) => sum + weight * counts[i]!, 0) / train.samples.length
  return { classWeights: raw.map((weight) => weight / mean), sampling: 'shuffled' }
}
