import { describe, expect, test } from 'vitest'
import golden from '../../test/golden/nn.json' with { type: 'json' }
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { ndarray } from '../ops/ndarray.ts'
import { autodiff } from '../passes/autodiff.ts'
import type { FoveaError } from '../util/errors.ts'
import {
  binaryCrossEntropy,
  binaryFocalLoss,
  type CrossEntropyOptions,
  crossEntropy,
  focalLoss,
  huber,
  meanSquaredError,
  smoothL1,
} from './losses.ts'

type Emit = (b: GraphBuilder, logits: string, targets: string, options: object, classes: number) => string

const losses: Readonly<Record<string, Emit>> = {
  crossEntropy: (b, value, targets, options, channels) => crossEntropy(b, { value, channels }, targets, options),
  focalLoss: (b, value, targets, options, channels) => focalLoss(b, { value, channels }, targets, options),
  binaryFocalLoss,
  binaryCrossEntropy,
  meanSquaredError,
  smoothL1,
  huber,
}

function isIndexed(loss: string, options: CrossEntropyOptions): boolean {
  return loss === 'focalLoss' || (loss === 'crossEntropy' && options.targets !== 'probabilities')
}

function closeTo(actual: Float64Array, expected: readonly number[], tolerance = 1e-12): void {
  expect(actual.length).toBe(expected.length)
  expected.forEach((value, i) => {
    const error = Math.abs(actual[i]! - value) / Math.max(1, Math.abs(value))
    if (!(error < tolerance)) expect.fail(`[${i}] is ${actual[i]}, PyTorch has ${value}`)
  })
}

describe('losses and their gradients are those of PyTorch', () => {
  test.each(golden.losses.map((c) => [`${c.loss} ${JSON.stringify(c.options)} ${c.dims}`, c] as const))('%s', (_, c) => {
    const targetType = isIndexed(c.loss, c.options as CrossEntropyOptions) ? 'int64' : 'float64'
    const b = new GraphBuilder()
    const logits = b.input('logits', 'float64', c.dims)
    const targets = b.input('targets', targetType, c.targetDims)
    const loss = b.output(losses[c.loss]!(b, logits, targets, { ...c.options, dtype: 'float64' }, c.dims[1]!))
    const total = b.output(b.op('ReduceSum', [loss], { keepdims: 0 }))
    const feeds = new Map([
      ['logits', ndarray('float64', c.dims, c.logits)],
      ['targets', ndarray(targetType, c.targetDims, c.targets)],
    ])
    const { model, gradients } = autodiff(b.model(), { loss: total, parameters: ['logits'] })
    const values = evaluateModel(model, feeds, [loss, gradients.get('logits')!])
    closeTo(values.get(loss)!.data, c.value)
    closeTo(values.get(gradients.get('logits')!)!.data, c.gradient)
  })
})

describe('gradients agree with differences', () => {
  const scores = { dims: [4, 3], range: [-3, 3] as const }
  const indices = { dims: [4], values: [0, 2, 1, 2], dtype: 'int64' as const, fixed: true }

  test.each([0.5, 1, 2, 2.5])('focal loss, gamma %d', (gamma) => {
    checkGradient((b) => focalLoss(b, { value: 'x', channels: 3 }, 't', { gamma, dtype: 'float64' }), { x: scores, t: indices })
  })

  test('cross-entropy of maps, smoothed and weighted', () => {
    checkGradient(
      (b) =>
        crossEntropy(b, { value: 'x', channels: 3 }, 't', {
          labelSmoothing: 0.2,
          classWeights: [1, 2, 0.5],
          spatialAxes: 2,
          dtype: 'float64',
        }),
      { x: { dims: [2, 3, 1, 2] }, t: { ...indices, dims: [2, 1, 2] } },
    )
  })

  test('huber and binary focal loss, also with respect to the targets', () => {
    checkGradient((b) => [huber(b, 'x', 'y', { delta: 0.7, dtype: 'float64' }), binaryFocalLoss(b, 'x', 'y', { dtype: 'float64' })], {
      x: scores,
      y: { dims: [4, 3], range: [0.1, 0.9] },
    })
  })
})

test('extreme scores give finite losses and gradients', () => {
  const b = new GraphBuilder()
  const logits = b.input('logits', 'float64', [2, 2])
  const targets = b.input('targets', 'int64', [2])
  const loss = b.op('Add', [
    crossEntropy(b, { value: logits, channels: 2 }, targets, { dtype: 'float64' }),
    focalLoss(b, { value: logits, channels: 2 }, targets, { gamma: 0.5, dtype: 'float64' }),
  ])
  b.output(loss)
  const feeds = new Map([
    ['logits', ndarray('float64', [2, 2], [1e4, -1e4, 1e4, -1e4])],
    ['targets', ndarray('int64', [2], [0, 1])],
  ])
  const { model, gradients } = autodiff(b.model(), { loss, parameters: [logits] })
  const values = evaluateModel(model, feeds, [loss, gradients.get(logits)!])
  expect(values.get(loss)!.data[0]).toBeCloseTo(2e4, 6)
  expect([...values.get(gradients.get(logits)!)!.data].every(Number.isFinite)).toBe(true)
})

test('options that make no sense are refused', () => {
  const b = new GraphBuilder()
  const scores = { value: b.input('x', 'float32', [2, 3]), channels: 3 }
  const targets = b.input('t', 'int64', [2])
  for (const build of [
    () => crossEntropy(b, scores, targets, { classWeights: [1, 2] }),
    () => crossEntropy(b, scores, targets, { labelSmoothing: 1 }),
    () => smoothL1(b, 'x', 'x', { beta: -1 }),
    () => huber(b, 'x', 'x', { delta: 0 }),
  ])
    expect(build).toThrow(expect.objectContaining({ code: 'NN_OPTION_INVALID' }) as FoveaError)
})
