// What a training of heads is asked for, and its recipe.

import { availableParallelism } from 'node:os'
import type { ImageDataset } from '../../data/dataset.ts'
import { randomAffine } from '../../data/transforms/affine.ts'
import { colorJitter } from '../../data/transforms/color-jitter.ts'
import { compose, parseTransform, type Transform } from '../../data/transforms/compose.ts'
import { randomHorizontalFlip, randomVerticalFlip } from '../../data/transforms/flip.ts'
import type { HeadSpec } from '../../model/heads/add-heads.ts'
import { parseDevice } from '../../runtime/device.ts'
import { type AugmentationName, augmentations } from '../augment.ts'
import { invalid, OptionReader } from '../check-options.ts'
import type { TrainOptions } from '../options.ts'
import type { HeadTrainEvent } from './events.ts'
import type { DetectLossOptions, SegmentLossOptions } from './head-training.ts'
import type { LossWeights } from './joint-loss.ts'

type Shared =
  | 'train'
  | 'validation'
  | 'pretrained'
  | 'architecture'
  | 'shipped'
  | 'hub'
  | 'input'
  | 'modelVersion'
  | 'out'
  | 'epochs'
  | 'batchSize'
  | 'seed'
  | 'optimizer'
  | 'learningRate'
  | 'weightDecay'
  | 'schedule'
  | 'warmupEpochs'
  | 'clipNorm'
  | 'averageDecay'
  | 'accumulate'
  | 'patience'
  | 'device'
  | 'threads'
  | 'layout'
  | 'onError'
  | 'diskCache'
  | 'resume'
  | 'overwrite'
  | 'checkpointSeconds'
  | 'signal'

export interface HeadTrainOptions extends Pick<TrainOptions, Shared> {
  /** Name of an architecture, or what to begin from: an .onnx or .safetensors file, a folder, hf:owner/name. @default 'deepseek-vision-base' */
  readonly model?: string
  /** The questions to be answered. */
  readonly heads: readonly HeadSpec[]
  /** Height and width, or one for both; multiples of 32 suit best. Pictures are letterboxed to it. @default 320 */
  readonly imageSize?: number | readonly [height: number, width: number]
  /**
   * Height and width of windows, or one for both: training sees parts of the pictures, cut at random after the augmentation, at the scale that
   * `imageSize` gives the whole. Small things are learnt at a size at which whole pictures would take too much time or memory; the model looks at
   * whole pictures. No head may ask for the class of the whole. @default whole pictures
   */
  readonly crop?: number | readonly [height: number, width: number]
  /**
   * How much each head's loss counts, by its name; or `uncertainty`: learnt with the weights, less for what is noisy (Kendall 2018,
   * arXiv:1705.07115). @default 1
   */
  readonly lossWeights?: LossWeights
  /** What heads that segment lessen: pixels, overlap (Dice), and how much more borders count. */
  readonly segmentLoss?: SegmentLossOptions
  /** What heads that detect lessen: of boxes, and of classes. */
  readonly detectLoss?: DetectLossOptions
  /** Factor on the learning rate of all but the heads, where weights are not fresh. @default 0.5 */
  readonly backboneRate?: number
  /**
   * What stays as it is: `none`, `backbone` for all but the heads, or a stage: that and what leads to it (`conv2`: the first maps, which are
   * the dearest to train and change least). @default 'none'
   */
  readonly freeze?: string
  /** A preset, or a transform. @default 'light' */
  readonly augment?: AugmentationName | Transform
  /**
   * How often four pictures are joined to one (Bochkovskiy 2020, arXiv:2004.10934), each from half its size to whole, 0 to 1; never in the last
   * quarter of the epochs, or the last ten, as such pictures are not what is met in use. Every picture must be marked for all classes, and no head may ask for the class of the whole. @default 0
   */
  readonly mosaic?: number
  readonly onEvent?: (event: HeadTrainEvent) => void
}

