// From which score on does a detection count? Thresholds for the best F1, or a stated recall, precision or miss rate.

import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { ScoreCounts } from '../vision/metrics/ranking.ts'
import type { PredictionTask } from '../vision/predictions.ts'
import { Breath, type Work } from './bootstrap.ts'
import type { VisionEvaluation } from './evaluation.ts'
import { AnomalyRecords } from './records/anomaly.ts'
import { ClassifyRecords } from './records/classify.ts'
import { type ClassMatches, DetectRecords } from './records/detect.ts'
import { MultilabelRecords } from './records/multilabel.ts'
import { knownMean } from './records/records.ts'

/** `missRate` is 1 - recall. */
export type SweepGoal = 'f1' | { readonly recall: number } | { readonly missRate: number } | { readonly precision: number }

export interface SweepPoint {
  /** Scores from here on count. */
  readonly threshold: number
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

export interface ThresholdSweep extends SweepPoint {
  /** False where no threshold gives what was asked for; then this one comes nearest. */
  readonly reached: boolean
  /** Falling thresholds, at most a few hundred of them. */
  readonly curve: readonly SweepPoint[]
}

export interface ClassSweep extends ThresholdSweep {
  readonly class: string
  readonly support: number
}

/** The figures are those on the very pictures that chose the thresholds: on new pictures they are a little worse. */
export interface Sweep {
  readonly task: PredictionTask
  readonly goal: SweepGoal
  readonly samples: number
  /** One for each class that occurs; each class against the rest. */
  readonly perClass: readonly ClassSweep[]
  /** One threshold for all: of anomalous pictures, and of detections of any class. */
  readonly overall: ThresholdSweep | undefined
  /** Of anomalies: the value of the map with the best F1 of pixels, whatever the goal for pictures is, where masks tell which pixels are odd. */
  readonly pixels?: ThresholdSweep
  /** The overlap of suppression whose classes do best together, and all that were tried. */
  readonly nms:
    | { readonly iou: number; readonly curve: readonly { readonly iou: number; readonly f1: number; readonly reached: number }[] }
    | undefined
}

/** What lies on one side of thresholds. */
export interface SweptScores {
  /** Falling. */
  readonly scores: ArrayLike<number>
  /** Not 0 where the one with this score is right. */
  readonly hits: ArrayLike<number>
  /** All that should be found; more than the hits where some are never found. */
  readonly positives: number
}

const curvePoints = 300

/**
 * Walks down the scores.
 *
 * For `f1` the threshold with the best one, of equals the highest. For a recall or miss rate the highest threshold that gives it: there the
 * false alarms are fewest. For a precision the lowest threshold that gives it: there the most is found.
 *
 * @throws FoveaError EVALUATE_SWEEP for a goal outside 0 to 1
 */
export function sweepScores({ scores, hits, positives }: SweptScores, goal: SweepGoal = 'f1'): ThresholdSweep {
  const points: SweepPoint[] = []
  let right = 0
  for (let i = 0; i < scores.length; i++) {
    if (hits[i]) right++
    // Equal scores lie on one side.
    if (i + 1 < scores.length && scores[i + 1] === scores[i]) continue
    points.push(pointAt(scores[i]!, right, i + 1, positives))
  }
  return chosen(points, positives, goal)
}

/** As `sweepScores` for the best F1, of counts at each score: all true ones are among them. */
export function sweepCounts({ scores, positives, negatives }: ScoreCounts): ThresholdSweep {
  let all = 0
  for (let i = 0; i < positives.length; i++) all += positives[i]!
  const points: SweepPoint[] = []
  let [right, found] = [0, 0]
  for (let i = 0; i < scores.length; i++) {
    right += positives[i]!
    found += positives[i]! + negatives[i]!
    points.push(pointAt(scores[i]!, right, found, all))
  }
  return chosen(points, all, 'f1')
}

function pointAt(threshold: number, right: number, found: number, positives: number): SweepPoint {
  return { threshold, precision: right / found, recall: right / positives, f1: (2 * right) / (found + positives) }
}

function chosen(points: readonly SweepPoint[], positives: number, goal: SweepGoal): ThresholdSweep {
  const wanted = checkGoal(goal)
  if (points.length === 0 || positives === 0)
    return { threshold: Number.NaN, precision: Number.NaN, recall: positives === 0 ? Number.NaN : 0, f1: 0, reached: false, curve: [] }
  const best = (key: 'f1' | 'precision') => points.reduce((a, b, i) => (b[key] > points[a]![key] ? i : a), 0)
  let at: number
  if (wanted.by === 'f1') at = best('f1')
  else if (wanted.by === 'recall') at = points.findIndex(({ recall }) => recall >= wanted.least - 1e-12)
  else at = points.findLastIndex(({ precision }) => precision >= wanted.least - 1e-12)
  const reached = at >= 0
  if (!reached) at = wanted.by === 'recall' ? points.length - 1 : best('precision')
  return { ...points[at]!, reached, curve: thinned(points, at) }
}

function checkGoal(goal: SweepGoal): { by: 'f1' } | { by: 'recall' | 'precision'; least: number } {
  if (goal === 'f1') return { by: 'f1' }
  const [name, value] = (Object.entries(Object(goal) as object)[0] ?? []) as [string?, unknown?]
  if (!(typeof value === 'number' && value >= 0 && value <= 1 && (name === 'recall' || name === 'missRate' || name === 'precision')))
    throw new FoveaError('EVALUATE_SWEEP', {
      field: 'goal',
      expected: 'f1, or recall, missRate or precision from 0 to 1',
      found: said(goal),
    })
  return { by: name === 'precision' ? 'precision' : 'recall', least: name === 'missRate' ? 1 - value : value }
}

function thinned(points: readonly SweepPoint[], kept: number): SweepPoint[] {
  const step = Math.max(1, points.length / curvePoints)
  const places = new Set([kept, points.length - 1])
  for (let at = 0; at < points.length; at += step) places.add(Math.floor(at))
  return [...places].sort((a, b) => a - b).map((i) => points[i]!)
}

/**
 * Sweeps the thresholds of an evaluation, without running the model again.
 *
 * Classification: each class against the rest, by its probability. Detection: each class by its own detections at IoU 0.5, and, where the
 * evaluation was given `nms`, the overlap of suppression too. Anomalies: the score of the picture, and where masks tell what is odd, the map.
 *
 * @throws FoveaError EVALUATE_SWEEP for a goal that is none, a task without scores, or scores that were too many to keep; CANCELLED
 */
export async function sweepThresholds(
  evaluation: VisionEvaluation,
  { goal = 'f1', ...work }: { readonly goal?: SweepGoal } & Work = {},
): Promise<Sweep> {
  const { records, task, samples } = evaluation
  const breath = new Breath(work.signal)
  const base = { task, goal, samples, nms: undefined, overall: undefined }
  if (records instanceof ClassifyRecords) {
    const perClass: ClassSweep[] = []
    for (const [label, name] of records.labels.entries()) {
      const swept = sweepScores(classScores(records, label), goal)
      perClass.push({ class: name, support: records.supports[label]!, ...swept })
      await breath.take()
    }
    return { ...base, perClass }
  }
  if (records instanceof MultilabelRecords) {
    const perClass: ClassSweep[] = []
    for (const [label, name] of records.labels.entries()) {
      perClass.push({ class: name, support: records.supports[label]!, ...sweepScores(multilabelScores(records, label), goal) })
      await breath.take()
    }
    return { ...base, perClass }
  }
  if (records instanceof AnomalyRecords) {
    const order = records.scores.map((_, i) => i).sort((a, b) => records.scores[b]! - records.scores[a]!)
    const hits = order.map((i) => records.truths[i]!)
    const scores = order.map((i) => records.scores[i]!)
    const overall = sweepScores({ scores, hits, positives: records.truths.filter(Boolean).length }, goal)
    await breath.take()
    const hasOddPixels = Array.from(records.pixels.positives).some((count) => count > 0)
    return { ...base, perClass: [], overall, ...(hasOddPixels && { pixels: sweepCounts(records.pixels) }) }
  }
  if (records instanceof DetectRecords) return { ...base, ...(await sweepDetections(records, goal, breath)) }
  throw new FoveaError('EVALUATE_SWEEP', { field: 'task', expected: 'classify, multilabel, detect or anomaly', found: task })
}

async function sweepDetections(
  records: DetectRecords,
  goal: SweepGoal,
  breath: Breath,
): Promise<Pick<Sweep, 'perClass' | 'overall' | 'nms'>> {
  const sweepAll = async (matches: readonly ClassMatches[]) => {
    const perClass: ClassSweep[] = []
    for (const [label, one] of matches.entries()) {
      const scores = detectionScores([one])
      perClass.push({ class: records.labels[label]!, support: scores.positives, ...sweepScores(scores, goal) })
      await breath.take()
    }
    return perClass
  }
  const tried: { iou: number; f1: number; reached: number; perClass: ClassSweep[]; matches: readonly ClassMatches[] }[] = []
  for (const { iou, matches } of records.suppressed) {
    const perClass = await sweepAll(matches)
    const occurring = perClass.filter(({ support }) => support > 0)
    const reached = occurring.filter((one) => one.reached).length
    tried.push({ iou, f1: knownMean(occurring.map(({ f1 }) => f1)), reached, perClass, matches })
  }
  // What was asked for goes before F1.
  const best = tried.reduce<(typeof tried)[number] | undefined>(
    (a, b) => (a === undefined || b.reached > a.reached || (b.reached === a.reached && b.f1 > a.f1) ? b : a),
    undefined,
  )
  return {
    perClass: best?.perClass ?? (await sweepAll(records.matches)),
    overall: sweepScores(detectionScores(best?.matches ?? records.matches), goal),
    nms: best && { iou: best.iou, curve: tried.map(({ iou, f1, reached }) => ({ iou, f1, reached })) },
  }
}

/** Probabilities of a class, and the pictures that are of it. @throws FoveaError EVALUATE_SWEEP where they were too many to keep */
export function classScores(records: ClassifyRecords, label: number): SweptScores {
  const own = records.truths.map((_, i) => {
    const row = records.row(i)
    if (row === undefined)
      throw new FoveaError('EVALUATE_SWEEP', {
        expected: 'fewer scores',
        found: `${records.truths.length} pictures of ${records.labels.length} classes`,
      })
    return row[label]!
  })
  const order = own.map((_, i) => i).sort((a, b) => own[b]! - own[a]!)
  return {
    scores: order.map((i) => own[i]!),
    hits: order.map((i) => (records.truths[i] === label ? 1 : 0)),
    positives: records.supports[label]!,
  }
}

/** Probabilities of a class, and the pictures that show it. */
export function multilabelScores(records: MultilabelRecords, label: number): SweptScores {
  const order = [...records.order(label)]
  return {
    scores: order.map((i) => records.rows[i]![label]!),
    hits: order.map((i) => records.truths[i]![label]!),
    positives: records.supports[label]!,
  }
}

/** Detections that count at IoU 0.5, of several classes together. */
export function detectionScores(matches: readonly ClassMatches[]): SweptScores {
  const all = matches.flatMap(({ scores, flags }) =>
    Array.from(scores, (score, i) => ({ score, flag: flags[0]![i]! })).filter(({ flag }) => (flag & (1 << 10)) === 0),
  )
  if (matches.length > 1) all.sort((a, b) => b.score - a.score)
  return {
    scores: all.map(({ score }) => score),
    hits: all.map(({ flag }) => flag & 1),
    positives: matches.reduce((sum, { truths }) => sum + truths.reduce((own, { counts }) => own + counts[0]!, 0), 0),
  }
}
