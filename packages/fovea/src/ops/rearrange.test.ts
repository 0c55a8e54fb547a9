import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs, shapes } from '../../test/arbitraries.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { inferValues } from '../passes/infer-shapes.ts'

describe('Tile', () => {
  it('follows symbols', () => {
    const b = new GraphBuilder()
    b.input('x', 'float32', ['N', 3])
    const y = b.op('Tile', ['x', b.op('Concat', [b.ints([2]), b.op('Shape', ['x'], { end: 1 })], { axis: 0 })])
    expect(inferValues(b.model()).dims(y)).toEqual(['2*N', '3*N'])
  })
  it('has the gradient of its differences', () => {
    const repeated = shapes(1, 3).chain((dims) =>
      fc.tuple(fc.constant(dims), fc.array(fc.integer({ min: 1, max: 3 }), { minLength: dims.length, maxLength: dims.length })),
    )
    fc.assert(
      fc.property(repeated, ([dims, repeats]) => checkGradient((b) => b.op('Tile', ['x', b.ints(repeats)]), { x: { dims } })),
      runs,
    )
  })
})

describe('Trilu', () => {
  it('has the gradient of its differences', () => {
    fc.assert(
      fc.property(shapes(2, 3), fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 1 }), (dims, k, upper) =>
        checkGradient((b) => b.op('Trilu', ['x', b.scalar(k, 'int64')], { upper }), { x: { dims } }),
      ),
      runs,
    )
  })
})

describe('ReverseSequence', () => {
  it('has the gradient of its differences', () => {
    fc.assert(
      fc.property(shapes(2, 3), fc.integer({ min: 0, max: 1 }), fc.nat(), (dims, batch, seed) => {
        const values = Array.from({ length: dims[batch]! }, (_, i) => ((seed + i) % dims[1 - batch]!) + 1)
        const lengths = { dims: [values.length], values, dtype: 'int64', fixed: true } as const
        checkGradient((b) => b.op('ReverseSequence', ['x', 'lengths'], { batch_axis: batch, time_axis: 1 - batch }), {
          x: { dims },
          lengths,
        })
      }),
      runs,
    )
  })
})
