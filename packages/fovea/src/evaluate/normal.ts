// The normal distribution, Wilson's interval of a proportion, and the exact binomial test.

import { FoveaError } from '../util/errors.ts'
import type { Interval } from './bootstrap.ts'

/** Part of a standard normal distribution below `z`, to about 1e-15: a series near the middle, a continued fraction in the tails. */
export function normalCdf(z: number): number {
  if (Number.isNaN(z)) return Number.NaN
  const x = Math.abs(z)
  if (x > 38) return z > 0 ? 1 : 0
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  if (x < 3) {
    // Marsaglia (2004): 1/2 + density * (x + x^3/3 + x^5/15 + …).
    let [sum, term] = [x, x]
    for (let i = 3; Math.abs(term) > 1e-17 * sum; i += 2) {
      term *= (x * x) / i
      sum += term
    }
    const upper = 0.5 + density * sum
    return z > 0 ? upper : 1 - upper
  }
  let fraction = 0
  for (let i = 100; i > 0; i--) fraction = i / (x + fraction)
  const tail = density / (x + fraction)
  return z > 0 ? 1 - tail : tail
}

/** The value that `part` of a standard normal distribution lies below; infinite at 0 and 1. */
export function normalQuantile(part: number): number {
  if (!(part > 0 && part < 1)) return part === 0 ? Number.NEGATIVE_INFINITY : part === 1 ? Number.POSITIVE_INFINITY : Number.NaN
  let [low, high] = [-38, 38]
  while (high - low > 1e-12) {
    const middle = (low + high) / 2
    if (normalCdf(middle) < part) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/**
 * Wilson's score interval (1927) of a proportion: it holds where all or none are right, where drawing again shows no spread.
 * Undefined without cases.
 */
export function wilsonInterval(hits: number, cases: number, confidence: number): Interval | undefined {
  if (!(cases > 0)) return undefined
  const z = normalQuantile((1 + confidence) / 2)
  const part = hits / cases
  const middle = (part + (z * z) / (2 * cases)) / (1 + (z * z) / cases)
  const half = (z / (1 + (z * z) / cases)) * Math.sqrt((part * (1 - part)) / cases + (z * z) / (4 * cases * cases))
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) }
}

/**
 * McNemar's exact test (1947): of the pictures that just one of two models gets right, is the share of each what a coin would give?
 *
 * @param onlyFirst Pictures that only the first model gets right.
 * @returns The two-sided p; 1 where the models never differ.
 * @throws FoveaError METRIC_INVALID for counts that are not whole
 */
export function mcnemarExact(onlyFirst: number, onlySecond: number): number {
  for (const count of [onlyFirst, onlySecond])
    if (!(Number.isSafeInteger(count) && count >= 0))
      throw new FoveaError('METRIC_INVALID', { field: 'counts', expected: 'whole numbers, 0 or more', found: String(count) })
  const cases = onlyFirst + onlySecond
  const least = Math.min(onlyFirst, onlySecond)
  // Terms of the binomial by logarithms, so that thousands of cases do not underflow.
  let [logarithm, sum] = [-cases * Math.LN2, 0]
  for (let i = 0; i <= least; i++) {
    sum += Math.exp(logarithm)
    logarithm += Math.log((cases - i) / (i + 1))
  }
  return Math.min(1, 2 * sum)
}
