// Counts, picture by picture.

import { FoveaError } from '../../util/errors.ts'
import { CountMetric } from '../../vision/metrics/counting.ts'
import type { Prediction } from '../../vision/predictions.ts'
import {
  type EvaluationSample,
  expectTask,
  type FigureInfo,
  missingTruth,
  type Outcome,
  type Recorder,
  type TaskRecords,
  weightOf,
} from './records.ts'

const figures = [
  { name: 'mae', title: 'Mean absolute error', better: 'lower', unit: 'number' },
  { name: 'rmse', title: 'Root mean squared error', better: 'lower', unit: 'number' },
  {
    name: 'relativeError',
    title: 'Mean error in parts of the mean count',
    aliases: ['wape', 'relativeMae'],
    better: 'lower',
    unit: 'part',
  },
  { name: 'bias', title: 'Bias: over 0 where too many are counted', better: 'zero', unit: 'number' },
] as const satisfies readonly FigureInfo[]

export class CountRecords implements TaskRecords {
  readonly task = 'count'
  readonly figures = figures
  readonly classFigures: readonly FigureInfo[] = []
  readonly supports: readonly number[] = []
  readonly labels: readonly string[]
  readonly pictures: string[] = []
  readonly counts: number[] = []
  readonly truths: number[] = []

  constructor(labels: readonly string[]) {
    this.labels = labels
  }

  compute(weights?: ArrayLike<number>): Float64Array {
    if (weights === undefined) {
      const metric = new CountMetric()
      metric.update({ predictions: this.counts, truths: this.truths })
      const { mae, rmse, relativeError, bias } = metric.compute()
      return Float64Array.of(mae, rmse, relativeError, bias)
    }
    let [total, absolute, square, sum, things] = [0, 0, 0, 0, 0]
    for (const [i, count] of this.counts.entries()) {
      const [weight, error] = [weightOf(weights, i), count - this.truths[i]!]
      total += weight
      absolute += weight * Math.abs(error)
      square += weight * error * error
      sum += weight * error
      things += weight * this.truths[i]!
    }
    const relative = things > 0 ? absolute / things : Number.NaN
    return Float64Array.of(absolute / total, Math.sqrt(square / total), relative, sum / total)
  }

  proportion(): undefined {
    return undefined
  }
}

/** The truth is the number of things in the picture; one in which many are marked as one crowd is left out. */
export class CountRecorder implements Recorder {
  readonly #records: CountRecords

  constructor(labels: readonly string[]) {
    this.#records = new CountRecords(labels)
  }

  add(sample: EvaluationSample, prediction: Prediction): Outcome {
    const { count } = expectTask(prediction, 'count', sample)
    if (!Number.isFinite(count))
      throw new FoveaError('EVALUATE_PREDICTION', { file: sample.name, field: 'count', expected: 'a finite number', found: String(count) })
    const things = sample.annotations
    if (things.some(({ isCrowd }) => isCrowd)) throw missingTruth(sample, 'things one by one, where many are marked as one crowd')
    this.#records.pictures.push(sample.name)
    this.#records.counts.push(count)
    this.#records.truths.push(things.length)
    return {
      badness: Math.abs(count - things.length),
      kind: 'error',
      isMistake: Math.round(count) !== things.length,
      caption: `counted ${Number(count.toFixed(1))}, are ${things.length}`,
      note: `${count >= things.length ? '+' : '−'}${Math.abs(count - things.length).toFixed(1)}`,
      marks: things.map((shape) => ({ tone: 'found' as const, shape })),
    }
  }

  finish(): CountRecords {
    return this.#records
  }
}
