// COCO's figures: against pycocotools' own, and by their laws.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Annotation } from '../annotation.ts'
import { fromCornerSize } from '../boxes.ts'
import { fromRunLengthText } from '../run-length-text.ts'
import { CocoMetric, type CocoReport } from './coco.ts'
import { cocoRecalls } from './coco-figures.ts'
import { cocoThresholds } from './coco-match.ts'
import type { DetectedPicture } from './detections.ts'
import type { MetricState } from './metric.ts'

interface Row {
  picture: number
  label: number
  shape: [number, number, number, number] | string
  area?: number
  crowd?: boolean
  score?: number
}

interface Case {
  name: string
  by: 'boxes' | 'masks'
  width: number
  height: number
  pictures: number
  classes: number
  truths: Row[]
  detections: Row[]
  /** -1 where there is nothing to find. */
  figures: number[]
  perClass: number[]
}

const cases = JSON.parse(readFileSync(join(import.meta.dirname, '../../../test/golden/coco-metrics.json'), 'utf8')) as Case[]

function annotation({ label, shape, area, crowd }: Row, { width, height }: Case): Annotation {
  const found = typeof shape === 'string' ? { mask: fromRunLengthText(shape, width, height) } : { box: fromCornerSize(shape) }
  return { label, ...found, ...(area !== undefined && { area }), ...(crowd && { isCrowd: true }) }
}

function picturesOf(one: Case): DetectedPicture[] {
  return Array.from({ length: one.pictures }, (_, picture) => ({
    picture,
    truths: one.truths.filter((row) => row.picture === picture).map((row) => annotation(row, one)),
    detections: one.detections.filter((row) => row.picture === picture).map((row) => ({ ...annotation(row, one), score: row.score! })),
  }))
}

function metricOf({ classes, by }: Pick<Case, 'classes' | 'by'>): CocoMetric {
  return new CocoMetric(
    Array.from({ length: classes }, (_, i) => `class ${i}`),
    { by },
  )
}

function figuresOf(report: CocoReport): number[] {
  const { ap, ap50, ap75, apSmall, apMedium, apLarge, arFirst, arSecond, ar, arSmall, arMedium, arLarge } = report
  return [ap, ap50, ap75, apSmall, apMedium, apLarge, arFirst, arSecond, ar, arSmall, arMedium, arLarge]
}

describe('as pycocotools', () => {
  test.each(cases)('$name', (one) => {
    const metric = metricOf(one)
    metric.update(picturesOf(one))
    const report = metric.compute()
    const ours = [...figuresOf(report), ...report.perClass.map(({ ap }) => ap)]
    for (const [i, theirs] of [...one.figures, ...one.perClass].entries())
      if (theirs === -1) expect(ours[i]).toBeNaN()
      else expect(ours[i]).toBeCloseTo(theirs, 12)
  })

  test.each(cases)('$name: in shards, out of order, through JSON', (one) => {
    const pictures = picturesOf(one)
    const whole = metricOf(one)
    whole.update(pictures)
    const merged = metricOf(one)
    for (const part of [2, 0, 1]) {
      const shard = metricOf(one)
      shard.update(pictures.filter((_, i) => i % 3 === part).reverse())
      merged.mergeState(JSON.parse(JSON.stringify(shard.state)) as MetricState)
    }
    expect(merged.compute()).toEqual(whole.compute())
    merged.reset()
    expect(merged.compute()).toEqual(metricOf(one).compute())
  })
})

const corner = fc.integer({ min: 0, max: 12 })
const box = fc
  .tuple(corner, corner, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }))
  .map(([x, y, width, height]) => fromCornerSize([x, y, width, height]))
const thing = fc.record({ label: fc.integer({ min: 0, max: 1 }), box, isCrowd: fc.boolean(), isDifficult: fc.boolean() })
const picture = fc.record({
  truths: fc.array(thing, { maxLength: 5 }),
  detections: fc.array(
    fc.record({ label: fc.integer({ min: 0, max: 1 }), box, score: fc.integer({ min: 0, max: 64 }).map((value) => value / 64) }),
    {
      maxLength: 6,
    },
  ),
})

