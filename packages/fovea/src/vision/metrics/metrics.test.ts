import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Accuracy, TopKAccuracy } from './accuracy.ts'
import { CalibrationError } from './calibration.ts'
import { ClassReportMetric, classReport } from './class-report.ts'
import { ConfusionMatrix } from './confusion-matrix.ts'
import { MeanLoss } from './mean-loss.ts'
import type { ClassificationBatch, Metric } from './metric.ts'

const batch: ClassificationBatch = {
  scores: [0.7, 0.2, 0.1, 0.1, 0.6, 0.3, 0.3, 0.3, 0.4, 0.5, 0.4, 0.1, 0.05, 0.9, 0.05],
  labels: [0, 1, 1, 1, 2],
}

function filled<T extends Metric<ClassificationBatch, unknown>>(metric: T): T {
  metric.update(batch)
  return metric
}

describe('by hand', () => {
  // Predictions 0 1 2 0 1 for the labels 0 1 1 1 2.
  test('accuracy and top-k', () => {
    expect(filled(new Accuracy(3)).compute()).toBeCloseTo(2 / 5, 12)
    // Row 2 has the equal scores 0.3 0.3: class 0 comes first, so class 1 is third.
    expect(filled(new TopKAccuracy(3, 2)).compute()).toBeCloseTo(3 / 5, 12)
    expect(filled(new TopKAccuracy(3, 3)).compute()).toBe(1)
    expect(new Accuracy(3).compute()).toBeNaN()
  })

  test('confusion matrix', () => {
    expect(filled(new ConfusionMatrix(3)).compute()).toEqual([
      [1, 0, 0],
      [1, 1, 1],
      [0, 1, 0],
    ])
  })

  test('precision, recall, F1 and their means', () => {
    const report = filled(new ClassReportMetric(['a', 'b', 'c'])).compute()
    expect(report.perClass).toEqual([
      { class: 'a', precision: 1 / 2, recall: 1, f1: 2 / 3, support: 1 },
      { class: 'b', precision: 1 / 2, recall: 1 / 3, f1: 2 / 5, support: 3 },
      { class: 'c', precision: 0, recall: 0, f1: 0, support: 1 },
    ])
    expect(report.samples).toBe(5)
    expect(report.accuracy).toBeCloseTo(0.4, 12)
    expect(report.macro.precision).toBeCloseTo(1 / 3, 12)
    expect(report.macro.recall).toBeCloseTo(4 / 9, 12)
    expect(report.macro.f1).toBeCloseTo(16 / 45, 12)
    expect(report.micro).toEqual({ precision: 0.4, recall: 0.4, f1: 0.4 })
    expect(report.weighted.precision).toBeCloseTo(0.4, 12)
    expect(report.weighted.recall).toBeCloseTo(0.4, 12)
    expect(report.weighted.f1).toBeCloseTo(28 / 75, 12)
  })

  test('a class that never occurs does not count in the macro mean', () => {
    const { macro, perClass } = classReport(
      [
        [2, 0, 0],
        [0, 2, 0],
        [0, 0, 0],
      ],
      ['a', 'b', 'unused'],
    )
    expect(macro).toEqual({ precision: 1, recall: 1, f1: 1 })
    expect(perClass[2]).toEqual({ class: 'unused', precision: 0, recall: 0, f1: 0, support: 0 })
  })

  test('calibration error', () => {
    // Two bins: confidences 0.4 and 0.5 (both wrong) in (0, 0.5]; 0.7 and 0.6 (right), 0.9 (wrong) in (0.5, 1].
    const { expectedCalibrationError, maximumCalibrationError, bins } = filled(new CalibrationError(3, 2)).compute()
    expect(bins.map(({ count }) => count)).toEqual([2, 3])
    expect(bins[0]!.accuracy).toBe(0)
    expect(bins[0]!.confidence).toBeCloseTo(0.45, 12)
    expect(bins[1]!.accuracy).toBeCloseTo(2 / 3, 12)
    expect(bins[1]!.confidence).toBeCloseTo(2.2 / 3, 12)
    expect(expectedCalibrationError).toBeCloseTo((2 / 5) * 0.45 + (3 / 5) * (0.2 / 3), 12)
    expect(maximumCalibrationError).toBeCloseTo(0.45, 12)
  })

  test('a perfect, certain classifier is calibrated', () => {
    const metric = new CalibrationError(2)
    metric.update({ scores: [1, 0, 0, 1], labels: [0, 1] })
    expect(metric.compute().expectedCalibrationError).toBe(0)
    expect(metric.compute().bins.at(-1)!.count).toBe(2)
  })

  test('mean loss weighs batches by their size', () => {
    const metric = new MeanLoss()
    expect(metric.compute()).toBeNaN()
    metric.update({ loss: 1, count: 30 })
    metric.update({ loss: 4, count: 10 })
    metric.update({ loss: Number.NaN, count: 0 })
    expect(metric.compute()).toBe(1.75)
    metric.update({ loss: Number.POSITIVE_INFINITY, count: 1 })
    expect(metric.compute()).toBe(Number.POSITIVE_INFINITY)
    metric.reset()
    expect(metric.compute()).toBeNaN()
  })
})

