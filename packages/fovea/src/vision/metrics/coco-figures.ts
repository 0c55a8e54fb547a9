// From matched detections to COCO's precision, recall and twelve figures (pycocotools, `accumulate` and `summarize`).

import { cocoAreas, cocoThresholds } from './coco-match.ts'

/** 0, 0.01 … 1, as NumPy's `linspace` gives them. */
export const cocoRecalls: Float64Array = Float64Array.from({ length: 101 }, (_, i) => (i === 100 ? 1 : i * 0.01))

/** AP and AR are means over IoU 0.5 to 0.95; the number behind AR is the most detections of a class and picture. NaN where there is nothing to find. */
export interface CocoFigures {
  readonly ap: number
  readonly ap50: number
  readonly ap75: number
  /** Things of less than 32 x 32 pixels, up to 96 x 96, and larger. */
  readonly apSmall: number
  readonly apMedium: number
  readonly apLarge: number
  /** With the first, the second and the third of `maxDetections`: 1, 10, 100. */
  readonly arFirst: number
  readonly arSecond: number
  readonly ar: number
  readonly arSmall: number
  readonly arMedium: number
  readonly arLarge: number
}

/** The detections of one class, best score first. */
export interface RankedDetections {
  readonly scores: Float64Array
  /** Place among the detections of its class and picture, from 0. */
  readonly ranks: Int32Array
  /** As `matchCandidates` writes them, [detections, 4]. */
  readonly flags: Uint32Array
  /** Things to find, by range of areas. */
  readonly truths: ArrayLike<number>
}

/** NumPy's `spacing(1)`. */
const tiny = 2 ** -52

/** One class at one threshold and range. */
export interface CocoCurve {
  /** Precision at each of `cocoRecalls`, never rising; 0 beyond the recall that is reached. */
  readonly precision: Float64Array
  /** The score at which that recall is reached; 0 beyond. */
  readonly scores: Float64Array
}

/** Space for the curves of a class, used again for each. */
export class CurveSpace {
  readonly precision: Float64Array
  readonly recall: Float64Array

  constructor(detections: number) {
    this.precision = new Float64Array(detections)
    this.recall = new Float64Array(detections)
  }
}

/** Precision at the 101 recalls; NaN everywhere where there is nothing to find. */
export function cocoCurve(ranked: RankedDetections, threshold: number, range: number, space: CurveSpace): CocoCurve {
  const { scores, flags } = ranked
  const truths = ranked.truths[range]!
  const out = { precision: new Float64Array(101), scores: new Float64Array(101) }
  if (truths === 0) {
    out.precision.fill(Number.NaN)
    out.scores.fill(Number.NaN)
    return out
  }
  const { precision, recall } = space
  const [hit, left] = [1 << threshold, 1 << (10 + threshold)]
  let [right, wrong] = [0, 0]
  for (let i = 0; i < scores.length; i++) {
    const flag = flags[i * cocoAreas.length + range]!
    if ((flag & left) === 0) {
      if ((flag & hit) !== 0) right++
      else wrong++
    }
    precision[i] = right / (right + wrong + tiny)
    recall[i] = right / truths
  }
  for (let i = scores.length - 1; i > 0; i--) if (precision[i]! > precision[i - 1]!) precision[i - 1] = precision[i]!
  let at = 0
  for (let r = 0; r < cocoRecalls.length; r++) {
    while (at < scores.length && recall[at]! < cocoRecalls[r]!) at++
    if (at === scores.length) break
    out.precision[r] = precision[at]!
    out.scores[r] = scores[at]!
  }
  return out
}

/** Part of the things that are found with so many detections of each picture; NaN where there is nothing to find. */
export function cocoRecall({ ranks, flags, truths }: RankedDetections, threshold: number, range: number, most: number): number {
  const wanted = 1 << threshold
  const mask = wanted | (1 << (10 + threshold))
  let right = 0
  for (let i = 0; i < ranks.length; i++) if (ranks[i]! < most && (flags[i * cocoAreas.length + range]! & mask) === wanted) right++
  return truths[range] === 0 ? Number.NaN : right / truths[range]!
}

/** The twelve figures of one class. */
export function classFigures(ranked: RankedDetections, maxDetections: readonly [number, number, number]): CocoFigures {
  const space = new CurveSpace(ranked.scores.length)
  const at = (range: number) => Array.from(cocoThresholds, (_, t) => mean(cocoCurve(ranked, t, range, space).precision))
  const recall = (range: number, most: number) => mean(Array.from(cocoThresholds, (_, t) => cocoRecall(ranked, t, range, most)))
  const all = at(0)
  const most = maxDetections[2]
  return {
    ap: mean(all),
    ap50: all[0]!,
    ap75: all[5]!,
    apSmall: mean(at(1)),
    apMedium: mean(at(2)),
    apLarge: mean(at(3)),
    arFirst: recall(0, maxDetections[0]),
    arSecond: recall(0, maxDetections[1]),
    ar: recall(0, most),
    arSmall: recall(1, most),
    arMedium: recall(2, most),
    arLarge: recall(3, most),
  }
}

/** The mean over the classes in which there is something to find; COCO writes -1 where we have NaN. */
export function meanFigures(classes: readonly CocoFigures[]): CocoFigures {
  const names = [
    'ap',
    'ap50',
    'ap75',
    'apSmall',
    'apMedium',
    'apLarge',
    'arFirst',
    'arSecond',
    'ar',
    'arSmall',
    'arMedium',
    'arLarge',
  ] as const
  return Object.fromEntries(
    names.map((name) => [name, mean(classes.map((figures) => figures[name]).filter((value) => !Number.isNaN(value)))]),
  ) as unknown as CocoFigures
}

function mean(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]!
  return sum / values.length
}
