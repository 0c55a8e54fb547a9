import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs, shapes } from '../../test/arbitraries.ts'
import { evaluateOne } from '../../test/evaluate-one.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { broadcastShapes, seeds, values } from '../../test/sampled-values.ts'
import type { AttributeInputs } from '../graph/builder.ts'
import { ndarray } from './ndarray.ts'

const positive = fc.double({ min: 0.3, max: 1.7, noNaN: true })

/** Every activation with the attributes it takes and its kinks under them. */
const activations: Record<
  string,
  { attributes?: fc.Arbitrary<Record<string, number | string>>; kinks?: (a: Record<string, number>) => number[] }
> = {
  Relu: { kinks: () => [0] },
  LeakyRelu: { attributes: fc.record({ alpha: positive }), kinks: () => [0] },
  ThresholdedRelu: { attributes: fc.record({ alpha: positive }), kinks: ({ alpha }) => [alpha!] },
  Shrink: { attributes: fc.record({ lambd: positive, bias: positive }), kinks: ({ lambd }) => [lambd!, -lambd!] },
  Elu: { attributes: fc.record({ alpha: positive }), kinks: () => [0] },
  Selu: { attributes: fc.record({ alpha: positive, gamma: positive }), kinks: () => [0] },
  Celu: { attributes: fc.record({ alpha: positive }), kinks: () => [0] },
  Sigmoid: {},
  HardSigmoid: {
    attributes: fc.record({ alpha: positive, beta: positive }),
    kinks: ({ alpha, beta }) => [-beta! / alpha!, (1 - beta!) / alpha!],
  },
  Tanh: {},
  Softplus: {},
  Softsign: {},
  Swish: { attributes: fc.record({ alpha: positive }) },
  HardSwish: { kinks: () => [-3, 3] },
  Mish: {},
  Gelu: { attributes: fc.record({ approximate: fc.constantFrom('none', 'tanh') }) },
  'com.microsoft::Gelu': {},
  'com.microsoft::QuickGelu': { attributes: fc.record({ alpha: positive }) },
}

describe('gradients of activations', () => {
  test.each(Object.entries(activations))('%s', (op, { attributes = fc.constant({}), kinks = () => [] }) => {
    fc.assert(
      fc.property(shapes(0), seeds, attributes, fc.boolean(), (dims, seed, drawn, given) => {
        const set: AttributeInputs = given ? drawn : {}
        const defaults = { LeakyRelu: {}, ThresholdedRelu: { alpha: 1 }, Shrink: { lambd: 0.5 }, HardSigmoid: { alpha: 0.2, beta: 0.5 } }
        const used = given ? drawn : ((defaults as Record<string, Record<string, number>>)[op] ?? {})
        const x = values(seed, dims, -4, 4, kinks(used as Record<string, number>))
        checkGradient((b) => b.op(op, ['x'], set), { x: { dims, values: x } }, { seed, opset: 24 })
      }),
      runs,
    )
  })

  test('PRelu, of the input and of the slope', () => {
    fc.assert(
      fc.property(broadcastShapes(1), shapes(0, 2), seeds, ([slope], lead, seed) => {
        const dims = [...lead, ...slope!.map((dim, i) => (dim === 1 ? 1 + ((seed + i) % 3) : dim))]
        const inputs = { x: { dims, values: values(seed, dims, -2, 2, [0]) }, slope: { dims: slope! } }
        checkGradient((b) => b.op('PRelu', ['x', 'slope']), inputs, { seed })
      }),
      runs,
    )
  })

  test.each(['com.microsoft::FastGelu', 'com.microsoft::BiasGelu'])('%s, of the input and of the bias', (op) => {
    fc.assert(
      fc.property(shapes(1), seeds, (dims, seed) => {
        checkGradient((b) => b.op(op, ['x', 'bias']), { x: { dims, range: [-3, 3] }, bias: { dims: dims.slice(-1) } }, { seed })
      }),
      runs,
    )
  })

  test('Clip, of the input and of both limits', () => {
    fc.assert(
      fc.property(shapes(0), seeds, fc.boolean(), fc.boolean(), (dims, seed, low, high) => {
        const inputs = {
          x: { dims, values: values(seed, dims, -2, 2, [-0.5, 0.75]) },
          ...(low ? { low: { dims: [], values: [-0.5] } } : {}),
          ...(high ? { high: { dims: [], values: [0.75] } } : {}),
        }
        checkGradient((b) => b.op('Clip', ['x', low ? 'low' : undefined, high ? 'high' : undefined]), inputs, { seed })
      }),
      runs,
    )
  })
})

test('Clip took its limits as attributes before opset 11', () => {
  const x = ndarray('float32', [4], [-3, -1, 1, 3])
  expect([...evaluateOne('Clip', [x], { min: { type: 'float', value: -2 }, max: { type: 'float', value: 2 } }, { opset: 6 }).data]).toEqual(
    [-2, -1, 1, 2],
  )
  const dims = [5]
  checkGradient(
    (b) => b.op('Clip', ['x'], { min: { type: 'float', value: -0.5 } }),
    { x: { dims, values: values(3, dims, -2, 2, [-0.5]) } },
    { opset: 10 },
  )
})
