// The loop that trainings share: epochs of steps, a measurement after each, the best model, checkpoints, an early stop.

import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeError, writeFileAtomically } from '../data/files.ts'
import { encodeModelChunks } from '../graph/codec/encode.ts'
import type { Model } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { readModelFile } from '../model/open-model.ts'
import { learningRateAt, type Schedule } from '../nn/schedules.ts'
import { slotName, type TrainingStep } from '../passes/training-step.ts'
import { FoveaError } from '../util/errors.ts'
import type { BatchSource } from './batches.ts'
import { type Checkpoint, type CheckpointState, checkRecipe, checkTensors, writeCheckpoint } from './checkpoint.ts'
import { appendLog, type LoopRecord, writeLog } from './history.ts'
import { StepRunner } from './step-runner.ts'
import { withWeights } from './validate.ts'

/** Names of the files in the folder of a training. */
export const trainFiles = { model: 'model.onnx', log: 'log.jsonl', checkpoint: 'checkpoint' } as const

/** What the loop must know of a recipe. */
export interface LoopRecipe {
  readonly epochs: number
  readonly batchSize: number
  readonly seed: number
  /** Batches whose gradients are averaged for one update. */
  readonly accumulate: number
  /** Epochs without a better measurement before stopping; 0 never stops. */
  readonly patience: number
  readonly device: string
  readonly threads: number
}

/** Sums over the running epoch, by name: what the step reports of each batch, `samples`, `batches`. */
export type Running = Readonly<Record<string, number>> & { readonly loss: number; readonly samples: number; readonly batches: number }

/** How good the model is on pictures that are held out. */
export interface Measured<F> {
  /** The higher, the better: it decides which epoch is kept. Left out, the last one is. */
  readonly score?: number
  readonly figures: F
}

/** A training, decided: what is run, fed and measured. `B`: its batches, `F`: its figures, `R`: its record of an epoch. */
export interface TrainingPlan<B, F, R extends LoopRecord> {
  readonly recipe: LoopRecipe
  /** What decides the course of the training: a checkpoint of another is not resumed. */
  readonly record: Readonly<Record<string, unknown>>
  readonly schedule: (stepsPerEpoch: number) => Schedule
  readonly step: TrainingStep
  readonly batches: BatchSource<B>
  readonly feeds: (batch: B) => Record<string, Tensor>
  /** Pictures of a batch. */
  readonly sizeOf: (batch: B) => number
  /** The whole model with its first weights. */
  readonly model: Model
  /** Measures the model; undefined where it could not be. Absent where nothing is held out. */
  readonly measure?: (model: Model) => Promise<Measured<F> | undefined>
  readonly recordOf: (base: LoopRecord, running: Running, figures: F | undefined) => R
  /** The model as it is written. */
  readonly finish: (model: Model, record: R) => Model
}

export type LoopEvent<R> =
  | { readonly kind: 'note'; readonly text: string }
  /** Time the whole training should take, measured on a few steps. */
  | { readonly kind: 'estimate'; readonly seconds: number }
  | {
      readonly kind: 'step'
      readonly epoch: number
      readonly epochs: number
      readonly batch: number
      readonly batches: number
      readonly running: Running
      readonly learningRate: number
      readonly secondsLeft: number
    }
  | { readonly kind: 'epoch'; readonly record: R; readonly best: boolean }
  | { readonly kind: 'stopped'; readonly reason: string }

export interface LoopOptions<R> {
  readonly folder: string
  /** Goes on from here. */
  readonly saved?: Checkpoint | undefined
  /** @default 120 */
  readonly checkpointSeconds?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly emit: (event: LoopEvent<R>) => void
}

export interface LoopResult<R> {
  /** Path of the best model. */
  readonly file: string
  readonly model: Model
  readonly history: readonly R[]
  readonly bestEpoch: number
  readonly stoppedEarly: boolean
}

/** @throws FoveaError TRAIN_EXISTS where the folder holds a training: hours of work are not lost by a repeated command */
export async function refuseOccupied(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((): string[] => [])
  const found = [trainFiles.model, trainFiles.checkpoint].filter((name) => entries.includes(name))
  if (found.length > 0) throw new FoveaError('TRAIN_EXISTS', { file: folder, found: found.join(', ') })
}

interface Position {
  epoch: number
  batch: number
}

const nothing: Running = { loss: 0, samples: 0, batches: 0 }

/**
 * Runs a plan. The same plan, machine and thread count give the same weights, bit for bit, also when the training was interrupted and resumed.
 * To be opened, run once, and closed.
 */
export class TrainingLoop<B, F, R extends LoopRecord> {
  readonly #plan: TrainingPlan<B, F, R>
  readonly #options: LoopOptions<R>
  readonly #runner: StepRunner
  readonly #schedule: Schedule
  #history: R[] = []
  #position: Position = { epoch: 0, batch: 0 }
  #step = 0
  #running = nothing
  #best: { epoch: number; score: number } | undefined
  #bestModel: Model | undefined
  #secondsPerStep = 0
  #secondsPerMeasurement = 0
  #isAheadOfCheckpoint = false
  #lastCheckpoint = performance.now()
  #secondsPerCheckpoint = 0

