// What an evaluation keeps of each picture, so that every figure can be computed anew for any weighting of the pictures.

import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Detection } from '../../vision/annotation.ts'
import type { LabelMap } from '../../vision/geometry/label-map.ts'
import type { Image } from '../../vision/image.ts'
import type { LabelledPicture } from '../../vision/labelled-set.ts'
import type { Prediction, PredictionTask } from '../../vision/predictions.ts'

/** A picture of the data set that is evaluated. */
export interface EvaluationSample extends LabelledPicture {
  /** The picture itself, where it lies in memory. */
  readonly image?: Image
  /** A class for each pixel; it goes before what is marked. */
  readonly labelMap?: LabelMap
}

/** What a figure is. */
export interface FigureInfo {
  /** As results and options name it. */
  readonly name: string
  /** As a person says it. */
  readonly title: string
  /** Other names that are understood. Case, spaces and signs do not count. */
  readonly aliases?: readonly string[]
  /** Which way is better; `zero`: the nearer to it. */
  readonly better: 'higher' | 'lower' | 'zero'
  /** A part of a whole is written in per cent. */
  readonly unit: 'part' | 'number'
}

/** Cases of which some are right: what a proportion is made of. */
export interface Proportion {
  readonly hits: number
  readonly cases: number
}

/** What was gathered of a task. */
export interface TaskRecords {
  readonly task: PredictionTask
  readonly labels: readonly string[]
  /** Names of the pictures, in the order of weights. */
  readonly pictures: readonly string[]
  readonly figures: readonly FigureInfo[]
  /** Figures that each class has; none where the task has no classes. */
  readonly classFigures: readonly FigureInfo[]
  /** What there is of each class: pictures, things or pixels. */
  readonly supports: readonly number[]
  /** All figures, then those of each class in turn. @param weights How often each picture counts. @default once */
  compute(weights?: ArrayLike<number>): Float64Array
  /** The cases behind a figure that is a plain proportion of pictures, by its place in what `compute` gives. */
  proportion(index: number): Proportion | undefined
  /** Whether a picture counts as wrong, and what is said of it, where that is known only once all are. */
  judge?(picture: number): Pick<Outcome, 'isMistake' | 'note'>
  /** Sentences for the user: what of the truth could not be used. */
  readonly warnings?: readonly string[]
}

/** A mark on a picture: what was found, what was not there, what was missed. */
export interface OutcomeMark {
  readonly tone: 'found' | 'wrong' | 'missed'
  readonly shape: Annotation | Detection
  readonly text?: string
}

/** What a picture looks like among the worst. */
export interface Outcome {
  /** The larger, the worse; within its kind. */
  readonly badness: number
  /** Kinds of mistakes are shown in turn. */
  readonly kind: string
  readonly isMistake: boolean
  readonly caption: string
  readonly note: string
  readonly marks: readonly OutcomeMark[]
}

/** Gathers predictions of one task. */
export interface Recorder {
  /** @throws FoveaError EVALUATE_PREDICTION, METRIC_INVALID; a picture that is refused leaves nothing behind */
  add(sample: EvaluationSample, prediction: Prediction): Outcome
  finish(): TaskRecords
}

/** @throws FoveaError EVALUATE_PREDICTION where the prediction is of another task */
export function expectTask<T extends PredictionTask>(
  prediction: Prediction,
  task: T,
  sample: EvaluationSample,
): Extract<Prediction, { task: T }> {
  const found: unknown = (prediction as Partial<Prediction> | undefined)?.task
  if (found !== task)
    throw new FoveaError('EVALUATE_PREDICTION', { file: sample.name, field: 'task', expected: task, found: String(found) })
  return prediction as Extract<Prediction, { task: T }>
}

/** @throws FoveaError EVALUATE_TRUTH where a picture lacks what the task is measured by */
export function missingTruth(sample: EvaluationSample, expected: string): FoveaError {
  return new FoveaError('EVALUATE_TRUTH', { file: sample.name, expected, found: 'nothing' })
}

/** The picture's weight; once where there are none. */
export function weightOf(weights: ArrayLike<number> | undefined, picture: number): number {
  return weights === undefined ? 1 : weights[picture]!
}

/** The mean of the values that are numbers; NaN where none is. */
export function knownMean(values: Iterable<number>): number {
  let [sum, count] = [0, 0]
  for (const value of values)
    if (!Number.isNaN(value)) {
      sum += value
      count++
    }
  return sum / count
}

/** As a person reads a part: 97.3 %. */
export function partText(value: number): string {
  return Number.isFinite(value) ? `${(100 * value).toFixed(1)} %` : '–'
}
