import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { indicesInto, runs, shapes, shapeWithAxis } from '../../test/arbitraries.ts'
import { type CheckedInput, checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { Tensor } from '../graph/tensor.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { evaluateModel } from './evaluate.ts'
import { ndarray } from './ndarray.ts'

function int64(dims: number[], values: number[]): CheckedInput {
  return { dims, values, dtype: 'int64', fixed: true }
}

function size(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/** A shape, one of its axes, and an array of indices into that axis. */
const gathers = shapeWithAxis().chain(({ dims, axis, length }) =>
  shapes(0, 2, 3).chain((indexDims) => indicesInto(length, size(indexDims)).map((values) => ({ dims, axis, indexDims, values }))),
)

/** A shape, one of its axes, and an array of indices into that axis of the same rank. */
const elements = shapeWithAxis(1, 3).chain(({ dims, axis, length }) =>
  fc
    .tuple(...dims.map((dim, i) => fc.integer({ min: 1, max: i === (axis + dims.length) % dims.length ? 4 : dim })))
    .chain((indexDims) => indicesInto(length, size(indexDims)).map((values) => ({ dims, axis, indexDims, values }))),
)

describe('Gather', () => {
  it('keeps symbols, and refuses an index outside the axis', () => {
    const b = new GraphBuilder()
    b.input('x', 'float32', ['N', 197, 768])
    const token = b.op('Gather', ['x', b.scalar(0, 'int64')], { axis: 1 })
    const rows = b.op('Gather', ['x', b.constant(Tensor.int64([2, 2], [0, 1, 2, 3]))], { axis: -2 })
    const table = inferValues(b.model())
    expect(table.dims(token)).toEqual(['N', 768])
    expect(table.dims(rows)).toEqual(['N', 2, 2, 768])
    const wrong = new GraphBuilder()
    wrong.input('x', 'float32', [2])
    const y = wrong.op('Gather', ['x', wrong.ints([2])])
    expect(() => evaluateModel(wrong.model(), new Map([['x', ndarray('float32', [2])]]), [y])).toThrow(/indices from -2 to 1, found 2/)
  })
  it('has the gradient of its differences for constant indices', () => {
    fc.assert(
      fc.property(gathers, ({ dims, axis, indexDims, values }) =>
        checkGradient((b) => b.op('Gather', ['x', b.constant(Tensor.int64(indexDims, values))], { axis }), { x: { dims } }),
      ),
      runs,
    )
  })
  it('has it for indices that are an input', () => {
    fc.assert(
      fc.property(gathers, ({ dims, axis, indexDims, values }) =>
        checkGradient((b) => b.op('Gather', ['x', 'i'], { axis }), { x: { dims }, i: int64(indexDims, values) }),
      ),
      runs,
    )
  })
  it('pads the gradient of consecutive rows with zeros', () => {
    for (const indices of [[1], [0, 1, 2], [-2, -1]])
      checkGradient((b) => b.op('Gather', ['x', b.ints(indices)], { axis: 1 }), { x: { dims: [2, 4, 3] } })
  })
})

describe('GatherElements', () => {
  it('has the gradient of its differences', () => {
    fc.assert(
      fc.property(elements, ({ dims, axis, indexDims, values }) =>
        checkGradient((b) => b.op('GatherElements', ['x', 'i'], { axis }), { x: { dims }, i: int64(indexDims, values) }),
      ),
      runs,
    )
  })
})

describe('GatherND', () => {
  it('has the gradient of its differences, with and without batches', () => {
    const cases = shapes(2, 4, 3).chain((dims) =>
      fc
        .tuple(fc.nat(1), fc.integer({ min: 1, max: dims.length - 1 }), fc.integer({ min: 1, max: 3 }))
        .chain(([batchDims, width, count]) => {
          const indexDims = [...dims.slice(0, batchDims), count, width]
          const least = Math.min(...dims.slice(batchDims, batchDims + width))
          return indicesInto(least, size(indexDims)).map((values) => ({ dims, batchDims, indexDims, values }))
        }),
    )
    fc.assert(
      fc.property(cases, ({ dims, batchDims, indexDims, values }) =>
        checkGradient((b) => b.op('GatherND', ['x', 'i'], { batch_dims: batchDims }), { x: { dims }, i: int64(indexDims, values) }),
      ),
      runs,
    )
  })
})
