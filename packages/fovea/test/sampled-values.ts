// Values and shapes that property tests of elementwise operators draw.

import fc from 'fast-check'
import { sizeOf } from '../src/graph/tensor.ts'
import { Random } from '../src/util/random.ts'
import { shapes } from './arbitraries.ts'

export const seeds = fc.integer({ min: 1, max: 1_000_000 })

/** Shapes that broadcast together, numpy's way: parts of one shape, some axes 1, some leading axes left out. */
export function broadcastShapes(count: number): fc.Arbitrary<number[][]> {
  const stretched = (shape: number[]) =>
    fc
      .tuple(fc.integer({ min: 0, max: shape.length }), fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }))
      .map(([from, ones]) => shape.map((dim, i) => (ones[i] ? 1 : dim)).slice(from))
  return shapes(0, 3).chain((shape) => fc.tuple(...Array.from({ length: count }, () => stretched(shape))))
}

/** Random values in [low, high), none within 0.01 of the values to avoid: a difference quotient must not straddle a kink. */
export function values(seed: number, dims: readonly number[], low = -1, high = 1, avoid: readonly number[] = []): number[] {
  const random = new Random(seed, 'values')
  const draw = (): number => {
    const value = random.uniform(low, high)
    return avoid.every((kink) => Math.abs(value - kink) > 0.01) ? value : draw()
  }
  return Array.from({ length: sizeOf(dims) }, draw)
}

/** Distinct values 0.05 apart around zero, in random order: for operators that choose among elements. */
export function distinctValues(seed: number, dims: readonly number[]): number[] {
  const order = new Random(seed, 'distinct').permutation(sizeOf(dims))
  return Array.from(order, (rank) => (rank - order.length / 2) * 0.05 + 0.01)
}
