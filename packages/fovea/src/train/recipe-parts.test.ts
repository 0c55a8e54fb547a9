import { describe, expect, it } from 'vitest'
import { mixUp } from '../data/transforms/mix.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { learningRateAt } from '../nn/schedules.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { ndarray } from '../ops/ndarray.ts'
import type { Recipe } from './options.ts'
import { emitLossOf, scheduleOf } from './recipe-parts.ts'

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

describe('emitLossOf', () => {
  const logits = [2, 0.5, -1, 0.1, 0.2, 0.3, -2, 3, 1]
  const values = (targets: readonly number[], more: Partial<Recipe>) => {
    const recipe = { classes: ['a', 'b', 'c'], batchSize: 3, loss: 'cross-entropy', labelSmoothing: 0.1, ...more } as Recipe
    const b = new GraphBuilder()
    const { loss, outputs } = emitLossOf(b, b.input('logits', 'float32', [3, 3]), recipe)
    for (const name of [loss, outputs.correct!]) b.output(name)
    const soft = recipe.mix !== undefined
    const feeds = new Map([
      ['logits', ndarray('float32', [3, 3], logits)],
      ['targets', ndarray(soft ? 'float32' : 'int64', soft ? [3, 3] : [3], targets)],
    ])
    const results = evaluateModel(b.model(), feeds, [loss, outputs.correct!])
    return [loss, outputs.correct!].map((name) => results.get(name)!.data[0]!)
  }

  it('of soft targets is that of classes where a target is all of one class, and blends between', () => {
    const mix = [mixUp()]
    const hard = values([0, 2, 0], {})
    const whole = values([1, 0, 0, 0, 0, 1, 1, 0, 0], { mix })
    expect(whole[0]).toBeCloseTo(hard[0]!, 5)
    expect([hard[1], whole[1]]).toEqual([2, 2])
    const other = values([1, 0, 0, 0, 0, 1, 0, 1, 0], { mix })
    const [loss, correct] = values([1, 0, 0, 0, 0, 1, 0.25, 0.75, 0], { mix })
    expect(loss).toBeCloseTo(0.25 * whole[0]! + 0.75 * other[0]!, 5)
    expect(correct).toBe(3)
  })
})
