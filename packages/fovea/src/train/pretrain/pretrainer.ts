// Formula-driven pretraining (Kataoka 2020, arXiv:2101.08515): a network learns from pictures that were drawn, labels and all, by formula.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder, writeError, writeFileAtomically } from '../../data/files.ts'
import type { GraphBuilder } from '../../graph/builder.ts'
import { encodeModelChunks } from '../../graph/codec/encode.ts'
import type { Model } from '../../graph/model.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { buildFeatures } from '../../model/build-features.ts'
import { type ModelMetadata, readMetadata, writeMetadata } from '../../model/metadata.ts'
import { openSource } from '../../model/open-source.ts'
import { resolveSource } from '../../model/source.ts'
import { adamW, clipByGlobalNorm, sgd } from '../../nn/optimizers.ts'
import { learningRateAt, type Schedule } from '../../nn/schedules.ts'
import { bindDimensions } from '../../passes/bind-dimensions.ts'
import { findTrainable } from '../../passes/trainable.ts'
import { buildTrainingStep, type TrainingStep } from '../../passes/training-step.ts'
import { FoveaError, isFoveaError } from '../../util/errors.ts'
import { type CheckpointState, checkRecipe, checkTensors, readCheckpoint, writeCheckpoint } from '../checkpoint.ts'
import { refuseOccupied, trainFiles } from '../loop.ts'
import { blockFor } from '../prepare.ts'
import { weightsFingerprint } from '../recipe-record.ts'
import { classTargets, StepRunner } from '../step-runner.ts'
import { withWeights } from '../validate.ts'
import type { PretrainEvent, PretrainFigures, PretrainRecord } from './events.ts'
import { measure } from './measure.ts'
import { addObjectives, headPrefix, type Objectives } from './objectives.ts'
import { type PretrainOptions, type PretrainRecipe, resolvePretraining } from './options.ts'
import { type SceneBatch, Scenes } from './scenes.ts'

export interface PretrainResult {
  /** Path of the model of features, `OUT/model.onnx`. */
  readonly file: string
  readonly model: Model
  readonly recipe: PretrainRecipe
  readonly history: readonly PretrainRecord[]
}

