import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildClassifier } from '../model/build-classifier.ts'
import { readMetadata } from '../model/metadata.ts'
import { Random } from '../util/random.ts'
import type { Detection } from '../vision/annotation.ts'
import { filledImage } from '../vision/image.ts'
import { countScores } from '../vision/metrics/ranking.ts'
import { nonMaxSuppression } from '../vision/nms.ts'
import { applyThresholds } from './apply-thresholds.ts'
import { VisionEvaluator } from './evaluator.ts'
import type { EvaluationSample } from './records/records.ts'
import { type SweepGoal, sweepCounts, sweepScores, sweepThresholds } from './sweep.ts'

const scored = fc
  .array(fc.record({ score: fc.nat(12).map((n) => n / 12), hit: fc.boolean() }), { minLength: 1, maxLength: 40 })
  .map((list) => list.sort((a, b) => b.score - a.score))

/** Every threshold by counting from the start. */
function everyThreshold(list: readonly { score: number; hit: boolean }[], positives: number) {
  return [...new Set(list.map(({ score }) => score))].map((threshold) => {
    const found = list.filter(({ score }) => score >= threshold)
    const right = found.filter(({ hit }) => hit).length
    return { threshold, precision: right / found.length, recall: right / positives, f1: (2 * right) / (found.length + positives) }
  })
}

test('counts at each score are swept as the scores themselves', () => {
  fc.assert(
    fc.property(scored, (list) => {
      const hits = list.map(({ hit }) => (hit ? 1 : 0))
      const scores = list.map(({ score }) => score)
      const counts = countScores(scores, (i) => list[i]!.hit)
      expect(sweepCounts(counts)).toEqual(sweepScores({ scores, hits, positives: hits.filter(Boolean).length }))
    }),
  )
})

describe('one list of scores', () => {
  const sweep = (list: readonly { score: number; hit: boolean }[], positives: number, goal: SweepGoal) =>
    sweepScores({ scores: list.map(({ score }) => score), hits: list.map(({ hit }) => (hit ? 1 : 0)), positives }, goal)

  test('is what trying every threshold gives', () => {
    fc.assert(
      fc.property(scored, fc.nat(4), fc.nat(10), (list, unfound, tenths) => {
        const positives = list.filter(({ hit }) => hit).length + unfound
        fc.pre(positives > 0)
        const all = everyThreshold(list, positives)
        const least = tenths / 10
        const best = sweep(list, positives, 'f1')
        expect(best.f1).toBe(Math.max(...all.map(({ f1 }) => f1)))
        expect(best.threshold).toBe(Math.max(...all.filter(({ f1 }) => f1 === best.f1).map(({ threshold }) => threshold)))
        expect(best.curve).toEqual(all)

        const reached = all.filter(({ recall }) => recall >= least - 1e-12)
        const recalled = sweep(list, positives, { recall: least })
        expect(recalled.reached).toBe(reached.length > 0)
        expect(recalled.threshold).toBe(reached.length > 0 ? Math.max(...reached.map(({ threshold }) => threshold)) : list.at(-1)!.score)
        expect(sweep(list, positives, { missRate: 1 - least }).threshold).toBe(recalled.threshold)

        const precise = all.filter(({ precision }) => precision >= least - 1e-12)
        const { threshold, reached: isPrecise } = sweep(list, positives, { precision: least })
        expect(isPrecise).toBe(precise.length > 0)
        if (isPrecise) expect(threshold).toBe(Math.min(...precise.map((one) => one.threshold)))
      }),
    )
  })

  test('nothing to find, nothing found, goals that are none', () => {
    expect(sweep([{ score: 0.5, hit: false }], 0, 'f1')).toMatchObject({ reached: false, threshold: Number.NaN })
    expect(sweep([], 3, 'f1')).toMatchObject({ reached: false, recall: 0 })
    for (const goal of [{ recall: 2 }, { accuracy: 1 }, {}, { recall: '1' }] as unknown as SweepGoal[])
      expect(() => sweep([{ score: 1, hit: true }], 1, goal)).toThrowError(/EVALUATE_SWEEP/)
  })

  test('a long curve is thinned, and keeps its ends and the threshold', () => {
    const random = new Random(2)
    const list = Array.from({ length: 5000 }, (_, i) => ({ score: 1 - i / 5000, hit: random.chance(0.5) }))
    const { curve, threshold } = sweep(list, 2600, { recall: 0.5 })
    expect(curve.length).toBeLessThan(310)
    expect(curve[0]!.threshold).toBe(1)
    expect(curve.at(-1)!.threshold).toBe(list.at(-1)!.score)
    expect(curve.map((point) => point.threshold)).toContain(threshold)
  })
})

const image = filledImage(100, 60, [0, 0, 0])
const sample = (name: string, rest: Partial<EvaluationSample>): EvaluationSample => ({
  name,
  image,
  labels: [],
  annotations: [],
  captions: [],
  ...rest,
})

