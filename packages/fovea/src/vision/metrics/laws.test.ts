// What metrics promise of any input: bounds, independence of order, refusals.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnomalyMetric } from './anomaly.ts'
import { BleuMetric } from './bleu.ts'
import { BoundaryMetric } from './boundary.ts'
import { wordsOf } from './caption-words.ts'
import { CiderMetric } from './cider.ts'
import { ClassRankingMetric } from './class-ranking.ts'
import { CountMetric } from './counting.ts'
import { squaredDistances } from './distance.ts'
import { PanopticMetric } from './panoptic.ts'
import { areaUnderRoc, averagePrecisionOf, bestF1, countScores } from './ranking.ts'
import { connectedRegions } from './regions.ts'
import { RougeMetric } from './rouge.ts'
import { SegmentationMetric } from './segmentation.ts'
import { VocMetric } from './voc.ts'

const scored = fc.array(fc.tuple(fc.integer({ min: -8, max: 8 }), fc.boolean()), { minLength: 1, maxLength: 40 })
const isBounded = (value: number) => Number.isNaN(value) || (value >= 0 && value <= 1 + 1e-12)

describe('ranking', () => {
  const of = (list: readonly (readonly [number, boolean])[]) =>
    countScores(
      list.map(([score]) => score),
      (i) => list[i]![1],
    )

  test('depends on the order of the scores alone', () => {
    fc.assert(
      fc.property(scored, (list) => {
        const counts = of(list)
        const other = of(list.toReversed().map(([score, truth]) => [score ** 3 + 5, truth] as const))
        for (const figure of [areaUnderRoc, averagePrecisionOf, (one: typeof counts) => bestF1(one).f1]) {
          expect(isBounded(figure(counts))).toBe(true)
          expect(figure(other)).toBe(figure(counts))
        }
      }),
    )
  })

  test('turned round, AUROC is what is missing to 1', () => {
    fc.assert(
      fc.property(scored, (list) => {
        const area = areaUnderRoc(of(list))
        const turned = areaUnderRoc(of(list.map(([score, truth]) => [-score, truth] as const)))
        if (!Number.isNaN(area)) expect(turned).toBeCloseTo(1 - area, 12)
        else expect(turned).toBeNaN()
      }),
    )
  })
})

test('distances are those to the nearest mark', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.uint8Array({ min: 0, max: 3, minLength: 1, maxLength: 60 }), (width, bytes) => {
      const height = Math.ceil(bytes.length / width)
      const marks = Array.from({ length: width * height }, (_, i) => (bytes[i] === 1 ? 1 : 0))
      const distances = squaredDistances(marks, width, height)
      for (let i = 0; i < marks.length; i++) {
        const all = marks.flatMap((mark, j) =>
          mark ? [((i % width) - (j % width)) ** 2 + (Math.floor(i / width) - Math.floor(j / width)) ** 2] : [],
        )
        expect(distances[i]).toBe(Math.min(Number.POSITIVE_INFINITY, ...all))
      }
    }),
  )
})

test('regions: pixels that touch are one, whatever their order', () => {
  expect(connectedRegions([1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0], 4, 3)).toEqual({
    labels: Int32Array.from([1, 0, 0, 0, 2, 0, 0, 0, 0, 2, 2, 0]).map((label, i) => (label === 2 || i === 0 ? 1 : label)),
    areas: [4],
  })
  expect(connectedRegions([1, 0, 1, 0, 0, 0], 3, 2).areas).toEqual([1, 1])
})

test('counts', () => {
  const metric = new CountMetric()
  expect(metric.compute()).toEqual({ mae: Number.NaN, rmse: Number.NaN, bias: Number.NaN, relativeError: Number.NaN, samples: 0 })
  metric.update({ predictions: [3, 5, 10], truths: [4, 5, 6] })
  const { mae, rmse, bias, relativeError, samples } = metric.compute()
  expect([mae, rmse, bias, relativeError, samples]).toEqual([5 / 3, Math.sqrt(17 / 3), 1, 5 / 15, 3])
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 2 ** 40 }), fc.integer({ min: 0, max: 2 ** 40 })), { minLength: 1 }),
      (pairs) => {
        const all = new CountMetric()
        all.update({ predictions: pairs.map(([a]) => a), truths: pairs.map(([, b]) => b) })
        const figures = all.compute()
        expect(figures.rmse).toBeGreaterThanOrEqual(figures.mae * (1 - 1e-9))
        expect(Math.abs(figures.bias)).toBeLessThanOrEqual(figures.mae)
      },
    ),
  )
})

