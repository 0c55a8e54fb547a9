import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linearAssignment } from './assignment.ts'

const sumOf = (found: Int32Array, costs: readonly number[], columns: number, limit = 0) =>
  [...found].reduce((sum, column, row) => (column < 0 ? sum : sum + costs[row * columns + column]! - limit), 0)

/** Every way to pair rows with columns: the most pairs (or, with a limit, any number), then the least sum of cost - limit. */
function bruteForce(rows: number, columns: number, costs: readonly number[], limit?: number): { pairs: number; sum: number } {
  let best = { pairs: 0, sum: 0 }
  const walk = (row: number, used: number, pairs: number, sum: number) => {
    if (row === rows) {
      const isBetter = limit === undefined ? pairs > best.pairs || (pairs === best.pairs && sum < best.sum) : sum < best.sum
      if (isBetter) best = { pairs, sum }
      return
    }
    walk(row + 1, used, pairs, sum)
    for (let column = 0; column < columns; column++) {
      const cost = costs[row * columns + column]!
      if (used & (1 << column) || cost === Infinity) continue
      walk(row + 1, used | (1 << column), pairs + 1, sum + cost - (limit ?? 0))
    }
  }
  walk(0, 0, 0, 0)
  return best
}

const problems = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })).chain(([rows, columns]) => {
  const whole = fc.integer({ min: -8, max: 8 })
  const cost = fc.oneof({ weight: 6, arbitrary: whole }, { weight: 1, arbitrary: fc.constant(Infinity) })
  return fc.record({
    rows: fc.constant(rows),
    columns: fc.constant(columns),
    costs: fc.array(cost, { minLength: rows * columns, maxLength: rows * columns }),
  })
})

function isMatching(found: Int32Array, columns: number): boolean {
  const taken = [...found].filter((column) => column >= 0)
  return new Set(taken).size === taken.length && taken.every((column) => column < columns)
}

test('as good as the best of all ways, with ties, forbidden pairs and more rows than columns', () => {
  fc.assert(
    fc.property(problems, ({ rows, columns, costs }) => {
      const found = linearAssignment({ rows, columns, costs })
      expect(found.length).toBe(rows)
      expect(isMatching(found, columns)).toBe(true)
      const best = bruteForce(rows, columns, costs)
      expect(found.filter((column) => column >= 0).length).toBe(best.pairs)
      expect(sumOf(found, costs, columns)).toBe(best.sum)
    }),
    { numRuns: 500 },
  )
})

test('under a limit: the best sum of cost - limit, and no pair at or above it', () => {
  fc.assert(
    fc.property(problems, fc.integer({ min: -9, max: 9 }), ({ rows, columns, costs }, limit) => {
      const found = linearAssignment({ rows, columns, costs, limit })
      expect(isMatching(found, columns)).toBe(true)
      expect(sumOf(found, costs, columns, limit)).toBe(bruteForce(rows, columns, costs, limit).sum)
      for (const [row, column] of found.entries()) if (column >= 0) expect(costs[row * columns + column]!).toBeLessThan(limit)
    }),
    { numRuns: 500 },
  )
})

test('fractions, and a matrix where the greedy choice is wrong', () => {
  // Greedy takes 0.1 and is left with 0.9; the best is 0.2 + 0.2.
  expect([...linearAssignment({ rows: 2, columns: 2, costs: [0.1, 0.2, 0.2, 0.9] })]).toEqual([1, 0])
  expect([...linearAssignment({ rows: 2, columns: 2, costs: [0.1, 0.2, 0.2, 0.9], limit: 0.15 })]).toEqual([0, -1])
})

test('hundreds of rows take milliseconds, not minutes', () => {
  const size = 400
  // The costs (i - j)^2 are least on the diagonal, after a shuffle of the columns by a multiplier that is prime to the size.
  const costs = Array.from({ length: size * size }, (_, i) => (Math.floor(i / size) - (((i % size) * 7) % size)) ** 2)
  const found = linearAssignment({ rows: size, columns: size, costs })
  expect([...found].every((column, row) => (column * 7) % size === row)).toBe(true)
})

test('costs that are no numbers are refused', () => {
  const refused = (problem: Parameters<typeof linearAssignment>[0]) =>
    expect(() => linearAssignment(problem)).toThrowError(expect.objectContaining({ code: 'TRACKING_INVALID' }))
  refused({ rows: 1, columns: 1, costs: [NaN] })
  refused({ rows: 1, columns: 1, costs: [-Infinity] })
  refused({ rows: 2, columns: 1, costs: [1] })
  refused({ rows: 1, columns: 1, costs: [1], limit: NaN })
})
