// Which of the classes are in a picture, picture by picture: what is kept, and its figures for any weighting.

import { FoveaError } from '../../util/errors.ts'
import { areaUnderRoc, averagePrecisionOf, type ScoreCounts } from '../../vision/metrics/ranking.ts'
import type { Prediction } from '../../vision/predictions.ts'
import { classFigures } from './class-figures.ts'
import {
  type EvaluationSample,
  expectTask,
  type FigureInfo,
  knownMean,
  type Outcome,
  type Proportion,
  partText,
  type Recorder,
  type TaskRecords,
  weightOf,
} from './records.ts'

const figures = [
  { name: 'averagePrecision', title: 'Average precision, mean over classes', aliases: ['mAP', 'ap'], better: 'higher', unit: 'part' },
  { name: 'f1', title: 'F1, mean over classes', aliases: ['macro f1'], better: 'higher', unit: 'part' },
  { name: 'microF1', title: 'F1 of all answers together', better: 'higher', unit: 'part' },
  { name: 'precision', title: 'Precision, mean over classes', aliases: ['macro precision'], better: 'higher', unit: 'part' },
  { name: 'recall', title: 'Recall, mean over classes', aliases: ['macro recall'], better: 'higher', unit: 'part' },
  { name: 'exactMatch', title: 'Pictures with all classes right', aliases: ['subset accuracy'], better: 'higher', unit: 'part' },
  { name: 'hammingLoss', title: 'Wrong answers, of all', aliases: ['hamming'], better: 'lower', unit: 'part' },
  { name: 'auroc', title: 'AUROC, mean over classes', aliases: ['auc', 'roc auc'], better: 'higher', unit: 'part' },
] as const satisfies readonly FigureInfo[]

/** Where a prediction does not say which classes are there. */
const usualThreshold = 0.5

/** One row a picture. */
export class MultilabelRecords implements TaskRecords {
  readonly task = 'multilabel'
  readonly figures = figures
  readonly classFigures = classFigures
  readonly labels: readonly string[]
  readonly pictures: string[] = []
  readonly rows: Float32Array[] = []
  /** 1 where the picture shows the class, and where the model says so. */
  readonly truths: Uint8Array[] = []
  readonly found: Uint8Array[] = []
  #orders: (Uint32Array | undefined)[] = []

  constructor(labels: readonly string[]) {
    this.labels = labels
  }

  push(name: string, truth: Uint8Array, found: Uint8Array, probabilities: ArrayLike<number>): void {
    this.pictures.push(name)
    this.truths.push(truth)
    this.found.push(found)
    this.rows.push(Float32Array.from(probabilities))
    this.#orders = []
  }

  get supports(): readonly number[] {
    return this.labels.map((_, c) => this.truths.reduce((sum, truth) => sum + truth[c]!, 0))
  }

  compute(weights?: ArrayLike<number>): Float64Array {
    const [classes, width] = [this.labels.length, classFigures.length]
    const [hits, found, there] = [new Float64Array(classes), new Float64Array(classes), new Float64Array(classes)]
    let [total, exact, wrong] = [0, 0, 0]
    for (const [i, truth] of this.truths.entries()) {
      const weight = weightOf(weights, i)
      if (weight === 0) continue
      let mistakes = 0
      for (let c = 0; c < classes; c++) {
        const [is, says] = [truth[c]!, this.found[i]![c]!]
        if (is !== says) mistakes++
        hits[c] = hits[c]! + weight * is * says
        found[c] = found[c]! + weight * says
        there[c] = there[c]! + weight * is
      }
      total += weight
      wrong += weight * mistakes
      if (mistakes === 0) exact += weight
    }
    const out = new Float64Array(figures.length + classes * width)
    const lists: number[][] = classFigures.map(() => [])
    for (let c = 0; c < classes; c++) {
      const counts = this.#countsOf(c, weights)
      const values = [
        // What is neither there nor told has no figure.
        ratio(hits[c]!, found[c]!),
        ratio(hits[c]!, there[c]!),
        ratio(2 * hits[c]!, found[c]! + there[c]!),
        areaUnderRoc(counts),
        averagePrecisionOf(counts),
      ]
      // A class that is there and never told has a precision of 0, not none.
      if (there[c]! > 0 && found[c] === 0) values[0] = 0
      out.set(values, figures.length + c * width)
      for (const [f, value] of values.entries()) lists[f]!.push(value)
    }
    const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0)
    const [precision, recall, f1, auroc, averagePrecision] = lists.map(knownMean)
    const micro = ratio(2 * sum(hits), sum(found) + sum(there))
    out.set([averagePrecision!, f1!, micro, precision!, recall!, exact / total, wrong / (total * classes), auroc!])
    return out
  }

  proportion(index: number): Proportion | undefined {
    const count = (test: (truth: Uint8Array, found: Uint8Array) => boolean) =>
      this.truths.reduce((sum, truth, i) => sum + (test(truth, this.found[i]!) ? 1 : 0), 0)
    if (figures[index]?.name === 'exactMatch')
      return { hits: count((truth, found) => truth.every((is, c) => is === found[c])), cases: this.truths.length }
    const [label, figure] = [Math.floor((index - figures.length) / classFigures.length), (index - figures.length) % classFigures.length]
    if (label < 0 || figure > 1) return undefined
    const cases = count((truth, found) => (figure === 0 ? found : truth)[label] === 1)
    return cases === 0 ? undefined : { hits: count((truth, found) => truth[label] === 1 && found[label] === 1), cases }
  }

  /** Pictures by the score of a class, falling. */
  order(label: number): Uint32Array {
    this.#orders[label] ??= Uint32Array.from(this.rows, (_, i) => i).sort((a, b) => this.rows[b]![label]! - this.rows[a]![label]! || a - b)
    return this.#orders[label]
  }

  #countsOf(label: number, weights: ArrayLike<number> | undefined): ScoreCounts {
    const counts = { scores: [] as number[], positives: [] as number[], negatives: [] as number[] }
    for (const i of this.order(label)) {
      const weight = weightOf(weights, i)
      if (weight === 0) continue
      const score = this.rows[i]![label]!
      if (counts.scores.at(-1) !== score) {
        counts.scores.push(score)
        counts.positives.push(0)
        counts.negatives.push(0)
      }
      const list = this.truths[i]![label] === 1 ? counts.positives : counts.negatives
      list[list.length - 1] = list.at(-1)! + weight
    }
    return counts
  }
}

