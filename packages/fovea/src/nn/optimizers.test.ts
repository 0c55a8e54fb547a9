import { describe, expect, test } from 'vitest'
import golden from '../../test/golden/nn.json' with { type: 'json' }
import { GraphBuilder } from '../graph/builder.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { type NDArray, ndarray } from '../ops/ndarray.ts'
import { clipByGlobalNorm, exponentialMovingAverage, type OptimizerRule, optimizers } from './optimizers.ts'

const vector = (values: readonly number[]) => ndarray('float64', [values.length], values)
const scalar = (value: number) => ndarray('float64', [], [value])

/** Runs one update after another on the reference. */
function* updates(
  rule: OptimizerRule,
  initial: readonly number[],
  rates: readonly number[],
  gradients: readonly (readonly number[])[],
  decay: boolean,
): Generator<number[]> {
  const b = new GraphBuilder()
  const input = (name: string, dims: number[]) => b.input(name, 'float64', dims)
  const slots = Object.fromEntries(rule.slots.map((slot) => [slot, input(slot, [initial.length])]))
  const next = rule.update(b, {
    parameter: input('parameter', [initial.length]),
    gradient: input('gradient', [initial.length]),
    slots,
    learningRate: input('learningRate', []),
    step: input('step', []),
    decay,
    dtype: 'float64',
  })
  const model = b.model()
  const state = new Map<string, NDArray>([
    ['parameter', vector(initial)],
    ...rule.slots.map((slot) => [slot, vector(initial.map(() => 0))] as const),
  ])
  for (const [i, rate] of rates.entries()) {
    const feeds = new Map([...state, ['gradient', vector(gradients[i]!)], ['learningRate', scalar(rate)], ['step', scalar(i + 1)]] as [
      string,
      NDArray,
    ][])
    const values = evaluateModel(model, feeds, [next.parameter, ...Object.values(next.slots)])
    state.set('parameter', values.get(next.parameter)!)
    for (const slot of rule.slots) state.set(slot, values.get(next.slots[slot]!)!)
    yield [...state.get('parameter')!.data]
  }
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) expect(Math.abs(actual[i]! - value)).toBeLessThan(1e-11 * Math.max(1, Math.abs(value)))
}

describe('five updates are those of PyTorch', () => {
  test.each(golden.optimizers.map((c) => [`${c.rule} ${JSON.stringify(c.options)} decay ${c.decay}`, c] as const))('%s', (_, c) => {
    const rule = optimizers[c.rule as keyof typeof optimizers](c.options as object)
    expect(rule.name).toBe(c.rule)
    let step = 0
    for (const parameters of updates(rule, c.initial, c.learningRates, c.gradients, c.decay)) expectClose(parameters, c.parameters[step++]!)
    expect(step).toBe(5)
  })
})

test.each(golden.clip)('clipping scales to a global norm of $maxNorm as PyTorch does, from $norm', (c) => {
  const b = new GraphBuilder()
  const inputs = c.dims.map((dims, i) => b.input(`g${i}`, 'float64', dims))
  const { gradients, norm } = clipByGlobalNorm(b, inputs, c.maxNorm, 'float64')
  const feeds = new Map(inputs.map((name, i) => [name, ndarray('float64', c.dims[i]!, c.gradients[i]!)]))
  const values = evaluateModel(b.model(), feeds, [norm, ...gradients])
  expectClose([...values.get(norm)!.data], [c.norm])
  for (const [i, name] of gradients.entries()) expectClose([...values.get(name)!.data], c.clipped[i]!)
})

test('an exponential moving average keeps its share', () => {
  const b = new GraphBuilder()
  const next = exponentialMovingAverage(b, b.input('average', 'float64', [2]), b.input('value', 'float64', [2]), 0.9, 'float64')
  const feeds = new Map([
    ['average', vector([1, -2])],
    ['value', vector([3, 8])],
  ])
  expectClose([...evaluateModel(b.model(), feeds, [next]).get(next)!.data], [1.2, -1])
})

test('options that make no sense are refused', () => {
  const { sgd, adam, adamW } = optimizers
  for (const build of [
    () => sgd({ momentum: 1 }),
    () => sgd({ momentum: 0, nesterov: true }),
    () => sgd({ nesterov: true, dampening: 0.1 }),
    () => sgd({ weightDecay: -1 }),
    () => adam({ betas: [0.9, 1] }),
    () => adamW({ epsilon: Number.NaN }),
    () => clipByGlobalNorm(new GraphBuilder(), [], 0),
    () => exponentialMovingAverage(new GraphBuilder(), 'a', 'b', 1.5),
  ])
    expect(build).toThrow(expect.objectContaining({ code: 'NN_OPTION_INVALID' }) as Error)
})
