// From options to everything a training needs: the model, what of it is trained, the compiled step.

import { readableHashes } from '../data/dataset.ts'
import { isIdentity } from '../data/transforms/compose.ts'
import type { GraphBuilder } from '../graph/builder.ts'
import type { Model } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { buildClassifier } from '../model/build-classifier.ts'
import { takesAnySize } from '../model/front.ts'
import { type ModelMetadata, readMetadata, writeMetadata } from '../model/metadata.ts'
import type { OpenedModel } from '../model/open-model.ts'
import { openSource } from '../model/open-source.ts'
import { replaceHead } from '../model/replace-head.ts'
import { type ModelSource, resolveSource } from '../model/source.ts'
import { firstModelVersion } from '../model/version.ts'
import { architectureOf } from '../nn/architectures.ts'
import { bindDimensions } from '../passes/bind-dimensions.ts'
import { findTrainable } from '../passes/trainable.ts'
import { buildTrainingStep, type TrainingStep } from '../passes/training-step.ts'
import { probeBlockedLayout } from '../runtime/blocked.ts'
import { parseDevice } from '../runtime/device.ts'
import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import { featureDims } from './batches.ts'
import { type FrozenModel, freeze, withPrefixInside } from './freeze.ts'
import { type ModelFacts, type Recipe, resolveRecipe, type TrainOptions } from './options.ts'
import { clipOf, emitLossOf, optimizerOf } from './recipe-parts.ts'

export interface Preparation {
  readonly recipe: Recipe
  /** The whole classifier with its first weights. */
  readonly model: Model
  readonly metadata: ModelMetadata
  readonly frozen: FrozenModel
  readonly step: TrainingStep
  readonly parameterCount: number
  readonly trainableCount: number
  /** For the user: guesses that were made. */
  readonly notes: readonly string[]
}

/** The architecture that is trained where none is named. */
export const defaultArchitecture = 'small-cnn'

export async function prepare(options: TrainOptions): Promise<Preparation> {
  const source = options.model ?? defaultArchitecture
  const found = await resolveSource(source, options.shipped)
  const imported = beginsFresh(found, options) ? undefined : await openPretrained(found, options)
  const facts: ModelFacts = {
    name: source,
    imageSize: imported === undefined || takesAnySize(imported.model) ? undefined : imported.metadata.preprocessing.size,
    defaultSize: imported === undefined ? architectureOf(source).defaults.inputSize : (imported.metadata.preprocessing.size?.[0] ?? 224),
    pretrained: imported !== undefined,
  }
  const recipe = resolveRecipe(options, facts)
  const labels = options.train.classes
  let model = imported?.model ?? buildClassifier(source, { labels, imageSize: recipe.imageSize, seed: recipe.seed })
  const known = readMetadata(model).labels
  if (imported !== undefined && !(known.length === labels.length && known.every((label, i) => label === labels[i])))
    model = replaceHead(model, labels, new Random(recipe.seed, 'head'))
  // What is trained here is a model of its own: it keeps neither the name nor the version of the one it began from.
  const { name: _, ...contract } = readMetadata(model)
  const preprocessing = { ...contract.preprocessing, size: recipe.imageSize }
  const version = options.modelVersion ?? firstModelVersion
  model = writeMetadata(model, { ...contract, version, preprocessing, ...(await splitOf(options)) })
  const metadata = readMetadata(model)
  const cut = freeze(model, metadata, recipe.freeze)
  const frozen = keepsFeatures(cut, recipe, options) ? cut : withPrefixInside(model, metadata, cut)
  return {
    recipe,
    model,
    metadata,
    frozen,
    step: compile(frozen, metadata, recipe, await blockFor(recipe)),
    parameterCount: countElements(model, findTrainable(model.graph, metadata.stages.pixels ?? frozen.cut)),
    trainableCount: countElements(model, frozen.parameters),
    notes: [...shippedNote(found, options), ...(imported?.notes ?? [])],
  }
}

/**
 * True where first weights are drawn: for a name without shipped weights, and where that was asked.
 *
 * @throws FoveaError TRAIN_OPTION where fresh weights are asked of a file, which has its own
 */
