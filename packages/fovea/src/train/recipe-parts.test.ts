import { describe, expect, it } from 'vitest'
import { learningRateAt } from '../nn/schedules.ts'
import type { Recipe } from './options.ts'
import { scheduleOf } from './recipe-parts.ts'

describe('scheduleOf', () => {
  const schedules = ['constant', 'step', 'cosine', 'one-cycle'] as const
  it.each(schedules)('%s gives a rate for every update, also of the shortest training', (schedule) => {
    for (const [epochs, perEpoch, warmupEpochs] of [
      [1, 1, 0.5],
      [1, 2, 0.5],
      [2, 1, 1],
      [3, 5, 1.5],
    ] as const) {
      const plan = scheduleOf({ schedule, epochs, warmupEpochs, learningRate: 0.1 } as Recipe, perEpoch)
      for (let step = 0; step < epochs * perEpoch; step++) {
        const rate = learningRateAt(plan, step)
        expect(rate).toBeGreaterThan(0)
        expect(rate).toBeLessThanOrEqual(0.1)
      }
    }
  })

  it('reaches the full rate behind the warm-up', () => {
    const plan = scheduleOf({ schedule: 'cosine', epochs: 4, warmupEpochs: 1, learningRate: 0.1 } as Recipe, 10)
    expect(learningRateAt(plan, 0)).toBeCloseTo(0.001, 6)
    expect(learningRateAt(plan, 10)).toBeCloseTo(0.1, 6)
    expect(learningRateAt(plan, 40)).toBeCloseTo(0.001, 6)
  })
})
