import { expect, test } from 'vitest'
import { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { Head } from '../../model/heads/head.ts'
import { sgd } from '../../nn/optimizers.ts'
import { evaluateModel, ndarrayOf } from '../../ops/evaluate.ts'
import { buildTrainingStep } from '../../passes/training-step.ts'
import type { HeadTraining } from './head-training.ts'
import { jointLoss, type LossWeights, weightParameters } from './joint-loss.ts'

const heads = ['first', 'second'].map((name) => ({ name }) as Head)
/** Losses that are given with the batch. */
const trainings = ['a', 'b'].map(
  (input) => ({ loss: (b: GraphBuilder) => ({ loss: b.op('Mul', [b.input(input, 'float32', []), 'w0']) }) }) as HeadTraining,
)

/** One step of gradient descent at a rate of 0.01, with losses a and b. */
function stepWith(weights: LossWeights, a: number, b: number) {
  const builder = new GraphBuilder()
  builder.weight('w', Tensor.float32([1], [1]))
  builder.op('Squeeze', ['w'], {}, 'w0')
  const model = builder.model()
  const more = weightParameters(model, heads, weights)
  const step = buildTrainingStep(model, {
    parameters: [{ name: 'w', decay: false }, ...more],
    loss: (built) => jointLoss(built, heads, trainings, weights),
    optimizer: sgd({ momentum: 0 }),
  })
  const feeds = {
    ...step.initialState,
    a: Tensor.scalar(a),
    b: Tensor.scalar(b),
    learning_rate: Tensor.scalar(0.01),
    step: Tensor.scalar(1),
  }
  if (more.length > 0)
    Object.assign(feeds, { 'loss_variance.first': Tensor.float32([1], [0.5]), 'loss_variance.second': Tensor.float32([1], [-0.25]) })
  const values = evaluateModel(step.model, new Map(Object.entries(feeds).map(([name, tensor]) => [name, ndarrayOf(tensor)])))
  return { loss: Number(values.get('loss')!.data[0]), next: (name: string) => Number(values.get(step.carry[name]!)!.data[0]) }
}

test('weights that are given', () => {
  const { loss, next } = stepWith({ first: 1, second: 0.5 }, 3, 4)
  expect(loss).toBeCloseTo(5, 6)
  expect(next('w')).toBeCloseTo(1 - 0.01 * 5, 6)
})

test('weights by uncertainty are exp(-s) and are learnt, ten times as fast as the rest', () => {
  const { loss, next } = stepWith('uncertainty', 3, 4)
  const [first, second] = [Math.exp(-0.5), Math.exp(0.25)]
  expect(loss).toBeCloseTo(first * 3 + 0.5 + second * 4 - 0.25, 5)
  expect(next('w')).toBeCloseTo(1 - 0.01 * (first * 3 + second * 4), 5)
  expect(next('loss_variance.first')).toBeCloseTo(0.5 - 0.1 * (1 - first * 3), 5)
  expect(next('loss_variance.second')).toBeCloseTo(-0.25 - 0.1 * (1 - second * 4), 5)
})

test('a head that a batch says nothing to keeps its weight', () => {
  const { loss, next } = stepWith('uncertainty', 0, 4)
  expect(loss).toBeCloseTo(Math.exp(0.25) * 4 - 0.25, 5)
  expect(next('loss_variance.first')).toBe(0.5)
})
