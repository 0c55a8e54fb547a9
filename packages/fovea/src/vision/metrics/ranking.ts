// How well a score parts the true from the rest, from counts at each score: ROC, average precision, the best F1.

/** What lies at one score; weights instead of counts do as well. */
export interface ScoreCounts {
  /** Distinct, falling. */
  readonly scores: ArrayLike<number>
  readonly positives: ArrayLike<number>
  readonly negatives: ArrayLike<number>
}

/** Counts at each distinct score. */
export function countScores(scores: ArrayLike<number>, isPositive: (index: number) => boolean): ScoreCounts {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!)
  const counts = { scores: [] as number[], positives: [] as number[], negatives: [] as number[] }
  for (const i of order) {
    if (counts.scores.length === 0 || counts.scores.at(-1) !== scores[i]) {
      counts.scores.push(scores[i]!)
      counts.positives.push(0)
      counts.negatives.push(0)
    }
    const list = isPositive(i) ? counts.positives : counts.negatives
    list[list.length - 1]!++
  }
  return counts
}

/**
 * Area under the ROC curve: the chance that a true one scores above another, equal scores half (Hanley & McNeil 1982). NaN without both.
 */
export function areaUnderRoc({ positives, negatives }: ScoreCounts): number {
  let [before, pairs, others] = [0, 0, 0]
  for (let i = 0; i < positives.length; i++) {
    pairs += negatives[i]! * (before + positives[i]! / 2)
    before += positives[i]!
    others += negatives[i]!
  }
  return pairs / (before * others)
}

/** Mean of the precision over the steps of recall, without interpolation, as scikit-learn's `average_precision_score`. NaN without true ones. */
export function averagePrecisionOf({ positives, negatives }: ScoreCounts): number {
  let [right, wrong, area] = [0, 0, 0]
  for (let i = 0; i < positives.length; i++) {
    right += positives[i]!
    wrong += negatives[i]!
    if (positives[i]! > 0) area += positives[i]! * (right / (right + wrong))
  }
  return area / right
}

export interface BestF1 {
  readonly f1: number
  /** Scores from here on count as found; the highest of those that reach it. */
  readonly threshold: number
}

/** The highest F1 that any threshold on the score gives. NaN without true ones. */
export function bestF1({ scores, positives, negatives }: ScoreCounts): BestF1 {
  let all = 0
  for (let i = 0; i < positives.length; i++) all += positives[i]!
  if (all === 0) return { f1: Number.NaN, threshold: Number.NaN }
  let [right, found] = [0, 0]
  let best: BestF1 = { f1: -1, threshold: Number.NaN }
  for (let i = 0; i < positives.length; i++) {
    right += positives[i]!
    found += positives[i]! + negatives[i]!
    const f1 = (2 * right) / (found + all)
    if (f1 > best.f1) best = { f1, threshold: scores[i]! }
  }
  return best
}
