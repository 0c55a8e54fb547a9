// Trains a model with heads: detection, classification and others, alone or together on one backbone and pyramid.

import { type ImageDataset, readableHashes } from '../../data/dataset.ts'
import { compose, isIdentity, type Transform } from '../../data/transforms/compose.ts'
import { randomCrop } from '../../data/transforms/crop.ts'
import { type Mosaic, mosaic } from '../../data/transforms/mix.ts'
import { type Batch, VisionDataLoader } from '../../data/vision-data-loader.ts'
import type { Model } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import { buildFeatures } from '../../model/build-features.ts'
import { takesAnySize } from '../../model/front.ts'
import { addHeads } from '../../model/heads/add-heads.ts'
import { withoutAuxiliary } from '../../model/heads/detect.ts'
import { suppresses } from '../../model/heads/run.ts'
import { type ModelMetadata, readMetadata, writeMetadata } from '../../model/metadata.ts'
import { openSource } from '../../model/open-source.ts'
import { resolveSource } from '../../model/source.ts'
import { firstModelVersion } from '../../model/version.ts'
import { DeepSeekVision } from '../../model/vision-model.ts'
import { bindDimensions } from '../../passes/bind-dimensions.ts'
import { extract } from '../../passes/extract.ts'
import { findTrainable, type TrainableParameter } from '../../passes/trainable.ts'
import { buildTrainingStep, type TrainingStep } from '../../passes/training-step.ts'
import { FoveaError } from '../../util/errors.ts'
import type { Placement } from '../../vision/placement.ts'
import type { BatchSource } from '../batches.ts'
import type { Checkpoint } from '../checkpoint.ts'
import type { LoopRecord } from '../history.ts'
import { type Measured, type Running, TrainingLoop, type TrainingPlan } from '../loop.ts'
import { blockFor } from '../prepare.ts'
import { clipOf, optimizerOf, scheduleOf } from '../recipe-parts.ts'
import { plainRecipe, recipeRecord } from '../recipe-record.ts'
import { inTrainingFolder } from '../training-folder.ts'
import type { HeadEpochRecord } from './events.ts'
import type { HeadContext, HeadTraining } from './head-training.ts'
import { jointLoss, weightParameters } from './joint-loss.ts'
import { defaultHeadModel, type HeadRecipe, type HeadTrainOptions, mosaicEnd, resolveHeadRecipe } from './options.ts'
import { trainedValues, trainingOf } from './trainings.ts'

type Figures = Readonly<Record<string, number>>

export interface HeadTrainResult {
  /** Path of the best model, `OUT/model.onnx`. */
  readonly file: string
  readonly model: Model
  readonly recipe: HeadRecipe
  readonly history: readonly HeadEpochRecord[]
  readonly bestEpoch: number
  /** On the validation pictures, at the best epoch; undefined without validation pictures. */
  readonly figures: Figures | undefined
  /** Pictures that could not be read, of training and validation. */
  readonly failures: BatchSource['failures']
  readonly stoppedEarly: boolean
}

/**
 * Trains heads on a backbone and a pyramid. The same options, data, machine and thread count give the same weights, bit for bit, also when the
 * training was interrupted and resumed.
 *
 * ```ts
 * const { splits, classes } = await openFolder('boxes')
 * const heads = [{ task: 'detect', labels: classes }]
 * const { file, figures } = await new HeadTrainer({ train: splits.train, validation: splits.val, heads, out: 'runs/boxes' }).run()
 * ```
 */
export class HeadTrainer {
  readonly #options: HeadTrainOptions
  readonly #emit: NonNullable<HeadTrainOptions['onEvent']>

  constructor(options: HeadTrainOptions) {
    this.#options = options
    this.#emit = options.onEvent ?? (() => undefined)
  }

  /**
   * Trains to the end, to an early stop, or to the abort signal. To be called once.
   *
   * @throws FoveaError TRAIN_OPTION, TRAIN_EXISTS, MODEL_*, DATA_*, FILE_WRITE, CHECKPOINT_INVALID, TRAIN_DIVERGED, CANCELLED (a
   *   checkpoint is written first, once the training has begun)
   */
  async run(): Promise<HeadTrainResult> {
    return inTrainingFolder(
      this.#options,
      (text) => this.#emit({ kind: 'note', text }),
      (saved) => this.#train(saved),
    )
  }

