import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../test/arbitraries.ts'
import { evaluateOne } from '../../test/evaluate-one.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { broadcastShapes, distinctValues, seeds, values } from '../../test/sampled-values.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { autodiff } from '../passes/autodiff.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { isFoveaError } from '../util/errors.ts'
import { ndarray } from './ndarray.ts'

describe('gradients under broadcasting', () => {
  test.each(['Add', 'Sub', 'Mul', 'Div'])('%s', (op) => {
    fc.assert(
      fc.property(broadcastShapes(2), seeds, ([a, b], seed) => {
        const inputs = { x: { dims: a! }, y: { dims: b!, values: values(seed, b!, 0.5, 2) } }
        checkGradient((builder) => builder.op(op, ['x', 'y']), inputs, { seed })
      }),
      runs,
    )
  })

  test.each(['Sum', 'Mean'])('%s of three', (op) => {
    fc.assert(
      fc.property(broadcastShapes(3), seeds, ([a, b, c], seed) => {
        checkGradient((builder) => builder.op(op, ['x', 'y', 'z']), { x: { dims: a! }, y: { dims: b! }, z: { dims: c! } }, { seed })
      }),
      runs,
    )
  })

  test.each(['Min', 'Max'])('%s of three', (op) => {
    fc.assert(
      fc.property(broadcastShapes(3), seeds, (dims, seed) => {
        // Values of the three inputs never meet: each has its own third of the steps.
        const inputs = ['x', 'y', 'z'].map((name, i) => [
          name,
          { dims: dims[i]!, values: distinctValues(seed + i, dims[i]!).map((v) => v + i / 60) },
        ])
        checkGradient((builder) => builder.op(op, ['x', 'y', 'z']), Object.fromEntries(inputs), { seed })
      }),
      runs,
    )
  })

  test('a tie of Max counts once', () => {
    const x = { dims: [2], values: [1, 1] }
    const weights = { dims: [2], values: [1, 0] }
    // x and its copy tie everywhere: the gradient is that of x alone.
    checkGradient((b) => b.op('Mul', [b.op('Max', ['x', b.op('Identity', ['x'])]), 'w']), { x, w: { ...weights, fixed: true } })
  })

  test.each([0, 1])('Mod with fmod=%i', (fmod) => {
    fc.assert(
      fc.property(broadcastShapes(2), seeds, ([a, b], seed) => {
        // Quotients between whole numbers, so that no step lies within a difference.
        const inputs = { x: { dims: a!, values: values(seed, a!, 2.1, 2.9) }, y: { dims: b!, values: values(seed, b!, 0.98, 1.02) } }
        checkGradient((builder) => builder.op('Mod', ['x', 'y'], { fmod }), inputs, { seed })
      }),
      runs,
    )
  })
})

describe('gradients of Pow', () => {
  test('of base and exponent', () => {
    fc.assert(
      fc.property(broadcastShapes(2), seeds, ([a, b], seed) => {
        checkGradient(
          (builder) => builder.op('Pow', ['x', 'p']),
          { x: { dims: a!, range: [0.4, 2] }, p: { dims: b!, range: [-2, 2] } },
          { seed },
        )
      }),
      runs,
    )
  })

  test.each([1, 2, 3, 0.5, -1, 4])('with the constant exponent %d', (exponent) => {
    const low = Number.isInteger(exponent) && exponent > 0 ? -1 : 0.3
    checkGradient((b) => b.op('Pow', ['x', b.scalar(exponent, 'float64')]), { x: { dims: [3, 2], range: [low, 2] } })
  })

  test('with an exponent of whole numbers', () => {
    checkGradient((b) => b.op('Pow', ['x', 'p']), {
      x: { dims: [4], range: [0.5, 2] },
      p: { dims: [4], values: [0, 1, 2, 3], dtype: 'int64', fixed: true },
    })
  })
})

describe('whole numbers', () => {
  test('division truncates and results wrap around', () => {
    const [a, b] = [ndarray('int32', [4], [7, -7, 7, -8]), ndarray('int32', [4], [2, 2, -2, 3])]
    expect([...evaluateOne('Div', [a, b]).data].map((v) => v + 0)).toEqual([3, -3, -3, -2])
    expect([...evaluateOne('Add', [ndarray('uint8', [1], [200]), ndarray('uint8', [1], [100])]).data]).toEqual([44])
    expect([...evaluateOne('Mul', [ndarray('int8', [1], [100]), ndarray('int8', [1], [2])]).data]).toEqual([-56])
  })

  test('the remainder has the sign of the divisor, with fmod that of the dividend', () => {
    const [a, b] = [ndarray('int32', [4], [-4, 7, 5, -5]), ndarray('int32', [4], [3, -3, 8, 5])]
    expect([...evaluateOne('Mod', [a, b]).data].map((v) => v + 0)).toEqual([2, -2, 5, 0])
    expect([...evaluateOne('Mod', [a, b], { fmod: 1 }).data].map((v) => v + 0)).toEqual([-1, 1, 5, 0])
  })

  test('bits beyond 32 are kept', () => {
    const x = ndarray('uint64', [1], [2 ** 40 + 1])
    expect([...evaluateOne('BitwiseAnd', [x, ndarray('uint64', [1], [2 ** 40])]).data]).toEqual([2 ** 40])
    expect([...evaluateOne('BitShift', [x, ndarray('uint64', [1], [4])], { direction: 'RIGHT' }).data]).toEqual([2 ** 36])
  })
})

test('sizes are followed through the arithmetic of shapes', () => {
  const b = new GraphBuilder()
  const shape = b.op('Shape', [b.input('x', 'float32', ['N', 'H', 'W'])])
  const doubled = b.op('Mul', [shape, b.ints([1, 2, 2])])
  const grown = b.op('Add', [doubled, b.scalar(1, 'int64')])
  const halved = b.op('Div', [doubled, b.ints([1, 2, 1])])
  const [kept] = [b.op('Sub', [grown, b.scalar(1, 'int64')])]
  const table = inferValues(b.model())
  expect(table.contents(grown)).toEqual(['N + 1', '2*H + 1', '2*W + 1'])
  expect(table.contents(halved)).toEqual(['N', 'H', '2*W'])
  expect(table.contents(kept)).toEqual(['N', '2*H', '2*W'])
})

test('operands of different types or shapes are refused by name', () => {
  const refused = (first: 'float32' | 'float64', dims: number[]) => {
    const b = new GraphBuilder()
    b.op('Add', [b.input('x', first, [2, 3]), b.input('y', 'float32', dims)], {}, 'sum')
    try {
      inferValues(b.model())
    } catch (error) {
      return isFoveaError(error, 'OP_INVALID') && error.details.node === 'sum' ? error.details.found : error
    }
    return 'nothing'
  }
  expect(refused('float64', [2, 3])).toBe('float64 and float32')
  expect(refused('float32', [2, 4])).toBe('[2,3] and [2,4]')
})

test('a stretched operand is summed back in the form that the graph has: axes were an attribute before opset 13', () => {
  const sumOf = (opset: number) => {
    const b = new GraphBuilder({ opset })
    const y = b.op('Mul', [b.input('x', 'float32', [2, 3]), b.input('w', 'float32', [3])])
    const loss = b.op('ReduceMean', [y], { keepdims: 0 })
    const { model } = autodiff(b.model(), { loss, parameters: ['w'] })
    return model.graph.nodes.find((node) => node.op === 'ReduceSum')!
  }
  expect(sumOf(11).attributes.get('axes')).toEqual({ type: 'ints', value: [0] })
  expect(sumOf(13).inputs).toHaveLength(2)
})