/**
 * Pretrains a network on scenes drawn by formula and writes it as a model of features. The same options and machine give the same
 * weights, bit for bit, also when it was interrupted and resumed.
 *
 * @throws FoveaError TRAIN_OPTION, TRAIN_EXISTS, NN_*, MODEL_*, WEIGHTS_*, SAFETENSORS_*, HUB_*, FILE_WRITE, CHECKPOINT_INVALID, TRAIN_DIVERGED, CANCELLED
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainResult> {
  const training = await Pretraining.open(options)
  try {
    return await training.run()
  } catch (error) {
    if (options.signal?.aborted && !isFoveaError(error)) throw new FoveaError('CANCELLED', { cause: error })
    throw error
  } finally {
    await training.close()
  }
}

class Pretraining {
  readonly #options: PretrainOptions
  readonly #recipe: PretrainRecipe
  readonly #model: Model
  readonly #metadata: ModelMetadata
  readonly #objectives: Objectives
  readonly #scenes: Scenes
  readonly #runner: StepRunner
  readonly #emit: (event: PretrainEvent) => void
  readonly #schedule: Schedule
  #history: PretrainRecord[] = []
  #position = { epoch: 0, batch: 0 }
  #step = 0
  #running = { loss: 0, samples: 0, batches: 0 }

  private constructor(
    options: PretrainOptions,
    recipe: PretrainRecipe,
    model: Model,
    objectives: Objectives,
    scenes: Scenes,
    runner: StepRunner,
  ) {
    this.#options = options
    this.#recipe = recipe
    this.#model = model
    this.#metadata = readMetadata(model)
    this.#objectives = objectives
    this.#scenes = scenes
    this.#runner = runner
    this.#emit = options.onEvent ?? (() => undefined)
    const { learningRate, warmUpSteps, epochs } = recipe
    const steps = Math.max(1, scenes.batchesPerEpoch * epochs - warmUpSteps)
    const cosine: Schedule = { kind: 'cosine', learningRate, steps, minimum: learningRate / 100 }
    this.#schedule = warmUpSteps === 0 ? cosine : { kind: 'warmUp', steps: warmUpSteps, schedule: cosine }
  }

  static async open(options: PretrainOptions): Promise<Pretraining> {
    const { out, resume = false, overwrite = false, drawers = 1, onEvent } = options
    const recipe = resolvePretraining(options)
    const saved = resume ? await readCheckpoint(join(out, trainFiles.checkpoint)) : undefined
    if (saved === undefined && !overwrite) await refuseOccupied(out)
    if (saved === undefined && resume)
      onEvent?.({ kind: 'note', text: `There is no checkpoint in ${out}: the pretraining begins from the start.` })
    const model = await firstModel(recipe, options)
    if (saved !== undefined) checkRecipe(out, saved.state.recipe, recordOf(recipe, model))
    const objectives = addObjectives(model, readMetadata(model).stages, recipe.batchSize, recipe.seed, recipe.imageSize)
    const step = compile(objectives, recipe, await blockFor({ device: 'cpu', layout: recipe.layout }))
    await makeFolder(out)
    const runner = await StepRunner.open(step, recipe.seed, { threads: recipe.threads })
    const training = new Pretraining(options, recipe, model, objectives, new Scenes(recipe, drawers), runner)
    if (saved === undefined) await training.#clear()
    else await training.#restore(saved.state, saved.tensors)
    return training
  }

  async run(): Promise<PretrainResult> {
    const recipe = this.#recipe
    const parameters = findTrainable(this.#model.graph, this.#metadata.stages.pixels!)
    this.#emit({
      kind: 'plan',
      recipe,
      parameters: parameters.reduce((sum, { name }) => sum + this.#model.graph.initializers.get(name)!.size, 0),
      stepsPerEpoch: this.#scenes.batchesPerEpoch,
    })
    while (this.#position.epoch < recipe.epochs) await this.#epoch()
    return { file: this.#file, model: await this.#finished(), recipe, history: this.#history }
  }

  async close(): Promise<void> {
    await this.#runner.close()
    await this.#scenes.close()
  }

  get #file(): string {
    return join(this.#options.out, trainFiles.model)
  }

  get #checkpointFolder(): string {
    return join(this.#options.out, trainFiles.checkpoint)
  }

  async #epoch(): Promise<void> {
    const { signal, checkpointSeconds = 300 } = this.#options
    const { epoch, batch: first } = this.#position
    const began = performance.now()
    let last = began
    try {
      for await (const scenes of this.#scenes.batches(epoch, first, signal)) {
        await this.#trainOn(scenes, first, began)
        if (performance.now() - last > checkpointSeconds * 1000) {
          await this.#checkpoint()
          last = performance.now()
        }
        signal?.throwIfAborted()
      }
      await this.#endEpoch((performance.now() - began) / 1000, this.#position.batch - first)
    } catch (error) {
      if (!signal?.aborted) throw error
      await this.#checkpoint()
      const remedy = 'Run the same command with --resume to go on from here.'
      throw new FoveaError('CANCELLED', { file: this.#options.out, cause: error, remedy })
    }
  }

  async #trainOn({ images, shape, textures, cover }: SceneBatch, first: number, began: number): Promise<void> {
    const { epoch, batch } = this.#position
    const learningRate = learningRateAt(this.#schedule, this.#step)
    const feeds = { images, shape: classTargets(shape), textures, cover }
    const { loss } = await this.#runner.run({ batch: feeds, learningRate, update: this.#step + 1, position: this.#step })
    if (!Number.isFinite(loss))
      throw new FoveaError('TRAIN_DIVERGED', {
        found: `a loss of ${loss} in epoch ${epoch + 1}, batch ${batch + 1}`,
        file: this.#options.out,
      })
    this.#running.loss += loss!
    this.#running.batches++
    this.#step++
    this.#position.batch++
    const seconds = (performance.now() - began) / 1000
    const perSecond = (this.#position.batch - first) / seconds
    const { batchesPerEpoch } = this.#scenes
    this.#emit({
      kind: 'step',
      epoch,
      batch: this.#position.batch,
      batches: batchesPerEpoch,
      loss: this.#running.loss / this.#running.batches,
      learningRate,
      imagesPerSecond: perSecond * this.#recipe.batchSize,
      secondsLeft: ((this.#recipe.epochs - epoch) * batchesPerEpoch - this.#position.batch) / perSecond,
    })
  }

  async #endEpoch(seconds: number, batches: number): Promise<void> {
    const { epoch } = this.#position
    const figures = await this.#measure()
    const record: PretrainRecord = {
      epoch,
      loss: this.#running.loss / this.#running.batches,
      figures,
      step: this.#step,
      seconds,
      imagesPerSecond: (batches * this.#recipe.batchSize) / seconds,
    }
    this.#history = [...this.#history, record]
    await writeFileAtomically(this.#file, encodeModelChunks(await this.#finished()).parts)
    await writeFileAtomically(join(this.#options.out, trainFiles.log), this.#history.map((each) => `${JSON.stringify(each)}\n`).join(''))
    this.#position = { epoch: epoch + 1, batch: 0 }
    this.#running = { loss: 0, samples: 0, batches: 0 }
    await this.#checkpoint()
    this.#emit({ kind: 'epoch', record })
  }

  async #measure(): Promise<PretrainFigures> {
    const { signal } = this.#options
    const model = withWeights(this.#objectives.model, await this.#weightsOf(this.#objectives.model))
    return measure(model, this.#scenes.heldOut(signal), { threads: this.#recipe.threads })
  }

  /** The model of features with the weights of now, and what it came from. */
  async #finished(): Promise<Model> {
    const model = withWeights(this.#model, await this.#weightsOf(this.#model))
    const record = this.#history.at(-1)
    return writeMetadata(model, {
      ...this.#metadata,
      recipe: { ...this.#recipe, epoch: record === undefined ? 0 : record.epoch + 1, step: this.#step },
      ...(record === undefined ? {} : { metrics: { loss: record.loss, ...record.figures } }),
    })
  }

  /** Those of the model, without what the optimizer keeps. */
  #weightsOf({ graph }: Model): Promise<Map<string, Tensor>> {
    return this.#runner.readState([...graph.initializers.keys()])
  }

  async #checkpoint(): Promise<void> {
    const state: CheckpointState = {
      format: 1,
      recipe: recordOf(this.#recipe, this.#model),
      position: { ...this.#position },
      step: this.#step,
      running: { ...this.#running },
      history: this.#history,
      best: undefined,
    }
    await writeCheckpoint(this.#checkpointFolder, { state, tensors: await this.#runner.readState() })
  }

  async #restore(state: CheckpointState, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
    checkTensors(this.#checkpointFolder, tensors, await this.#runner.readState())
    await this.#runner.writeState(tensors)
    this.#position = { ...state.position }
    this.#step = state.step
    this.#running = { ...state.running }
    this.#history = [...(state.history as readonly PretrainRecord[])]
    this.#emit({ kind: 'note', text: `Going on at epoch ${state.position.epoch + 1}, batch ${state.position.batch + 1}.` })
  }

  async #clear(): Promise<void> {
    for (const old of [this.#checkpointFolder, this.#file])
      await rm(old, { recursive: true, force: true }).catch((cause: unknown) => {
        throw writeError(old, cause)
      })
  }
}

/**
 * The model that a pretraining begins with: fresh weights for a name of the table, its own for everything else.
 *
 * @throws FoveaError TRAIN_OPTION for a classifier; what `openSource` throws, PREPROCESSING_INVALID for another size than a model is fixed to
 */
export async function firstModel(
  { model, imageSize, seed }: PretrainRecipe,
  options: Pick<PretrainOptions, 'architecture' | 'hub' | 'signal' | 'onEvent'>,
): Promise<Model> {
  const source = await resolveSource(model)
  const size = [imageSize, imageSize] as const
  if (source.kind === 'registry') return buildFeatures(source.name, { imageSize: size, seed })
  const { architecture, hub, signal, onEvent } = options
  const opened = await openSource(source, {
    task: 'features',
    imageSize: size,
    ...(architecture === undefined ? {} : { architecture }),
    hub: { ...hub, ...(signal === undefined ? {} : { signal }) },
  }).catch((error: unknown) => {
    if (!isFoveaError(error, 'MODEL_OPTION')) throw error
    const expected = 'an architecture, or a model of features'
    throw new FoveaError('TRAIN_OPTION', { field: 'model', expected, found: `${model} (classify)`, cause: error })
  })
  for (const text of opened.notes) onEvent?.({ kind: 'note', text })
  return opened.model
}

/** Share of the learning rate that heads get. */
const headRate = 0.3

function compile({ model, loss }: Objectives, recipe: PretrainRecipe, block: number | undefined): TrainingStep {
  const { batchSize, imageSize, optimizer, weightDecay, clipNorm } = recipe
  const bound = bindDimensions(model, { N: batchSize, H: imageSize, W: imageSize }).model
  return buildTrainingStep(bound, {
    parameters: findTrainable(bound.graph, readMetadata(model).stages.pixels!).map(({ name, kind }) => ({
      name,
      decay: kind === 'weight',
      // An embedding has a thousand values of unit size, so a full step of a head would throw its scores about.
      learningRateScale: name.startsWith(`${headPrefix}.`) ? headRate : 1,
    })),
    loss,
    optimizer: optimizer === 'sgd' ? sgd({ momentum: 0.9, nesterov: true, weightDecay }) : adamW({ weightDecay }),
    clip: (b: GraphBuilder, gradients: readonly string[]) => clipByGlobalNorm(b, gradients, clipNorm),
    ...(block === undefined ? {} : { blockedLayout: { block } }),
  })
}

/** The recipe with a fingerprint of the first weights: a pretraining is resumed on what it was begun with. */
function recordOf(recipe: PretrainRecipe, model: Model): Record<string, unknown> {
  return { ...recipe, firstWeights: weightsFingerprint(model) }
}
