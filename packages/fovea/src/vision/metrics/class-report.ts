// Precision, recall and F1, per class and averaged.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'
import { type ConfusionCounts, ConfusionMatrix } from './confusion-matrix.ts'
import { type ClassificationBatch, checkNames, isNumbers, type Metric, type MetricState, objectOf } from './metric.ts'

export interface ClassScores {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

export interface ClassFigures extends ClassScores {
  readonly class: string
  /** True samples of this class. */
  readonly support: number
}

export interface ClassReport {
  readonly samples: number
  readonly accuracy: number
  readonly perClass: readonly ClassFigures[]
  /** Mean over the classes that occur, as truth or as prediction. */
  readonly macro: ClassScores
  /** From all decisions together; with one label per picture all three equal the accuracy. */
  readonly micro: ClassScores
  /** Mean over the classes, each counted by its support. */
  readonly weighted: ClassScores
}

/** The report of a confusion matrix. A ratio without cases (a class never predicted, never true) is 0. */
export function classReport(counts: ConfusionCounts, classes: readonly string[]): ClassReport {
  checkNames(classes)
  if (!Array.isArray(counts) || counts.some((row: unknown) => !isNumbers(row)))
    throw new FoveaError('METRIC_INVALID', { field: 'counts', expected: 'rows of numbers', found: said(counts) })
  if (counts.length !== classes.length || counts.some((row) => row.length !== classes.length)) {
    throw new FoveaError('METRIC_INVALID', { field: 'classes', expected: `${counts.length} names`, found: String(classes.length) })
  }
  const supports = counts.map((row) => sum(row))
  const predicted = classes.map((_, p) => sum(counts.map((row) => row[p]!)))
  const samples = sum(supports)
  const right = sum(counts.map((row, i) => row[i]!))
  const perClass = classes.map((name, i): ClassFigures => {
    const hits = counts[i]![i]!
    return { class: name, ...scores(hits, predicted[i]!, supports[i]!), support: supports[i]! }
  })
  const occurring = perClass.filter((_, i) => supports[i]! + predicted[i]! > 0)
  return {
    samples,
    accuracy: ratio(right, samples),
    perClass,
    macro: average(
      occurring,
      occurring.map(() => 1),
    ),
    micro: scores(right, samples, samples),
    weighted: average(perClass, supports),
  }
}

/** `classReport`, gathered batch by batch. */
export class ClassReportMetric implements Metric<ClassificationBatch, ClassReport> {
  readonly classes: readonly string[]
  readonly confusion: ConfusionMatrix

  constructor(classes: readonly string[]) {
    this.classes = classes
    this.confusion = new ConfusionMatrix(checkNames(classes).length)
  }

  update(batch: ClassificationBatch): void {
    this.confusion.update(batch)
  }

  compute(): ClassReport {
    return classReport(this.confusion.compute(), this.classes)
  }

  reset(): void {
    this.confusion.reset()
  }

  merge(other: Metric<ClassificationBatch, ClassReport>): void {
    this.confusion.mergeState(objectOf(other, 'metric').state)
  }

  get state(): MetricState {
    return this.confusion.state
  }

  mergeState(state: MetricState): void {
    this.confusion.mergeState(state)
  }
}

function scores(hits: number, predicted: number, support: number): ClassScores {
  return { precision: ratio(hits, predicted), recall: ratio(hits, support), f1: ratio(2 * hits, predicted + support) }
}

function average(figures: readonly ClassScores[], weights: readonly number[]): ClassScores {
  const total = sum(weights)
  const mean = (key: keyof ClassScores) =>
    ratio(
      figures.reduce((all, scores, i) => all + scores[key] * weights[i]!, 0),
      total,
    )
  return { precision: mean('precision'), recall: mean('recall'), f1: mean('f1') }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
