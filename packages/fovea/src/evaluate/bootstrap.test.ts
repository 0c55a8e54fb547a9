import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import { bootstrap, type Interval } from './bootstrap.ts'
import { mcnemarExact, normalCdf, normalQuantile, wilsonInterval } from './normal.ts'

/** A weighted mean of values. */
const meanOf = (values: readonly number[]) => (weights: ArrayLike<number>) => {
  let [sum, total] = [0, 0]
  for (const [i, value] of values.entries()) {
    sum += weights[i]! * value
    total += weights[i]!
  }
  return [sum / total]
}

/** Part of the simulated sets whose interval holds the true figure. */
async function coverage(draw: (random: Random) => number, truth: number, method: 'bca' | 'percentile', count: number): Promise<number> {
  let held = 0
  const sets = 200
  for (let set = 0; set < sets; set++) {
    const random = new Random(7, method, set)
    const values = Array.from({ length: count }, () => draw(random))
    const { intervals } = await bootstrap(count, meanOf(values), { samples: 200, seed: set, method, confidence: 0.9 })
    const { low, high } = intervals[0]!
    if (low <= truth && truth <= high) held++
  }
  return held / sets
}

describe('intervals', () => {
  // 200 sets: the part itself is known to 0.04 (two standard errors), and few values give intervals a little too short.
  test.each(['bca', 'percentile'] as const)('of 90 %% hold the truth in about 90 %% of the cases: %s', async (method) => {
    const normal = await coverage((random) => random.normal(3, 2), 3, method, 50)
    expect(normal).toBeGreaterThan(0.83)
    expect(normal).toBeLessThan(0.95)
    const right = await coverage((random) => (random.chance(0.8) ? 1 : 0), 0.8, method, 80)
    expect(right).toBeGreaterThan(0.83)
    expect(right).toBeLessThan(0.96)
  })

  test('of a skewed mean: BCa reaches further to the long side than the percentiles', async () => {
    const random = new Random(3)
    const values = Array.from({ length: 40 }, () => Math.exp(random.normal(0, 1.2)))
    const of = async (method: 'bca' | 'percentile') => (await bootstrap(40, meanOf(values), { samples: 2000, method })).intervals[0]!
    const [bca, percentile] = [await of('bca'), await of('percentile')]
    expect(bca.high).toBeGreaterThan(percentile.high)
    expect(bca.low).toBeGreaterThan(percentile.low)
  })

  test('the same seed gives the same, another one nearly the same', async () => {
    const values = Array.from({ length: 60 }, (_, i) => Math.sin(i))
    const of = async (seed: number): Promise<Interval> => (await bootstrap(60, meanOf(values), { seed })).intervals[0]!
    expect(await of(1)).toEqual(await of(1))
    expect(await of(1)).not.toEqual(await of(2))
    expect((await of(1)).low).toBeCloseTo((await of(2)).low, 1)
  })

  test('nothing is said without spread, without drawings, or where most drawings have no figure', async () => {
    expect((await bootstrap(20, () => [1])).intervals).toEqual([undefined])
    expect((await bootstrap(20, meanOf([1, 2]), { samples: 0 })).intervals).toEqual([undefined])
    const rare = (weights: ArrayLike<number>) => [weights[0]! > 0 ? weights[0]! : Number.NaN]
    expect((await bootstrap(20, rare)).intervals).toEqual([undefined])
  })

  test('wrong options are refused, and a signal stops it', async () => {
    await expect(bootstrap(2, () => [1], { confidence: 1 })).rejects.toMatchObject({ code: 'METRIC_INVALID' })
    await expect(bootstrap(2, () => [1], { samples: -1 })).rejects.toMatchObject({ code: 'METRIC_INVALID' })
    await expect(bootstrap(2, () => [1], {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('the event loop gets its turns', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const busy = (weights: ArrayLike<number>) => {
      let sum = 0
      for (let i = 0; i < 2e6; i++) sum += weights[i % 10]! * i
      return [sum]
    }
    await bootstrap(10, busy, { samples: 40 })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })
})

describe('the normal distribution', () => {
  test('known values', () => {
    expect(normalCdf(0)).toBe(0.5)
    expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 14)
    expect(normalCdf(-3.5) / 2.326290790355401e-4).toBeCloseTo(1, 12)
    expect(normalCdf(-10) / 7.619853024160593e-24).toBeCloseTo(1, 10)
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 10)
    expect(normalQuantile(0)).toBe(Number.NEGATIVE_INFINITY)
  })

  test('quantile and distribution undo each other', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }), (part) => {
        expect(normalCdf(normalQuantile(part))).toBeCloseTo(part, 10)
      }),
    )
  })
})

test("Wilson's interval: values of statsmodels' proportion_confint", () => {
  // proportion_confint(8, 10, method='wilson') and (10, 10), alpha 0.05.
  expect(wilsonInterval(8, 10, 0.95)!.low).toBeCloseTo(0.4901624715, 8)
  expect(wilsonInterval(8, 10, 0.95)!.high).toBeCloseTo(0.9433178485, 8)
  expect(wilsonInterval(10, 10, 0.95)!.low).toBeCloseTo(0.7224672001, 8)
  expect(wilsonInterval(10, 10, 0.95)!.high).toBe(1)
  expect(wilsonInterval(0, 0, 0.95)).toBeUndefined()
})

describe("McNemar's exact test", () => {
  test('by hand: twice the tail of the binomial', () => {
    // 2 (1 + 6 + 15) / 2^6 for 2 of 6; 2 (1 + 10) / 2^10 for 1 of 10.
    expect(mcnemarExact(2, 4)).toBeCloseTo((2 * 22) / 64, 12)
    expect(mcnemarExact(9, 1)).toBeCloseTo((2 * 11) / 1024, 12)
    expect(mcnemarExact(0, 0)).toBe(1)
    expect(mcnemarExact(5, 5)).toBe(1)
    // 2 / 2^30.
    expect(mcnemarExact(0, 30)).toBeCloseTo(2 ** -29, 15)
  })

  test('is symmetric, a probability, and does not underflow', () => {
    fc.assert(
      fc.property(fc.nat(4000), fc.nat(4000), (a, b) => {
        const p = mcnemarExact(a, b)
        expect(p).toBe(mcnemarExact(b, a))
        expect(p).toBeGreaterThanOrEqual(0)
        expect(p).toBeLessThanOrEqual(1)
        expect(mcnemarExact(a, a)).toBe(1)
      }),
      { numRuns: 30 },
    )
    expect(() => mcnemarExact(0.5, 1)).toThrowError(/METRIC_INVALID/)
  })
})
