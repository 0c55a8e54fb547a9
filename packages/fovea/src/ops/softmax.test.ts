import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs, shapeWithAxis } from '../../test/arbitraries.ts'
import { evaluateOne } from '../../test/evaluate-one.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { seeds } from '../../test/sampled-values.ts'
import { ndarray } from './ndarray.ts'

describe('gradients', () => {
  test.each(['Softmax', 'LogSoftmax'])('%s along one axis, and flattened before opset 13', (op) => {
    fc.assert(
      fc.property(shapeWithAxis(1, 4), fc.boolean(), seeds, ({ dims, axis }, flattens, seed) => {
        checkGradient((b) => b.op(op, ['x'], { axis }), { x: { dims, range: [-3, 3] } }, { seed, opset: flattens ? 12 : 21 })
      }),
      runs,
    )
  })
})

test('before opset 13 all axes from the given one on are normalised together', () => {
  const x = ndarray('float32', [1, 2, 2], [0, 0, 0, 0])
  expect([...evaluateOne('Softmax', [x], {}, { opset: 11 }).data]).toEqual([0.25, 0.25, 0.25, 0.25])
  expect([...evaluateOne('Softmax', [x], {}, { opset: 13 }).data]).toEqual([0.5, 0.5, 0.5, 0.5])
})

test('large scores do not overflow', () => {
  const x = ndarray('float32', [3], [1000, 999, -1000])
  const [a, b, c] = evaluateOne('LogSoftmax', [x]).data
  expect(a).toBeCloseTo(-Math.log1p(Math.exp(-1)), 12)
  expect(b).toBeCloseTo(a! - 1, 12)
  expect(c).toBeCloseTo(a! - 2000, 9)
})

test('Hardmax marks the first of equal maxima', () => {
  const x = ndarray('float32', [2, 3], [1, 5, 5, 7, 2, 7])
  expect([...evaluateOne('Hardmax', [x]).data]).toEqual([0, 1, 0, 1, 0, 0])
  expect([...evaluateOne('Hardmax', [x], { axis: 0 }).data]).toEqual([0, 1, 0, 1, 0, 1])
})
