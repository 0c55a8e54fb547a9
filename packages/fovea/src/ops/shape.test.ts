import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs, shapes } from '../../test/arbitraries.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import type { Dim } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { inferValues } from '../passes/infer-shapes.ts'

/** The inferred shape of what `build` makes of an input `x`. */
function dimsOf(dims: readonly Dim[] | undefined, build: (b: GraphBuilder) => string, opset = 21): readonly Dim[] | undefined {
  const b = new GraphBuilder({ opset })
  b.input('x', 'float32', dims)
  const y = build(b)
  return inferValues(b.model()).dims(y)
}

describe('Reshape', () => {
  const reshape = (dims: readonly Dim[] | undefined, wanted: readonly number[], attributes = {}) =>
    dimsOf(dims, (b) => b.op('Reshape', ['x', b.ints(wanted)], attributes))

  it('finds the open dimension', () => {
    expect(reshape([2, 3, 4], [4, -1])).toEqual([4, 6])
    expect(reshape(['N', 64, 7, 7], [-1, 3136])).toEqual(['N', 3136])
    expect(reshape(['N', 'C', 4, 4], [0, 2, -1, 4, 4])).toEqual(['N', 2, 'floor(C/2)', 4, 4])
    expect(reshape(['N', 196, 768], [0, 0, 12, -1])).toEqual(['N', 196, 12, 64])
  })
  it('cancels a copied dimension that is not known', () => {
    expect(reshape([null, 3, 8], [0, -1])).toEqual([null, 24])
  })
  it('copies zeros unless allowzero says otherwise', () => {
    expect(reshape([0, 3, 4], [3, 4, 0], { allowzero: 1 })).toEqual([3, 4, 0])
    expect(reshape([2, 3, 4], [0, 12])).toEqual([2, 12])
  })
  it('knows the rank where the input is unknown', () => {
    expect(reshape(undefined, [2, -1, 5])).toEqual([2, null, 5])
  })
  it('refuses what does not fit', () => {
    expect(() => reshape([2, 3], [4, -1])).toThrow(/OP_INVALID/)
    expect(() => reshape([2, 3], [7])).toThrow(/OP_INVALID/)
    expect(() => reshape([2, 3], [-1, -1])).toThrow(/OP_INVALID/)
    expect(() => reshape([2, 3], [2, 3, 0])).toThrow(/OP_INVALID/)
  })
})

describe('arithmetic on shapes, as exporters write it', () => {
  it('keeps a symbolic batch through Shape, Gather, Unsqueeze, Concat, Reshape', () => {
    const flatten = (b: GraphBuilder) => {
      const batch = b.op('Gather', [b.op('Shape', ['x']), b.scalar(0, 'int64')])
      const list = b.op('Concat', [b.op('Unsqueeze', [batch, b.ints([0])]), b.ints([-1])], { axis: 0 })
      return b.op('Reshape', ['x', list])
    }
    expect(dimsOf(['N', 512, 1, 1], flatten)).toEqual(['N', 512])
    expect(dimsOf(['N', 64, 'H', 'W'], flatten)).toEqual(['N', '64*H*W'])
  })
  it('keeps symbols through Slice, Split, Squeeze and Transpose of a shape', () => {
    const rebuild = (b: GraphBuilder) => {
      const all = b.op('Shape', ['x'])
      const [front, back] = b.ops('Split', [all, b.ints([2, 2])], 2, { axis: 0 })
      const swapped = b.op('Slice', [back, b.ints([-1]), b.ints([-9]), b.ints([0]), b.ints([-1])])
      const flat = b.op('Reshape', [b.op('Transpose', [b.op('Reshape', [swapped, b.ints([1, 2])])]), b.ints([2])])
      return b.op('Reshape', ['x', b.op('Concat', [front, flat], { axis: 0 })])
    }
    expect(dimsOf(['N', 3, 'H', 'W'], rebuild)).toEqual(['N', 3, 'W', 'H'])
  })
  it('stretches a token over a symbolic batch', () => {
    const token = (b: GraphBuilder) => {
      const batch = b.op('Shape', ['x'], { start: 0, end: 1 })
      const one = b.op('ConstantOfShape', [b.ints([1, 1, 8])])
      const tokens = b.op('Expand', [one, b.op('Concat', [batch, b.ints([-1, -1].map(() => 1))], { axis: 0 })])
      return b.op('Concat', [tokens, 'x'], { axis: 1 })
    }
    expect(dimsOf(['N', 196, 8], token)).toEqual(['N', 197, 8])
    expect(dimsOf(['N', 'T', 8], token)).toEqual(['N', 'T + 1', 8])
  })
  it('fills a tensor of a symbolic shape', () => {
    expect(dimsOf(['N', 4], (b) => b.op('ConstantOfShape', [b.op('Shape', ['x'])]))).toEqual(['N', 4])
    expect(dimsOf(['N', 4], (b) => b.op('Range', [b.scalar(0, 'int64'), b.op('Size', ['x']), b.scalar(1, 'int64')]))).toEqual(['4*N'])
  })
})

