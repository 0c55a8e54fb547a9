// Formula-driven pretraining (Kataoka 2020, arXiv:2101.08515): a network learns from pictures that were drawn, labels and all, by formula.

import type { GraphBuilder } from '../../graph/builder.ts'
import type { Model } from '../../graph/model.ts'
import { buildFeatures } from '../../model/build-features.ts'
import { readMetadata, writeMetadata } from '../../model/metadata.ts'
import { openSource } from '../../model/open-source.ts'
import { resolveSource } from '../../model/source.ts'
import { adamW, clipByGlobalNorm, sgd } from '../../nn/optimizers.ts'
import type { Schedule } from '../../nn/schedules.ts'
import { bindDimensions } from '../../passes/bind-dimensions.ts'
import { findTrainable } from '../../passes/trainable.ts'
import { buildTrainingStep, type TrainingStep } from '../../passes/training-step.ts'
import { FoveaError, isFoveaError } from '../../util/errors.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { type LoopEvent, TrainingLoop, type TrainingPlan } from '../loop.ts'
import { blockFor } from '../prepare.ts'
import { weightsFingerprint } from '../recipe-record.ts'
import { classTargets } from '../step-runner.ts'
import { inTrainingFolder } from '../training-folder.ts'
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
  const recipe = resolvePretraining(options)
  const emit = options.onEvent ?? (() => undefined)
  return inTrainingFolder(
    options,
    (text) => emit({ kind: 'note', text }),
    (saved) => train(options, recipe, saved, emit),
  )
}

async function train(
  options: PretrainOptions,
  recipe: PretrainRecipe,
  saved: Checkpoint | undefined,
  emit: (event: PretrainEvent) => void,
): Promise<PretrainResult> {
  const { out, drawers = 1, checkpointSeconds = 300, signal } = options
  const model = await firstModel(recipe, options)
  const metadata = readMetadata(model)
  const objectives = addObjectives(model, metadata.stages, recipe.batchSize, recipe.seed, recipe.imageSize)
  const scenes = new Scenes(recipe, drawers)
  const plan: TrainingPlan<SceneBatch, PretrainFigures, PretrainRecord> = {
    recipe: { ...recipe, accumulate: 1, patience: 0, device: 'cpu' },
    record: recordOf(recipe, model),
    schedule: (stepsPerEpoch) => scheduleOf(recipe, stepsPerEpoch),
    step: compile(objectives, recipe, await blockFor({ device: 'cpu', layout: recipe.layout })),
    batches: scenes,
    feeds: ({ images, shape, textures, cover }) => ({ images, shape: classTargets(shape), textures, cover }),
    sizeOf: ({ shape }) => shape.length,
    model: objectives.model,
    // No score: what has seen more is better, and the last epoch is kept.
    measure: async (trained) => ({ figures: await measure(trained, scenes.heldOut(signal), { threads: recipe.threads }) }),
    recordOf: (base, _, figures) => ({ ...base, figures: figures! }),
    finish: (trained, record) =>
      writeMetadata(withWeights(model, trained.graph.initializers), {
        ...metadata,
        recipe: { ...recipe, epoch: record.epoch + 1, step: record.step },
        metrics: { loss: record.loss, ...record.figures },
      }),
  }
  let loop: TrainingLoop<SceneBatch, PretrainFigures, PretrainRecord> | undefined
  try {
    loop = await TrainingLoop.open(plan, { folder: out, saved, checkpointSeconds, signal, emit: (event) => emit(told(event)) })
    const parameters = findTrainable(model.graph, metadata.stages.pixels!)
    emit({
      kind: 'plan',
      recipe,
      parameters: parameters.reduce((sum, { name }) => sum + model.graph.initializers.get(name)!.size, 0),
      stepsPerEpoch: scenes.batchesPerEpoch,
    })
    const { file, model: last, history } = await loop.run()
    return { file, model: last, recipe, history }
  } finally {
    await loop?.close()
    await scenes.close()
  }
}

function told(event: LoopEvent<PretrainRecord>): PretrainEvent {
  if (event.kind !== 'step') return event
  const { running, ...rest } = event
  return { ...rest, loss: running.loss / running.batches }
}

function scheduleOf({ learningRate, warmUpSteps, epochs }: PretrainRecipe, stepsPerEpoch: number): Schedule {
  const steps = Math.max(1, stepsPerEpoch * epochs - warmUpSteps)
  const cosine: Schedule = { kind: 'cosine', learningRate, steps, minimum: learningRate / 100 }
  return warmUpSteps === 0 ? cosine : { kind: 'warmUp', steps: warmUpSteps, schedule: cosine }
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
