// Metrics against the same figures by definition (bench/peers/metrics_golden.py), whole and in shards.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AnomalyMetric, type AnomalyPicture } from './anomaly.ts'
import { BleuMetric } from './bleu.ts'
import { BoundaryMetric } from './boundary.ts'
import { CalibrationError } from './calibration.ts'
import type { CaptionedPicture } from './caption-words.ts'
import { CiderMetric } from './cider.ts'
import { ClassRankingMetric } from './class-ranking.ts'
import type { DetectedPicture } from './detections.ts'
import type { Metric, MetricState } from './metric.ts'
import { PanopticMetric, type PanopticPicture } from './panoptic.ts'
import { RougeMetric } from './rouge.ts'
import { SegmentationMetric } from './segmentation.ts'
import { VocMetric } from './voc.ts'

type Figures = Record<string, number | null>

interface Golden {
  classification: { classes: number; scores: number[]; labels: number[]; perClass: Figures[]; brierScore: number }[]
  segmentation: {
    width: number
    height: number
    classes: number
    pictures: { truth: number[]; prediction: number[] }[]
    perClass: Figures[]
    pixelAccuracy: number
    boundary: (number | null)[]
    tolerance: number
  }[]
  panoptic: { classes: number; pictures: PanopticPicture[]; perClass: Figures[] }[]
  anomalies: (Figures & { width: number; height: number; limit: number; pictures: AnomalyPicture[] })[]
  captions: { pictures: CaptionedPicture[]; bleu: number[]; rouge: number; cider: number; perPicture: number[] }[]
  voc: { pictures: number; classes: number; truths: VocRow[]; detections: (VocRow & { score: number })[]; perClass: Figures[] }[]
}

