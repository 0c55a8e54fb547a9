// The training loop: epochs of steps, validation, the best model, checkpoints, early stop.

import { createHash } from 'node:crypto'
import { readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { classCounts } from '../data/dataset.ts'
import { makeFolder, writeError, writeFileAtomically } from '../data/files.ts'
import { encodeModelChunks } from '../graph/codec/encode.ts'
import type { Model } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { writeMetadata } from '../model/metadata.ts'
import { readModelFile } from '../model/open-model.ts'
import { learningRateAt } from '../nn/schedules.ts'
import { slotName } from '../passes/training-step.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import { type BatchSource, openBatches, type TrainingBatch } from './batches.ts'
import { type CheckpointState, checkRecipe, checkTensors, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { appendLog, type EpochRecord, writeLog } from './history.ts'
import type { Recipe, TrainOptions } from './options.ts'
import { type Preparation, prepare } from './prepare.ts'
import { scheduleOf } from './recipe-parts.ts'
import { classTargets, StepRunner, softTargets } from './step-runner.ts'
import { type Validation, validate, validationLoader, withWeights } from './validate.ts'

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

/** Names of the files in the folder of a training. */
export const trainFiles = { model: 'model.onnx', log: 'log.jsonl', checkpoint: 'checkpoint' } as const

interface Position {
  epoch: number
  batch: number
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
  readonly #folder: string
  readonly #emit: NonNullable<TrainOptions['onEvent']>
  #preparation!: Preparation
  #recipe!: Recipe
  #record: Record<string, unknown> = {}
  #runner: StepRunner | undefined
  #batches: BatchSource | undefined
  #validation: ReturnType<typeof validationLoader> | undefined
  #history: EpochRecord[] = []
  #position: Position = { epoch: 0, batch: 0 }
  #step = 0
  #running = { loss: 0, correct: 0, samples: 0, batches: 0 }
  #best: { epoch: number; score: number } | undefined
  #bestModel: Model | undefined
  #secondsPerStep = 0
  #secondsPerValidation = 0
  #isAheadOfCheckpoint = false
  #lastCheckpoint = 0
  #secondsPerCheckpoint = 0

  constructor(options: TrainOptions) {
    this.#options = options
    this.#folder = options.out
    this.#emit = options.onEvent ?? (() => undefined)
  }

  /**
   * Trains to the end, to an early stop, or to the abort signal. To be called once.
   *
   * @throws FoveaError TRAIN_OPTION, TRAIN_EXISTS, MODEL_*, DATA_*, FILE_WRITE, CHECKPOINT_INVALID, TRAIN_DIVERGED, CANCELLED (a
   *   checkpoint is written first, once the training has begun)
   */
  async run(): Promise<TrainResult> {
    const made = await makeFolder(this.#folder)
    try {
      await this.#open()
      return await this.#toEnd()
    } catch (error) {
      // A training that was refused leaves no empty folder behind.
      if (made !== undefined) await rmdir(this.#folder).catch(() => undefined)
      if (this.#options.signal?.aborted && !isFoveaError(error)) throw new FoveaError('CANCELLED', { cause: error })
      throw error
    } finally {
      await this.#runner?.close()
      await this.#batches?.close()
      await this.#validation?.close()
    }
  }

  async #open(): Promise<void> {
    const { resume = false, overwrite = false } = this.#options
    const saved = resume ? await readCheckpoint(this.#checkpointFolder) : undefined
    if (saved === undefined && !overwrite) await this.#refuseOccupied()
    if (saved === undefined && resume)
      this.#emit({ kind: 'note', text: `There is no checkpoint in ${this.#folder}: the training begins from the start.` })
    this.#preparation = await prepare(this.#options)
    this.#recipe = this.#preparation.recipe
    this.#lastCheckpoint = performance.now()
    const { train, validation, onError = 'skip', diskCache, signal } = this.#options
    const { frozen, step, metadata, notes } = this.#preparation
    const recipe = this.#recipe
    for (const text of notes) this.#emit({ kind: 'note', text })
    this.#record = recordOf(this.#preparation)
    if (saved !== undefined) checkRecipe(this.#checkpointFolder, saved.state.recipe, this.#record)
    this.#batches = await openBatches({
      train,
      recipe,
      preprocessing: metadata.preprocessing,
      prefix: frozen.prefix,
      onError,
      diskCache,
      onEvent: this.#emit,
      ...(signal ? { signal } : {}),
    })
    if (validation !== undefined && validation.samples.length > 0)
      this.#validation = validationLoader(validation, metadata.preprocessing, { onError, ...(diskCache && { diskCache }) })
    this.#runner = await StepRunner.open(step, recipe.seed, { device: recipe.device, threads: recipe.threads })
    this.#emit({
      kind: 'plan',
      recipe,
      parameters: this.#preparation.parameterCount,
      trainable: this.#preparation.trainableCount,
      counts: classCounts(train),
      validationSamples: validation?.samples.length ?? 0,
      stepsPerEpoch: this.#batches!.batchesPerEpoch,
    })
    if (saved !== undefined) await this.#restore(saved.state, saved.tensors)
    else {
      for (const old of [this.#checkpointFolder, this.#modelFile])
        await rm(old, { recursive: true, force: true }).catch((cause: unknown) => {
          throw writeError(old, cause)
        })
      await writeLog(this.#logFile, [])
    }
    await this.#estimate()
  }

  /** @throws FoveaError TRAIN_EXISTS where the folder holds a training: hours of work are not lost by a repeated command */
  async #refuseOccupied(): Promise<void> {
    const entries = await readdir(this.#folder).catch((): string[] => [])
    const found = [trainFiles.model, trainFiles.checkpoint].filter((name) => entries.includes(name))
    if (found.length > 0) throw new FoveaError('TRAIN_EXISTS', { file: this.#folder, found: found.join(', ') })
  }

  async #toEnd(): Promise<TrainResult> {
    const { epochs, patience } = this.#recipe
    let stoppedEarly = false
    while (this.#position.epoch < epochs && !stoppedEarly) {
      // Asked before an epoch, so that a training which had stopped early does not go on when it is resumed.
      const waited = this.#best === undefined ? 0 : this.#position.epoch - 1 - this.#best.epoch
      stoppedEarly = patience > 0 && this.#validation !== undefined && waited >= patience
      if (stoppedEarly) this.#emit({ kind: 'stopped', reason: `no better validation for ${waited} epochs` })
      else await this.#epoch()
    }
    if (this.#isAheadOfCheckpoint) await this.#checkpoint()
    const best = this.#history.find((record) => record.epoch === this.#best?.epoch)
    return {
      file: this.#modelFile,
      model: this.#bestModel ?? (await this.#currentModel()),
      recipe: this.#recipe,
      history: this.#history,
      bestEpoch: this.#best?.epoch ?? 0,
      accuracy: best?.validationAccuracy,
      failures: [...this.#batches!.failures, ...(this.#validation?.failures ?? []).map(({ path, message }) => ({ path, reason: message }))],
      stoppedEarly,
    }
  }

  get #modelFile(): string {
    return join(this.#folder, trainFiles.model)
  }

  get #logFile(): string {
    return join(this.#folder, trainFiles.log)
  }

  get #checkpointFolder(): string {
    return join(this.#folder, trainFiles.checkpoint)
  }

  /** One epoch, from wherever the position is. */
  async #epoch(): Promise<void> {
    const { signal } = this.#options
    const { epoch } = this.#position
    const began = performance.now()
    const firstBatch = this.#position.batch
    try {
      for await (const batch of this.#batches!.batches(epoch, firstBatch, signal)) {
        await this.#trainOn(batch)
        if (this.#isCheckpointDue() && this.#position.batch < this.#batches!.batchesPerEpoch) await this.#checkpoint()
        signal?.throwIfAborted()
      }
      const seconds = (performance.now() - began) / 1000
      const trained = (this.#position.batch - firstBatch) * this.#recipe.batchSize
      await this.#endEpoch(epoch, seconds, trained / seconds)
    } catch (error) {
      if (!signal?.aborted) throw error
      await this.#checkpoint()
      throw new FoveaError('CANCELLED', {
        file: this.#folder,
        cause: error,
        remedy: 'Run the same command with --resume to go on from here.',
      })
    }
  }

  async #trainOn(data: TrainingBatch): Promise<void> {
    const { epochs, accumulate } = this.#recipe
    const { batchesPerEpoch } = this.#batches!
    const { epoch, batch } = this.#position
    const learningRate = this.#learningRate()
    const overall = epoch * batchesPerEpoch + batch
    // The last batch of an epoch always updates, so that no gradient is carried over a validation.
    const apply = (batch + 1) % accumulate === 0 || batch + 1 === batchesPerEpoch
    const began = performance.now()
    const { loss, correct } = await this.#runner!.run({
      batch: this.#feeds(data),
      learningRate,
      update: this.#step + 1,
      position: overall,
      apply,
    })
    const seconds = (performance.now() - began) / 1000
    if (!Number.isFinite(loss!))
      throw new FoveaError('TRAIN_DIVERGED', {
        found: `a loss of ${loss} in epoch ${epoch + 1}, batch ${batch + 1}`,
        expected: 'a finite loss',
        file: this.#folder,
      })
    this.#secondsPerStep = this.#secondsPerStep === 0 ? seconds : 0.95 * this.#secondsPerStep + 0.05 * seconds
    const running = this.#running
    running.loss += loss!
    running.correct += correct!
    running.samples += data.labels.length
    running.batches++
    if (apply) this.#step++
    this.#position.batch++
    this.#emit({
      kind: 'step',
      epoch,
      epochs,
      batch: batch + 1,
      batches: batchesPerEpoch,
      loss: running.loss / running.batches,
      accuracy: running.correct / running.samples,
      learningRate,
      secondsLeft: this.#secondsLeft(),
    })
  }

  #feeds({ input, labels, targets }: TrainingBatch): Record<string, Tensor> {
    return {
      [this.#preparation.frozen.cut]: input,
      targets: targets === undefined ? classTargets(labels) : softTargets(targets, labels.length),
    }
  }

  async #endEpoch(epoch: number, seconds: number, imagesPerSecond: number): Promise<void> {
    const began = performance.now()
    const model = await this.#currentModel()
    const { device, threads } = this.#recipe
    const { signal } = this.#options
    const measured =
      this.#validation === undefined
        ? undefined
        : await validate(model, this.#validation, { device, threads, ...(signal ? { signal } : {}) })
    this.#secondsPerValidation = (performance.now() - began) / 1000
    const record: EpochRecord = {
      epoch,
      loss: this.#running.loss / this.#running.batches,
      accuracy: this.#running.correct / this.#running.samples,
      validationLoss: measured?.loss,
      validationAccuracy: measured?.accuracy,
      learningRate: this.#learningRate(-1),
      step: this.#step,
      seconds,
      imagesPerSecond,
    }
    const score = measured === undefined ? epoch : scoreOf(measured)
    const best = this.#best === undefined || score > this.#best.score
    this.#history = [...this.#history, record]
    if (best) {
      this.#best = { epoch, score }
      this.#bestModel = withFigures(model, this.#preparation, record, this.#recipe)
      await writeFileAtomically(this.#modelFile, encodeModelChunks(this.#bestModel).parts)
    }
    await appendLog(this.#logFile, record)
    this.#position = { epoch: epoch + 1, batch: 0 }
    this.#isAheadOfCheckpoint = true
    this.#running = { loss: 0, correct: 0, samples: 0, batches: 0 }
    if (this.#isCheckpointDue(best)) await this.#checkpoint()
    this.#emit({ kind: 'epoch', record, best })
  }

  /** The inference model with the weights of now: averaged ones where an average is kept. */
  async #currentModel(): Promise<Model> {
    const names = [...this.#preparation.model.graph.initializers.keys()]
    const state = await this.#runner!.readState(names.flatMap((name) => [name, slotName(name, 'average')]))
    const weights = new Map<string, Tensor>()
    for (const name of names) {
      const tensor = state.get(slotName(name, 'average')) ?? state.get(name)
      if (tensor !== undefined) weights.set(name, tensor)
    }
    return withWeights(this.#preparation.model, weights)
  }

  #learningRate(offset = 0): number {
    const perEpoch = Math.ceil(this.#batches!.batchesPerEpoch / this.#recipe.accumulate)
    return learningRateAt(scheduleOf(this.#recipe, perEpoch), this.#step + offset)
  }

  #secondsLeft(): number {
    const { epochs } = this.#recipe
    const { epoch, batch } = this.#position
    const steps = epochs * this.#batches!.batchesPerEpoch - (epoch * this.#batches!.batchesPerEpoch + batch)
    return steps * this.#secondsPerStep + (epochs - epoch) * this.#secondsPerValidation
  }

  /** Times a few steps on the first batch, then puts the state back: nothing of it remains. */
  async #estimate(): Promise<void> {
    const state = await this.#runner!.readState()
    for await (const batch of this.#batches!.batches(this.#position.epoch, this.#position.batch, this.#options.signal)) {
      const times: number[] = []
      for (let i = 0; i < 3; i++) {
        const began = performance.now()
        await this.#runner!.run({ batch: this.#feeds(batch), learningRate: 0, update: 1, position: 0 })
        times.push((performance.now() - began) / 1000)
      }
      this.#secondsPerStep = Math.min(...times)
      break
    }
    await this.#runner!.writeState(state)
    this.#emit({ kind: 'estimate', seconds: this.#secondsLeft() })
  }

  /**
   * A better epoch is kept at once, unless checkpoints would take more than a tenth of the time: over few pictures writing all state
   * takes longer than an epoch. A training that dies before the next one comes to the same model again, since it repeats bit for bit.
   */
  #isCheckpointDue(better = false): boolean {
    const { checkpointSeconds = 120 } = this.#options
    const waited = (performance.now() - this.#lastCheckpoint) / 1000
    return waited > checkpointSeconds || (better && waited > 10 * this.#secondsPerCheckpoint)
  }

  async #checkpoint(): Promise<void> {
    const state: CheckpointState = {
      format: 1,
      recipe: this.#record,
      position: { ...this.#position },
      step: this.#step,
      running: { ...this.#running },
      history: this.#history,
      best: this.#best,
    }
    const began = performance.now()
    await writeCheckpoint(this.#checkpointFolder, { state, tensors: await this.#runner!.readState() })
    this.#lastCheckpoint = performance.now()
    this.#secondsPerCheckpoint = (this.#lastCheckpoint - began) / 1000
    this.#isAheadOfCheckpoint = false
  }

  async #restore(state: CheckpointState, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
    checkTensors(this.#checkpointFolder, tensors, await this.#runner!.readState())
    await this.#runner!.writeState(tensors)
    this.#position = { ...state.position }
    this.#step = state.step
    this.#running = { ...state.running }
    this.#history = [...(state.history as readonly EpochRecord[])]
    this.#best = state.best
    if (state.best !== undefined) this.#bestModel = await readModelFile(this.#modelFile)
    await writeLog(this.#logFile, this.#history)
    this.#emit({ kind: 'note', text: `Going on at epoch ${state.position.epoch + 1}, batch ${state.position.batch + 1}.` })
  }
}

/** Accuracy decides; the loss decides between equals, and always weighs less than one picture. */
function scoreOf({ accuracy, loss, samples }: Validation): number {
  return accuracy - (Number.isFinite(loss) ? Math.tanh(loss) : 1) / (4 * samples)
}

function withFigures(model: Model, { metadata }: Preparation, record: EpochRecord, recipe: Recipe): Model {
  const metrics: Record<string, number> = { loss: record.loss }
  if (record.validationAccuracy !== undefined) metrics.accuracy = record.validationAccuracy
  if (record.validationLoss !== undefined) metrics.validationLoss = record.validationLoss
  return writeMetadata(model, { ...metadata, metrics, recipe: { ...plain(recipe), epoch: record.epoch + 1 } })
}

/** As JSON keeps it: undefined members vanish. */
function plain(recipe: Recipe): Record<string, unknown> {
  return JSON.parse(JSON.stringify(recipe)) as Record<string, unknown>
}

/** The recipe with fingerprints of the pictures and of the first weights: a training is resumed on what it was begun with. */
function recordOf({ recipe, model, metadata }: Preparation): Record<string, unknown> {
  const weights = createHash('sha256')
  for (const [name, { bytes }] of model.graph.initializers) weights.update(name).update(bytes)
  const pictures = createHash('sha256').update(JSON.stringify(metadata.split ?? {}))
  return { ...plain(recipe), pictures: pictures.digest('hex').slice(0, 16), firstWeights: weights.digest('hex').slice(0, 16) }
}
