import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs, shapes } from '../../test/arbitraries.ts'
import { evaluateOne } from '../../test/evaluate-one.ts'
import { type CheckedInput, checkGradient } from '../../test/gradient-check.ts'
import { distinctValues, seeds, values } from '../../test/sampled-values.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { ndarray } from './ndarray.ts'

/** A shape, some of its axes counted from either end, and whether reduced axes are kept. */
const reductionCase = shapes(0, 4).chain((dims) =>
  fc.record({
    dims: fc.constant(dims),
    axes: fc
      .subarray([...dims.keys()])
      .chain((axes) =>
        fc
          .array(fc.boolean(), { minLength: axes.length, maxLength: axes.length })
          .map((ends) => axes.map((axis, i) => (ends[i] ? axis - dims.length : axis))),
      ),
    keepdims: fc.integer({ min: 0, max: 1 }),
    noop: fc.integer({ min: 0, max: 1 }),
    asInput: fc.boolean(),
    seed: seeds,
  }),
)

const plain = (seed: number, dims: readonly number[]) => values(seed, dims, -1.5, 1.5, [0])
const positive = (seed: number, dims: readonly number[]) => values(seed, dims, 0.3, 1.5)

const reductions: Record<string, (seed: number, dims: readonly number[]) => number[]> = {
  ReduceSum: plain,
  ReduceMean: plain,
  ReduceSumSquare: plain,
  ReduceL1: plain,
  ReduceL2: plain,
  ReduceLogSum: positive,
  ReduceLogSumExp: plain,
  ReduceProd: plain,
  ReduceMax: distinctValues,
  ReduceMin: distinctValues,
}

describe('gradients of reductions, with axes as attribute and as input', () => {
  test.each(Object.entries(reductions))('%s', (op, draw) => {
    fc.assert(
      fc.property(reductionCase, ({ dims, axes, keepdims, noop, asInput, seed }) => {
        const x: CheckedInput = { dims, values: draw(seed, dims) }
        const opset = asInput ? 18 : op === 'ReduceSum' ? 11 : 13
        const given = axes.length > 0
        checkGradient(
          (b) =>
            asInput
              ? b.op(op, ['x', given ? b.ints(axes) : undefined], { keepdims, noop_with_empty_axes: noop })
              : b.op(op, ['x'], { keepdims, ...(given ? { axes } : {}) }),
          { x },
          { seed, opset },
        )
      }),
      runs,
    )
  })

  test('a product with zero factors', () => {
    for (const zeros of [[0], [0, 0]]) {
      const rows = [...zeros, 0.7, -1.2, 0.4].slice(0, 4)
      checkGradient((b) => b.op('ReduceProd', ['x', b.ints([1])]), { x: { dims: [2, 4], values: [...rows, 0.5, 2, 0.3, -1] } })
    }
  })

  test('the norm of zeros has the subgradient 0', () => {
    // Differences of |x| at 0 are 0 on average, from both sides.
    checkGradient((b) => b.op('ReduceL2', ['x', b.ints([1])]), { x: { dims: [2, 3], values: [0, 0, 0, 1, 2, 3] } })
  })
})

describe('running sums', () => {
  test('gradient of CumSum, exclusive and reverse', () => {
    const cases = shapes(1, 4).chain((dims) => fc.tuple(fc.constant(dims), fc.integer({ min: -dims.length, max: dims.length - 1 })))
    fc.assert(
      fc.property(
        cases,
        fc.integer({ min: 0, max: 1 }),
        fc.integer({ min: 0, max: 1 }),
        seeds,
        ([dims, axis], exclusive, reverse, seed) => {
          checkGradient((b) => b.op('CumSum', ['x', b.scalar(axis, 'int64')], { exclusive, reverse }), { x: { dims } }, { seed })
        },
      ),
      runs,
    )
  })
})

test('an extremum that several elements attain shares its gradient among them', () => {
  // x stands twice in the row, so that each of its largest elements gets half the gradient, and x the whole.
  checkGradient((g) => g.op('ReduceMax', [g.op('Concat', ['x', 'x'], { axis: 0 })]), { x: { dims: [3], values: [0.1, 0.7, 0.3] } })
})

describe('positions of extrema', () => {
  const x = ndarray('float32', [2, 4], [1, 3, 3, 0, -2, -5, -5, -1])
  test('the first of equals, or the last', () => {
    expect([...evaluateOne('ArgMax', [x], { axis: 1, keepdims: 0 }).data]).toEqual([1, 3])
    expect([...evaluateOne('ArgMin', [x], { axis: -1, keepdims: 0, select_last_index: 1 }).data]).toEqual([3, 2])
  })
})

test('the number of elements that a Reshape asks for is followed through ReduceProd', () => {
  const b = new GraphBuilder()
  const shape = b.op('Shape', [b.input('x', 'float32', ['N', 'C', 7, 7])])
  const size = b.op('ReduceProd', [shape, b.ints([0])])
  expect(inferValues(b.model()).contents(size)).toEqual(['49*C*N'])
})

test('axes that only a run knows leave the rank where it can be known', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 3, 8])
  const axes = b.input('axes', 'int64', [2])
  const kept = b.op('ReduceSum', [x, axes])
  const dropped = b.op('ReduceSum', [x, axes], { keepdims: 0 })
  const table = inferValues(b.model())
  expect(table.dims(kept)).toEqual([null, null, null])
  expect(table.dims(dropped)).toEqual([null])
})
