import { describe, expect, test } from 'vitest'
import { Random } from '../../../util/random.ts'
import { fitParetoTail, fitThreshold, type ParetoTail, paretoQuantile, paretoTailByMoments, upperQuantile } from './extreme-value.ts'

const draw = (tail: ParetoTail, count: number, seed: number) => {
  const random = new Random(seed, 'pareto')
  return Array.from({ length: count }, () => paretoQuantile(tail, 1 - random.next()))
}

const logLikelihood = ({ shape, scale }: ParetoTail, excesses: readonly number[]) =>
  excesses.reduce(
    (sum, y) => sum - Math.log(scale) - (Math.abs(shape) < 1e-9 ? y / scale : (1 + 1 / shape) * Math.log1p((shape * y) / scale)),
    0,
  )

const tails: readonly ParetoTail[] = [
  { shape: -0.3, scale: 0.02 },
  { shape: 0, scale: 1 },
  { shape: 0.25, scale: 5 },
  { shape: 0.5, scale: 300 },
]

describe('a generalised Pareto distribution is found again from its samples', () => {
  test.each(tails)('by the likelihood and by moments: %o', (tail) => {
    const excesses = draw(tail, 20_000, 1)
    for (const [fit, close] of [
      [fitParetoTail, 0.03],
      // Moments converge slowly at a shape of 1/2, where the variance ends.
      [paretoTailByMoments, 0.1],
    ] as const) {
      const found = fit(excesses)
      expect(Math.abs(found.shape - tail.shape), fit.name).toBeLessThan(close)
      expect(Math.abs(found.scale / tail.scale - 1), fit.name).toBeLessThan(close)
    }
  })

  test('no neighbour of what is found is likelier, of samples of any size', () => {
    for (let seed = 0; seed < 40; seed++) {
      const excesses = draw(tails[seed % tails.length]!, 10 + 7 * seed, seed)
      const found = fitParetoTail(excesses)
      const best = logLikelihood(found, excesses)
      expect(found.scale).toBeGreaterThan(0)
      for (const shape of [found.shape - 0.02, found.shape, found.shape + 0.02])
        for (const scale of [0.98 * found.scale, found.scale, 1.02 * found.scale]) {
          if (shape < -0.5 || shape > 1 || excesses.some((y) => 1 + (shape * y) / scale <= 0)) continue
          expect(logLikelihood({ shape, scale }, excesses)).toBeLessThanOrEqual(best + 1e-6)
        }
    }
  })

  test('the unit makes no difference', () => {
    const excesses = draw(tails[2]!, 100, 3)
    const [one, thousand] = [fitParetoTail(excesses), fitParetoTail(excesses.map((y) => 1000 * y))]
    expect(thousand.shape).toBeCloseTo(one.shape, 6)
    expect(thousand.scale / one.scale).toBeCloseTo(1000, 3)
  })

  test('the quantile is the inverse of the distribution', () => {
    for (const tail of tails)
      for (const part of [0.5, 0.1, 0.001]) {
        const y = paretoQuantile(tail, part)
        const above = tail.shape === 0 ? Math.exp(-y / tail.scale) : (1 + (tail.shape * y) / tail.scale) ** (-1 / tail.shape)
        expect(above).toBeCloseTo(part, 10)
      }
  })
})

describe('thresholds', () => {
  test('a quantile between neighbours', () => {
    expect(upperQuantile([4, 1, 3, 2, 5], 0.25)).toBe(4)
    expect(upperQuantile([0, 10], 0.1)).toBeCloseTo(9)
    expect(upperQuantile([7], 0.01)).toBe(7)
  })

  test('about as many new scores lie above as were asked for, and the fit scatters less than the quantile', () => {
    const rate = 0.01
    const rates = { quantile: [] as number[], extreme: [] as number[] }
    for (let seed = 0; seed < 100; seed++) {
      const random = new Random(seed, 'scores')
      const thresholds = fitThreshold(
        Array.from({ length: 500 }, () => random.normal(3, 1)),
        rate,
      )
      // The normal distribution beyond z, to what matters here (Abramowitz & Stegun 26.2.17).
      const above = (x: number) => {
        const t = 1 / (1 + 0.2316419 * x)
        const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
        return (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * series
      }
      for (const by of ['quantile', 'extreme'] as const) rates[by].push(above(thresholds[by] - 3))
    }
    const mean = (list: number[]) => list.reduce((a, b) => a + b) / list.length
    const spread = (list: number[]) => Math.sqrt(mean(list.map((value) => (value - mean(list)) ** 2)))
    expect(mean(rates.extreme)).toBeGreaterThan(0.007)
    expect(mean(rates.extreme)).toBeLessThan(0.013)
    expect(spread(rates.extreme)).toBeLessThan(spread(rates.quantile))
  })

  test('rates rarer than one in the scores lie beyond the highest; few or equal scores give the quantile', () => {
    const random = new Random(0, 'rare')
    const scores = Array.from({ length: 300 }, () => random.normal())
    const { extreme, quantile } = fitThreshold(scores, 1e-4)
    expect(quantile).toBeLessThanOrEqual(Math.max(...scores))
    expect(extreme).toBeGreaterThan(Math.max(...scores))
    for (const few of [[1, 2, 3], new Array<number>(50).fill(2), [5]]) {
      const found = fitThreshold(few, 0.01)
      expect(found.extreme).toBe(found.quantile)
    }
  })

  test('a rarer rate never has a lower threshold', () => {
    const random = new Random(4, 'order')
    const scores = Array.from({ length: 200 }, () => Math.exp(random.normal()))
    const found = [0.05, 0.02, 0.01, 0.001, 1e-5].map((rate) => fitThreshold(scores, rate).extreme)
    expect(found).toEqual([...found].sort((a, b) => a - b))
  })
})