describe('laws', () => {
  const of = (pictures: readonly DetectedPicture[], by: 'boxes' | 'masks' = 'boxes') => {
    const metric = metricOf({ classes: 2, by })
    metric.update(pictures)
    return metric
  }

  test('from 0 to 1, and what counts more is more', () => {
    fc.assert(
      fc.property(fc.array(picture, { maxLength: 6 }), (pictures) => {
        const metric = of(pictures)
        const report = metric.compute()
        for (const value of figuresOf(report)) if (!Number.isNaN(value)) expect(value >= 0 && value <= 1).toBe(true)
        if (!Number.isNaN(report.ap)) {
          expect(report.ap50).toBeGreaterThanOrEqual(report.ap75)
          expect(report.arSecond).toBeGreaterThanOrEqual(report.arFirst)
          expect(report.ar).toBeGreaterThanOrEqual(report.arSecond)
        }
        const { precision, scores } = metric.curve(0)
        for (let i = 1; i < precision.length; i++) {
          if (Number.isNaN(precision[i])) continue
          expect(precision[i]).toBeLessThanOrEqual(precision[i - 1]!)
          expect(scores[i]).toBeLessThanOrEqual(scores[i - 1]!)
        }
      }),
    )
  })

  test('scores matter by their order only', () => {
    fc.assert(
      fc.property(fc.array(picture, { maxLength: 5 }), (pictures) => {
        const scored = pictures.map((one) => ({
          ...one,
          detections: one.detections.map((d) => ({ ...d, score: d.score * 8 - 3 })),
        }))
        expect(figuresOf(of(scored).compute())).toEqual(figuresOf(of(pictures).compute()))
      }),
    )
  })

  test('things found where they are: all figures are 1', () => {
    const truths = [
      { label: 0, box: fromCornerSize([10, 10, 50, 50]) },
      { label: 1, box: fromCornerSize([100, 10, 20, 20]) },
      { label: 0, box: fromCornerSize([200, 200, 100, 200]) },
    ]
    const detections = truths.map((one, i) => ({ ...one, score: 0.9 - i / 10 }))
    for (const by of ['boxes', 'masks'] as const)
      for (const value of figuresOf(of([{ width: 640, height: 480, truths, detections }], by).compute()).filter((_, i) => i !== 6))
        expect(value).toBeCloseTo(1, 12)
  })

  test('a difficult thing is neither missed nor found', () => {
    const easy = { label: 0, box: fromCornerSize([10, 10, 50, 50]) }
    const difficult = { label: 0, box: fromCornerSize([200, 10, 50, 50]), isDifficult: true }
    const detections = [
      { ...easy, score: 0.5 },
      { label: 0, box: difficult.box, score: 0.9 },
    ]
    expect(of([{ truths: [easy, difficult], detections }]).compute().ap).toBeCloseTo(1, 12)
    expect(of([{ truths: [easy, difficult], detections: detections.slice(0, 1) }]).compute().ar).toBe(1)
  })
})

test('thresholds are those of NumPy', () => {
  expect([...cocoThresholds].map((value) => value.toFixed(2)).join(' ')).toBe('0.50 0.55 0.60 0.65 0.70 0.75 0.80 0.85 0.90 0.95')
  expect(cocoThresholds[5]).toBe(0.75)
  expect(cocoRecalls[100]).toBe(1)
})

test('refuses what does not fit', () => {
  const box = fromCornerSize([0, 0, 2, 2])
  const metric = metricOf({ classes: 2, by: 'boxes' })
  const before = metric.state
  const refuse = (one: DetectedPicture, message: RegExp) => {
    expect(() => metric.update([one])).toThrowError(message)
    expect(metric.state).toEqual(before)
  }
  refuse({ truths: [{ label: 2, box }], detections: [] }, /truths\[0\]\.label/)
  refuse({ truths: [{ label: 0, box }], detections: [{ label: 0, box, score: Number.NaN }] }, /score/)
  refuse({ truths: [{ label: 0, box }, { label: 1 }], detections: [] }, /a box, a mask or an outline/)
  refuse({ truths: [{ label: 0, box: { ...box, x1: Number.NaN } }], detections: [] }, /finite/)
  const masks = metricOf({ classes: 2, by: 'masks' })
  expect(() => masks.update([{ truths: [{ label: 0, box }], detections: [] }])).toThrowError(/size of the picture/)
  const mask = { width: 2, height: 2, counts: [0, 4] }
  const other = { width: 1, height: 2, counts: [2] }
  expect(() => masks.update([{ truths: [{ label: 0, mask }], detections: [{ label: 0, mask: other, score: 1 }] }])).toThrowError(
    /MASK_INVALID/,
  )
  expect(() => masks.merge(metric)).toThrowError(/METRIC_INVALID/)
  expect(() => metric.mergeState({ ...before, lists: { ...before.lists, ranks: [1] } })).toThrowError(/equal length/)
  expect(() => metric.mergeState({ ...before, lists: { ...before.lists, truths: [1] } })).toThrowError(/8 numbers/)
  expect(() => metric.curve(0, 0.6001)).toThrowError(/METRIC_INVALID/)
  expect(() => new CocoMetric(['a'], { maxDetections: [10, 1, 100] })).toThrowError(/rise/)
})
