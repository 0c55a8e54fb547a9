// What it brings to say "I don't know": accuracy over the part that is answered (El-Yaniv & Wiener 2010; area: Geifman & El-Yaniv 2017, arXiv:1705.08500).

import { FoveaError } from '../../util/errors.ts'

export interface CoveragePoint {
  /** Answers with at least this confidence are given. */
  readonly threshold: number
  /** Part of the cases that is answered, and part of those answers that is right. */
  readonly coverage: number
  readonly accuracy: number
}

/** Which threshold is wanted: the one that answers the most at this accuracy, or the strictest that answers this part. */
export type RejectionGoal = { readonly accuracy: number } | { readonly coverage: number }

export interface Rejection extends CoveragePoint {
  /** False where no threshold gives what was asked for; then this one comes nearest. */
  readonly reached: boolean
}

/**
 * One point for each confidence that occurs, falling; all cases of one confidence are answered together. A threshold lies in the middle between two confidences, and
 * the last one is 0.
 *
 * @throws FoveaError METRIC_INVALID for lists of different lengths, or confidences outside 0 to 1
 */
export function riskCoverage(confidences: ArrayLike<number>, rights: ArrayLike<boolean | number>): CoveragePoint[] {
  check(confidences, rights)
  const order = byConfidence(confidences)
  const points: CoveragePoint[] = []
  let right = 0
  for (const [at, i] of order.entries()) {
    if (rights[i]) right++
    const next = order[at + 1]
    if (next !== undefined && confidences[next] === confidences[i]) continue
    const middle = next === undefined ? 0 : (confidences[i]! + confidences[next]!) / 2
    // Of two neighbouring numbers the middle may round to the lower.
    const threshold = next !== undefined && middle <= confidences[next]! ? confidences[i]! : middle
    points.push({ threshold, coverage: (at + 1) / order.length, accuracy: right / (at + 1) })
  }
  return points
}

/** Places of the cases, the most confident first. */
export function byConfidence(confidences: ArrayLike<number>): Uint32Array {
  return Uint32Array.from({ length: confidences.length }, (_, i) => i).sort((a, b) => confidences[b]! - confidences[a]! || a - b)
}

/**
 * AURC: the mean over k of the part that is wrong among the k most confident cases; of equal confidences, what is to be expected of any order. NaN for no cases.
 *
 * @param weights how often each case counts, whole numbers. @default once
 * @param order as `byConfidence` gives it, where it is known already
 */
export function riskCoverageArea(
  confidences: ArrayLike<number>,
  rights: ArrayLike<boolean | number>,
  weights?: ArrayLike<number>,
  order: Uint32Array = byConfidence(confidences),
): number {
  let [total, wrong, area] = [0, 0, 0]
  for (let at = 0; at < order.length; ) {
    const confidence = confidences[order[at]!]!
    let [cases, mistakes] = [0, 0]
    for (; at < order.length && confidences[order[at]!] === confidence; at++) {
      const i = order[at]!
      const weight = weights === undefined ? 1 : Math.round(weights[i]!)
      cases += weight
      if (!rights[i]) mistakes += weight
    }
    for (let k = 1; k <= cases; k++) area += (wrong + (mistakes * k) / cases) / (total + k)
    total += cases
    wrong += mistakes
  }
  return area / total
}

/**
 * The threshold for a goal.
 *
 * @throws FoveaError METRIC_INVALID for a goal outside 0 to 1, or no points
 */
export function rejectionThreshold(points: readonly CoveragePoint[], goal: RejectionGoal): Rejection {
  const [key, least] = 'accuracy' in goal ? (['accuracy', goal.accuracy] as const) : (['coverage', goal.coverage] as const)
  if (!(least >= 0 && least <= 1)) throw new FoveaError('METRIC_INVALID', { field: key, expected: '0 to 1', found: String(least) })
  if (points.length === 0) throw new FoveaError('METRIC_INVALID', { field: 'points', expected: 'at least one', found: 'none' })
  const fits = (point: CoveragePoint) => point[key] >= least - 1e-12
  // Accuracy rises and falls along the curve: the last point that has it answers the most. Coverage only grows.
  const found = key === 'accuracy' ? points.findLast(fits) : points.find(fits)
  if (found !== undefined) return { ...found, reached: true }
  return { ...points.reduce((best, point) => (point[key] > best[key] ? point : best)), reached: false }
}

function check(confidences: ArrayLike<number>, rights: ArrayLike<boolean | number>): void {
  if (confidences.length !== rights.length)
    throw new FoveaError('METRIC_INVALID', { field: 'rights', expected: `${confidences.length} values`, found: String(rights.length) })
  for (let i = 0; i < confidences.length; i++)
    if (!(confidences[i]! >= 0 && confidences[i]! <= 1 + 1e-5))
      throw new FoveaError('METRIC_INVALID', { field: `confidences[${i}]`, expected: '0 to 1', found: String(confidences[i]) })
}
