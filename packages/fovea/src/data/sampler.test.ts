import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ImageDataset } from './dataset.ts'
import { Sampler, type Sampling } from './sampler.ts'

const labelled = (...labels: number[]): ImageDataset => ({
  classes: ['a', 'b', 'c'],
  samples: labels.map((label, i) => ({ path: `${i}`, label })),
})

function epochOrder(dataset: ImageDataset, sampling: Sampling, seed: number, epoch: number): Uint32Array {
  const sampler = new Sampler(dataset, sampling, seed)
  const order = sampler.order(epoch)
  expect(order.length).toBe(sampler.length)
  return order
}

const shows = (...labels: number[]) => ({ path: '', label: -1, annotations: labels.map((label) => ({ label })) })

describe('Sampler', () => {
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
    for (const index of epochOrder(dataset, { weights }, 1, 0)) drawn[index % 3]!++
    expect(drawn[0]).toBe(0)
    expect(drawn[2]! / drawn[1]!).toBeGreaterThan(1.8)
    expect(drawn[2]! / drawn[1]!).toBeLessThan(2.2)
    expect(() => epochOrder(dataset, { weights: [1] }, 1, 0)).toThrowError(/DATA_OPTION_INVALID/)
    expect(() => epochOrder(labelled(0), { weights: [0] }, 1, 0)).toThrowError(/zeros only/)
    expect(() => epochOrder(labelled(0), { weights: [Number.NaN] }, 1, 0)).toThrowError(/sampling\.weights\[0\]/)
  })
  test('weights without replacement visit each sample once, heavy ones sooner', () => {
    const dataset = labelled(...Array(300).fill(0))
    const weights = dataset.samples.map((_, i) => (i % 3 === 0 ? 0 : i % 3 === 1 ? 1 : 9))
    const order = epochOrder(dataset, { weights, replacement: false }, 1, 0)
    expect(new Set(order).size).toBe(200)
    expect(order.every((index) => index % 3 !== 0)).toBe(true)
    // Of the first half, nine in ten are heavy but for what is used up.
    expect(order.subarray(0, 50).filter((index) => index % 3 === 2).length).toBeGreaterThan(38)
    expect(epochOrder(dataset, { weights, replacement: false }, 1, 1)).not.toEqual(order)
  })

  test('the first of two is drawn in proportion to its weight', () => {
    const sampler = new Sampler(labelled(0, 0), { weights: [1, 3], replacement: false }, 5)
    const firsts = Array.from({ length: 2000 }, (_, epoch) => sampler.order(epoch)[0]!)
    expect(firsts.filter((index) => index === 1).length / 2000).toBeCloseTo(0.75, 1)
  })

  test('repeat factors are those of LVIS, their fractions rounded by chance', () => {
    // Class 0 is in all of 100 pictures, class 1 in one: with a threshold of 0.0625 that asks for sqrt(6.25) = 2.5 visits.
    const dataset = { classes: ['common', 'rare'], samples: Array.from({ length: 100 }, (_, i) => (i === 40 ? shows(0, 1) : shows(0))) }
    const sampler = new Sampler(dataset, { repeatThreshold: 0.0625 }, 3)
    expect(sampler.length).toBe(102)
    let rare = 0
    for (let epoch = 0; epoch < 200; epoch++) {
      const visits = Array.from(sampler.order(epoch)).filter((index) => index === 40).length
      expect([2, 3]).toContain(visits)
      rare += visits
    }
    expect(rare / 200).toBeGreaterThan(2.4)
    expect(rare / 200).toBeLessThan(2.7)
    expect(() => new Sampler(dataset, { repeatThreshold: 0 }, 3)).toThrowError(/repeatThreshold/)
  })

  test('balanced counts what is marked where pictures have no class, and leaves none out', () => {
    const samples = [...Array.from({ length: 20 }, () => shows(0)), shows(1), shows(1, 2), shows()]
    const order = epochOrder({ classes: ['a', 'b', 'c'], samples }, 'balanced', 4, 0)
    const visits = (index: number) => order.filter((one) => one === index).length
    expect(order.filter((index) => index < 20).length).toBe(5)
    expect(visits(20) + visits(21)).toBe(12)
    expect(visits(22)).toBe(6)
  })
})