interface VocRow {
  picture: number
  label: number
  box: [number, number, number, number]
  difficult?: boolean
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../../../test/golden/metrics.json'), 'utf8')) as Golden

/** Numbers in a figure of any shape, in order. */
function numbersOf(value: unknown): number[] {
  if (typeof value === 'number') return [value]
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(numbersOf) : []
}

/** What the whole gives; on the way, that three shards, the last first, give the same after a journey through JSON, and that order does not matter. */
function figuresOf<Batch, Result>(make: () => Metric<Batch, Result>, batches: readonly Batch[]): Result {
  const whole = make()
  for (const batch of batches) whole.update(batch)
  const result = whole.compute()
  const merged = make()
  for (const part of [2, 1, 0]) {
    const shard = make()
    for (const [i, batch] of batches.entries()) if (i % 3 === part) shard.update(batch)
    const before = shard.state
    merged.mergeState(JSON.parse(JSON.stringify(before)) as MetricState)
    expect(shard.state).toEqual(before)
  }
  const sorted = (value: unknown) => numbersOf(value).toSorted((a, b) => a - b)
  const [found, wanted] = [sorted(merged.compute()), sorted(result)]
  expect(found.length).toBe(wanted.length)
  for (const [i, value] of wanted.entries()) expectClose(found[i]!, value)
  merged.reset()
  expect(merged.compute()).toEqual(make().compute())
  expect(merged.state).toEqual(make().state)
  return result
}

function expectClose(ours: number, theirs: number | null): void {
  if (theirs === null || Number.isNaN(theirs)) expect(ours).toBeNaN()
  else expect(ours).toBeCloseTo(theirs, 10)
}

const names = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`)
const meanOf = (values: readonly (number | null)[]) => {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
}

test.each(golden.classification.map((one, i) => ({ i, ...one })))('AUROC, average precision and Brier score, case $i', (one) => {
  const batches = Array.from(one.labels, (label, i) => ({
    scores: one.scores.slice(i * one.classes, (i + 1) * one.classes),
    labels: [label],
  }))
  const report = figuresOf(() => new ClassRankingMetric(one.classes), batches)
  for (const [c, theirs] of one.perClass.entries()) {
    expectClose(report.perClass[c]!.auroc, theirs.auroc!)
    expectClose(report.perClass[c]!.averagePrecision, theirs.averagePrecision!)
  }
  expectClose(report.auroc, meanOf(one.perClass.map(({ auroc }) => auroc!)))
  expectClose(report.averagePrecision, meanOf(one.perClass.map(({ averagePrecision }) => averagePrecision!)))
  expectClose(figuresOf(() => new CalibrationError(one.classes), batches).brierScore, one.brierScore)
})

test.each(golden.segmentation)('IoU, Dice and boundaries of $classes classes', (one) => {
  const { width, height, tolerance } = one
  const report = figuresOf(() => new SegmentationMetric(names(one.classes)), one.pictures)
  for (const [c, theirs] of one.perClass.entries()) {
    expectClose(report.perClass[c]!.iou, theirs.iou!)
    expectClose(report.perClass[c]!.dice, theirs.dice!)
  }
  expectClose(report.meanIoU, meanOf(one.perClass.map(({ iou }) => iou!)))
  expectClose(report.meanDice, meanOf(one.perClass.map(({ dice }) => dice!)))
  expectClose(report.pixelAccuracy, one.pixelAccuracy)
  const sized = one.pictures.map((picture) => ({ ...picture, width, height }))
  const boundary = figuresOf(() => new BoundaryMetric(names(one.classes), tolerance), sized)
  for (const [c, theirs] of one.boundary.entries()) expectClose(boundary.perClass[c]!.f1, theirs)
  expectClose(boundary.meanF1, meanOf(one.boundary))
})

test.each(golden.panoptic)('panoptic quality of $classes classes', (one) => {
  const report = figuresOf(() => new PanopticMetric(names(one.classes)), one.pictures)
  for (const [c, { pq, ...counts }] of one.perClass.entries()) {
    expectClose(report.perClass[c]!.pq, pq!)
    expect(report.perClass[c]).toMatchObject(counts)
    if (pq !== null) expect(report.perClass[c]!.sq * report.perClass[c]!.rq).toBeCloseTo(report.perClass[c]!.pq, 12)
  }
  expectClose(report.pq, meanOf(one.perClass.map(({ pq }) => pq!)))
})

test.each(golden.anomalies)('anomalies, false positives up to $limit', ({ limit, width, height, pictures, ...figures }) => {
  const batches = pictures.map((picture) => [{ ...picture, width, height }])
  const { imageF1, pixelF1, ...report } = figuresOf(() => new AnomalyMetric({ falsePositiveLimit: limit }), batches)
  const ours: Figures = { ...report, imageF1: imageF1.f1, pixelF1: pixelF1.f1 }
  expect(Object.keys(ours).sort()).toEqual(Object.keys(figures).sort())
  for (const [name, theirs] of Object.entries(figures as Figures)) expectClose(ours[name]!, theirs)
  // The threshold is one that gives the figure.
  const found = pictures.filter(({ score }) => score >= imageF1.threshold)
  const right = found.filter(({ isAnomalous }) => isAnomalous).length
  expect((2 * right) / (found.length + pictures.filter(({ isAnomalous }) => isAnomalous).length)).toBeCloseTo(imageF1.f1, 12)
})

test.each(golden.captions)('captions', (one) => {
  const batches = one.pictures.map((picture) => [picture])
  const { bleu1, bleu2, bleu3, bleu4 } = figuresOf(() => new BleuMetric(), batches)
  for (const [n, value] of [bleu1, bleu2, bleu3, bleu4].entries()) expectClose(value, one.bleu[n]!)
  expectClose(
    figuresOf(() => new RougeMetric(), batches),
    one.rouge,
  )
  const { cider, perPicture } = figuresOf(() => new CiderMetric(), batches)
  expectClose(cider, one.cider)
  for (const [i, value] of perPicture.entries()) expectClose(value, one.perPicture[i]!)
})

describe('VOC', () => {
  test.each(golden.voc)('$classes classes, $pictures pictures', (one) => {
    const batches = Array.from({ length: one.pictures }, (_, picture): DetectedPicture[] => {
      const own = (rows: readonly VocRow[]) => rows.filter((row) => row.picture === picture)
      const shape = ({ label, box: [x1, y1, x2, y2] }: VocRow) => ({ label, box: { x1, y1, x2, y2 } })
      return [
        {
          picture,
          truths: own(one.truths).map((row) => ({ ...shape(row), ...(row.difficult && { isDifficult: true }) })),
          detections: own(one.detections).map((row) => ({ ...shape(row), score: (row as { score?: number }).score! })),
        },
      ]
    })
    for (const points of ['all', 'eleven'] as const) {
      const report = figuresOf(() => new VocMetric(names(one.classes), { points }), batches)
      for (const [c, theirs] of one.perClass.entries()) expectClose(report.perClass[c]!.ap, theirs[points]!)
      expectClose(report.map, meanOf(one.perClass.map((figures) => figures[points]!)))
    }
  })
})