/** The course of a training of heads, decided: equal recipes and data give equal weights. */
export interface HeadRecipe {
  readonly model: string
  readonly pretrained: boolean
  readonly heads: readonly HeadSpec[]
  readonly samples: number
  readonly epochs: number
  readonly batchSize: number
  readonly imageSize: readonly [height: number, width: number]
  /** Of the windows that training sees; undefined for whole pictures. */
  readonly crop?: readonly [height: number, width: number]
  readonly seed: number
  readonly optimizer: 'sgd' | 'adam' | 'adamw'
  readonly learningRate: number
  readonly backboneRate: number
  readonly weightDecay: number
  readonly schedule: 'constant' | 'step' | 'cosine' | 'one-cycle'
  readonly warmupEpochs: number
  readonly clipNorm: number
  readonly averageDecay: number
  readonly accumulate: number
  readonly lossWeights: LossWeights
  readonly segmentLoss: Required<SegmentLossOptions>
  readonly detectLoss: Required<DetectLossOptions>
  readonly freeze: string
  readonly augment: Transform | undefined
  readonly mosaic: number
  readonly patience: number
  readonly device: string
  readonly threads: number
  readonly layout: 'auto' | 'standard' | 'blocked'
}

export const defaultHeadModel = 'deepseek-vision-base'

/** Resolves all defaults. @throws FoveaError TRAIN_OPTION naming the option */
export function resolveHeadRecipe(options: HeadTrainOptions, pretrained: boolean): HeadRecipe {
  const samples = options.train.samples.length
  if (samples === 0) throw invalid('train', 'pictures to train on', 'none')
  checkClasses(options)
  checkTurned(options)
  const read = new OptionReader(options)
  const optimizer = read.oneOf('optimizer', ['sgd', 'adam', 'adamw'], 'adamw')
  const epochs = read.whole('epochs', 1, Math.min(120, Math.max(12, Math.round(12_000 / samples))))
  const imageSize = sizeOf('imageSize', options.imageSize ?? 320)
  const averageDecay = read.amount('averageDecay', 0, 1)
  parseDevice(options.device ?? 'cpu')
  return {
    model: options.model ?? defaultHeadModel,
    pretrained,
    heads: options.heads,
    samples,
    epochs,
    batchSize: Math.min(samples, read.whole('batchSize', 1, 8)),
    imageSize,
    ...cropOf(options, imageSize),
    seed: read.whole('seed', 0, 0),
    optimizer,
    learningRate: read.amount('learningRate', optimizer === 'sgd' ? 0.01 : 0.001),
    backboneRate: read.amount('backboneRate', pretrained ? 0.5 : 1),
    weightDecay: read.amount('weightDecay', optimizer === 'adamw' ? 0.05 : 5e-4),
    schedule: read.oneOf('schedule', ['constant', 'step', 'cosine', 'one-cycle'], 'cosine'),
    warmupEpochs: Math.min(read.amount('warmupEpochs', 1), epochs / 2),
    clipNorm: read.amount('clipNorm', 10),
    averageDecay,
    accumulate: read.whole('accumulate', 1, 1),
    lossWeights: lossWeightsOf(options),
    segmentLoss: segmentLossOf(options),
    detectLoss: detectLossOf(options),
    freeze: options.freeze ?? 'none',
    augment: augmentOf(options.augment ?? 'light'),
    mosaic: mosaicOf(options, epochs),
    patience: read.whole('patience', 0, Math.max(10, Math.ceil(epochs / 2))),
    device: options.device ?? 'cpu',
    threads: read.whole('threads', 1, availableParallelism()),
    layout: read.oneOf('layout', ['auto', 'standard', 'blocked'], 'auto'),
  }
}

/** The first epoch without joined pictures. */
export function mosaicEnd({ mosaic, epochs }: Pick<HeadRecipe, 'mosaic' | 'epochs'>): number {
  return mosaic === 0 ? 0 : epochs - Math.min(10, Math.ceil(epochs / 4))
}

