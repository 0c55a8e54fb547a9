// A model of features from the table of architectures: a backbone, and a pyramid where it has one, with no head for any task.

import type { Model } from '../graph/model.ts'
import { architectureOf, buildNetwork, type Network } from '../nn/architectures.ts'
import { extract } from '../passes/extract.ts'
import { createPreprocessing, type Preprocessing } from '../vision/preprocessing.ts'
import { completeFeatures } from './front.ts'
import { type ModelMetadata, writeMetadata } from './metadata.ts'
import { frameworkRange } from './version.ts'

export interface BuildFeaturesOptions {
  /** Usual height and width of the pictures; the graph takes any, but for a network of a fixed size. @default the architecture's own */
  readonly imageSize?: readonly [height: number, width: number]
  /** Seed of the first weights. @default 0 */
  readonly seed?: number
  /** Options of the architecture, such as `{ neck: 'pan' }`. */
  readonly options?: Readonly<Record<string, unknown>>
}

/** Stages that a head makes, or that other stages have replaced. */
const headStages = new Set(['logits', 'probabilities'])

/**
 * Builds a model with fresh weights that gives the embedding, and the levels and the attention of its pyramid where it has them.
 *
 * @throws FoveaError NN_UNKNOWN_ARCHITECTURE, NN_OPTION_INVALID
 */
export function buildFeatures(name: string, { imageSize, seed = 0, options = {} }: BuildFeaturesOptions = {}): Model {
  const { defaults, fixedSize = false } = architectureOf(name)
  const [height, width] = imageSize ?? [defaults.inputSize, defaults.inputSize]
  const preprocessing = createPreprocessing({ size: [height, width], scale: 'imagenet' })
  const network = buildNetwork(name, { ...options, classes: 1, seed, ...(fixedSize && { inputSize: [height, width] }) })
  return featuresOf(name, network, preprocessing, !fixedSize)
}

/**
 * A network of the table as a model of features: without its head, with its front and its metadata.
 *
 * @param name of its row
 * @param anySize whether the network was built for pictures of any size. @default true
 */
export function featuresOf(name: string, network: Network, preprocessing: Preprocessing, anySize = true): Model {
  const stages = Object.fromEntries(
    Object.entries(network.features)
      .filter(([stage]) => !headStages.has(stage))
      .map(([stage, feature]) => [stage, feature.value]),
  )
  const body = extract(network.model, { outputs: outputsOf(stages) })
  const complete = completeFeatures(body, preprocessing, { anySize })
  const { classes: _, ...architecture } = network.options
  const metadata: ModelMetadata = {
    task: 'features',
    labels: [],
    preprocessing,
    framework: frameworkRange,
    stages: { ...stages, ...complete.stages },
    architecture: { name, options: { ...architecture } },
  }
  return writeMetadata(complete.model, metadata)
}

/** The embedding first, then what a pyramid gives. */
function outputsOf(stages: Readonly<Record<string, string>>): string[] {
  return Object.entries(stages)
    .filter(([stage]) => /^(embedding|attention|p\d+)$/.test(stage))
    .sort(([a], [b]) => Number(b === 'embedding') - Number(a === 'embedding'))
    .map(([, value]) => value)
}
