import { expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { Tensor } from '../graph/tensor.ts'
import { numbersOf } from '../graph/tensor-values.ts'
import { sgd } from '../nn/optimizers.ts'
import { openSession } from '../runtime/session.ts'
import { buildTrainingStep } from './training-step.ts'

it.each([
  [1, 40],
  [2, 40],
  [1, 1],
  [2, 1],
])('averages running statistics with the weights that they belong to, %i batches to an update, at step %i', async (accumulate, at) => {
  const decay = Math.min(0.75, (1 + at) / (10 + at)) ** (1 / accumulate)
  const model = readModel(`
    graph main(x: float32[4,1]) -> (y: float32[4,1])
      scale: float32[1] = {1.0}
      bias: float32[1] = {0.0}
      mean: float32[1] = {0.0}
      variance: float32[1] = {1.0}
      y = BatchNormalization(x, scale, bias, mean, variance)`)
  const step = buildTrainingStep(model, {
    parameters: [{ name: 'scale' }, { name: 'bias' }],
    loss: (b) => ({ loss: b.op('ReduceMean', [b.op('Mul', ['y', 'y'])], { keepdims: 0 }) }),
    optimizer: sgd({ momentum: 0 }),
    averageDecay: 0.75,
    accumulate,
  })
  const session = await openSession(step.model, { worker: false, threads: 1, carry: step.carry, initialState: step.initialState })
  try {
    let [mean, average] = [0, 0]
    for (const center of [10, -4, 7]) {
      await session.run({
        x: Tensor.float32([4, 1], [center - 1, center - 1, center + 1, center + 1]),
        learning_rate: Tensor.scalar(0.1),
        step: Tensor.scalar(at),
        ...(accumulate > 1 ? { apply: Tensor.of('bool', [], Uint8Array.of(1)) } : {}),
      })
      mean = 0.9 * mean + 0.1 * center
      average = decay * average + (1 - decay) * mean
    }
    const state = await session.readState()
    expect(numbersOf(state.mean!)[0]).toBeCloseTo(mean, 4)
    expect(numbersOf(state['mean/average']!)[0]).toBeCloseTo(average, 4)
  } finally {
    await session.close()
  }
})
