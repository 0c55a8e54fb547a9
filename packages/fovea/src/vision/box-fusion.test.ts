import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fuseBoxes } from './box-fusion.ts'

const box = (x1: number, y1 = 0) => ({ x1, y1, x2: x1 + 10, y2: y1 + 10 })

test('boxes that agree become one, weighted by their scores; others lose score', () => {
  const fused = fuseBoxes([
    [
      { label: 0, score: 0.9, box: box(0) },
      { label: 1, score: 0.6, box: box(50) },
    ],
    [
      { label: 0, score: 0.3, box: box(2) },
      { label: 1, score: 0.4, box: box(0) },
    ],
  ])
  expect(fused.map(({ label }) => label)).toEqual([0, 1, 1])
  expect(fused[0]!.box!.x1).toBeCloseTo(0.5, 9)
  expect(fused.map(({ score }) => score)).toEqual([expect.closeTo(0.6, 9), 0.3, 0.2])
})

test('an answer fused with itself is itself', () => {
  const things = fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { maxLength: 12 })
  fc.assert(
    fc.property(things, fc.integer({ min: 1, max: 4 }), (places, times) => {
      const answer = places
        .map((place, i) => ({ label: i % 2, score: (i + 1) / 20, box: box(20 * place) }))
        .sort((a, b) => b.score - a.score)
      const fused = fuseBoxes(Array.from({ length: times }, () => answer))
      expect(fused.map(({ label }) => label)).toEqual(answer.map(({ label }) => label))
      for (const [i, { score, box: place }] of answer.entries()) {
        expect(fused[i]!.score).toBeCloseTo(score, 9)
        expect(fused[i]!.box!.x1).toBeCloseTo(place.x1, 9)
      }
    }),
  )
})