describe('evaluations', () => {
  const random = new Random(4)
  const samples = Array.from({ length: 60 }, (_, i) => sample(`${i}`, { labels: [i % 2] }))
  const answers = samples.map(({ labels: [label] }) => Math.min(1, Math.max(0, random.normal(label === 0 ? 0.6 : 0.3, 0.2))))
  const classify = new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(
    (_, { name }) => ({ task: 'classify', probabilities: [answers[Number(name)]!, 1 - answers[Number(name)]!] }),
    { classes: [{ name: 'bad' }, { name: 'good' }], pictures: samples },
  )

  test('of a classifier, and written into a model', async () => {
    const sweep = await sweepThresholds(await classify, { goal: { missRate: 0.1 } })
    const [bad] = sweep.perClass
    expect(bad).toMatchObject({ class: 'bad', support: 30, reached: true })
    expect(bad!.recall).toBeGreaterThanOrEqual(0.9)
    const found = answers.filter((score) => Math.fround(score) >= bad!.threshold)
    expect(bad!.precision).toBeCloseTo((bad!.recall * 30) / found.length, 12)

    const model = buildClassifier('resnet18', { labels: ['bad', 'good'], values: 'zero', imageSize: [32, 32], options: { stem: 'cifar' } })
    const written = applyThresholds({ model, metadata: readMetadata(model) }, sweep)
    expect(readMetadata(written).thresholds).toEqual({
      goal: { missRate: 0.1 },
      samples: 60,
      perClass: sweep.perClass.map(({ threshold }) => threshold),
    })
    expect(readMetadata(model).thresholds).toBeUndefined()
    const guessed = { model, metadata: { ...readMetadata(model), scaleIsGuessed: true as const } }
    expect(() => applyThresholds(guessed, sweep)).toThrowError(
      /scaling of pixels is stated, found "imagenet", which was guessed.*--input.*EVALUATE_SWEEP/,
    )
    const other = { model, metadata: { ...readMetadata(model), labels: ['x', 'y'] } }
    expect(() => applyThresholds(other, sweep)).toThrowError(/EVALUATE_CLASSES/)
    written.metadata.set('fovea.thresholds', '{"goal":{},"samples":1,"perClass":[1]}')
    expect(() => readMetadata(written)).toThrowError(/fovea.thresholds/)
  })

  test('of a detector: suppression and confidence together, as trying all by hand', async () => {
    const things = Array.from({ length: 12 }, (_, i) => ({ label: i % 2, box: { x1: 10 * (i % 3), y1: 5, x2: 10 * (i % 3) + 12, y2: 25 } }))
    const pictures = Array.from({ length: 6 }, (_, i) => sample(`${i}`, { annotations: things.slice(2 * i, 2 * i + 2) }))
    const raw = pictures.map(({ annotations }) =>
      annotations.flatMap(({ label, box }) =>
        Array.from({ length: 5 }, (): Detection => {
          const [dx, dy] = [random.normal(0, 2), random.normal(0, 2)]
          return { label, score: random.uniform(0.1, 1), box: { x1: box!.x1 + dx, y1: box!.y1 + dy, x2: box!.x2 + dx, y2: box!.y2 + dy } }
        }),
      ),
    )
    const ious = [0.1, 0.5, 0.8]
    const run = (candidates: readonly (readonly Detection[])[], nms: readonly number[]) =>
      new VisionEvaluator({ bootstrap: { samples: 0 }, nms }).evaluate(
        (_, { name }) => ({ task: 'detect', detections: candidates[Number(name)]!, candidates: candidates[Number(name)]! }),
        { classes: [{ name: 'a' }, { name: 'b' }], pictures },
      )
    const sweep = await sweepThresholds(await run(raw, ious))
    const alone = await Promise.all(
      ious.map(async (iou) =>
        sweepThresholds(
          await run(
            raw.map((one) => nonMaxSuppression(one, { iou })),
            [],
          ),
        ),
      ),
    )
    const means = alone.map(({ perClass }) => (perClass[0]!.f1 + perClass[1]!.f1) / 2)
    expect(sweep.nms!.curve.map(({ f1 }) => f1)).toEqual(means)
    const best = means.indexOf(Math.max(...means))
    expect(sweep.nms!.iou).toBe(ious[best])
    expect(sweep.perClass).toEqual(alone[best]!.perClass)
    expect(alone[0]!.nms).toBeUndefined()
  })

  test('of anomalies; a task without scores is refused; candidates must be given', async () => {
    const data = { classes: [{ name: 'bad' }, { name: 'good' }], pictures: samples }
    const evaluator = new VisionEvaluator({ bootstrap: { samples: 0 } })
    const anomaly = await evaluator.evaluate((_, { name }) => ({ task: 'anomaly', score: answers[Number(name)]! }), data)
    const sweep = await sweepThresholds(anomaly, { goal: 'f1' })
    expect(sweep.overall!.f1).toBe(anomaly.figures.imageF1)
    expect(sweep.pixels).toBeUndefined()
    const mask = { width: 4, height: 2, counts: [3, 2, 3] }
    const small = filledImage(4, 2, [9, 9, 9])
    const pictures = [
      sample('bad', { labels: [0], annotations: [{ label: 0, mask }], image: small }),
      sample('good', { labels: [1], image: small }),
    ]
    const maps = {
      bad: [0.1, 0.2, 0.25, 0.9, 0.3, 0.1, 0.6, 0.2],
      good: [0, 0.5, 0, 0, 0, 0, 0, 0],
    } as const
    const masked = await evaluator.evaluate(
      (_, { name }) => ({
        task: 'anomaly',
        score: 1,
        map: { width: 4, height: 2, data: Float32Array.from(maps[name as keyof typeof maps]) },
      }),
      { ...data, pictures },
    )
    // Masks go down the columns: the second pixel of the second column, and the first of the third, 0.1 and 0.25.
    const { pixels, overall } = await sweepThresholds(masked, { goal: { recall: 1 } })
    expect(pixels!.f1).toBe(masked.figures.pixelF1)
    expect(pixels!.threshold).not.toBe(overall!.threshold)
    const count = await evaluator.evaluate(() => ({ task: 'count', count: 1 }), data)
    await expect(sweepThresholds(count)).rejects.toMatchObject({ code: 'EVALUATE_SWEEP' })
    const bare = new VisionEvaluator({ nms: [0.5] }).evaluate(() => ({ task: 'detect', detections: [] }), data)
    await expect(bare).rejects.toMatchObject({ code: 'EVALUATE_PREDICTION' })
  })
})
