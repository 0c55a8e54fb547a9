import { expect, test } from 'vitest'
import { measureInTurn, median, quantile, ratio } from '../bench/measure.ts'

test('median and quantiles interpolate', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(quantile([0, 10], 0.9)).toBeCloseTo(9, 12)
  expect(() => median([])).toThrow(RangeError)
})

test('a ratio above 1 is better, whichever way the figure counts', () => {
  const peer = { name: 'peer', value: 10 }
  expect(ratio({ better: 'higher', fovea: 20, peer })).toBe(2)
  expect(ratio({ better: 'lower', fovea: 20, peer })).toBe(0.5)
  expect(ratio({ better: 'lower', fovea: 20 })).toBeUndefined()
})

test('calls are timed in turn, after the warm-up', async () => {
  const order: string[] = []
  const timings = await measureInTurn([() => order.push('a'), async () => order.push('b')], { warmUp: 1, repeats: 2, milliseconds: 0 })
  expect(order.join('')).toBe('ababab')
  expect(timings.map(({ repeats }) => repeats)).toEqual([2, 2])
  for (const { fastest, median: middle, slowest } of timings) {
    expect(fastest).toBeLessThanOrEqual(middle)
    expect(middle).toBeLessThanOrEqual(slowest)
  }
})
