// What a fit of a detector of anomalies is asked for, and its recipe.

import { availableParallelism } from 'node:os'
import type { ImageDataset } from '../../../data/dataset.ts'
import { parseDevice } from '../../../runtime/device.ts'
import { parseVersion } from '../../../util/semver.ts'
import { invalid, OptionReader } from '../../check-options.ts'
import type { TrainOptions } from '../../options.ts'

type Shared =
  | 'architecture'
  | 'shipped'
  | 'hub'
  | 'input'
  | 'modelVersion'
  | 'out'
  | 'seed'
  | 'device'
  | 'threads'
  | 'onError'
  | 'overwrite'
  | 'signal'

export interface AnomalyTrainOptions extends Pick<TrainOptions, Shared> {
  /** Pictures of what is good; classes do not matter. At least two, better hundreds. */
  readonly good: ImageDataset
  /** What they are called: a data set whose class of this name is good is evaluated so. @default 'good' */
  readonly goodName?: string
  /** A shipped model, an .onnx or .safetensors file, a folder, hf:owner/name: whatever has maps. @default 'deepseek-vision-base' */
  readonly model?: string
  /** Maps that patches are made of: stages or values; the first gives the grid of the answer. @default ['conv2'] */
  readonly layers?: readonly string[]
  /** How much the colour of a place beside the mean colour of its picture counts, next to 1 for each layer; 0 leaves it out. @default 0.5 */
  readonly context?: number
  /** How much the place in the picture counts: 0 for textures, 2 or so for parts that always lie in the same place. @default 0 */
  readonly position?: number
  /** Height and width, or one for both. @default twice the pictures' median size, the longer side 64 to 256, in steps of 32 */
  readonly imageSize?: number | readonly [height: number, width: number]
  /** Nearest patches whose distances are averaged. @default 1 */
  readonly neighbours?: number
  /** Deviation of the Gaussian that smooths the map, in cells of the grid. @default 1 */
  readonly smoothing?: number
  /** The part of the cells, the highest, whose mean is the score of a picture, 0 to 1. @default 0.1 */
  readonly share?: number
  /** Patches that are gathered over all pictures. @default 30,000 */
  readonly candidates?: number
  /** The part of them that is remembered, 0 to 1. @default 0.1 */
  readonly coreset?: number
  /** The part of good pictures that may be taken for odd, 0 to 0.5. @default 0.01 */
  readonly falseAlarmRate?: number
  /** How thresholds are found: by the scores of good pictures as they are, or by a fit of their highest. @default 'extreme' */
  readonly threshold?: 'quantile' | 'extreme'
  /** @default 8 */
  readonly batchSize?: number
  readonly onEvent?: (event: AnomalyTrainEvent) => void
}

/** The course of a fit, decided: equal recipes and pictures give equal detectors. */
export interface AnomalyRecipe {
  readonly model: string
  readonly layers: readonly string[]
  readonly samples: number
  readonly context: number
  readonly position: number
  readonly imageSize: readonly [height: number, width: number]
  readonly neighbours: number
  readonly smoothing: number
  readonly share: number
  readonly candidates: number
  readonly coreset: number
  readonly falseAlarmRate: number
  readonly threshold: 'quantile' | 'extreme'
  readonly batchSize: number
  readonly seed: number
  readonly device: string
  readonly threads: number
}

export type AnomalyTrainEvent =
  | { readonly kind: 'plan'; readonly recipe: AnomalyRecipe }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'progress'; readonly stage: 'patches' | 'coreset' | 'scores'; readonly done: number; readonly total: number }

export const defaultAnomalyModel = 'deepseek-vision-base'

/**
 * Resolves all defaults.
 *
 * @param size what pictures are resized to unless the options say it
 * @throws FoveaError TRAIN_OPTION naming the option
 */
export function resolveAnomalyRecipe(options: AnomalyTrainOptions, size: readonly [number, number]): AnomalyRecipe {
  const samples = options.good?.samples?.length ?? 0
  if (samples < 2) throw invalid('good', 'at least two good pictures', samples)
  const read = new OptionReader(options)
  const layers = options.layers ?? ['conv2']
  if (!Array.isArray(layers) || layers.length === 0 || !layers.every((layer) => typeof layer === 'string' && layer !== ''))
    throw invalid('layers', 'names of stages or values', String(layers))
  const twice = layers.find((layer, i) => layers.indexOf(layer) !== i)
  if (twice !== undefined) throw invalid('layers', 'each layer once', twice)
  const { goodName } = options
  if (goodName !== undefined && (typeof goodName !== 'string' || goodName === '' || goodName === 'anomaly'))
    throw invalid('goodName', 'a name other than "anomaly"', String(goodName))
  parseDevice(options.device ?? 'cpu')
  if (options.modelVersion !== undefined) parseVersion(options.modelVersion)
  return {
    model: options.model ?? defaultAnomalyModel,
    layers,
    samples,
    context: read.amount('context', 0.5),
    position: read.amount('position', 0),
    imageSize: options.imageSize === undefined ? size : sidesOf(options.imageSize),
    neighbours: read.whole('neighbours', 1, 1),
    smoothing: read.amount('smoothing', 1, 20),
    share: above('share', options.share ?? 0.1, 1),
    candidates: read.whole('candidates', 2, 30_000),
    coreset: above('coreset', options.coreset ?? 0.1, 1),
    falseAlarmRate: above('falseAlarmRate', options.falseAlarmRate ?? 0.01, 0.5),
    threshold: read.oneOf('threshold', ['quantile', 'extreme'], 'extreme'),
    batchSize: Math.min(samples, read.whole('batchSize', 1, 8)),
    seed: read.whole('seed', 0, 0),
    device: options.device ?? 'cpu',
    threads: read.whole('threads', 1, availableParallelism()),
  }
}

function above(field: string, value: number, most: number): number {
  if (value > 0 && value <= most) return value
  throw invalid(field, `a number above 0, at most ${most}`, value)
}

function sidesOf(size: number | readonly [number, number]): readonly [number, number] {
  const pair = typeof size === 'number' ? ([size, size] as const) : size
  if (!Array.isArray(pair) || pair.length !== 2 || pair.some((side) => !Number.isSafeInteger(side) || side < 32 || side > 2048))
    throw invalid('imageSize', '32 to 2048', Array.isArray(pair) ? pair.join('x') : String(pair))
  return pair as readonly [number, number]
}

/**
 * Twice the size of the pictures, so that small faults cover several places of the grid, as far as the longer side stays within 64 to 256; in steps
 * of 32, which the strides of backbones divide.
 */
export function suitingSize([height, width]: readonly [number, number]): readonly [number, number] {
  const longer = Math.max(height, width)
  const scale = Math.min(256, Math.max(64, 2 * longer)) / longer
  const side = (pixels: number) => Math.max(32, 32 * Math.round((pixels * scale) / 32))
  return [side(height), side(width)]
}
