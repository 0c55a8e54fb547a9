// Classification, picture by picture: what is kept, and its figures for any weighting.

import { FoveaError } from '../../util/errors.ts'
import { type Calibration, CalibrationError } from '../../vision/metrics/calibration.ts'
import type { ConfusionCounts } from '../../vision/metrics/confusion-matrix.ts'
import { bestClass } from '../../vision/metrics/metric.ts'
import { byConfidence, riskCoverageArea } from '../../vision/metrics/risk-coverage.ts'
import type { Prediction } from '../../vision/predictions.ts'
import { classFigures } from './class-figures.ts'
import {
  type EvaluationSample,
  expectTask,
  type FigureInfo,
  knownMean,
  missingTruth,
  type Outcome,
  type Proportion,
  partText,
  type Recorder,
  type TaskRecords,
  weightOf,
} from './records.ts'

const figures = [
  { name: 'accuracy', title: 'Accuracy', aliases: ['top1'], better: 'higher', unit: 'part' },
  { name: 'top5', title: 'Top-5 accuracy', better: 'higher', unit: 'part' },
  { name: 'precision', title: 'Precision, mean over classes', aliases: ['macro precision'], better: 'higher', unit: 'part' },
  { name: 'recall', title: 'Recall, mean over classes', aliases: ['balanced accuracy', 'macro recall'], better: 'higher', unit: 'part' },
  { name: 'f1', title: 'F1, mean over classes', aliases: ['macro f1'], better: 'higher', unit: 'part' },
  { name: 'weightedF1', title: 'F1, classes by their size', better: 'higher', unit: 'part' },
  { name: 'auroc', title: 'AUROC, mean over classes', aliases: ['auc', 'roc auc'], better: 'higher', unit: 'part' },
  { name: 'averagePrecision', title: 'Average precision, mean over classes', aliases: ['mAP', 'ap'], better: 'higher', unit: 'part' },
  { name: 'loss', title: 'Cross-entropy in nats', aliases: ['cross entropy', 'nll'], better: 'lower', unit: 'number' },
  { name: 'calibrationError', title: 'Expected calibration error', aliases: ['ece', 'calibration'], better: 'lower', unit: 'part' },
  { name: 'brierScore', title: 'Brier score', aliases: ['brier'], better: 'lower', unit: 'number' },
  { name: 'aurc', title: 'Area under the risk-coverage curve', aliases: ['risk coverage'], better: 'lower', unit: 'number' },
] as const satisfies readonly FigureInfo[]

/** Scores beyond this many (512 MiB) are not kept: then there are no figures of ranking. */
const maxScores = 2 ** 27
/** The most scores that are ranked anew for every drawing of pictures. */
const maxRankedAnew = 5e5
const bins = 15

/** One value a picture in each column. */
export class ClassifyRecords implements TaskRecords {
  readonly task = 'classify'
  readonly figures = figures
  readonly classFigures = classFigures
  readonly labels: readonly string[]
  readonly pictures: string[] = []
  readonly truths: number[] = []
  readonly predicted: number[] = []
  /** Probability of the class that was predicted, and of the true one. */
  readonly confidences: number[] = []
  readonly truthProbabilities: number[] = []
  /** Classes before the true one. */
  readonly ranks: number[] = []
  readonly brier: number[] = []
  readonly #calibration: CalibrationError
  #rows: Float32Array[] | undefined = []
  #orders: (Uint32Array | undefined)[] = []
  #sureFirst: Uint32Array | undefined
  #rights: readonly boolean[] | undefined

  constructor(labels: readonly string[]) {
    this.labels = labels
    this.#calibration = new CalibrationError(labels.length, bins)
  }

  /** `confusion[true][predicted]`. */
  get confusion(): ConfusionCounts {
    const counts = this.labels.map(() => this.labels.map(() => 0))
    for (const [i, truth] of this.truths.entries()) counts[truth]![this.predicted[i]!]!++
    return counts
  }

  get calibration(): Calibration {
    return this.#calibration.compute()
  }

  /** Probabilities of all classes of a picture; undefined where they were too many to keep. */
  row(picture: number): Float32Array | undefined {
    return this.#rows?.[picture]
  }

