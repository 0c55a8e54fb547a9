import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs, shapes } from '../../test/arbitraries.ts'
import { evaluateOne } from '../../test/evaluate-one.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { seeds, values } from '../../test/sampled-values.ts'
import { ndarray } from './ndarray.ts'
import { erf, softplus } from './special.ts'

/** Every differentiable function with the range where its slope is moderate, and its kinks. */
const functions: Record<string, { range: [number, number]; avoid?: number[] }> = {
  Neg: { range: [-2, 2] },
  Abs: { range: [-2, 2], avoid: [0] },
  Exp: { range: [-2, 2] },
  Log: { range: [0.3, 3] },
  Sqrt: { range: [0.3, 3] },
  Reciprocal: { range: [0.4, 3] },
  Erf: { range: [-4, 4] },
  Sin: { range: [-3, 3] },
  Cos: { range: [-3, 3] },
  Tan: { range: [-1, 1] },
  Asin: { range: [-0.8, 0.8] },
  Acos: { range: [-0.8, 0.8] },
  Atan: { range: [-3, 3] },
  Sinh: { range: [-2, 2] },
  Cosh: { range: [-2, 2] },
  Asinh: { range: [-3, 3] },
  Acosh: { range: [1.3, 4] },
  Atanh: { range: [-0.8, 0.8] },
}

describe('gradients of functions of one value', () => {
  test.each(Object.entries(functions))('%s', (op, { range: [low, high], avoid }) => {
    fc.assert(
      fc.property(shapes(0), seeds, (dims, seed) => {
        checkGradient((b) => b.op(op, ['x']), { x: { dims, values: values(seed, dims, low, high, avoid) } }, { seed })
      }),
      runs,
    )
  })
})

test('rounding goes to even at halves', () => {
  const x = ndarray('float32', [8], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4, 2.6])
  expect([...evaluateOne('Round', [x]).data].map((value) => value + 0)).toEqual([-2, -2, 0, 0, 2, 2, 2, 3])
})

test('negation and absolute value of integers wrap around as the hardware does', () => {
  const x = ndarray('int8', [3], [-128, -3, 127])
  expect([...evaluateOne('Neg', [x]).data]).toEqual([-128, 3, -127])
  expect([...evaluateOne('Abs', [x]).data]).toEqual([-128, 3, 127])
})

test('IsInf tells the two infinities apart', () => {
  const x = ndarray('float32', [3], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 1])
  expect([...evaluateOne('IsInf', [x]).data]).toEqual([1, 1, 0])
  expect([...evaluateOne('IsInf', [x], { detect_negative: 0 }).data]).toEqual([0, 1, 0])
  expect([...evaluateOne('IsInf', [x], { detect_positive: 0 }).data]).toEqual([1, 0, 0])
})

describe('special functions', () => {
  // Values by mpmath with 30 digits.
  test.each([
    [1e-10, 1.1283791670955126e-10],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2.9999, 0.9999778955735178],
    [3.0001, 0.9999779234241298],
    [5, 0.9999999999984626],
    [-1.5, -0.9661051464753108],
  ])('erf(%d)', (x, expected) => {
    expect(Math.abs(erf(x) - expected)).toBeLessThan(4e-16 * Math.min(1, 10 * Math.abs(expected)))
  })

  test('softplus neither overflows nor loses its tail', () => {
    expect(softplus(1000)).toBe(1000)
    expect(softplus(-40)).toBeCloseTo(Math.exp(-40), 30)
  })
})