  async #train(saved: Checkpoint | undefined): Promise<HeadTrainResult> {
    const { validation, out, checkpointSeconds, signal } = this.#options
    const { model, recipe, notes } = await firstModel(this.#options)
    for (const text of notes) this.#emit({ kind: 'note', text })
    const metadata = readMetadata(model)
    const { batchSize, segmentLoss, detectLoss } = recipe
    const context: HeadContext = {
      train: this.#options.train,
      batchSize,
      imageSize: trainedSize(recipe),
      cropped: recipe.crop !== undefined,
      segmentLoss,
      detectLoss,
      joined: recipe.mosaic > 0 ? 4 : 1,
    }
    const trainings = metadata.heads!.map((head) => trainingOf(head, context))
    const { step, parameters } = compile(model, metadata, recipe, trainings, await blockFor(recipe))
    const batches = this.#trainBatches(recipe, metadata)
    const held = validation === undefined || validation.samples.length === 0 ? undefined : this.#heldOut(validation, metadata)
    const plan: TrainingPlan<Batch, Figures, HeadEpochRecord> = {
      recipe,
      record: recipeRecord(recipe, model, metadata),
      schedule: (stepsPerEpoch) => scheduleOf(recipe, stepsPerEpoch),
      step,
      batches,
      feeds: (batch) =>
        Object.assign({ images: new Tensor('uint8', batch.shape, batch.images) }, ...trainings.map((training) => training.targets(batch))),
      sizeOf: ({ labels }) => labels.length,
      model,
      ...(held && { measure: (current: Model) => measure(current, metadata, recipe, trainings, held, validation!, signal) }),
      recordOf: epochRecord,
      finish: (current, record) => withFigures(current, metadata, recipe, record),
    }
    let loop: TrainingLoop<Batch, Figures, HeadEpochRecord> | undefined
    try {
      loop = await TrainingLoop.open(plan, { folder: out, saved, checkpointSeconds, signal, emit: this.#emit })
      this.#emit({
        kind: 'plan',
        recipe,
        parameters,
        validationSamples: validation?.samples.length ?? 0,
        stepsPerEpoch: batches.batchesPerEpoch,
      })
      const result = await loop.run()
      const best = result.history.find(({ epoch }) => epoch === result.bestEpoch)
      const unread = (held?.failures ?? []).map(({ path, message }) => ({ path, reason: message }))
      return { ...result, recipe, figures: best?.validation, failures: [...batches.failures, ...unread] }
    } finally {
      await loop?.close()
      await batches.close()
      await held?.close()
    }
  }

  #trainBatches(recipe: HeadRecipe, { preprocessing }: ModelMetadata): BatchSource<Batch> {
    const { batchSize, seed, augment, imageSize, crop } = recipe
    const { train, onError = 'skip', diskCache } = this.#options
    const transform = crop === undefined ? augment : croppedTo(crop, augment)
    // Of a thing that is cut off, what is left is not to be learnt as one, but its pixels are still its own.
    const below = crop !== undefined || recipe.heads.some(({ task }) => task === 'segment') ? 'keep' : 'drop'
    const open = (mix?: Mosaic) =>
      new VisionDataLoader(train, {
        preprocessing: { ...preprocessing, size: trainedSize(recipe) },
        // Windows are cut at the scale of the pictures in use.
        workSize: imageSize,
        training: true,
        exactDecode: true,
        batchSize,
        seed,
        workers: 1,
        onError,
        // A thing of which little is left is not to be learnt.
        rule: { minVisible: 0.2, minSide: 2, below },
        ...(isIdentity(transform) ? {} : { transform: transform! }),
        ...(mix && { mix }),
        ...(diskCache && { diskCache }),
      })
    const plain = open()
    const end = mosaicEnd(recipe)
    const joining = end > 0 ? open(mosaic(imageSize, { probability: recipe.mosaic, zoom: [1, 2] })) : undefined
    /** What the first loader keeps in memory is free before the second one keeps anything. */
    async function* batches(epoch: number, from: number, signal: AbortSignal | undefined) {
      if (epoch >= end) await joining?.close()
      yield* (epoch < end ? joining! : plain).batches({ epoch, from, ...(signal ? { signal } : {}) })
    }
    return {
      batchesPerEpoch: plain.batchesPerEpoch,
      batches,
      get failures() {
        const reasons = new Map([plain, joining].flatMap((loader) => loader?.failures ?? []).map(({ path, message }) => [path, message]))
        return [...reasons].map(([path, reason]) => ({ path, reason }))
      },
      close: async () => {
        await Promise.all([plain.close(), joining?.close()])
      },
    }
  }

  #heldOut(dataset: ImageDataset, { preprocessing }: ModelMetadata): VisionDataLoader {
    const { onError = 'skip', diskCache } = this.#options
    return new VisionDataLoader(dataset, { preprocessing, batchSize: 8, workers: 1, onError, ...(diskCache && { diskCache }) })
  }
}