describe('Squeeze and Unsqueeze', () => {
  it('take axes as attribute in older opsets and as input in newer ones', () => {
    expect(dimsOf([1, 'N', 1, 3], (b) => b.op('Squeeze', ['x'], { axes: [0, -2] }), 11)).toEqual(['N', 3])
    expect(dimsOf([1, 'N', 1, 3], (b) => b.op('Squeeze', ['x', b.ints([2])]))).toEqual([1, 'N', 3])
    expect(dimsOf(['N', 3], (b) => b.op('Unsqueeze', ['x'], { axes: [0, 3] }), 11)).toEqual([1, 'N', 3, 1])
    expect(dimsOf(['N', 3], (b) => b.op('Unsqueeze', ['x', b.ints([-1, 0])]))).toEqual([1, 'N', 3, 1])
  })
  it('cannot say which symbols are 1', () => {
    expect(dimsOf([1, 'N'], (b) => b.op('Squeeze', ['x']))).toBeUndefined()
    expect(dimsOf([1, 2, 1], (b) => b.op('Squeeze', ['x']))).toEqual([2])
  })
  it('refuse a dimension other than 1 and an axis given twice', () => {
    expect(() => dimsOf([2, 3], (b) => b.op('Squeeze', ['x', b.ints([0])]))).toThrow(/dimension 0 to be 1/)
    expect(() => dimsOf([2, 3], (b) => b.op('Unsqueeze', ['x', b.ints([0, -4])]))).toThrow(/each axis once/)
  })
})

describe('types of inputs that are not tensors', () => {
  it('pass through Identity', () => {
    const b = new GraphBuilder()
    const type = { kind: 'sequence', element: tensorType('float32') } as const
    b.graph.inputs.push({ name: 'x', type })
    const y = b.op('Identity', ['x'])
    expect(inferValues(b.model()).get(y)?.type).toEqual(type)
  })
})

describe('gradients', () => {
  it('of Reshape, Flatten, Squeeze, Unsqueeze and Identity', () => {
    fc.assert(
      fc.property(shapes(), fc.nat(), (dims, seed) => {
        const axis = seed % dims.length
        const x = { x: { dims } }
        checkGradient((b) => b.op('Reshape', ['x', b.ints([-1])]), x)
        checkGradient((b) => b.op('Flatten', ['x'], { axis }), x)
        checkGradient((b) => b.op('Unsqueeze', ['x', b.ints([axis])]), x)
        checkGradient((b) => b.op('Squeeze', ['x', b.ints([axis])]), { x: { dims: dims.with(axis, 1) } })
        checkGradient((b) => b.op('Identity', ['x']), x)
      }),
      runs,
    )
  })
  it('of Transpose', () => {
    fc.assert(
      fc.property(
        shapes().chain((dims) => fc.tuple(fc.constant(dims), fc.shuffledSubarray([...dims.keys()], { minLength: dims.length }))),
        ([dims, perm]) => checkGradient((b) => b.op('Transpose', ['x'], { perm }), { x: { dims } }),
      ),
      runs,
    )
    checkGradient((b) => b.op('Transpose', ['x']), { x: { dims: [2, 3, 4] } })
  })
  it('of Expand', () => {
    fc.assert(
      fc.property(shapes(), fc.nat(), fc.nat(2), (target, bits, missing) => {
        const dims = target.map((dim, i) => ((bits >> i) & 1 ? 1 : dim)).slice(Math.min(missing, target.length))
        checkGradient((b) => b.op('Expand', ['x', b.ints(target)]), { x: { dims } })
      }),
      runs,
    )
  })
})

describe('hostile shapes', () => {
  it('are refused with a code: negative and impossible dimensions', () => {
    expect(() => dimsOf([2], (b) => b.op('ConstantOfShape', [b.ints([-1])]))).toThrow(/OP_INVALID/)
    expect(() => dimsOf([2], (b) => b.op('Tile', ['x', b.ints([-3])]))).toThrow(/OP_INVALID/)
    expect(() => dimsOf([2], (b) => b.op('Expand', ['x', b.ints([2 ** 52, 2 ** 52 * 4])]))).toThrow(/OP_INVALID/)
    expect(() => dimsOf([2], (b) => b.op('Pad', ['x', b.ints([-2, -2])]))).toThrow(/OP_INVALID/)
  })
  it('do not make contents that fill the memory', () => {
    const doubled = (b: GraphBuilder) => {
      let list = b.op('Shape', ['x'])
      for (let i = 0; i < 40; i++) list = b.op('Concat', [list, list], { axis: 0 })
      return list
    }
    expect(dimsOf([2], doubled)).toEqual([2 ** 40])
  })
})
