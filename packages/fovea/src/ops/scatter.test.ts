import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../test/arbitraries.ts'
import { type CheckedInput, checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { inferValues } from '../passes/infer-shapes.ts'

function int64(dims: number[], values: number[]): CheckedInput {
  return { dims, values, dtype: 'int64', fixed: true }
}

const reductions = fc.constantFrom('add', 'mul', 'min', 'max')
/** Away from 0, where a product cannot be divided by its factor. */
const range = [0.5, 2] as const

describe('ScatterElements', () => {
  it('has the gradients of its differences without repeated positions', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, -1], { minLength: 1, maxLength: 3 }), fc.nat(1), (rows, axis) => {
        const distinct = rows.includes(3) ? rows.filter((row) => row !== -1) : rows
        const dims = axis === 0 ? [distinct.length, 2] : [2, distinct.length]
        const values = axis === 0 ? distinct.flatMap((row) => [row, row]) : [...distinct, ...distinct]
        const inputs = { x: { dims: [4, 4] }, i: int64(dims, values), u: { dims } }
        checkGradient((b) => b.op('ScatterElements', ['x', 'i', 'u'], { axis }), inputs)
        checkGradient((b) => b.op('Scatter', ['x', 'i', 'u'], { axis }), inputs)
      }),
      runs,
    )
  })
  it('has them for every reduction, positions repeated', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -4, max: 3 }), { minLength: 6, maxLength: 6 }),
        reductions,
        fc.nat(50),
        (values, reduction, seed) =>
          checkGradient(
            (b) => b.op('ScatterElements', ['x', 'i', 'u'], { axis: 1, reduction }),
            { x: { dims: [2, 4], range }, i: int64([2, 3], values), u: { dims: [2, 3], range } },
            { seed },
          ),
      ),
      runs,
    )
  })
  it('refuses updates of another type and an unknown reduction', () => {
    const infer = (dtype: 'float32' | 'int64', reduction: string) => {
      const b = new GraphBuilder()
      b.input('x', 'float32', [2])
      b.input('u', dtype, [1])
      b.op('ScatterElements', ['x', b.ints([0]), 'u'], { reduction })
      return inferValues(b.model())
    }
    expect(() => infer('int64', 'none')).toThrow(/updates of float32/)
    expect(() => infer('float32', 'mean')).toThrow(/found mean/)
  })
})

describe('ScatterND', () => {
  it('has the gradients of its differences', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, -1], { minLength: 1 }), (rows) =>
        checkGradient((b) => b.op('ScatterND', ['x', 'i', 'u']), {
          x: { dims: [4, 3] },
          i: int64([rows.length, 1], rows),
          u: { dims: [rows.length, 3] },
        }),
      ),
      runs,
    )
  })
  it('has them for every reduction, positions repeated', () => {
    const tuples = fc.array(fc.tuple(fc.integer({ min: -3, max: 2 }), fc.integer({ min: -2, max: 1 })), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(tuples, reductions, fc.nat(50), (tuples, reduction, seed) =>
        checkGradient(
          (b) => b.op('ScatterND', ['x', 'i', 'u'], { reduction }),
          { x: { dims: [3, 2, 2], range }, i: int64([tuples.length, 2], tuples.flat()), u: { dims: [tuples.length, 2], range } },
          { seed },
        ),
      ),
      runs,
    )
  })
})

describe('TensorScatter', () => {
  it('has the gradients of its differences in both modes', () => {
    const inputs = { cache: { dims: [2, 2, 4, 3] }, update: { dims: [2, 2, 2, 3] }, at: int64([2], [1, 2]) }
    checkGradient((b) => b.op('TensorScatter', ['cache', 'update', 'at']), inputs, { opset: 24 })
    checkGradient((b) => b.op('TensorScatter', ['cache', 'update']), { cache: inputs.cache, update: inputs.update }, { opset: 24 })
    const circular = { ...inputs, at: int64([2], [3, 0]) }
    checkGradient((b) => b.op('TensorScatter', ['cache', 'update', 'at'], { mode: 'circular' }), circular, { opset: 24 })
  })
})
