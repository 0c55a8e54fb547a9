import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Detection } from './annotation.ts'
import { boxIoU } from './boxes.ts'
import { nonMaxSuppression } from './nms.ts'

const detection = fc
  .record({
    label: fc.nat(2),
    // Few different scores, so that ties are common.
    score: fc.nat(8).map((n) => n / 8),
    x: fc.nat(20),
    y: fc.nat(20),
    width: fc.nat(12),
    height: fc.nat(12),
  })
  .map(({ label, score, x, y, width, height }): Detection => ({ label, score, box: { x1: x, y1: y, x2: x + width, y2: y + height } }))
const detections = fc.array(detection, { maxLength: 25 })

/** By definition: take the best that is left, strike out what overlaps it. */
function plain(all: readonly Detection[], iou: number, byClass: boolean): Detection[] {
  let left = [...all]
  const kept: Detection[] = []
  while (left.length > 0) {
    const top = Math.max(...left.map(({ score }) => score))
    const best = left.find(({ score }) => score === top)!
    kept.push(best)
    left = left.filter((one) => one !== best && !((!byClass || one.label === best.label) && boxIoU(one.box!, best.box!) > iou))
  }
  return kept
}

describe('greedy', () => {
  test('is what striking out by hand gives, ties included', () => {
    fc.assert(
      fc.property(detections, fc.constantFrom(0, 0.3, 0.5, 0.9, 1), fc.boolean(), (all, iou, byClass) => {
        expect(nonMaxSuppression(all, { iou, byClass })).toEqual(plain(all, iou, byClass))
      }),
    )
  })

  test('least score and most detections', () => {
    fc.assert(
      fc.property(detections, fc.nat(5), (all, maxDetections) => {
        const strong = all.filter(({ score }) => score >= 0.5)
        expect(nonMaxSuppression(all, { minScore: 0.5, maxDetections })).toEqual(plain(strong, 0.5, true).slice(0, maxDetections))
      }),
    )
  })
})

describe('soft', () => {
  const [a, b, c] = [
    { label: 0, score: 0.9, box: { x1: 0, y1: 0, x2: 10, y2: 10 } },
    { label: 0, score: 0.8, box: { x1: 0, y1: 0, x2: 10, y2: 6 } },
    { label: 0, score: 0.5, box: { x1: 50, y1: 0, x2: 60, y2: 10 } },
  ] as const

  test('lowers scores by the overlap', () => {
    const linear = nonMaxSuppression([a, b, c], { soft: 'linear', iou: 0.5 })
    expect(linear.map(({ score }) => score)).toEqual([0.9, 0.5, 0.8 * (1 - 0.6)])
    const gaussian = nonMaxSuppression([a, b, c], { soft: 'gaussian', sigma: 0.5 })
    expect(gaussian.map(({ score }) => score)).toEqual([0.9, 0.5, 0.8 * Math.exp(-(0.6 * 0.6) / 0.5)])
  })

  test('drops what falls too low, and lowers nothing where nothing overlaps', () => {
    expect(nonMaxSuppression([a, b, c], { soft: 'linear', minScore: 0.4 }).map(({ score }) => score)).toEqual([0.9, 0.5])
    fc.assert(
      fc.property(detections, (all) => {
        const soft = nonMaxSuppression(all, { soft: 'gaussian' })
        for (let i = 1; i < soft.length; i++) expect(soft[i]!.score).toBeLessThanOrEqual(soft[i - 1]!.score)
      }),
    )
  })
})

test('masks and outlines are measured by their boxes; wrong values are refused', () => {
  const outline = { label: 0, score: 0.7, polygons: [[0, 0, 10, 0, 10, 10]] }
  const box = { label: 0, score: 0.9, box: { x1: 0, y1: 0, x2: 10, y2: 10 } }
  expect(nonMaxSuppression([outline, box])).toEqual([box])
  expect(() => nonMaxSuppression([box], { iou: 1.5 })).toThrowError(/iou/)
  expect(() => nonMaxSuppression([{ ...box, score: Number.NaN }])).toThrowError(/score/)
  expect(() => nonMaxSuppression([{ label: 0, score: 1 }])).toThrowError(/METRIC_INVALID/)
})
