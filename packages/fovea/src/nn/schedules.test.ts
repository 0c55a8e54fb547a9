import { describe, expect, test } from 'vitest'
import golden from '../../test/golden/nn.json' with { type: 'json' }
import { learningRateAt, type Schedule } from './schedules.ts'

describe('rates are those of PyTorch', () => {
  test.each(golden.schedules.map((c) => [JSON.stringify(c.schedule), c] as const))('%s', (_, c) => {
    for (const [step, rate] of c.rates.entries()) expect(learningRateAt(c.schedule as Schedule, step)).toBeCloseTo(rate, 11)
  })
})

test('a schedule keeps its last rate behind its end', () => {
  const cosine: Schedule = { kind: 'cosine', learningRate: 1, steps: 10, minimum: 0.1 }
  expect(learningRateAt(cosine, 1000)).toBeCloseTo(0.1, 12)
  expect(learningRateAt({ kind: 'oneCycle', maximum: 1, steps: 10 }, 1000)).toBeCloseTo(1 / 25 / 1e4, 12)
  expect(learningRateAt({ kind: 'warmUp', steps: 5, schedule: cosine }, 1000)).toBeCloseTo(0.1, 12)
})

test('one cycle reaches its maximum once, between rise and fall, for any length', () => {
  for (let steps = 1; steps < 40; steps++) {
    const rates = Array.from({ length: steps }, (_, i) => learningRateAt({ kind: 'oneCycle', maximum: 1, steps }, i))
    expect(rates.every((rate) => Number.isFinite(rate) && rate > 0 && rate <= 1)).toBe(true)
    const top = rates.indexOf(Math.max(...rates))
    expect(rates.slice(0, top + 1)).toEqual(rates.slice(0, top + 1).toSorted((a, b) => a - b))
    expect(rates.slice(top)).toEqual(rates.slice(top).toSorted((a, b) => b - a))
  }
})

test('an unknown kind is refused', () => {
  for (const kind of ['linear', 'constructor'])
    expect(() => learningRateAt({ kind } as unknown as Schedule, 0)).toThrow(
      expect.objectContaining({ code: 'NN_OPTION_INVALID' }) as Error,
    )
})
