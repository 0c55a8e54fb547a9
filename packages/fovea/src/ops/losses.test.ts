import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../test/arbitraries.ts'
import { evaluateOne } from '../../test/evaluate-one.ts'
import { type CheckedInput, checkGradient } from '../../test/gradient-check.ts'
import { seeds } from '../../test/sampled-values.ts'
import { sizeOf } from '../graph/tensor.ts'
import { Random } from '../util/random.ts'
import { ndarray } from './ndarray.ts'

const lossCase = fc.record({
  samples: fc.integer({ min: 1, max: 4 }),
  classes: fc.integer({ min: 1, max: 4 }),
  inner: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
  reduction: fc.constantFrom('none', 'sum', 'mean'),
  weighted: fc.boolean(),
  /** A class of its own, a number outside of the classes, or nothing. */
  ignored: fc.constantFrom(undefined, 0, -1, 255),
  dtype: fc.constantFrom('int32' as const, 'int64' as const),
  seed: seeds,
})

type LossCase = typeof lossCase extends fc.Arbitrary<infer T> ? T : never

/** Targets of which about a third are ignored; the first is not, so that a mean exists. */
function targetsOf({ samples, classes, inner, ignored, seed }: LossCase): number[] {
  const random = new Random(seed, 'targets')
  const targets = Array.from({ length: sizeOf([samples, ...inner]) }, () =>
    ignored !== undefined && random.chance(0.3) ? ignored : random.integer(0, classes),
  )
  targets[0] = classes - 1
  return targets
}

function inputsOf(drawn: LossCase): Record<string, CheckedInput> {
  const { samples, classes, inner, weighted, dtype } = drawn
  return {
    x: { dims: [samples, classes, ...inner], range: [-2, 2] },
    target: { dims: [samples, ...inner], values: targetsOf(drawn), dtype, fixed: true },
    ...(weighted ? { weight: { dims: [classes], range: [0.5, 2] } } : {}),
  }
}

/** With a single class that is ignored there is nothing to average. */
const meaningful = ({ classes, ignored }: LossCase) => !(classes === 1 && ignored === 0)

describe('gradients of the scores and of the class weights', () => {
  test.each(['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'])('%s', (op) => {
    fc.assert(
      fc.property(lossCase.filter(meaningful), (drawn) => {
        const { reduction, ignored: ignore_index, weighted, seed } = drawn
        checkGradient((b) => b.op(op, ['x', 'target', weighted ? 'weight' : undefined], { reduction, ignore_index }), inputsOf(drawn), {
          seed,
        })
      }),
      { ...runs, numRuns: 60 },
    )
  })

  test('SoftmaxCrossEntropyLoss through its log-probabilities too', () => {
    fc.assert(
      fc.property(lossCase.filter(meaningful), fc.constantFrom(12, 21), (drawn, opset) => {
        const { reduction, ignored: ignore_index, weighted, seed } = drawn
        const build = (b: Parameters<Parameters<typeof checkGradient>[0]>[0]) =>
          b.ops('SoftmaxCrossEntropyLoss', ['x', 'target', weighted ? 'weight' : undefined], 2, { reduction, ignore_index })
        checkGradient(build, inputsOf(drawn), { seed, opset })
      }),
      runs,
    )
  })

  test('before opset 13, with axes behind the class axis', () => {
    const inputs = { x: { dims: [2, 3, 2] }, target: { dims: [2, 2], values: [0, 2, 1, 1], dtype: 'int64', fixed: true } } as const
    checkGradient((b) => b.op('SoftmaxCrossEntropyLoss', ['x', 'target']), inputs, { opset: 12 })
  })
})

test('ignored targets count neither in the sum nor in the divisor', () => {
  const log = ndarray('float32', [3, 2], [-1, -2, -3, -4, -5, -6])
  const target = ndarray('int64', [3], [0, 1, -100])
  const weight = ndarray('float32', [2], [1, 3])
  expect(evaluateOne('NegativeLogLikelihoodLoss', [log, target, weight], { ignore_index: -100 }).data[0]).toBe((1 + 3 * 4) / 4)
  expect([...evaluateOne('NegativeLogLikelihoodLoss', [log, target], { ignore_index: -100, reduction: 'none' }).data]).toEqual([1, 4, 0])
})

test('a target that is no class is refused', () => {
  const run = () => evaluateOne('NegativeLogLikelihoodLoss', [ndarray('float32', [1, 2]), ndarray('int64', [1], [2])])
  expect(run).toThrow(/targets from 0 to 1, found 2/)
})
