// Thresholds that few good pictures lie above, from the scores of good pictures alone: a quantile, and a fit of the tail beyond what was seen.

import type { FittedThreshold } from '../../../model/heads/head.ts'

/** A generalised Pareto distribution of excesses y > 0: P(Y > y) = (1 + shape y / scale)^(-1 / shape), and exp(-y / scale) at shape 0. */
export interface ParetoTail {
  /** ξ: above 0 the tail is heavy, below it ends. */
  readonly shape: number
  /** σ, above 0. */
  readonly scale: number
}

/** Beyond these no sample of some dozens can tell; a shape of -1/2 and less has no regular maximum of the likelihood (Smith 1985). */
const [leastShape, mostShape] = [-0.5, 1]

/**
 * The tail of the highest likelihood, by Grimshaw's (1993) reduction to one unknown: with θ = ξ/σ the likelihood is highest at
 * ξ = mean log(1 + θy), and what is left, -log(ξ/θ) - ξ - 1 a sample, is searched over θ. Shapes from -1/2 to 1.
 *
 * @param excesses above 0, at least two
 */
export function fitParetoTail(excesses: readonly number[]): ParetoTail {
  const count = excesses.length
  const mean = excesses.reduce((sum, y) => sum + y, 0) / count
  const most = excesses.reduce((high, y) => Math.max(high, y), 0)
  const shapeAt = (theta: number) => excesses.reduce((sum, y) => sum + Math.log1p(theta * y), 0) / count
  // Exponential where θ is too near to 0 for a division.
  const near = 1e-9 / mean
  const likelihood = (theta: number) => {
    if (Math.abs(theta) < near) return -Math.log(mean) - 1
    const shape = shapeAt(theta)
    return shape < leastShape || shape > mostShape ? Number.NEGATIVE_INFINITY : -Math.log(shape / theta) - shape - 1
  }
  // θ lies above -1/most, where 1 + θy is still positive; both ends of the search lie beyond any shape that is allowed.
  const low = (-1 + 1e-9) / most
  const high =
    (10 * Math.exp(mostShape)) /
    Math.max(
      mean * 1e-3,
      excesses.reduce((least, y) => Math.min(least, y), most),
    )
  const steps = 60
  const points = [
    ...Array.from({ length: steps }, (_, i) => low * 10 ** ((-9 * i) / (steps - 1))),
    0,
    ...Array.from({ length: steps }, (_, i) => high * 10 ** (-12 + (12 * i) / (steps - 1))),
  ]
  const values = points.map(likelihood)
  const best = values.reduce((at, value, i) => (value > values[at]! ? i : at), steps)
  const theta = refine(likelihood, points[Math.max(0, best - 1)]!, points[Math.min(points.length - 1, best + 1)]!, points[best]!)
  const shape = shapeAt(theta)
  const inner = Math.abs(theta) < near ? { shape: 0, scale: mean } : { shape, scale: shape / theta }
  // Where the maximum lies beyond a shape that is allowed, the best is that shape with a scale of its own.
  const outer = [leastShape, mostShape].map((bound) => ({ shape: bound, scale: likeliestScale(excesses, bound, mean, most) }))
  return [inner, ...outer].reduce((a, b) => (meanLogLikelihood(b, excesses) > meanLogLikelihood(a, excesses) ? b : a))
}

function meanLogLikelihood({ shape, scale }: ParetoTail, excesses: readonly number[]): number {
  if (!(scale > 0)) return Number.NEGATIVE_INFINITY
  const logs = excesses.reduce((sum, y) => sum + (shape === 0 ? y / scale : (1 + 1 / shape) * Math.log1p((shape * y) / scale)), 0)
  // What lies beyond the end of a tail has no logarithm.
  return Number.isNaN(logs) ? Number.NEGATIVE_INFINITY : -Math.log(scale) - logs / excesses.length
}

/** The scale of the highest likelihood at a shape; the likelihood has one peak over its logarithm. */
function likeliestScale(excesses: readonly number[], shape: number, mean: number, most: number): number {
  const least = Math.log(Math.max(shape < 0 ? -shape * most * (1 + 1e-9) : 0, mean * 1e-3))
  const start = least + 1e-9
  return Math.exp(refine((log) => meanLogLikelihood({ shape, scale: Math.exp(log) }, excesses), least, Math.log(mean) + 7, start))
}

/** The place of the highest value between two others, by golden sections; `start` where none is higher. */
function refine(f: (x: number) => number, from: number, to: number, start: number): number {
  const part = (Math.sqrt(5) - 1) / 2
  let [low, high] = [from, to]
  for (let i = 0; i < 100 && high - low > 1e-12 * (Math.abs(low) + Math.abs(high)); i++) {
    const [a, b] = [high - part * (high - low), low + part * (high - low)]
    if (f(a) > f(b)) high = b
    else low = a
  }
  const found = (low + high) / 2
  return f(found) > f(start) ? found : start
}

/**
 * The tail by probability-weighted moments (Hosking & Wallis 1987): with a = mean y and b = mean of y times the part of samples above it,
 * ξ = 2 - a / (a - 2b), σ = 2ab / (a - 2b).
 */
export function paretoTailByMoments(excesses: readonly number[]): ParetoTail {
  const sorted = [...excesses].sort((a, b) => a - b)
  const count = sorted.length
  const a = sorted.reduce((sum, y) => sum + y, 0) / count
  const b = sorted.reduce((sum, y, i) => sum + ((count - 0.65 - i) / count) * y, 0) / count
  return { shape: 2 - a / (a - 2 * b), scale: (2 * a * b) / (a - 2 * b) }
}

/** The value that a part of the excesses lies above; `part` from 0, exclusive, to 1. */
export function paretoQuantile({ shape, scale }: ParetoTail, part: number): number {
  return Math.abs(shape) < 1e-9 ? -scale * Math.log(part) : (scale / shape) * (part ** -shape - 1)
}

/** The value that a part of the numbers lies above, between neighbours in proportion (type 7 of Hyndman & Fan 1996). */
export function upperQuantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (1 - part) * (sorted.length - 1)
  const low = Math.floor(place)
  return sorted[low]! + (place - low) * (sorted[Math.min(sorted.length - 1, low + 1)]! - sorted[low]!)
}

/** The part of the scores that the tail is fitted to, and how few it needs. */
const tailPart = 0.1
const leastExcesses = 10

/**
 * Thresholds for a rate of false alarms. The tail is fitted to the excesses over a high value (peaks over threshold; Siffer et al. 2017), the
 * upper tenth of the scores but at least ten; so it can tell rates that are rarer than one in the pictures. Where there are too few scores, or they are
 * all the same, both are the quantile.
 *
 * @param scores of good pictures that the detector did not learn from
 * @param rate the part of good pictures that may lie above, 0 to 1, exclusive
 */
export function fitThreshold(scores: readonly number[], rate: number): FittedThreshold {
  const quantile = upperQuantile(scores, rate)
  const count = Math.max(leastExcesses, Math.round(tailPart * scores.length))
  const sorted = [...scores].sort((a, b) => b - a)
  const start = sorted[count]
  // A rate that is no tail is told best by the scores themselves.
  if (start === undefined || rate >= count / scores.length) return { quantile, extreme: quantile }
  const excesses = sorted
    .slice(0, count)
    .map((score) => score - start)
    .filter((excess) => excess > 0)
  if (excesses.length < leastExcesses) return { quantile, extreme: quantile }
  const extreme = start + paretoQuantile(fitParetoTail(excesses), (rate * scores.length) / excesses.length)
  return { quantile, extreme: Number.isFinite(extreme) ? extreme : quantile }
}