const makers: Record<string, () => Metric<ClassificationBatch, unknown>> = {
  Accuracy: () => new Accuracy(4),
  TopKAccuracy: () => new TopKAccuracy(4, 2),
  ConfusionMatrix: () => new ConfusionMatrix(4),
  ClassReportMetric: () => new ClassReportMetric(['a', 'b', 'c', 'd']),
  CalibrationError: () => new CalibrationError(4, 7),
}

// Scores are multiples of 1/64, so that sums are exact and any order gives the same figures to the last bit.
const rows = fc.array(
  fc.record({
    scores: fc.array(
      fc.integer({ min: 0, max: 64 }).map((v) => v / 64),
      { minLength: 4, maxLength: 4 },
    ),
    label: fc.integer({ min: 0, max: 3 }),
  }),
  {
    minLength: 1,
    maxLength: 30,
  },
)
const toBatch = (list: readonly { scores: number[]; label: number }[]): ClassificationBatch => ({
  scores: list.flatMap(({ scores }) => scores),
  labels: list.map(({ label }) => label),
})

describe.each(Object.entries(makers))('%s', (_, make) => {
  const of = (...parts: ClassificationBatch[]) => {
    const metric = make()
    for (const part of parts) metric.update(part)
    return metric.compute()
  }

  test('does not depend on the order of the samples', () => {
    fc.assert(
      fc.property(rows, (list) => {
        expect(of(toBatch(list.toReversed()))).toEqual(of(toBatch(list)))
      }),
    )
  })

  test('parts, merged or fed one after another, give what the whole gives', () => {
    fc.assert(
      fc.property(rows, fc.nat(), (list, cut) => {
        const at = cut % list.length
        const [first, second] = [toBatch(list.slice(0, at)), toBatch(list.slice(at))]
        const whole = of(toBatch(list))
        expect(of(first, second)).toEqual(whole)
        const [left, right] = [make(), make()]
        left.update(first)
        right.update(second)
        const before = right.compute()
        left.merge(right)
        expect(left.compute()).toEqual(whole)
        expect(right.compute()).toEqual(before)
        left.reset()
        expect(left.compute()).toEqual(make().compute())
      }),
    )
  })

  test('refuses what does not fit together', () => {
    expect(() => make().update({ scores: [1, 0, 0], labels: [0] })).toThrowError(/METRIC_INVALID/)
    expect(() => make().update({ scores: [1, 0, 0, 0], labels: [4] })).toThrowError(/labels\[0\]/)
    expect(() => make().update({ scores: [1, Number.NaN, 0, 0], labels: [0] })).toThrowError(/scores\[1\]/)
  })
})

test('calibration refuses scores that are no probabilities, merges refuse other sizes', () => {
  expect(() => new CalibrationError(2).update({ scores: [3, 1], labels: [0] })).toThrowError(/probabilities/)
  expect(() => new CalibrationError(2, 5).merge(new CalibrationError(2, 6))).toThrowError(/METRIC_INVALID/)
  expect(() => new ConfusionMatrix(2).merge(new ConfusionMatrix(3))).toThrowError(/METRIC_INVALID/)
})
