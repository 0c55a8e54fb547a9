import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs, shapes } from '../../test/arbitraries.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { tensorType } from '../graph/model.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { evaluateModel } from './evaluate.ts'
import { ndarray } from './ndarray.ts'

function padded(mode: string, pads: number[]): number[] {
  const b = new GraphBuilder()
  b.input('x', 'float32', [4])
  const y = b.op('Pad', ['x', b.ints(pads)], { mode })
  return [...evaluateModel(b.model(), new Map([['x', ndarray('float32', [4], [0, 1, 2, 3])]]), [y]).get(y)!.data]
}

const pads = (rank: number, low: number) => fc.array(fc.integer({ min: low, max: 3 }), { minLength: 2 * rank, maxLength: 2 * rank })

describe('Pad', () => {
  it('means what numpy means', () => {
    expect(padded('constant', [1, 2])).toEqual([0, 0, 1, 2, 3, 0, 0])
    expect(padded('constant', [-1, -1])).toEqual([1, 2])
    expect(padded('reflect', [2, 1])).toEqual([2, 1, 0, 1, 2, 3, 2])
    expect(padded('reflect', [5, 0])).toEqual([1, 2, 3, 2, 1, 0, 1, 2, 3])
    expect(padded('edge', [2, 1])).toEqual([0, 0, 0, 1, 2, 3, 3])
    expect(padded('wrap', [2, 1])).toEqual([2, 3, 0, 1, 2, 3, 0])
  })
  it('follows symbols, with and without axes', () => {
    const b = new GraphBuilder()
    b.input('x', 'float32', ['N', 3, 'H', 'W'])
    const all = b.op('Pad', ['x', b.ints([0, 0, 1, 1, 0, 0, 2, 2])])
    const some = b.op('Pad', ['x', b.ints([0, 1]), '', b.ints([-1])])
    const table = inferValues(b.model())
    expect(table.dims(all)).toEqual(['N', 3, 'H + 3', 'W + 3'])
    expect(table.dims(some)).toEqual(['N', 3, 'H', 'W + 1'])
  })
  it('takes attributes in older opsets', () => {
    const b = new GraphBuilder({ opset: 9 })
    b.input('x', 'float32', ['N', 3])
    const y = b.op('Pad', ['x'], { pads: [0, 1, 0, 1], mode: 'edge' })
    expect(inferValues(b.model()).dims(y)).toEqual(['N', 5])
  })
  it('refuses an unknown mode and a wrong number of pads', () => {
    const b = new GraphBuilder()
    b.input('x', 'float32', [2])
    b.op('Pad', ['x', b.ints([1, 1, 1])])
    expect(() => inferValues(b.model())).toThrow(/expected 2 pads/)
    expect(() => padded('mirror', [1, 1])).toThrow(/mirror/)
  })
  it('has the gradient of its differences with a constant, also of the constant', () => {
    fc.assert(
      fc.property(
        shapes(1, 3).chain((dims) => fc.tuple(fc.constant(dims), pads(dims.length, -1))),
        ([dims, list]) => {
          const rank = dims.length
          const wide = dims.map((dim, i) => Math.max(dim, 1 - list[i]! - list[i + rank]!))
          checkGradient((b) => b.op('Pad', ['x', b.ints(list), 'value']), { x: { dims: wide }, value: { dims: [] } })
        },
      ),
      runs,
    )
  })
  it('has it in the other modes', () => {
    fc.assert(
      fc.property(
        shapes(1, 3).chain((dims) => fc.tuple(fc.constant(dims), pads(dims.length, 0))),
        fc.constantFrom('reflect', 'edge', 'wrap'),
        ([dims, list], mode) => checkGradient((b) => b.op('Pad', ['x', b.ints(list)], { mode }), { x: { dims } }),
      ),
      runs,
    )
  })
  it('has it in the other modes for pads that are an input', () => {
    const pads = { dims: [4], values: [1, 2, 0, 1], dtype: 'int64', fixed: true } as const
    const build = (b: GraphBuilder) => {
      const y = b.op('Pad', ['x', 'pads'], { mode: 'reflect' })
      b.graph.values.set(y, { name: y, type: tensorType('float64', [4, 7]) })
      return y
    }
    checkGradient(build, { x: { dims: [3, 4] }, pads })
  })
})
