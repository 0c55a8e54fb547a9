// Trains a classifier: prepares it, feeds the loop with pictures and classes, and measures accuracy.

import { classCounts } from '../data/dataset.ts'
import type { Model } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { writeMetadata } from '../model/metadata.ts'
import { type BatchSource, openBatches, type TrainingBatch } from './batches.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { EpochRecord, LoopRecord } from './history.ts'
import { type LoopEvent, type Running, TrainingLoop, type TrainingPlan } from './loop.ts'
import type { Recipe, TrainOptions } from './options.ts'
import { type Preparation, prepare } from './prepare.ts'
import { scheduleOf } from './recipe-parts.ts'
import { plainRecipe, recipeRecord } from './recipe-record.ts'
import { classTargets, softTargets } from './step-runner.ts'
import { inTrainingFolder } from './training-folder.ts'
import { type Validation, validate, validationLoader } from './validate.ts'

export interface TrainResult {
  /** Path of the best model, `OUT/model.onnx`. */
  readonly file: string
  readonly model: Model
  readonly recipe: Recipe
  readonly history: readonly EpochRecord[]
  readonly bestEpoch: number
  /** On the validation pictures, at the best epoch; undefined without validation pictures. */
  readonly accuracy: number | undefined
  /** Pictures that could not be read, of training and validation. */
  readonly failures: BatchSource['failures']
  readonly stoppedEarly: boolean
}

/**
 * Trains a classifier. The same options, data, machine and thread count give the same weights, bit for bit, also when the
 * training was interrupted and resumed.
 *
 * ```ts
 * const { splits } = await openImageFolder('photos')
 * const { file, accuracy } = await new Trainer({ train: splits.train, validation: splits.val, out: 'runs/photos' }).run()
 * ```
 */
export class Trainer {
  readonly #options: TrainOptions
  readonly #emit: NonNullable<TrainOptions['onEvent']>

  constructor(options: TrainOptions) {
    this.#options = options
    this.#emit = options.onEvent ?? (() => undefined)
  }

  /**
   * Trains to the end, to an early stop, or to the abort signal. To be called once.
   *
   * @throws FoveaError TRAIN_OPTION, TRAIN_EXISTS, MODEL_*, DATA_*, FILE_WRITE, CHECKPOINT_INVALID, TRAIN_DIVERGED, CANCELLED (a
   *   checkpoint is written first, once the training has begun)
   */
  async run(): Promise<TrainResult> {
    return inTrainingFolder(
      this.#options,
      (text) => this.#emit({ kind: 'note', text }),
      (saved) => this.#train(saved),
    )
  }

  async #train(saved: Checkpoint | undefined): Promise<TrainResult> {
    const { train, validation, onError = 'skip', diskCache, checkpointSeconds, signal, out } = this.#options
    const preparation = await prepare(this.#options)
    const { recipe, frozen, metadata, notes } = preparation
    for (const text of notes) this.#emit({ kind: 'note', text })
    const batches = await openBatches({
      train,
      recipe,
      preprocessing: metadata.preprocessing,
      prefix: frozen.prefix,
      onError,
      diskCache,
      onEvent: this.#emit,
      ...(signal ? { signal } : {}),
    })
    const held =
      validation === undefined || validation.samples.length === 0
        ? undefined
        : validationLoader(validation, metadata.preprocessing, { onError, ...(diskCache && { diskCache }) })
    const measuring = { device: recipe.device, threads: recipe.threads, ...(signal ? { signal } : {}) }
    const measure = async (model: Model) => {
      const figures = await validate(model, held!, measuring)
      return figures && { score: scoreOf(figures), figures }
    }
    const plan: TrainingPlan<TrainingBatch, Validation, EpochRecord> = {
      recipe,
      record: recipeRecord(recipe, preparation.model, metadata),
      schedule: (stepsPerEpoch) => scheduleOf(recipe, stepsPerEpoch),
      step: preparation.step,
      batches,
      feeds: (batch) => feedsOf(frozen.cut, batch),
      sizeOf: ({ labels }) => labels.length,
      model: preparation.model,
      ...(held && { measure }),
      recordOf: epochRecord,
      finish: (model, record) => withFigures(model, preparation, record),
    }
    let loop: TrainingLoop<TrainingBatch, Validation, EpochRecord> | undefined
    try {
      loop = await TrainingLoop.open(plan, { folder: out, saved, checkpointSeconds, signal, emit: (event) => this.#tell(event) })
      this.#emit({
        kind: 'plan',
        recipe,
        parameters: preparation.parameterCount,
        trainable: preparation.trainableCount,
        counts: classCounts(train),
        validationSamples: validation?.samples.length ?? 0,
        stepsPerEpoch: batches.batchesPerEpoch,
      })
      const result = await loop.run()
      const best = result.history.find(({ epoch }) => epoch === result.bestEpoch)
      const unread = (held?.failures ?? []).map(({ path, message }) => ({ path, reason: message }))
      return { ...result, recipe, accuracy: best?.validationAccuracy, failures: [...batches.failures, ...unread] }
    } finally {
      await loop?.close()
      await batches.close()
      await held?.close()
    }
  }

  #tell(event: LoopEvent<EpochRecord>): void {
    if (event.kind === 'step') {
      const { running, ...rest } = event
      this.#emit({ ...rest, loss: running.loss / running.batches, accuracy: accuracyOf(running) })
    } else this.#emit(event)
  }
}

function feedsOf(input: string, { input: pictures, labels, targets }: TrainingBatch): Record<string, Tensor> {
  return { [input]: pictures, targets: targets === undefined ? classTargets(labels) : softTargets(targets, labels.length) }
}

function accuracyOf({ correct = 0, samples }: Running): number {
  return correct / samples
}

function epochRecord(base: LoopRecord, running: Running, measured: Validation | undefined): EpochRecord {
  const { epoch, loss, ...rest } = base
  return { epoch, loss, accuracy: accuracyOf(running), validationLoss: measured?.loss, validationAccuracy: measured?.accuracy, ...rest }
}

/** Accuracy decides; the loss decides between equals, and always weighs less than one picture. */
function scoreOf({ accuracy, loss, samples }: Validation): number {
  return accuracy - (Number.isFinite(loss) ? Math.tanh(loss) : 1) / (4 * samples)
}

function withFigures(model: Model, { metadata, recipe }: Preparation, record: EpochRecord): Model {
  const metrics: Record<string, number> = { loss: record.loss }
  if (record.validationAccuracy !== undefined) metrics.accuracy = record.validationAccuracy
  if (record.validationLoss !== undefined) metrics.validationLoss = record.validationLoss
  return writeMetadata(model, { ...metadata, metrics, recipe: { ...plainRecipe(recipe), epoch: record.epoch + 1 } })
}