/** Height and width of what the network sees in training. */
function trainedSize({ crop, imageSize }: HeadRecipe): readonly [height: number, width: number] {
  return crop ?? imageSize
}

/** The augmentation, and then a window anywhere. A normalisation is part of the graph, and would have to come last. */
function croppedTo(crop: readonly [number, number], augment: Transform | undefined): Transform {
  const steps = augment?.kind === 'compose' ? augment.steps : augment === undefined ? [] : [augment]
  return compose([...steps.filter(({ kind }) => kind !== 'normalize'), randomCrop(crop, { fill: [114, 114, 114] })])
}

/** The model with its heads and first weights. */
async function firstModel(options: HeadTrainOptions): Promise<{ model: Model; recipe: HeadRecipe; notes: readonly string[] }> {
  const { model: name = defaultHeadModel, pretrained, hub, architecture, input, shipped, signal, train, validation } = options
  const source = await resolveSource(name, shipped)
  const isFresh = source.kind === 'registry' && (pretrained === false || (pretrained === undefined && source.file === undefined))
  if (pretrained === false && source.kind !== 'registry')
    throw new FoveaError('TRAIN_OPTION', { field: 'pretrained', expected: 'the name of an architecture as the model', found: name })
  const recipe = resolveHeadRecipe(options, !isFresh)
  const opened = isFresh
    ? undefined
    : await openSource(source, {
        ...(input && { input }),
        ...(architecture === undefined ? {} : { architecture }),
        hub: { ...hub, ...(signal === undefined ? {} : { signal }) },
      })
  const base = opened?.model ?? buildFeatures(name, { imageSize: recipe.imageSize, seed: recipe.seed })
  const { name: _, ...contract } = readMetadata(base)
  const fixed = takesAnySize(base) ? undefined : contract.preprocessing.size
  if (fixed?.some((side, i) => side !== recipe.imageSize[i]))
    throw new FoveaError('TRAIN_OPTION', {
      field: 'imageSize',
      expected: `${fixed.join('x')}, which the model is fixed to`,
      found: recipe.imageSize.join('x'),
    })
  if (fixed !== undefined && recipe.crop !== undefined)
    throw new FoveaError('TRAIN_OPTION', {
      field: 'crop',
      expected: 'a model that takes any size',
      found: `one fixed to ${fixed.join('x')}`,
    })
  const preprocessing = { ...contract.preprocessing, size: recipe.imageSize, resize: 'letterbox' as const }
  const split = { trained: await shortHashes(train, signal), held: await shortHashes(validation, signal) }
  const version = options.modelVersion ?? firstModelVersion
  const model = addHeads(writeMetadata(base, { ...contract, preprocessing }), recipe.heads, { seed: recipe.seed })
  return { model: writeMetadata(model, { ...readMetadata(model), version, split }), recipe, notes: opened?.notes ?? [] }
}

async function shortHashes(dataset: ImageDataset | undefined, signal: AbortSignal | undefined): Promise<string[]> {
  return (await readableHashes(dataset?.samples ?? [], signal)).flatMap((hash) => (hash === undefined ? [] : [hash.slice(0, 16)]))
}

function compile(
  model: Model,
  { heads = [], stages }: ModelMetadata,
  recipe: HeadRecipe,
  trainings: readonly HeadTraining[],
  block: number | undefined,
): { step: TrainingStep; parameters: number } {
  const { batchSize, backboneRate, averageDecay, accumulate } = recipe
  const [height, width] = trainedSize(recipe)
  const trained = extract(model, { outputs: [...new Set(heads.flatMap(trainedValues))] })
  const bound = bindDimensions(trained, { N: batchSize, H: height, W: width }).model
  const parameters = openParameters(bound, stages, recipe.freeze)
  const clip = clipOf(recipe)
  const weights = weightParameters(bound, heads, recipe.lossWeights)
  const step = buildTrainingStep(bound, {
    parameters: [
      ...parameters.map(({ name, kind }) => ({
        name,
        decay: kind === 'weight',
        learningRateScale: name.startsWith('heads.') ? 1 : backboneRate,
      })),
      ...weights,
    ],
    loss: (b) => jointLoss(b, heads, trainings, recipe.lossWeights),
    optimizer: optimizerOf(recipe),
    accumulate,
    ...(block === undefined ? {} : { blockedLayout: { block } }),
    ...(clip === undefined ? {} : { clip }),
    ...(averageDecay > 0 ? { averageDecay } : {}),
  })
  return { step, parameters: parameters.reduce((sum, { name }) => sum + bound.graph.initializers.get(name)!.size, 0) }
}