test('pixels: Dice follows from IoU, and all figures lie from 0 to 1', () => {
  const label = fc.constantFrom(0, 1, 2, 255)
  fc.assert(
    fc.property(fc.array(fc.tuple(label, fc.integer({ min: 0, max: 2 })), { minLength: 12, maxLength: 12 }), (pixels) => {
      const picture = { truth: pixels.map(([t]) => t), prediction: pixels.map(([, p]) => p), width: 4, height: 3 }
      const metric = new SegmentationMetric(['a', 'b', 'c'])
      metric.update(picture)
      const report = metric.compute()
      for (const { iou, dice } of report.perClass) {
        expect(isBounded(iou) && isBounded(dice)).toBe(true)
        if (!Number.isNaN(iou)) expect(dice).toBeCloseTo((2 * iou) / (1 + iou), 12)
      }
      const boundary = new BoundaryMetric(['a', 'b', 'c'], 0.2)
      boundary.update(picture)
      expect(isBounded(boundary.compute().meanF1)).toBe(true)
      const same = new BoundaryMetric(['a', 'b', 'c'])
      same.update({ ...picture, prediction: picture.truth.map((value) => (value === 255 ? 0 : value)) })
      if (picture.truth.some((value) => value !== 255)) expect(same.compute().meanF1).toBe(1)
    }),
  )
})

