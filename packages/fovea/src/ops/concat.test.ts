import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs, shapeWithAxis } from '../../test/arbitraries.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import type { Dim } from '../graph/dims.ts'
import { inferValues } from '../passes/infer-shapes.ts'

describe('Concat', () => {
  const joined = (a: readonly Dim[], b: readonly Dim[], axis: number) => {
    const builder = new GraphBuilder()
    builder.input('a', 'float32', a)
    builder.input('b', 'float32', b)
    const y = builder.op('Concat', ['a', 'b'], { axis })
    return inferValues(builder.model()).dims(y)
  }

  it('adds symbolic lengths and takes the better known of the others', () => {
    expect(joined(['N', 'A', null], ['N', 'B', 4], 1)).toEqual(['N', 'A + B', 4])
    expect(joined(['N', 'A'], ['M', 2], -1)).toEqual(['N', 'A + 2'])
  })
  it('refuses shapes that differ elsewhere', () => {
    expect(() => joined([2, 3], [3, 3], 1)).toThrow(/OP_INVALID/)
    expect(() => joined([2, 3], [2], 0)).toThrow(/OP_INVALID/)
  })
  it('has the gradient of its differences', () => {
    fc.assert(
      fc.property(
        shapeWithAxis(),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
        fc.nat(7),
        (shape, lengths, bits) => {
          const names = lengths.map((_, i) => `x${i}`)
          const inputs = Object.fromEntries(
            lengths.map((length, i) => [`x${i}`, { dims: shape.dims.with(shape.axis, length), fixed: i > 0 && ((bits >> i) & 1) === 1 }]),
          )
          for (const opset of [11, 21]) checkGradient((b) => b.op('Concat', names, { axis: shape.axis }), inputs, { opset })
        },
      ),
      runs,
    )
  })
})

describe('Split', () => {
  const parts = (dims: readonly Dim[], count: number, attributes: Record<string, number | number[]>, opset: number, lengths?: number[]) => {
    const b = new GraphBuilder({ opset })
    b.input('x', 'float32', dims)
    const outputs = b.ops('Split', ['x', lengths && b.ints(lengths)], count, attributes)
    const table = inferValues(b.model())
    return outputs.map((name) => table.dims(name))
  }

  it('knows all its forms', () => {
    expect(parts(['N', 6], 3, { axis: 1 }, 11)).toEqual([
      ['N', 2],
      ['N', 2],
      ['N', 2],
    ])
    expect(parts(['N', 6], 2, { axis: 1, split: [1, 5] }, 11)).toEqual([
      ['N', 1],
      ['N', 5],
    ])
    expect(parts(['N', 6], 2, { axis: 1 }, 13, [2, 4])).toEqual([
      ['N', 2],
      ['N', 4],
    ])
    expect(parts([7], 3, { num_outputs: 3 }, 18)).toEqual([[3], [3], [1]])
    expect(parts(['2*N', 6], 2, {}, 13)).toEqual([
      ['N', 6],
      ['N', 6],
    ])
  })
  it('refuses lengths that do not add up', () => {
    expect(() => parts([6], 2, { split: [1, 4] }, 11)).toThrow(/add up to 6/)
    expect(() => parts([7], 2, {}, 13)).toThrow(/divisible by 2/)
  })
  it('has the gradient of its differences, whichever outputs are used', () => {
    fc.assert(
      fc.property(
        shapeWithAxis(),
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 7 }),
        ({ dims, axis }, lengths, bits) => {
          const total = lengths.reduce((sum, length) => sum + length, 0)
          checkGradient(
            (b) => {
              const outputs = b.ops('Split', ['x', b.ints(lengths)], lengths.length, { axis })
              const used = outputs.filter((_, i) => (bits >> i) & 1)
              return used.length > 0 ? used : outputs
            },
            { x: { dims: dims.with(axis, total) } },
          )
        },
      ),
      runs,
    )
  })
})
