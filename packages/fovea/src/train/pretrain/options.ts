// What a pretraining is asked for, and the recipe that follows: plain values that decide every bit of the result.

import { availableParallelism } from 'node:os'
import { formulaVersion } from '../../data/synthetic/formula/index.ts'
import type { HubOptions } from '../../model/hub/settings.ts'
import { invalid, OptionReader } from '../check-options.ts'
import type { PretrainEvent } from './events.ts'

export interface PretrainOptions {
  /**
   * Name of an architecture, whose weights are then drawn even where some are shipped; or what is trained on: a model of features as an
   * .onnx file, weights as .safetensors, a folder with either, hf:owner/name.
   */
  readonly model: string
  /** Row of the table that a .safetensors file belongs to, or whose backbone it fills. @default what the file says, else a reported guess */
  readonly architecture?: string
  /** Where a model of the hub comes from and goes to. */
  readonly hub?: HubOptions
  /** Folder for the model, checkpoint and log. */
  readonly out: string
  /** Different scenes that are drawn; all are kept in memory, 12 kB each at 64 pixels. @default 100,000 */
  readonly scenes?: number
  /** Passes over the scenes; each shows them mirrored and coloured anew. @default 4 */
  readonly epochs?: number
  /** @default 32 */
  readonly batchSize?: number
  /** Side of the square pictures in pixels: a multiple of 32. @default 64 */
  readonly imageSize?: number
  /** Of weights, scenes and order. @default 0 */
  readonly seed?: number
  /** @default 'adamw' */
  readonly optimizer?: 'adamw' | 'sgd'
  /** Largest learning rate of the schedule, a cosine behind a warm-up. @default 0.001 for adamw, 0.1 for sgd */
  readonly learningRate?: number
  /** @default 0.05 for adamw, 0.0001 for sgd */
  readonly weightDecay?: number
  /** Scenes held out, to be measured after each epoch. @default 2,000 */
  readonly heldOut?: number
  /** Threads of the training step. @default the number of cores */
  readonly threads?: number
  /** Threads that draw scenes ahead. @default 1 */
  readonly drawers?: number
  readonly layout?: 'auto' | 'standard' | 'blocked'
  readonly resume?: boolean
  readonly overwrite?: boolean
  /** Seconds between checkpoints within an epoch. @default 300 */
  readonly checkpointSeconds?: number
  readonly signal?: AbortSignal
  readonly onEvent?: (event: PretrainEvent) => void
}

/** The course of a pretraining, decided; it is stored in checkpoint and model. */
export interface PretrainRecipe {
  readonly kind: 'formula-driven'
  /** Version of what draws the scenes: a pretraining is resumed on the scenes that it was begun with. */
  readonly formula: number
  readonly model: string
  readonly scenes: number
  readonly epochs: number
  readonly batchSize: number
  readonly imageSize: number
  readonly seed: number
  readonly optimizer: 'adamw' | 'sgd'
  readonly learningRate: number
  readonly weightDecay: number
  readonly warmUpSteps: number
  readonly clipNorm: number
  readonly heldOut: number
  readonly threads: number
  readonly layout: 'auto' | 'standard' | 'blocked'
}

/** Memory that the scenes may take. */
const maxSceneBytes = 4 * 2 ** 30

/** Side in pixels of the finest cells whose parts are learned: the stride of a pyramid's first level. */
export const cellStride = 8

/** Resolves all defaults. @throws FoveaError TRAIN_OPTION naming the option */
export function resolvePretraining(options: PretrainOptions): PretrainRecipe {
  const read = new OptionReader(options)
  const imageSize = read.whole('imageSize', 32, 64)
  if (imageSize % 32 !== 0 || imageSize > 512) throw invalid('imageSize', 'a multiple of 32 up to 512', imageSize)
  const batchSize = read.whole('batchSize', 2, 32)
  const scenes = read.whole('scenes', batchSize, 100_000)
  const most = Math.floor(maxSceneBytes / (3 * imageSize ** 2))
  if (scenes > most) throw invalid('scenes', `at most ${most} of this size, which fill ${maxSceneBytes / 2 ** 30} GiB`, scenes)
  const epochs = read.whole('epochs', 1, 4)
  const optimizer = options.optimizer ?? 'adamw'
  if (optimizer !== 'adamw' && optimizer !== 'sgd') throw invalid('optimizer', 'adamw or sgd', optimizer)
  const layout = options.layout ?? 'auto'
  if (!['auto', 'standard', 'blocked'].includes(layout)) throw invalid('layout', 'auto, standard or blocked', layout)
  read.whole('drawers', 1, 1)
  read.amount('checkpointSeconds', 300)
  const steps = Math.floor(scenes / batchSize) * epochs
  return {
    kind: 'formula-driven',
    formula: formulaVersion,
    model: options.model,
    scenes,
    epochs,
    batchSize,
    imageSize,
    seed: read.whole('seed', 0, 0),
    optimizer,
    learningRate: read.amount('learningRate', optimizer === 'sgd' ? 0.1 : 0.001),
    weightDecay: read.amount('weightDecay', optimizer === 'sgd' ? 1e-4 : 0.05),
    warmUpSteps: Math.min(500, Math.floor(steps / 10)),
    clipNorm: 5,
    heldOut: read.whole('heldOut', 1, 2_000),
    threads: read.whole('threads', 1, availableParallelism()),
    layout,
  }
}
