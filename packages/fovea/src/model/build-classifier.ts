// A new classifier from the table of architectures.

import { GraphBuilder } from '../graph/builder.ts'
import type { Dim } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { architectureOf } from '../nn/architectures.ts'
import { ModuleBuilder } from '../nn/module.ts'
import { createPreprocessing } from '../vision/preprocessing.ts'
import { completeClassifier, ports } from './front.ts'
import { frameworkRange, writeMetadata } from './metadata.ts'

export interface BuildOptions {
  readonly labels: readonly string[]
  /** Height and width of the pictures. @default the architecture's own */
  readonly imageSize?: readonly [height: number, width: number]
  /** Seed of the first weights. @default 0 */
  readonly seed?: number
  /** Options of the architecture, such as `{ stem: 'cifar' }`. */
  readonly options?: Readonly<Record<string, unknown>>
}

/**
 * Builds a classifier with fresh weights: pictures as bytes in, probabilities and logits out, metadata complete.
 *
 * @throws FoveaError MODEL_NOT_FOUND for an unknown architecture
 */
export function buildClassifier(name: string, { labels, imageSize, seed = 0, options = {} }: BuildOptions): Model {
  const architecture = architectureOf(name)
  const size = imageSize ?? ([architecture.imageSize, architecture.imageSize] as const)
  const preprocessing = createPreprocessing({ size, scale: 'imagenet' })
  const b = new GraphBuilder()
  const m = new ModuleBuilder(b, { seed })
  const dims: Dim[] = ['N', ...size]
  const { features, logits } = architecture.build(m, m.input(ports.pixels, 3, dims), { ...architecture.options, ...options, classes: labels.length })
  b.output(logits.value)
  const { model, stages } = completeClassifier(b.model(), preprocessing, { logits: logits.value, activation: 'none' })
  const named = Object.fromEntries(Object.entries(features).map(([stage, feature]) => [stage, feature.value]))
  return writeMetadata(model, {
    task: 'classify',
    labels,
    preprocessing,
    framework: frameworkRange,
    stages: { ...named, ...stages },
    architecture: { name, options: { ...architecture.options, ...options } },
  })
}