function mosaicOf({ mosaic = 0, heads, train }: HeadTrainOptions, epochs: number): number {
  if (!(mosaic >= 0 && mosaic <= 1)) throw invalid('mosaic', 'a number from 0 to 1', mosaic)
  if (mosaic === 0) return 0
  if (epochs < 2) throw invalid('mosaic', 'two epochs or more, as the last one has none', epochs)
  const whole = wholeHead(heads)
  if (whole !== undefined) throw invalid('mosaic', 'heads that detect, segment or count', whole)
  // What is not known of one part would be taken as known of the whole.
  const count = (test: (sample: ImageDataset['samples'][number]) => boolean) => train.samples.filter(test).length
  const partly = count(({ covers }) => covers !== undefined)
  if (partly > 0) throw invalid('mosaic', 'pictures in which all classes were looked for', `${partly} of a mix of data sets`)
  const maps = count(({ labelMap }) => labelMap !== undefined)
  if (maps > 0 && maps < train.samples.length) throw invalid('mosaic', 'maps of pixels for all pictures or for none', `${maps} with maps`)
  const onlyPixels = maps > 0 && heads.every(({ task }) => task === 'segment')
  const unmarked = onlyPixels ? 0 : count(({ annotations }) => annotations === undefined)
  if (unmarked > 0) throw invalid('mosaic', 'pictures that are all marked', `${unmarked} without annotations`)
  return mosaic
}

/** The box around the turned corners of a box is too large for what was in it: up to twice, where nothing tells its outline. */
function checkTurned({ augment, heads, train }: HeadTrainOptions): void {
  if (augment !== 'turned' || !heads.some(({ task }) => task === 'detect')) return
  const boxes = train.samples.flatMap(({ annotations = [] }) => annotations).filter(({ box }) => box !== undefined)
  const bare = boxes.filter(({ polygons, mask, orientedBox }) => (polygons ?? mask ?? orientedBox) === undefined).length
  if (bare > 0) throw invalid('augment', 'outlines or masks of all things that are turned', `turned, with ${bare} boxes alone`)
}

/** Labels are numbers of classes: heads learn classes of the data, which they find by their names. */
function checkClasses({ train, validation, heads }: HeadTrainOptions): void {
  const { classes } = train
  const differ = (names: readonly string[]) => names.length !== classes.length || names.some((name, i) => name !== classes[i])
  if (validation !== undefined && differ(validation.classes))
    throw invalid('validation', `the classes that are trained, ${classes.join(', ')}`, validation.classes.join(', '))
  for (const { task, name = task, labels } of heads) {
    // A background that is not named is added behind the classes.
    const isKnown = (label: unknown) => classes.includes(label as string) || (task === 'segment' && label === 'background')
    if (!Array.isArray(labels) || labels.length === 0 || !labels.every(isKnown) || new Set(labels).size < labels.length)
      throw invalid(`heads.${name}.labels`, `classes of the data, each once: ${classes.join(', ')}`, String(labels))
  }
}

/** An option that did nothing would be taken for one that did. */
function segmentLossOf({ segmentLoss, heads }: HeadTrainOptions): Required<SegmentLossOptions> {
  if (segmentLoss === undefined) return { pixels: 'cross-entropy', dice: 1, boundary: 0 }
  if (!heads.some(({ task }) => task === 'segment')) throw invalid('segmentLoss', 'a head that segments', 'none')
  if (typeof segmentLoss !== 'object' || segmentLoss === null)
    throw invalid('segmentLoss', '{ pixels, dice, boundary }', String(segmentLoss))
  const { pixels = 'cross-entropy', dice = 1, boundary = 0, ...others } = segmentLoss
  const [strange] = Object.keys(others)
  if (strange !== undefined) throw invalid('segmentLoss', 'pixels, dice, boundary', strange)
  if (pixels !== 'cross-entropy' && pixels !== 'focal') throw invalid('segmentLoss.pixels', 'cross-entropy, focal', String(pixels))
  for (const [key, value] of Object.entries({ dice, boundary }))
    if (!(value >= 0 && Number.isFinite(value))) throw invalid(`segmentLoss.${key}`, 'a number of at least 0', value)
  return { pixels, dice, boundary }
}