/** The parameters that are trained. @throws FoveaError MODEL_FREEZE naming what there is */
function openParameters(model: Model, stages: ModelMetadata['stages'], freeze: string): TrainableParameter[] {
  const all = findTrainable(model.graph, stages.pixels!)
  if (freeze === 'none') return all
  if (freeze === 'backbone') return all.filter(({ name }) => name.startsWith('heads.'))
  // Of stages that lead to no head, such as where the network looked, nothing is trained anyway.
  const produced = new Set(model.graph.nodes.flatMap(({ outputs }) => outputs))
  const known = Object.keys(stages).filter((stage) => stage !== 'pixels' && produced.has(stages[stage]!))
  const value = stages[freeze]
  if (value === undefined || !known.includes(freeze))
    throw new FoveaError('MODEL_FREEZE', {
      expected: `none, backbone, or one of ${known.join(', ')}`,
      found: freeze,
      remedy: 'Write one of these: a stage and what leads to it stay as they are.',
    })
  const frozen = extract(model, { outputs: [value] }).graph.initializers
  const open = all.filter(({ name }) => !frozen.has(name))
  if (open.length > 0) return open
  throw new FoveaError('MODEL_FREEZE', { expected: 'parameters that do not lead to the stage', found: `none beside "${freeze}"` })
}

/** From which score on detections take part in average precision; less would only take time. */
const measuredFrom = 0.01

async function measure(
  model: Model,
  metadata: ModelMetadata,
  { device, threads, imageSize }: HeadRecipe,
  trainings: readonly HeadTraining[],
  loader: VisionDataLoader,
  held: ImageDataset,
  signal: AbortSignal | undefined,
): Promise<Measured<Figures> | undefined> {
  const vision = await DeepSeekVision.of<'multi'>(model, metadata, { device, threads, share: false })
  const heads = metadata.heads!
  const meters = trainings.map((training) => training.meter(held))
  const asked = heads.some(({ task }) => task === 'detect')
    ? { confidence: measuredFrom, ...(heads.some(suppresses) && { iou: 0.65 }) }
    : {}
  // Truth is in pixels of the batch, so answers are left there too.
  const placement: Placement = { size: imageSize, scaled: imageSize, offset: [0, 0], picture: imageSize }
  let count = 0
  try {
    for await (const batch of loader.batches(signal ? { signal } : {})) {
      const images = new Tensor('uint8', batch.shape, batch.images)
      const answers = await vision.answer({ images, placements: batch.paths.map(() => placement) }, asked)
      for (const [i, head] of heads.entries())
        meters[i]!.add(
          batch,
          answers.map((answer) => (answer.task === 'multi' ? answer.heads[head.name]! : answer)),
        )
      count += answers.length
    }
  } finally {
    await vision.close()
  }
  if (count === 0) return undefined
  const results = meters.map((meter) => meter.compute())
  const figures: Record<string, number> = {}
  for (const [i, { name }] of heads.entries())
    for (const [figure, value] of Object.entries(results[i]!.figures)) figures[heads.length === 1 ? figure : `${name}.${figure}`] = value
  return { score: results.reduce((sum, { score }) => sum + score, 0) / results.length, figures }
}

function epochRecord({ epoch, loss, ...base }: LoopRecord, running: Running, validation: Figures | undefined): HeadEpochRecord {
  const { loss: _, samples: __, batches, ...sums } = running
  const terms = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / batches]))
  return { epoch, loss, terms, validation, ...base }
}

function withFigures(trained: Model, metadata: ModelMetadata, recipe: HeadRecipe, { loss, validation, epoch }: HeadEpochRecord): Model {
  const { model, heads } = withoutAuxiliary(trained, metadata.heads!)
  return writeMetadata(model, {
    ...metadata,
    heads,
    metrics: { loss, ...validation },
    recipe: { ...plainRecipe(recipe), epoch: epoch + 1 },
  })
}
