import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Annotation, Detection } from '../annotation.ts'
import { DetectionConfusion, pairDetections } from './detection-confusion.ts'

const at = (x: number, label = 0, rest: Partial<Annotation> = {}): Annotation => ({
  label,
  box: { x1: x, y1: 0, x2: x + 10, y2: 10 },
  ...rest,
})
const found = (x: number, label = 0, score = 0.9): Detection => ({ ...at(x, label), score })

test('the largest overlap pairs first, whatever its class', () => {
  const { pairs, missed, unfounded } = pairDetections([at(0), at(100, 1)], [found(2, 0, 0.99), found(0, 1, 0.5), found(50)])
  expect(pairs).toEqual([{ truth: 0, detection: 1, iou: 1 }])
  expect([missed, unfounded]).toEqual([[1], [0, 2]])
})

test('crowds and difficult things are neither missed nor do they make a detection wrong', () => {
  const truths = [at(0, 0, { isDifficult: true }), { label: 0, box: { x1: 40, y1: 0, x2: 90, y2: 10 }, isCrowd: true }]
  expect(pairDetections(truths, [found(0), found(45), found(60)])).toEqual({ pairs: [], missed: [], unfounded: [] })
})

test('rows are the truth, the background comes last, low scores are left out', () => {
  const metric = new DetectionConfusion(['a', 'b'], { confidence: 0.4 })
  metric.update([{ truths: [at(0), at(20, 1), at(40, 1)], detections: [found(0), found(20), found(80, 1), found(40, 1, 0.3)] }])
  expect(metric.compute()).toEqual([
    [1, 0, 0],
    [1, 0, 1],
    [0, 1, 0],
  ])
  expect(() => new DetectionConfusion(['a'], { iou: 2 })).toThrowError(/METRIC_INVALID/)
})

test('every thing and every detection is counted once', () => {
  const box = fc.record({ label: fc.nat(1), x: fc.nat(30), score: fc.double({ min: 0, max: 1, noNaN: true }) })
  fc.assert(
    fc.property(fc.array(box, { maxLength: 8 }), fc.array(box, { maxLength: 8 }), (truths, detections) => {
      const metric = new DetectionConfusion(['a', 'b'], { confidence: 0 })
      metric.update([
        { truths: truths.map(({ x, label }) => at(x, label)), detections: detections.map(({ x, label, score }) => found(x, label, score)) },
      ])
      const counts = metric.compute()
      for (const label of [0, 1]) {
        expect(counts[label]!.reduce((a, b) => a + b, 0)).toBe(truths.filter((one) => one.label === label).length)
        expect(counts.reduce((sum, row) => sum + row[label]!, 0)).toBe(detections.filter((one) => one.label === label).length)
      }
    }),
  )
})