export class MultilabelRecorder implements Recorder {
  readonly #records: MultilabelRecords

  constructor(labels: readonly string[]) {
    this.#records = new MultilabelRecords(labels)
  }

  /** A picture shows the classes that it is labelled with, else those of what is marked in it; none where nothing is. */
  add(sample: EvaluationSample, prediction: Prediction): Outcome {
    const { labels } = this.#records
    const { probabilities, present } = expectTask(prediction, 'multilabel', sample)
    const wrong = (field: string, expected: string, found: unknown) =>
      new FoveaError('EVALUATE_PREDICTION', { file: sample.name, field, expected, found: String(found) })
    if (probabilities?.length !== labels.length) throw wrong('probabilities', `${labels.length} numbers`, probabilities?.length)
    const found = new Uint8Array(labels.length)
    for (let c = 0; c < labels.length; c++) {
      const value = probabilities[c]!
      if (!(value >= 0 && value <= 1 + 1e-5)) throw wrong(`probabilities[${c}]`, '0 to 1', value)
      if (present === undefined && value >= usualThreshold) found[c] = 1
    }
    for (const [i, { index }] of (present ?? []).entries()) {
      if (!(Number.isInteger(index) && index >= 0 && index < labels.length))
        throw wrong(`present[${i}].index`, `0 to ${labels.length - 1}`, index)
      found[index] = 1
    }
    const truth = new Uint8Array(labels.length)
    for (const label of sample.labels.length > 0 ? sample.labels : sample.annotations.map((one) => one.label).filter((one) => one >= 0)) {
      if (!(label >= 0 && label < labels.length))
        throw new FoveaError('EVALUATE_TRUTH', { file: sample.name, expected: `classes from 0 to ${labels.length - 1}`, found: `${label}` })
      truth[label] = 1
    }
    this.#records.push(sample.name, truth, found, probabilities)
    return outcomeOf(labels, truth, found, probabilities)
  }

  finish(): MultilabelRecords {
    return this.#records
  }
}

function outcomeOf(labels: readonly string[], truth: Uint8Array, found: Uint8Array, probabilities: ArrayLike<number>): Outcome {
  const chosen = (test: (c: number) => boolean) => labels.filter((_, c) => test(c))
  const missed = chosen((c) => truth[c] === 1 && found[c] === 0)
  const unfounded = chosen((c) => truth[c] === 0 && found[c] === 1)
  const badness = labels.reduce(
    (sum, _, c) => sum - Math.log(Math.max(1e-12, truth[c] === 1 ? probabilities[c]! : 1 - probabilities[c]!)),
    0,
  )
  const shown = chosen((c) => truth[c] === 1).join(', ') || 'nothing'
  const least = labels.reduce((worst, _, c) => Math.min(worst, truth[c] === 1 ? probabilities[c]! : 1 - probabilities[c]!), 1)
  const notes = [missed.length > 0 ? `misses ${missed.join(', ')}` : '', unfounded.length > 0 ? `says ${unfounded.join(', ')}` : '']
  return {
    badness,
    kind: 'loss',
    isMistake: missed.length + unfounded.length > 0,
    caption: shown,
    note: notes.filter(Boolean).join('; ') || `right, the least sure ${partText(least)}`,
    marks: [],
  }
}

/** NaN where there is nothing. */
function ratio(part: number, whole: number): number {
  return whole === 0 ? Number.NaN : part / whole
}