  push(name: string, truth: number, probabilities: ArrayLike<number>): void {
    const best = bestClass(probabilities, 0, this.labels.length)
    const own = probabilities[truth]!
    let [before, square] = [0, 0]
    for (let c = 0; c < this.labels.length; c++) {
      const value = probabilities[c]!
      if (value > own || (value === own && c < truth)) before++
      square += (value - (c === truth ? 1 : 0)) ** 2
    }
    this.#calibration.update({ scores: probabilities, labels: [truth] })
    this.pictures.push(name)
    this.truths.push(truth)
    this.predicted.push(best)
    this.confidences.push(probabilities[best]!)
    this.truthProbabilities.push(own)
    this.ranks.push(before)
    this.brier.push(square)
    this.#orders = []
    this.#sureFirst = undefined
    this.#rights = undefined
    if (this.pictures.length * this.labels.length > maxScores) this.#rows = undefined
    this.#rows?.push(Float32Array.from(probabilities))
  }

  get supports(): readonly number[] {
    const counts = this.labels.map(() => 0)
    for (const truth of this.truths) counts[truth]!++
    return counts
  }

  compute(weights?: ArrayLike<number>): Float64Array {
    const classes = this.labels.length
    const [hits, found, support] = [new Float64Array(classes), new Float64Array(classes), new Float64Array(classes)]
    const calibration = new Float64Array(3 * bins)
    let [total, right, top5, loss, brier] = [0, 0, 0, 0, 0]
    for (let i = 0; i < this.truths.length; i++) {
      const weight = weightOf(weights, i)
      if (weight === 0) continue
      const [truth, predicted, confidence] = [this.truths[i]!, this.predicted[i]!, this.confidences[i]!]
      const isRight = truth === predicted ? weight : 0
      total += weight
      right += isRight
      support[truth] = support[truth]! + weight
      found[predicted] = found[predicted]! + weight
      hits[truth] = hits[truth]! + isRight
      if (this.ranks[i]! < 5) top5 += weight
      loss -= weight * Math.log(Math.max(this.truthProbabilities[i]!, 1e-12))
      brier += weight * this.brier[i]!
      const bin = 3 * Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1))
      calibration[bin] = calibration[bin]! + isRight
      calibration[bin + 1] = calibration[bin + 1]! + weight * confidence
    }
    let gaps = 0
    for (let bin = 0; bin < calibration.length; bin += 3) gaps += Math.abs(calibration[bin]! - calibration[bin + 1]!)

    const width = classFigures.length
    const out = new Float64Array(figures.length + classes * width)
    const means = new Float64Array(width)
    let [occurring, weighted] = [0, 0]
    for (let c = 0; c < classes; c++) {
      const at = figures.length + c * width
      out[at] = ratio(hits[c]!, found[c]!)
      out[at + 1] = ratio(hits[c]!, support[c]!)
      out[at + 2] = ratio(2 * hits[c]!, found[c]! + support[c]!)
      weighted += support[c]! * out[at + 2]!
      if (found[c]! + support[c]! === 0) continue
      occurring++
      for (let f = 0; f < 3; f++) means[f] = means[f]! + out[at + f]!
    }
    const [auroc, averagePrecision] = this.#rank(out, weights)
    out.set([
      right / total,
      top5 / total,
      ratio(means[0]!, occurring),
      ratio(means[1]!, occurring),
      ratio(means[2]!, occurring),
      ratio(weighted, total),
      auroc,
      averagePrecision,
      loss / total,
      gaps / total,
      brier / total,
      this.#riskCoverage(weights),
    ])
    return out
  }

  #riskCoverage(weights: ArrayLike<number> | undefined): number {
    this.#sureFirst ??= byConfidence(this.confidences)
    this.#rights ??= this.truths.map((truth, i) => truth === this.predicted[i])
    return riskCoverageArea(this.confidences, this.#rights, weights, this.#sureFirst)
  }

  proportion(index: number): Proportion | undefined {
    const total = this.truths.length
    const count = (test: (i: number) => boolean) => this.truths.reduce((sum, _, i) => sum + (test(i) ? 1 : 0), 0)
    if (index === 0) return { hits: count((i) => this.ranks[i] === 0), cases: total }
    if (index === 1) return { hits: count((i) => this.ranks[i]! < 5), cases: total }
    const [label, figure] = [Math.floor((index - figures.length) / classFigures.length), (index - figures.length) % classFigures.length]
    if (label < 0 || figure > 1) return undefined
    const side = figure === 0 ? this.predicted : this.truths
    return { hits: count((i) => this.truths[i] === label && this.predicted[i] === label), cases: count((i) => side[i] === label) }
  }

  /** Writes AUROC and average precision of each class, and gives their means; NaN where scores are too many to be ranked again. */
  #rank(out: Float64Array, weights: ArrayLike<number> | undefined): [number, number] {
    const [classes, width] = [this.labels.length, classFigures.length]
    // The figures themselves count every picture once, and are always ranked.
    const anew = this.truths.length * classes > maxRankedAnew && this.truths.some((_, i) => weightOf(weights, i) !== 1)
    const lists: [number[], number[]] = [[], []]
    for (let c = 0; c < classes; c++) {
      const [auroc, precision] = this.#rows === undefined || anew ? [Number.NaN, Number.NaN] : this.#rankClass(c, weights)
      const at = figures.length + c * width
      out[at + 3] = auroc
      out[at + 4] = precision
      lists[0].push(auroc)
      lists[1].push(precision)
    }
    return [knownMean(lists[0]), knownMean(lists[1])]
  }

  #rankClass(label: number, weights: ArrayLike<number> | undefined): [number, number] {
    const rows = this.#rows!
    let order = this.#orders[label]
    if (order === undefined) {
      order = Uint32Array.from(rows, (_, i) => i).sort((a, b) => rows[b]![label]! - rows[a]![label]!)
      if (order.length * this.labels.length <= maxRankedAnew) this.#orders[label] = order
    }
    let [right, wrong, pairs, area] = [0, 0, 0, 0]
    for (let i = 0; i < order.length; ) {
      // All of one score at once.
      const score = rows[order[i]!]![label]!
      let [own, other] = [0, 0]
      for (; i < order.length && rows[order[i]!]![label] === score; i++) {
        const weight = weightOf(weights, order[i]!)
        if (this.truths[order[i]!] === label) own += weight
        else other += weight
      }
      pairs += other * (right + own / 2)
      right += own
      wrong += other
      if (own > 0) area += own * (right / (right + wrong))
    }
    return [pairs / (right * wrong), area / right]
  }
}

