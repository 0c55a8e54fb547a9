// Every head as it is trained, against differences: what is behind their outputs is checked beside the losses.

import { expect, test } from 'vitest'
import { checkPart } from '../../../test/directional-check.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { Emitter } from '../../nn/emitter.ts'
import { densityHead } from '../../nn/heads/density.ts'
import { detectionHead } from '../../nn/heads/detection.ts'
import { maskHead } from '../../nn/heads/masks.ts'
import { segmentationHead } from '../../nn/heads/segmentation.ts'
import { type Feature, ModuleBuilder } from '../../nn/module.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { extract } from '../../passes/extract.ts'
import { Random } from '../../util/random.ts'
import { buildClassifyHead } from './classify.ts'

interface Features {
  readonly levels: readonly Feature[]
  readonly fine: readonly Feature[]
  readonly embedding: Feature
}

const labels = ['nut', 'bolt', 'washer']

const heads: Readonly<Record<string, (m: ModuleBuilder, features: Features) => readonly string[]>> = {
  detect: (m, { levels }) => {
    const { classes, sides } = detectionHead(m, levels, { classes: 2, bins: 4, depth: 1 })
    return [classes, sides]
  },
  masks: (m, { levels, fine }) => {
    const { prototypes, coefficients } = maskHead(m, levels, fine[0], { prototypes: 3, channels: 4 })
    return [prototypes, coefficients]
  },
  segment: (m, { levels, fine }) => [segmentationHead(m, levels, fine, { classes: 3, channels: 8 }).value],
  count: (m, { levels, fine }) => [densityHead(m, levels, fine, { classes: 2, channels: 8, depth: 1 }).value],
  // Heads for several classes a picture have the same layer, behind thresholds of float32.
  classify: (m, { embedding }) => [buildClassifyHead(m, embedding, 'classify', { task: 'classify', labels }).scores.logits],
}

test.each(Object.entries(heads))('gradients of %s agree with differences', (_, build) => {
  const random = new Random(5)
  const feeds = new Map<string, ReturnType<typeof ndarray>>()
  const b = new GraphBuilder()
  const feature = (name: string, dims: readonly number[], stride: number): Feature => {
    const size = dims.reduce((product, side) => product * side, 1)
    feeds.set(
      name,
      ndarray(
        'float64',
        dims,
        Float64Array.from({ length: size }, () => random.normal()),
      ),
    )
    return { value: b.input(name, 'float64', dims), channels: dims[1]!, stride }
  }
  const m = new ModuleBuilder(b, { dtype: 'float64', seed: 3 })
  const values = build(m, {
    levels: [feature('p3', [2, 4, 4, 4], 8), feature('p4', [2, 4, 2, 2], 16)],
    fine: [feature('c2', [2, 6, 8, 8], 4)],
    embedding: feature('embedding', [2, 5], 32),
  })
  expect(m.parameters.size).toBeGreaterThan(1)
  // Not all alike, so that no gradient vanishes by symmetry.
  const lossOf = (after: GraphBuilder) => {
    const e = new Emitter(after, 'float64')
    return values.map((value) => e.total(e.square(e.sub(value, 0.3)))).reduce((sum, one) => e.add(sum, one))
  }
  // What is decided by thresholds has no gradient.
  const model = extract(b.model(), { outputs: values })
  checkPart({ model, parameters: m.parameters, lossOf }, feeds, { random })
})
