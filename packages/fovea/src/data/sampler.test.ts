import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ImageDataset } from './dataset.ts'
import { epochOrder } from './sampler.ts'

const labelled = (...labels: number[]): ImageDataset => ({
  classes: ['a', 'b', 'c'],
  samples: labels.map((label, i) => ({ path: `${i}`, label })),
})

describe('epochOrder', () => {
  test('shuffled is a permutation that depends on seed and epoch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(), fc.nat({ max: 1000 }), (count, seed, epoch) => {
        const dataset = labelled(...Array(count).fill(0))
        const order = epochOrder(dataset, 'shuffled', seed, epoch)
        expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
        expect(epochOrder(dataset, 'shuffled', seed, epoch)).toEqual(order)
      }),
    )
    const dataset = labelled(...Array(50).fill(0))
    expect(epochOrder(dataset, 'shuffled', 1, 0)).not.toEqual(epochOrder(dataset, 'shuffled', 1, 1))
    expect(epochOrder(dataset, 'shuffled', 1, 0)).not.toEqual(epochOrder(dataset, 'shuffled', 2, 0))
  })

  test('balanced gives each class its share and uses the samples of a class equally often', () => {
    const dataset = labelled(...Array(20).fill(0), ...Array(3).fill(1), 2)
    const uses = new Map<number, number>()
    for (let epoch = 0; epoch < 10; epoch++) {
      const order = epochOrder(dataset, 'balanced', 4, epoch)
      const shares = [0, 0, 0]
      for (const index of order) {
        shares[dataset.samples[index]!.label]!++
        uses.set(index, (uses.get(index) ?? 0) + 1)
      }
      expect(shares).toEqual([8, 8, 8])
    }
    const common = Array.from({ length: 20 }, (_, i) => uses.get(i))
    expect(new Set(common)).toEqual(new Set([4]))
    expect([uses.get(20), uses.get(21), uses.get(22)].sort()).toEqual([26, 27, 27])
    expect(uses.get(23)).toBe(80)
  })

  test('weights draw in proportion, never what has weight 0', () => {
    const dataset = labelled(...Array(3000).fill(0))
    const weights = dataset.samples.map((_, i) => (i % 3 === 0 ? 0 : i % 3))
    const drawn = [0, 0, 0]
    for (const index of epochOrder(dataset, weights, 1, 0)) drawn[index % 3]!++
    expect(drawn[0]).toBe(0)
    expect(drawn[2]! / drawn[1]!).toBeGreaterThan(1.8)
    expect(drawn[2]! / drawn[1]!).toBeLessThan(2.2)
    expect(() => epochOrder(dataset, [1], 1, 0)).toThrowError(/DATA_OPTION_INVALID/)
    expect(() => epochOrder(labelled(0), [0], 1, 0)).toThrowError(/zeros only/)
    expect(() => epochOrder(labelled(0), [Number.NaN], 1, 0)).toThrowError(/sampling\[0\]/)
  })
})
