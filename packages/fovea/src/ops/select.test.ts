import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs, shapes, shapeWithAxis } from '../../test/arbitraries.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { tensorType } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { inferValues } from '../passes/infer-shapes.ts'

describe('TopK', () => {
  it('takes k as attribute in older opsets and as input in newer ones', () => {
    const old = new GraphBuilder({ opset: 9 })
    old.input('x', 'float32', ['N', 10])
    const [values] = old.ops('TopK', ['x'], 2, { k: 3 })
    expect(inferValues(old.model()).dims(values!)).toEqual(['N', 3])
    const b = new GraphBuilder()
    b.input('x', 'float32', ['N', 10])
    const [, indices] = b.ops('TopK', ['x', b.ints([3])], 2, { axis: 1 })
    expect(inferValues(b.model()).get(indices!)?.type).toEqual(tensorType('int64', ['N', 3]))
    b.ops('TopK', ['x', b.ints([11])], 2, { axis: 1 })
    expect(() => inferValues(b.model())).toThrow(/k up to 10/)
  })
  it('has the gradient of its differences, with and without its second output', () => {
    const cases = shapeWithAxis().chain(({ dims, axis, length }) =>
      fc.record({
        dims: fc.constant(dims),
        axis: fc.constant(axis),
        k: fc.integer({ min: 1, max: length }),
        largest: fc.nat(1),
        second: fc.nat(1),
      }),
    )
    fc.assert(
      fc.property(cases, ({ dims, axis, k, largest, second }) =>
        checkGradient((b) => b.ops('TopK', ['x', b.ints([k])], [undefined, second ? undefined : ''], { axis, largest })[0]!, {
          x: { dims },
        }),
      ),
      runs,
    )
  })
})

describe('Compress', () => {
  it('has the gradient of its differences', () => {
    fc.assert(
      fc.property(shapeWithAxis(1, 3), fc.nat(), fc.boolean(), ({ dims, axis, length }, bits, flat) => {
        const size = flat ? dims.reduce((product, dim) => product * dim, 1) : length
        const values = Array.from({ length: size }, (_, i) => (i === 0 ? 1 : (bits >> (i % 20)) & 1))
        const count = values.reduce((sum, value) => sum + value, 0)
        const build = (b: GraphBuilder) => {
          const y = b.op('Compress', ['x', 'c'], flat ? {} : { axis })
          b.graph.values.set(y, { name: y, type: tensorType('float64', flat ? [count] : dims.with(axis, count)) })
          return y
        }
        checkGradient(build, { x: { dims }, c: { dims: [size], values, dtype: 'bool', fixed: true } })
      }),
      runs,
    )
  })
})

describe('OneHot', () => {
  it('knows a symbolic batch, and has the gradient of its differences with respect to the two values', () => {
    const b = new GraphBuilder()
    b.input('i', 'int64', ['N'])
    const y = b.op('OneHot', ['i', b.ints([10]), b.constant(Tensor.float32([2], [0, 1]))])
    expect(inferValues(b.model()).get(y)?.type).toEqual(tensorType('float32', ['N', 10]))
    fc.assert(
      fc.property(shapes(1, 2), fc.integer({ min: -2, max: 1 }), fc.nat(), (dims, axis, seed) => {
        const values = Array.from({ length: dims.reduce((product, dim) => product * dim, 1) }, (_, i) => ((seed + 3 * i) % 9) - 4)
        checkGradient((b) => b.op('OneHot', ['i', b.ints([3]), 'v'], { axis }), {
          i: { dims, values, dtype: 'int64', fixed: true },
          v: { dims: [2] },
        })
      }),
      runs,
    )
  })
})

describe('what depends on the values', () => {
  it('has symbols only where they are known', () => {
    const b = new GraphBuilder()
    b.input('x', 'float32', ['N', 4])
    const found = b.op('NonZero', ['x'])
    const [values, first, inverse] = b.ops('Unique', ['x'], 3)
    const [rows] = b.ops('Unique', ['x'], 1, { axis: 0 })
    const table = inferValues(b.model())
    expect([found, values!, first!, inverse!, rows!].map((name) => table.dims(name))).toEqual([
      [2, null],
      [null],
      [null],
      ['4*N'],
      [null, 4],
    ])
  })
})
