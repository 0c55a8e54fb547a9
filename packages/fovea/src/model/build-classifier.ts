// A new classifier from the table of architectures.

import type { Model } from '../graph/model.ts'
import { architectureOf, buildNetwork, type Network } from '../nn/architectures.ts'
import { createPreprocessing, type Preprocessing } from '../vision/preprocessing.ts'
import { completeClassifier } from './front.ts'
import { checkNewLabels } from './labels.ts'
import { writeMetadata } from './metadata.ts'
import { frameworkRange } from './version.ts'

export interface BuildOptions {
  readonly labels: readonly string[]
  /** Height and width of the pictures. @default the architecture's own */
  readonly imageSize?: readonly [height: number, width: number]
  /** Seed of the first weights. @default 0 */
  readonly seed?: number
  /** `zero` leaves out the drawing of first weights, for models whose structure alone counts. @default 'seeded' */
  readonly values?: 'seeded' | 'zero'
  /** Options of the architecture, such as `{ stem: 'cifar' }`. */
  readonly options?: Readonly<Record<string, unknown>>
}

/**
 * Builds a classifier with fresh weights: pictures as bytes in, probabilities and logits out, metadata complete.
 *
 * @throws FoveaError MODEL_LABELS where there are fewer than two, or two are equal, NN_UNKNOWN_ARCHITECTURE, NN_OPTION_INVALID
 */
export function buildClassifier(name: string, { labels, imageSize, seed = 0, values = 'seeded', options = {} }: BuildOptions): Model {
  checkNewLabels(labels)
  const { defaults } = architectureOf(name)
  const [height, width] = imageSize ?? [defaults.inputSize, defaults.inputSize]
  const preprocessing = createPreprocessing({ size: [height, width], scale: 'imagenet' })
  const network = buildNetwork(name, { ...options, classes: labels.length, inputSize: [height, width], seed, values })
  return classifierOf(name, network, labels, preprocessing)
}

/** A network of the table as a classifier: with its front, its probabilities and its metadata. @param name of its row */
export function classifierOf(name: string, network: Network, labels: readonly string[], preprocessing: Preprocessing): Model {
  const { model, stages } = completeClassifier(network.model, preprocessing, { logits: network.logits.value, activation: 'none' })
  const named = Object.fromEntries(Object.entries(network.features).map(([stage, feature]) => [stage, feature.value]))
  return writeMetadata(model, {
    task: 'classify',
    labels,
    preprocessing,
    framework: frameworkRange,
    stages: { ...named, ...stages },
    architecture: { name, options: { ...network.options } },
  })
}