function detectLossOf({ detectLoss, heads }: HeadTrainOptions): Required<DetectLossOptions> {
  if (detectLoss === undefined) return { box: 'ciou', classification: 'quality-focal' }
  if (!heads.some(({ task }) => task === 'detect')) throw invalid('detectLoss', 'a head that detects', 'none')
  if (typeof detectLoss !== 'object' || detectLoss === null) throw invalid('detectLoss', '{ box, classification }', String(detectLoss))
  const { box = 'ciou', classification = 'quality-focal', ...others } = detectLoss
  const [strange] = Object.keys(others)
  if (strange !== undefined) throw invalid('detectLoss', 'box, classification', strange)
  if (box !== 'ciou' && box !== 'giou') throw invalid('detectLoss.box', 'ciou, giou', String(box))
  if (classification !== 'quality-focal' && classification !== 'cross-entropy')
    throw invalid('detectLoss.classification', 'quality-focal, cross-entropy', String(classification))
  return { box, classification }
}

function sizeOf(field: string, size: number | readonly [number, number]): readonly [number, number] {
  const sides: unknown = typeof size === 'number' ? [size, size] : size
  if (!Array.isArray(sides) || sides.length !== 2) throw invalid(field, 'a number, or [height, width]', String(size))
  const side = (value: unknown): number => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 32 && value <= 4096) return value
    throw invalid(field, '32 to 4096', sides.join('x'))
  }
  return [side(sides[0]), side(sides[1])]
}

function cropOf({ crop, heads }: HeadTrainOptions, imageSize: readonly [number, number]): Pick<HeadRecipe, 'crop'> {
  if (crop === undefined) return {}
  const size = sizeOf('crop', crop)
  if (size.some((side, i) => side > imageSize[i]!))
    throw invalid('crop', `at most ${imageSize.join('x')}, the size of pictures`, size.join('x'))
  const whole = wholeHead(heads)
  if (whole !== undefined) throw invalid('crop', 'heads that detect, segment or count', whole)
  return size.every((side, i) => side === imageSize[i]) ? {} : { crop: size }
}

/** A head that asks for the class of the whole picture, which its parts do not tell. */
function wholeHead(heads: readonly HeadSpec[]): HeadSpec['task'] | undefined {
  return heads.find(({ task }) => task === 'classify' || task === 'multilabel')?.task
}

function lossWeightsOf({ heads, lossWeights: given }: HeadTrainOptions): LossWeights {
  if (given !== undefined && heads.length === 1) throw invalid('lossWeights', 'several heads to weigh', 'one')
  const lossWeights = given ?? {}
  if (lossWeights === 'uncertainty') return lossWeights
  if (typeof lossWeights !== 'object' || lossWeights === null)
    throw invalid('lossWeights', 'numbers by the names of heads, or uncertainty', String(lossWeights))
  const names = heads.map(({ task, name = task }) => name)
  for (const [name, weight] of Object.entries(lossWeights)) {
    if (!names.includes(name)) throw invalid('lossWeights', `one of ${names.join(', ')}`, name)
    if (!(weight >= 0 && Number.isFinite(weight))) throw invalid(`lossWeights.${name}`, 'a number of at least 0', weight)
  }
  return Object.fromEntries(names.map((name) => [name, lossWeights[name] ?? 1]))
}

/** Presets that move things about without changing what they are; what is uncovered has the grey of a letterbox. */
function augmentOf(augment: AugmentationName | Transform): Transform | undefined {
  if (typeof augment !== 'string') return parseTransform(augment)
  const fill = [114, 114, 114] as const
  const shift = (scale: readonly [number, number], degrees = 0) => randomAffine({ degrees, translate: [0.1, 0.1], scale, fill })
  switch (augment) {
    case 'none':
      return undefined
    case 'shift':
      return shift([0.8, 1.25])
    case 'light':
      return compose([randomHorizontalFlip(), shift([0.75, 1.3]), colorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2 })])
    case 'strong':
    case 'turned':
      return compose([
        randomHorizontalFlip(),
        randomVerticalFlip(),
        shift([0.6, 1.5], augment === 'turned' ? 180 : 0),
        colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.03 }),
      ])
    default:
      throw invalid('augment', augmentations.join(', '), augment)
  }
}