describe('captions', () => {
  const word = fc.constantFrom('a', 'dog', 'runs', 'in', 'the', 'park')
  const caption = fc.array(word, { minLength: 4, maxLength: 9 })
  const pictures = fc.array(fc.record({ candidate: caption, references: fc.array(caption, { minLength: 1, maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 6,
  })

  test('lie within their bounds, and a caption that is a reference is best', () => {
    fc.assert(
      fc.property(pictures, (list) => {
        const [bleu, rouge, cider] = [new BleuMetric(), new RougeMetric(), new CiderMetric()]
        for (const metric of [bleu, rouge, cider]) metric.update(list)
        const { bleu1, bleu2, bleu3, bleu4 } = bleu.compute()
        for (const value of [bleu1, bleu2, bleu3, bleu4, rouge.compute(), cider.compute().cider / 10]) expect(isBounded(value)).toBe(true)
        for (const metric of [bleu, rouge]) metric.reset()
        const copied = list.map(({ references }) => ({ candidate: references[0]!, references }))
        bleu.update(copied)
        rouge.update(copied)
        expect(bleu.compute().bleu4).toBeCloseTo(1, 12)
        expect(rouge.compute()).toBeCloseTo(1, 12)
      }),
    )
  })

  test('words', () => {
    expect(wordsOf('A dog’s life, half-past 3!  Ünder…')).toEqual(['a', 'dog’s', 'life', 'half-past', '3', 'ünder'])
    expect(wordsOf(' ?! ')).toEqual([])
  })

  test('a caption without words, and none at all', () => {
    const metric = new BleuMetric()
    expect(metric.compute().bleu1).toBeNaN()
    metric.update([{ candidate: '', references: ['a dog'] }])
    expect(metric.compute()).toEqual({ bleu1: 0, bleu2: 0, bleu3: 0, bleu4: 0 })
    expect(() => metric.update([{ candidate: 'a', references: [] }])).toThrowError(/references/)
  })
})

test('maps with very many scores are counted by value, and shards of them merge', () => {
  const width = 640
  const map = Float64Array.from({ length: width * width }, (_, i) => ((i * 7919) % 409_601) / 409_601)
  const mask = map.map((value, i) => (value > 0.5 && i % 3 > 0 ? 1 : 0))
  const metric = new AnomalyMetric()
  metric.update([{ score: 1, isAnomalous: true, map, mask, width, height: width }])
  expect(metric.state.lists.pixelScores!.length).toBeLessThan(2 ** 18)
  const exact = areaUnderRoc(countScores(map, (i) => mask[i] === 1))
  expect(metric.compute().pixelAuroc).toBeCloseTo(exact, 5)
  const other = new AnomalyMetric()
  other.merge(metric)
  other.merge(metric)
  expect(other.compute().pixelAuroc).toBeCloseTo(metric.compute().pixelAuroc, 12)
})

describe('refuses what does not fit', () => {
  const box = { x1: 0, y1: 0, x2: 2, y2: 2 }
  const refusals: Record<string, [RegExp, () => unknown]> = {
    'pixels of another number': [/3 pixels/, () => new SegmentationMetric(['a']).update({ truth: [0, 0, 0], prediction: [0] })],
    'a label that is no class': [/prediction\[1\]/, () => new SegmentationMetric(['a']).update({ truth: [255, 0], prediction: [7, 7] })],
    'a picture of another size': [/2x2/, () => new BoundaryMetric(['a']).update({ truth: [0], prediction: [0], width: 2, height: 2 })],
    'a tolerance above 1': [/tolerance/, () => new BoundaryMetric(['a'], 2)],
    'counts of another number': [/METRIC_INVALID/, () => new CountMetric().update({ predictions: [1], truths: [] })],
    'counts that are not finite': [/truths\[0\]/, () => new CountMetric().update({ predictions: [1], truths: [Number.NaN] })],
    'scores that are not finite': [/finite/, () => new ClassRankingMetric(1).update({ scores: [Number.POSITIVE_INFINITY], labels: [0] })],
    'an odd picture without a mask': [
      /mask/,
      () => new AnomalyMetric().update([{ score: 1, isAnomalous: true, map: [1], width: 1, height: 1 }]),
    ],
    'a map of another size': [/2x1/, () => new AnomalyMetric().update([{ score: 1, isAnomalous: false, map: [1], width: 2, height: 1 }])],
    'a score of no number': [/score/, () => new AnomalyMetric().update([{ score: Number.NaN, isAnomalous: false }])],
    'a map of no numbers': [
      /map\[0\]/,
      () => new AnomalyMetric().update([{ score: 1, isAnomalous: false, map: [Number.NaN], width: 1, height: 1 }]),
    ],
    'a limit of 0': [/falsePositiveLimit/, () => new AnomalyMetric({ falsePositiveLimit: 0 })],
    'ids without a segment': [
      /truth\.ids/,
      () => new PanopticMetric(['a']).update({ truth: { ids: [5], segments: [] }, prediction: { ids: [0], segments: [] } }),
    ],
    'an id given twice': [
      /of its kind/,
      () =>
        new PanopticMetric(['a']).update({
          truth: {
            ids: [1],
            segments: [
              { id: 1, label: 0 },
              { id: 1, label: 0 },
            ],
          },
          prediction: { ids: [0], segments: [] },
        }),
    ],
    'a segment without pixels': [
      /has pixels/,
      () =>
        new PanopticMetric(['a']).update({ truth: { ids: [0], segments: [{ id: 1, label: 0 }] }, prediction: { ids: [0], segments: [] } }),
    ],
    'a thing without a box': [/truths\[0\]/, () => new VocMetric(['a']).update([{ truths: [{ label: 0 }], detections: [] }])],
    'a detection of no class': [/label/, () => new VocMetric(['a']).update([{ truths: [], detections: [{ label: 3, box, score: 1 }] }])],
    'a threshold of 0': [/threshold/, () => new VocMetric(['a'], { threshold: 0 })],
    'another metric': [/METRIC_INVALID/, () => new RougeMetric().mergeState(new BleuMetric().state)],
    'other options': [/METRIC_INVALID/, () => new VocMetric(['a']).merge(new VocMetric(['a'], { points: 'eleven' }))],
    'a damaged state': [/sums\[0\]/, () => new RougeMetric().mergeState({ of: 'ROUGE-L', lists: { sums: ['1', 2] } })],
    'a state without its lists': [/a list/, () => new RougeMetric().mergeState({ of: 'ROUGE-L', lists: {} })],
  }
  test.each(Object.entries(refusals))('%s', (_, [message, call]) => {
    expect(call).toThrowError(message)
  })
})
