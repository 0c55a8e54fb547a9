import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runs } from '../../test/arbitraries.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { broadcastShapes, seeds } from '../../test/sampled-values.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { sizeOf } from '../graph/tensor.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { Random } from '../util/random.ts'

test('gradient of Where, of both branches under broadcasting', () => {
  fc.assert(
    fc.property(broadcastShapes(3), seeds, ([c, a, b], seed) => {
      const random = new Random(seed)
      const condition = Array.from({ length: sizeOf(c!) }, () => Number(random.chance(0.5)))
      const inputs = { c: { dims: c!, values: condition, dtype: 'bool', fixed: true }, x: { dims: a! }, y: { dims: b! } } as const
      checkGradient((builder) => builder.op('Where', ['c', 'x', 'y']), inputs, { seed })
    }),
    runs,
  )
})

test('the sizes that an exported Expand asks for are followed through Equal and Where', () => {
  const b = new GraphBuilder()
  const shape = b.op('Shape', [b.input('x', 'float32', ['N', 3, 'W'])])
  const wanted = b.op('Concat', [b.op('Slice', [shape, b.ints([0]), b.ints([2])]), b.ints([-1])], { axis: 0 })
  const chosen = b.op('Where', [b.op('Equal', [wanted, b.ints([-1])]), b.ints([1]), wanted])
  expect(inferValues(b.model()).contents(chosen)).toEqual(['N', 3, 1])
})

test('a symbol may be zero: whether it equals a size is not known', () => {
  const b = new GraphBuilder()
  const shape = b.op('Shape', [b.input('x', 'float32', ['N', 3])])
  const chosen = b.op('Where', [b.op('Equal', [shape, b.ints([0, 3])]), b.ints([7]), shape])
  expect(inferValues(b.model()).contents(chosen)).toEqual([null, 7])
})
