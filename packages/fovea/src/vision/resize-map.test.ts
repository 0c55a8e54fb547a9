import fc from 'fast-check'
import { expect, test } from 'vitest'
import { resizeMap } from './resize-map.ts'

test('a map of its own size is itself, and what is linear stays so within', () => {
  const map = { width: 4, height: 3, data: Float32Array.from({ length: 12 }, (_, i) => (i % 4) + 10 * Math.floor(i / 4)) }
  expect(resizeMap(map, 4, 3)).toBe(map)
  const large = resizeMap(map, 8, 6)
  expect([...Array.from(large.data).slice(0, 8)]).toEqual([0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
  expect(large.data[8 * 5]).toBe(20)
})

test('nothing goes beyond what was there', () => {
  const size = fc.integer({ min: 1, max: 6 })
  fc.assert(
    fc.property(size, size, size, size, fc.infiniteStream(fc.double({ min: -5, max: 5, noNaN: true })), (w, h, toW, toH, values) => {
      const data = [...values.take(w * h)].map(Math.fround)
      const { data: out } = resizeMap({ width: w, height: h, data }, toW, toH)
      expect(out).toHaveLength(toW * toH)
      for (const value of Array.from(out)) {
        expect(value).toBeGreaterThanOrEqual(Math.min(...data) - 1e-5)
        expect(value).toBeLessThanOrEqual(Math.max(...data) + 1e-5)
      }
    }),
  )
})