  private constructor(plan: TrainingPlan<B, F, R>, options: LoopOptions<R>, runner: StepRunner) {
    this.#plan = plan
    this.#options = options
    this.#runner = runner
    this.#schedule = plan.schedule(Math.ceil(plan.batches.batchesPerEpoch / plan.recipe.accumulate))
  }

  /** Compiles the step. @throws FoveaError CHECKPOINT_INVALID where what was saved is of another training; RUNTIME_* */
  static async open<B, F, R extends LoopRecord>(plan: TrainingPlan<B, F, R>, options: LoopOptions<R>): Promise<TrainingLoop<B, F, R>> {
    const { seed, device, threads } = plan.recipe
    if (options.saved !== undefined) checkRecipe(join(options.folder, trainFiles.checkpoint), options.saved.state.recipe, plan.record)
    return new TrainingLoop(plan, options, await StepRunner.open(plan.step, seed, { device, threads }))
  }

  /**
   * Trains to the end, to an early stop, or to the abort signal.
   *
   * @throws FoveaError CHECKPOINT_INVALID, FILE_WRITE, TRAIN_DIVERGED, CANCELLED (a checkpoint is written first)
   */
  async run(): Promise<LoopResult<R>> {
    const { saved } = this.#options
    if (saved === undefined) await this.#clear()
    else await this.#restore(saved)
    await this.#estimate()
    const { epochs, patience } = this.#plan.recipe
    let stoppedEarly = false
    while (this.#position.epoch < epochs && !stoppedEarly) {
      // Asked before an epoch, so that a training which had stopped early does not go on when it is resumed.
      const waited = this.#best === undefined ? 0 : this.#position.epoch - 1 - this.#best.epoch
      stoppedEarly = patience > 0 && this.#plan.measure !== undefined && waited >= patience
      if (stoppedEarly) this.#options.emit({ kind: 'stopped', reason: `no better validation for ${waited} epochs` })
      else await this.#epoch()
    }
    if (this.#isAheadOfCheckpoint) await this.#checkpoint()
    return {
      file: this.#modelFile,
      model: this.#bestModel ?? (await this.#currentModel()),
      history: this.#history,
      bestEpoch: this.#best?.epoch ?? 0,
      stoppedEarly,
    }
  }

  async close(): Promise<void> {
    await this.#runner.close()
  }

  get #modelFile(): string {
    return join(this.#options.folder, trainFiles.model)
  }

  get #logFile(): string {
    return join(this.#options.folder, trainFiles.log)
  }

  get #checkpointFolder(): string {
    return join(this.#options.folder, trainFiles.checkpoint)
  }

  /** One epoch, from wherever the position is. */
  async #epoch(): Promise<void> {
    const { signal, folder } = this.#options
    const { batches, recipe } = this.#plan
    const { epoch } = this.#position
    const began = performance.now()
    const firstBatch = this.#position.batch
    try {
      for await (const batch of batches.batches(epoch, firstBatch, signal)) {
        await this.#trainOn(batch)
        if (this.#isCheckpointDue() && this.#position.batch < batches.batchesPerEpoch) await this.#checkpoint()
        signal?.throwIfAborted()
      }
      const seconds = (performance.now() - began) / 1000
      const trained = (this.#position.batch - firstBatch) * recipe.batchSize
      await this.#endEpoch(epoch, seconds, trained / seconds)
    } catch (error) {
      if (!signal?.aborted) throw error
      await this.#checkpoint()
      throw new FoveaError('CANCELLED', {
        file: folder,
        cause: error,
        remedy: 'Run the same command with --resume to go on from here.',
      })
    }
  }

  async #trainOn(data: B): Promise<void> {
    const { recipe, batches, feeds, sizeOf } = this.#plan
    const { batchesPerEpoch } = batches
    const { epoch, batch } = this.#position
    const learningRate = this.#learningRate()
    // The last batch of an epoch always updates, so that no gradient is carried over a measurement.
    const apply = (batch + 1) % recipe.accumulate === 0 || batch + 1 === batchesPerEpoch
    const began = performance.now()
    const reported = await this.#runner.run({
      batch: feeds(data),
      learningRate,
      update: this.#step + 1,
      position: epoch * batchesPerEpoch + batch,
      apply,
    })
    const seconds = (performance.now() - began) / 1000
    if (!Number.isFinite(reported.loss))
      throw new FoveaError('TRAIN_DIVERGED', {
        found: `a loss of ${reported.loss} in epoch ${epoch + 1}, batch ${batch + 1}`,
        expected: 'a finite loss',
        file: this.#options.folder,
      })
    this.#secondsPerStep = this.#secondsPerStep === 0 ? seconds : 0.95 * this.#secondsPerStep + 0.05 * seconds
    this.#running = added(this.#running, { ...reported, samples: sizeOf(data), batches: 1 })
    if (apply) this.#step++
    this.#position.batch++
    this.#options.emit({
      kind: 'step',
      epoch,
      epochs: recipe.epochs,
      batch: batch + 1,
      batches: batchesPerEpoch,
      running: this.#running,
      learningRate,
      secondsLeft: this.#secondsLeft(),
    })
  }

  async #endEpoch(epoch: number, seconds: number, imagesPerSecond: number): Promise<void> {
    const { measure, recordOf, finish } = this.#plan
    const began = performance.now()
    const model = await this.#currentModel()
    const measured = await measure?.(model)
    this.#secondsPerMeasurement = (performance.now() - began) / 1000
    const loss = this.#running.loss / this.#running.batches
    const base = { epoch, loss, learningRate: this.#learningRate(-1), step: this.#step, seconds, imagesPerSecond }
    const record = recordOf(base, this.#running, measured?.figures)
    const score = measured?.score ?? epoch
    const best = this.#best === undefined || score > this.#best.score
    this.#history = [...this.#history, record]
    if (best) {
      this.#best = { epoch, score }
      this.#bestModel = finish(model, record)
      await writeFileAtomically(this.#modelFile, encodeModelChunks(this.#bestModel).parts)
    }
    await appendLog(this.#logFile, record)
    this.#position = { epoch: epoch + 1, batch: 0 }
    this.#isAheadOfCheckpoint = true
    this.#running = nothing
    if (this.#isCheckpointDue(best)) await this.#checkpoint()
    this.#options.emit({ kind: 'epoch', record, best })
  }

  /** The inference model with the weights of now: averaged ones where an average is kept. */
  async #currentModel(): Promise<Model> {
    const { model } = this.#plan
    const names = [...model.graph.initializers.keys()]
    const state = await this.#runner.readState(names.flatMap((name) => [name, slotName(name, 'average')]))
    const weights = new Map<string, Tensor>()
    for (const name of names) {
      const tensor = state.get(slotName(name, 'average')) ?? state.get(name)
      if (tensor !== undefined) weights.set(name, tensor)
    }
    return withWeights(model, weights)
  }

  #learningRate(offset = 0): number {
    return learningRateAt(this.#schedule, this.#step + offset)
  }

  #secondsLeft(): number {
    const { epochs } = this.#plan.recipe
    const { batchesPerEpoch } = this.#plan.batches
    const { epoch, batch } = this.#position
    const steps = epochs * batchesPerEpoch - (epoch * batchesPerEpoch + batch)
    return steps * this.#secondsPerStep + (epochs - epoch) * this.#secondsPerMeasurement
  }

  /** Times a few steps on the first batch, then puts the state back: nothing of it remains. */
  async #estimate(): Promise<void> {
    const { batches, feeds } = this.#plan
    const state = await this.#runner.readState()
    for await (const batch of batches.batches(this.#position.epoch, this.#position.batch, this.#options.signal)) {
      const times: number[] = []
      for (let i = 0; i < 3; i++) {
        const began = performance.now()
        await this.#runner.run({ batch: feeds(batch), learningRate: 0, update: 1, position: 0 })
        times.push((performance.now() - began) / 1000)
      }
      this.#secondsPerStep = Math.min(...times)
      break
    }
    await this.#runner.writeState(state)
    this.#options.emit({ kind: 'estimate', seconds: this.#secondsLeft() })
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
      recipe: this.#plan.record,
      position: { ...this.#position },
      step: this.#step,
      running: this.#running,
      history: this.#history,
      best: this.#best,
    }
    const began = performance.now()
    await writeCheckpoint(this.#checkpointFolder, { state, tensors: await this.#runner.readState() })
    this.#lastCheckpoint = performance.now()
    this.#secondsPerCheckpoint = (this.#lastCheckpoint - began) / 1000
    this.#isAheadOfCheckpoint = false
  }

  async #clear(): Promise<void> {
    for (const old of [this.#checkpointFolder, this.#modelFile])
      await rm(old, { recursive: true, force: true }).catch((cause: unknown) => {
        throw writeError(old, cause)
      })
    await writeLog(this.#logFile, [])
  }

  async #restore({ state, tensors }: Checkpoint): Promise<void> {
    checkTensors(this.#checkpointFolder, tensors, await this.#runner.readState())
    await this.#runner.writeState(tensors)
    this.#position = { ...state.position }
    this.#step = state.step
    this.#running = state.running
    this.#history = [...(state.history as readonly R[])]
    this.#best = state.best
    if (state.best !== undefined) this.#bestModel = await readModelFile(this.#modelFile)
    await writeLog(this.#logFile, this.#history)
    this.#options.emit({ kind: 'note', text: `Going on at epoch ${state.position.epoch + 1}, batch ${state.position.batch + 1}.` })
  }
}

function added(sums: Running, more: Readonly<Record<string, number>>): Running {
  const total: Record<string, number> = { ...sums }
  for (const [name, value] of Object.entries(more)) total[name] = (total[name] ?? 0) + value
  return total as Running
}