export class ClassifyRecorder implements Recorder {
  readonly #records: ClassifyRecords

  constructor(labels: readonly string[]) {
    this.#records = new ClassifyRecords(labels)
  }

  add(sample: EvaluationSample, prediction: Prediction): Outcome {
    const { labels } = this.#records
    const { probabilities } = expectTask(prediction, 'classify', sample)
    const [truth] = sample.labels
    if (truth === undefined || truth < 0) throw missingTruth(sample, 'a class')
    // Against the first of several, an answer that is right would count as wrong.
    if (sample.labels.length > 1)
      throw new FoveaError('EVALUATE_TRUTH', { file: sample.name, expected: 'one class', found: `${sample.labels.length}` })
    if (truth >= labels.length)
      throw new FoveaError('EVALUATE_TRUTH', { file: sample.name, expected: `a class from 0 to ${labels.length - 1}`, found: `${truth}` })
    if (probabilities?.length !== labels.length)
      throw new FoveaError('EVALUATE_PREDICTION', {
        file: sample.name,
        field: 'probabilities',
        expected: `${labels.length} numbers`,
        found: `${probabilities?.length}`,
      })
    for (let c = 0; c < labels.length; c++) {
      const value = probabilities[c]!
      // A little over one is rounding in a softmax of floats.
      if (!(value >= 0 && value <= 1 + 1e-5))
        throw new FoveaError('EVALUATE_PREDICTION', {
          file: sample.name,
          field: `probabilities[${c}]`,
          expected: '0 to 1',
          found: `${value}`,
        })
    }
    const records = this.#records
    records.push(sample.name, truth, probabilities)
    const [predicted, confidence, own] = [records.predicted.at(-1)!, records.confidences.at(-1)!, records.truthProbabilities.at(-1)!]
    return {
      badness: -own,
      kind: 'loss',
      isMistake: predicted !== truth,
      caption: predicted === truth ? labels[truth]! : `${labels[predicted]!}, is ${labels[truth]!}`,
      note: predicted === truth ? `right, but only ${partText(own)} sure` : `${partText(confidence)} sure, ${partText(own)} for the truth`,
      marks: [],
    }
  }

  finish(): ClassifyRecords {
    return this.#records
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
