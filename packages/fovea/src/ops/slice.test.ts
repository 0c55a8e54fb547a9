import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs, shapes } from '../../test/arbitraries.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import type { Dim } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { inferValues } from '../passes/infer-shapes.ts'

function sliced(dims: readonly Dim[], starts: number[], ends: number[], axes: number[], steps: number[]): readonly Dim[] | undefined {
  const b = new GraphBuilder()
  b.input('x', 'float32', dims)
  const y = b.op('Slice', ['x', b.ints(starts), b.ints(ends), b.ints(axes), b.ints(steps)])
  return inferValues(b.model()).dims(y)
}

const positions = fc.integer({ min: -6, max: 6 })
const steps = fc.constantFrom(-3, -2, -1, 1, 2, 3)

/** A slice of some of the axes of a shape. */
const cases = shapes(1, 3, 5).chain((dims) =>
  fc.record({
    dims: fc.constant(dims),
    axes: fc.shuffledSubarray([...dims.keys()], { minLength: 1 }),
    starts: fc.array(positions, { minLength: dims.length, maxLength: dims.length }),
    ends: fc.array(positions, { minLength: dims.length, maxLength: dims.length }),
    steps: fc.array(steps, { minLength: dims.length, maxLength: dims.length }),
  }),
)

describe('Slice', () => {
  it('follows symbols', () => {
    expect(sliced(['N', 197, 768], [1], [2 ** 31 - 1], [1], [1])).toEqual(['N', 196, 768])
    expect(sliced(['N', 'H'], [1, 0], [2 ** 40, -1], [0, 1], [1, 1])).toEqual(['N - 1', 'H - 1'])
    expect(sliced(['H', 'W'], [0, 1], [2 ** 40, 2 ** 40], [0, 1], [2, 2])).toEqual(['ceil(H/2)', 'floor(W/2)'])
    expect(sliced(['N'], [-1], [-(2 ** 40)], [0], [-1])).toEqual(['N'])
    expect(sliced(['N', 3], [2], [2 ** 40], [0], [1])).toEqual(['N - 2', 3])
    expect(sliced(['N', 3], [-1], [2 ** 40], [0], [1])).toEqual([1, 3])
  })
  it('does not claim a length that a symbolic axis may not have', () => {
    expect(sliced(['N', 3], [0], [10], [0], [1])).toEqual([null, 3])
    expect(sliced(['N', 3], [-10], [2 ** 40], [0], [1])).toEqual([null, 3])
  })
  it('follows the contents of shapes, an empty part too', () => {
    const b = new GraphBuilder()
    b.input('x', 'float32', ['N', 'C', 4])
    const all = b.op('Shape', ['x'])
    const none = b.op('Slice', [all, b.ints([3]), b.ints([9])])
    const back = b.op('Slice', [all, b.ints([-1]), b.ints([-9]), b.ints([0]), b.ints([-2])])
    const table = inferValues(b.model())
    expect(table.contents(none)).toEqual([])
    expect(table.contents(back)).toEqual([4, 'N'])
  })
  it('knows the axes it does not touch where the positions are unknown', () => {
    const b = new GraphBuilder()
    b.input('x', 'float32', ['N', 5])
    b.input('end', 'int64', [1])
    const y = b.op('Slice', ['x', b.ints([0]), 'end', b.ints([1])])
    expect(inferValues(b.model()).dims(y)).toEqual(['N', null])
  })
  it('takes attributes in older opsets', () => {
    const b = new GraphBuilder({ opset: 9 })
    b.input('x', 'float32', ['N', 5])
    const y = b.op('Slice', ['x'], { starts: [1], ends: [9], axes: [1] })
    expect(inferValues(b.model()).dims(y)).toEqual(['N', 4])
  })
  it('has the gradient of its differences for constant positions', () => {
    fc.assert(
      fc.property(cases, ({ dims, axes, starts, ends, steps }) => {
        const first = (list: number[]) => list.slice(0, axes.length)
        checkGradient((b) => b.op('Slice', ['x', b.ints(first(starts)), b.ints(first(ends)), b.ints(axes), b.ints(first(steps))]), {
          x: { dims },
        })
      }),
      { ...runs, numRuns: 150 },
    )
  })
  it('has it for positions that are inputs', () => {
    const list = (...values: number[]) => ({ dims: [values.length], values, dtype: 'int64', fixed: true }) as const
    const build = (b: GraphBuilder) => {
      const y = b.op('Slice', ['x', 'starts', 'ends', 'axes', 'steps'])
      b.graph.values.set(y, { name: y, type: tensorType('float64', [4, 3]) })
      return y
    }
    checkGradient(build, {
      x: { dims: [4, 5] },
      starts: list(3, 0),
      ends: list(-9, 5),
      axes: list(0, 1),
      steps: list(-1, 2),
    })
  })
})
