import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxOf, minOf } from './extremes.ts'
import { textTable } from './text-table.ts'

test('as Math.max and Math.min say, and of lists that the stack does not hold', () => {
  fc.assert(
    fc.property(fc.array(fc.double()), fc.double({ noNaN: true }), (values, start) => {
      expect(maxOf(values, start)).toBe(Math.max(start, ...values))
      expect(minOf(values, start)).toBe(Math.min(start, ...values))
    }),
  )
  expect([maxOf([]), minOf([])]).toEqual([Math.max(), Math.min()])
  const many = Float64Array.from({ length: 1_000_000 }, (_, i) => i)
  expect([maxOf(many), minOf(many)]).toEqual([999_999, 0])
})

test('a table of many rows is written', () => {
  expect(textTable(new Array(200_000).fill(['a', 'b'])).length).toBe(200_000 * 5 - 1)
})