function beginsFresh(source: ModelSource, { pretrained, model }: TrainOptions): boolean {
  if (source.kind === 'registry') return pretrained === false || (pretrained === undefined && source.file === undefined)
  if (pretrained === false)
    throw new FoveaError('TRAIN_OPTION', {
      field: 'pretrained',
      expected: 'the name of an architecture as the model, where weights are to be drawn',
      found: model!,
    })
  return false
}

function shippedNote(source: ModelSource, { pretrained }: TrainOptions): readonly string[] {
  if (source.kind !== 'registry' || source.file === undefined || pretrained !== undefined) return []
  return [`The training begins from the weights that are shipped for ${source.name}; --from-scratch (pretrained: false) draws fresh ones.`]
}

/** True where the frozen part's features are computed once: the pictures stay as they are, and the features fit the memory allowed. */
function keepsFeatures({ prefix }: FrozenModel, recipe: Recipe, { featureCacheBytes = 2 * 2 ** 30 }: TrainOptions): boolean {
  return (
    prefix !== undefined &&
    isIdentity(recipe.augment) &&
    recipe.mix === undefined &&
    4 * sizeOf(featureDims(prefix, recipe)) * recipe.samples <= featureCacheBytes
  )
}

/**
 * Channels in a block where the recipe trains on the blocked layout on this machine.
 *
 * @throws FoveaError TRAIN_OPTION where the recipe insists and the machine cannot
 */
export async function blockFor({ device, layout }: Pick<Recipe, 'device' | 'layout'>): Promise<number | undefined> {
  if (layout === 'standard') return undefined
  const block = parseDevice(device).kind === 'cpu' ? await probeBlockedLayout() : undefined
  if (block === undefined && layout === 'blocked')
    throw new FoveaError('TRAIN_OPTION', {
      field: 'layout',
      expected: 'standard or auto: this device has no blocked kernels',
      found: layout,
    })
  return block
}

/** Compiles the training step for the recipe's batch size; with a block on the blocked layout. */
export function compile(frozen: FrozenModel, metadata: ModelMetadata, recipe: Recipe, block?: number): TrainingStep {
  const bound = bindDimensions(frozen.suffix, { N: recipe.batchSize, H: recipe.imageSize[0], W: recipe.imageSize[1] }).model
  const logits = metadata.stages.logits!
  const clip = clipOf(recipe)
  return buildTrainingStep(bound, {
    parameters: frozen.parameters.map(({ name, kind }) => ({ name, decay: kind === 'weight' })),
    loss: (b: GraphBuilder) => emitLossOf(b, logits, recipe),
    optimizer: optimizerOf(recipe),
    accumulate: recipe.accumulate,
    ...(block === undefined ? {} : { blockedLayout: { block } }),
    ...(clip === undefined ? {} : { clip }),
    ...(recipe.averageDecay > 0 ? { averageDecay: recipe.averageDecay } : {}),
  })
}

function openPretrained(source: ModelSource, { input, hub, signal, imageSize, architecture }: TrainOptions): Promise<OpenedModel> {
  return openSource(source, {
    ...(input ? { input } : {}),
    ...(architecture === undefined ? {} : { architecture }),
    ...(imageSize === undefined ? {} : { imageSize: [imageSize, imageSize] }),
    hub: { ...hub, ...(signal === undefined ? {} : { signal }) },
  })
}

/** Content hashes of the pictures, so that an evaluation can tell training pictures from new ones. */
async function splitOf({ train, validation, signal }: TrainOptions): Promise<Pick<ModelMetadata, 'split'>> {
  const short = async (dataset: TrainOptions['validation']) =>
    (await readableHashes(dataset?.samples ?? [], signal)).flatMap((hash) => (hash === undefined ? [] : [hash.slice(0, 16)]))
  return { split: { trained: await short(train), held: await short(validation) } }
}

function countElements(model: Model, parameters: readonly { readonly name: string }[]): number {
  return parameters.reduce((sum, { name }) => sum + model.graph.initializers.get(name)!.size, 0)
}
