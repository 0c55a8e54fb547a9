import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import type { Annotation, Detection } from '../vision/annotation.ts'
import { filledImage } from '../vision/image.ts'
import { AnomalyMetric } from '../vision/metrics/anomaly.ts'
import { BleuMetric } from '../vision/metrics/bleu.ts'
import { CalibrationError } from '../vision/metrics/calibration.ts'
import { CiderMetric } from '../vision/metrics/cider.ts'
import { ClassRankingMetric } from '../vision/metrics/class-ranking.ts'
import { ClassReportMetric } from '../vision/metrics/class-report.ts'
import { CocoMetric } from '../vision/metrics/coco.ts'
import { SegmentationMetric } from '../vision/metrics/segmentation.ts'
import { VocMetric } from '../vision/metrics/voc.ts'
import { encodeMask } from '../vision/run-lengths.ts'
import { classificationOf } from './classifier.ts'
import { compareEvaluations } from './compare.ts'
import type { EvaluationStream } from './data.ts'
import { VisionEvaluator } from './evaluator.ts'
import { mcnemarExact } from './normal.ts'
import type { EvaluationSample } from './records/records.ts'

const image = filledImage(64, 48, [90, 90, 90])
const few = { bootstrap: { samples: 40 } } as const

function sampleOf(name: string, rest: Partial<EvaluationSample> = {}): EvaluationSample {
  return { name, image, width: 64, height: 48, labels: [], annotations: [], captions: [], ...rest }
}

function setOf(classes: readonly string[], pictures: readonly EvaluationSample[]): EvaluationStream {
  return { classes: classes.map((name) => ({ name })), pictures }
}

/** Probabilities that lean to the truth by `skill`. */
function guess(random: Random, truth: number, classes: number, skill: number): number[] {
  const raw = Array.from({ length: classes }, (_, c) => Math.exp(random.normal() + (c === truth ? skill : 0)))
  const total = raw.reduce((sum, value) => sum + value, 0)
  return raw.map((value) => value / total)
}

const classes = ['crack', 'good', 'pit']
const classified = Array.from({ length: 90 }, (_, i) => sampleOf(`${i}.png`, { labels: [i % 3] }))
const classifier = (seed: number, skill: number) => {
  const random = new Random(seed)
  const answers = new Map(classified.map(({ name, labels }) => [name, guess(random, labels[0]!, 3, skill)]))
  return (_: unknown, { name }: EvaluationSample) => ({ task: 'classify', probabilities: answers.get(name)! }) as const
}

describe('classification', () => {
  test('figures are those of the metrics', async () => {
    const predict = classifier(1, 1.5)
    const result = await new VisionEvaluator(few).evaluate(predict, setOf(classes, classified))
    const batch = {
      scores: classified.flatMap((sample) => predict(0, sample).probabilities),
      labels: classified.map(({ labels }) => labels[0]!),
    }
    const [report, ranking, calibration] = [new ClassReportMetric(classes), new ClassRankingMetric(3), new CalibrationError(3)]
    for (const metric of [report, ranking, calibration]) metric.update(batch)
    const { macro, weighted, accuracy, perClass } = report.compute()
    const wanted = {
      accuracy,
      precision: macro.precision,
      recall: macro.recall,
      f1: macro.f1,
      weightedF1: weighted.f1,
      auroc: ranking.compute().auroc,
      averagePrecision: ranking.compute().averagePrecision,
      calibrationError: calibration.compute().expectedCalibrationError,
      brierScore: calibration.compute().brierScore,
    }
    // Scores are kept as float32, which may tie what float64 tells apart.
    for (const [name, value] of Object.entries(wanted)) expect(result.figures[name], name).toBeCloseTo(value, 9)
    for (const [c, row] of perClass.entries()) {
      expect(result.perClass[c]).toMatchObject({ class: row.class, support: row.support })
      for (const name of ['precision', 'recall', 'f1'] as const) expect(result.perClass[c]!.figures[name]).toBeCloseTo(row[name], 12)
      expect(result.perClass[c]!.figures.auroc).toBeCloseTo(ranking.compute().perClass[c]!.auroc, 9)
    }
    for (const [name, { low, high }] of Object.entries(result.intervals)) {
      expect(low, name).toBeLessThanOrEqual(result.figures[name]! + 1e-12)
      expect(high, name).toBeGreaterThanOrEqual(result.figures[name]! - 1e-12)
    }
    expect(result).toMatchObject({ task: 'classify', samples: 90, part: 'all' })
    expect(result.worst[0]!.isMistake).toBe(true)
    const { mistakes, confusion } = classificationOf(result)
    expect(confusion).toEqual(report.confusion.compute())
    expect(mistakes).toHaveLength(90 - Math.round(90 * accuracy))
    for (let i = 1; i < mistakes.length; i++) expect(mistakes[i]!.probability).toBeLessThanOrEqual(mistakes[i - 1]!.probability)
  })

  test('many classes are ranked once, though not again for every drawing', async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `class ${i}`)
    const pictures = Array.from({ length: 510 }, (_, i) => sampleOf(`${i}`, { labels: [i] }))
    const predict = (_: unknown, { labels }: EvaluationSample) => {
      const probabilities = new Float32Array(1000).fill(0.0005)
      probabilities[labels[0]!] = 0.5005
      return { task: 'classify', probabilities } as const
    }
    const { figures, intervals } = await new VisionEvaluator({ bootstrap: { samples: 3 } }).evaluate(predict, setOf(names, pictures))
    expect([figures.auroc, figures.averagePrecision]).toEqual([1, 1])
    expect(intervals.auroc).toBeUndefined()
  })

  test('metrics by name; unknown ones list those that there are', async () => {
    const data = setOf(classes, classified)
    const { figures } = await new VisionEvaluator({ ...few, metrics: ['accuracy', 'mAP', 'f1'] }).evaluate(classifier(1, 1), data)
    expect(Object.keys(figures)).toEqual(['accuracy', 'mAP', 'f1'])
    const wrong = new VisionEvaluator({ metrics: ['mIoU'] }).evaluate(classifier(1, 1), data)
    await expect(wrong).rejects.toMatchObject({ code: 'EVALUATE_METRIC' })
    await expect(wrong).rejects.toThrowError(/averagePrecision/)
  })

  test('classes are matched by name, and unknown ones are refused', async () => {
    const labels = ['pit', 'good', 'crack']
    const predict = (_: unknown, { labels: [label] }: EvaluationSample) =>
      ({ task: 'classify', probabilities: [0, 1, 2].map((c) => (c === label ? 1 : 0)) }) as const
    const { figures } = await new VisionEvaluator(few).evaluate({ labels, predict }, setOf(classes, classified))
    expect(figures.accuracy).toBe(1)
    const wrong = new VisionEvaluator(few).evaluate({ labels: ['cat'], predict }, setOf(classes, classified))
    await expect(wrong).rejects.toMatchObject({ code: 'EVALUATE_CLASSES' })
  })

  test('pictures without truth or file are reported, answers of a wrong shape stop', async () => {
    const { image: _, ...lost } = sampleOf('lost.png', { labels: [0] })
    const data = setOf(classes, [...classified, sampleOf('unlabelled.png'), lost])
    const predict = () => ({ task: 'classify', probabilities: [1, 0, 0] }) as const
    const { failures, samples } = await new VisionEvaluator(few).evaluate(predict, data)
    expect(samples).toBe(90)
    expect(failures.map(({ path }) => path)).toEqual(['unlabelled.png', 'lost.png'])
    await expect(new VisionEvaluator({ onError: 'stop' }).evaluate(predict, data)).rejects.toMatchObject({ code: 'EVALUATE_TRUTH' })
    const short = () => ({ task: 'classify', probabilities: [1] }) as const
    await expect(new VisionEvaluator(few).evaluate(short, data)).rejects.toMatchObject({ code: 'EVALUATE_PREDICTION' })
    await expect(new VisionEvaluator({ task: 'count' }).evaluate(predict, data)).rejects.toMatchObject({ code: 'EVALUATE_PREDICTION' })
    await expect(new VisionEvaluator().evaluate(predict, setOf(classes, []))).rejects.toMatchObject({ code: 'DATA_NO_IMAGES' })
    const signal = AbortSignal.abort()
    await expect(new VisionEvaluator().evaluate(predict, data, { signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  })
})

const box = fc
  .tuple(fc.nat(40), fc.nat(30), fc.integer({ min: 2, max: 60 }), fc.integer({ min: 2, max: 60 }))
  .map(([x1, y1, width, height]) => ({ x1, y1, x2: x1 + width, y2: y1 + height }))
const truth: fc.Arbitrary<Annotation> = fc.record(
  { label: fc.nat(2), box, isCrowd: fc.constant(true), isDifficult: fc.constant(true), area: fc.integer({ min: 1, max: 20_000 }) },
  { requiredKeys: ['label', 'box'] },
)

/** Detections with scores of their own, so that order is no question; some lie on a thing. */
const pictures = fc.array(
  fc.record({ truths: fc.array(truth, { maxLength: 4 }), extra: fc.array(fc.tuple(fc.nat(2), box), { maxLength: 3 }) }),
  {
    minLength: 3,
    maxLength: 6,
  },
)

function detectionSet(
  list: readonly { truths: readonly Annotation[]; extra: readonly (readonly [number, NonNullable<Annotation['box']>])[] }[],
  seed: number,
) {
  const random = new Random(seed)
  return list.map(({ truths, extra }, i) => {
    const near = truths
      .filter(() => random.chance(0.8))
      .map(({ label, box }) => [label, { ...box!, x2: box!.x2 + random.integer(0, 12) }] as const)
    const detections = [...near, ...extra].map(([label, place]): Detection => ({ label, box: place, score: random.uniform(0.05, 1) }))
    return { sample: sampleOf(`${i}.png`, { annotations: truths }), detections }
  })
}

/** VOC's mean AP, of 2010 and of 2007. */
function vocValues(set: readonly { sample: EvaluationSample; detections: readonly Detection[] }[]): number[] {
  return (['all', 'eleven'] as const).map((points) => {
    const metric = new VocMetric(classes, { points })
    metric.update(set.map(({ sample, detections }) => ({ truths: sample.annotations, detections })))
    return metric.compute().map
  })
}

const cocoNames = ['ap', 'ap50', 'ap75', 'apSmall', 'apMedium', 'apLarge', 'ar1', 'ar10', 'ar100', 'arSmall', 'arMedium', 'arLarge']

function cocoValues(set: readonly { sample: EvaluationSample; detections: readonly Detection[] }[]): number[] {
  const metric = new CocoMetric(classes)
  metric.update(set.map(({ sample, detections }) => ({ truths: sample.annotations, detections })))
  const { ap, ap50, ap75, apSmall, apMedium, apLarge, arFirst, arSecond, ar, arSmall, arMedium, arLarge } = metric.compute()
  return [ap, ap50, ap75, apSmall, apMedium, apLarge, arFirst, arSecond, ar, arSmall, arMedium, arLarge]
}

describe('detection', () => {
  const evaluate = (set: ReturnType<typeof detectionSet>, options: object = {}) => {
    const answers = new Map(set.map(({ sample, detections }) => [sample.name, detections]))
    const predict = (_: unknown, { name }: EvaluationSample) => ({ task: 'detect', detections: answers.get(name)! }) as const
    return new VisionEvaluator({ bootstrap: { samples: 0 }, ...options }).evaluate(
      predict,
      setOf(
        classes,
        set.map(({ sample }) => sample),
      ),
    )
  }

  test("COCO's figures, and those of pictures drawn again, are the metric's on the pictures themselves", async () => {
    await fc.assert(
      fc.asyncProperty(pictures, fc.nat(1000), fc.array(fc.nat(2), { minLength: 6, maxLength: 6 }), async (list, seed, weights) => {
        const set = detectionSet(list, seed)
        const { figures, records } = await evaluate(set)
        for (const [f, value] of cocoValues(set).entries()) {
          if (Number.isNaN(value)) expect(figures[cocoNames[f]!]).toBeNaN()
          else expect(figures[cocoNames[f]!], cocoNames[f]).toBeCloseTo(value, 10)
        }
        const again = set.flatMap((one, i) => Array.from({ length: weights[i]! }, () => one))
        for (const [f, value] of vocValues(set).entries()) {
          const [whole, drawn] = [undefined, weights].map((w) => records.compute(w)[cocoNames.length + 3 + f]!)
          expect(records.figures[cocoNames.length + 3 + f]!.name).toBe(['vocAp', 'voc07Ap'][f])
          expect(whole).toEqual(figures[['vocAp', 'voc07Ap'][f]!])
          for (const [own, wanted] of [
            [whole!, value],
            [drawn!, vocValues(again)[f]!],
          ] as const) {
            if (Number.isNaN(wanted)) expect(own).toBeNaN()
            else expect(own).toBeCloseTo(wanted, 10)
          }
        }
        const drawn = records.compute(weights)
        for (const [f, value] of cocoValues(again).entries()) {
          if (Number.isNaN(value)) expect(drawn[f]).toBeNaN()
          else expect(drawn[f], cocoNames[f]).toBeCloseTo(value, 10)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a perfect detector, and one that is wrong in every way', async () => {
    const thing = (x: number, label = 0): Annotation => ({ label, box: { x1: x, y1: 5, x2: x + 10, y2: 20 } })
    const truths = [thing(0), thing(20), thing(40, 1)]
    const set = [
      { sample: sampleOf('a.png', { annotations: truths }), detections: truths.map((one, i) => ({ ...one, score: 0.9 - i / 10 })) },
    ]
    const perfect = await evaluate(set)
    expect(perfect.figures).toMatchObject({ f1: 1, precision: 1, recall: 1 })
    expect(perfect.figures.ap).toBeCloseTo(1, 12)
    expect(perfect.worst[0]).toMatchObject({ isMistake: false, caption: 'all found' })
    const wrong = [
      { label: 1, box: truths[0]!.box!, score: 0.8 },
      { label: 2, box: { x1: 0, y1: 30, x2: 9, y2: 40 }, score: 0.7 },
      { label: 2, box: { x1: 0, y1: 30, x2: 9, y2: 40 }, score: 0.1 },
    ]
    const { worst, records } = await evaluate([{ sample: set[0]!.sample, detections: wrong }])
    expect(worst[0]!.caption).toBe('2 missed, 1 not there, 1 of another class')
    expect(worst[0]!.marks.map(({ tone }) => tone)).toEqual(['found', 'wrong', 'wrong', 'missed', 'missed'])
    // Rows: crack, good, pit, nothing.
    expect((records as unknown as { confusion: number[][] }).confusion).toEqual([
      [0, 1, 0, 1],
      [0, 0, 0, 1],
      [0, 0, 0, 0],
      [0, 0, 1, 0],
    ])
  })
})

describe('truth as data sets have it', () => {
  const found = (box: { x1: number; y1: number; x2: number; y2: number }) =>
    ({ task: 'detect', detections: [{ label: 0, score: 0.9, box }] }) as const

  test('samples of a data set keep what is marked in them', async () => {
    const box = { x1: 4, y1: 5, x2: 20, y2: 20 }
    const dataset = { classes: ['pit'], samples: [{ path: 'a', label: -1, image, annotations: [{ label: 0, box }] }] }
    const { figures } = await new VisionEvaluator(few).evaluate(() => found(box), dataset)
    expect(figures.ap).toBeCloseTo(1, 12)
  })

  test('turned boxes are compared by the boxes around them; things without a place are left out and told', async () => {
    const samples = [
      sampleOf('turned.png', { annotations: [{ label: 0, orientedBox: [10, 0, 20, 10, 10, 20, 0, 10] }] }),
      sampleOf('points.png', { annotations: [{ label: 0, keypoints: [{ x: 1, y: 2, visibility: 2 }] }] }),
    ]
    const result = await new VisionEvaluator(few).evaluate(() => found({ x1: 0, y1: 0, x2: 20, y2: 20 }), setOf(['pit'], samples))
    expect(result.figures.ap).toBeCloseTo(1, 12)
    expect(result.failures.map(({ path }) => path)).toEqual(['points.png'])
  })

  test('a label map is the truth of pixels', async () => {
    const half = Uint8Array.from({ length: 64 * 48 }, (_, i) => (i % 64 < 32 ? 0 : i === 63 ? 9 : 1))
    const labelMap = { width: 64, height: 48, data: half, unknown: 9 }
    const dataset = { classes: ['left', 'background'], samples: [{ path: 'a', label: -1, image, labelMap }] }
    const { figures } = await new VisionEvaluator(few).evaluate(() => ({ task: 'segment', width: 64, height: 48, data: half }), dataset)
    expect(figures).toMatchObject({ meanIoU: 1, pixelAccuracy: 1 })
  })

  test('a picture of several classes is left out of a classification, and told', async () => {
    const samples = [sampleOf('one.png', { labels: [1] }), sampleOf('two.png', { labels: [0, 1] })]
    const { figures, failures } = await new VisionEvaluator(few).evaluate(
      () => ({ task: 'classify', probabilities: [0, 1, 0] }),
      setOf(classes, samples),
    )
    expect([figures.accuracy, failures.map(({ path }) => path)]).toEqual([1, ['two.png']])
  })

  test('of the samples of a data set too', async () => {
    const samples = [
      { path: 'one', label: 1, image },
      { path: 'two', label: 0, labels: [0, 1], image },
    ]
    const { failures } = await new VisionEvaluator(few).evaluate(() => ({ task: 'classify', probabilities: [0, 1] }), {
      classes: ['a', 'b'],
      samples,
    })
    expect(failures.map(({ path }) => path)).toEqual(['two'])
  })

  test('a folder none of whose splits is known is refused', async () => {
    const evaluating = new VisionEvaluator(few).evaluate(() => ({ task: 'count', count: 1 }), { classes: ['a'], splits: {} })
    await expect(evaluating).rejects.toMatchObject({ code: 'DATA_NO_IMAGES' })
  })

  test('a list with something else in it is an answer that cannot be measured', async () => {
    const answer = () => ({ task: 'detect', detections: [null] }) as never
    await expect(new VisionEvaluator(few).evaluate(answer, setOf(['pit'], [sampleOf('a')]))).rejects.toMatchObject({
      code: 'EVALUATE_PREDICTION',
      details: { field: 'detections[0]' },
    })
  })

  test('an anomaly map of another size is brought to that of the picture', async () => {
    const polygons = [[0, 0, 32, 0, 32, 48, 0, 48]]
    const samples = [sampleOf('odd', { annotations: [{ label: 0, polygons }] }), sampleOf('sound')]
    const map = { width: 8, height: 6, data: Float32Array.from({ length: 48 }, (_, i) => (i % 8 < 4 ? 1 : 0)) }
    const { figures } = await new VisionEvaluator(few).evaluate(
      (_, { name }) => ({
        task: 'anomaly',
        score: name === 'odd' ? 1 : 0,
        map: name === 'odd' ? map : { ...map, data: new Float32Array(48) },
      }),
      setOf(['pit'], samples),
    )
    expect(figures.pixelAuroc).toBeGreaterThan(0.999)
  })

  test('boxes are no truth for the pixels of anomalies, alone or beside outlines, and that is told', async () => {
    const [polygons, box] = [[[0, 0, 32, 0, 32, 48, 0, 48]], { x1: 32, y1: 0, x2: 64, y2: 48 }]
    const samples = [
      sampleOf('outlined', { annotations: [{ label: 0, polygons }] }),
      sampleOf('boxed', { annotations: [{ label: 0, box }] }),
      sampleOf('both', {
        annotations: [
          { label: 0, polygons },
          { label: 0, box },
        ],
      }),
      sampleOf('sound'),
    ]
    // Only right where the outlined picture alone counts.
    const data = (name: string) => Float32Array.from({ length: 64 * 48 }, (_, i) => (name === 'sound' ? 0 : Number(i % 64 < 32)))
    const evaluate = (given: typeof samples, hasMap = true) =>
      new VisionEvaluator(few).evaluate(
        (_, { name }) => ({
          task: 'anomaly',
          score: name === 'sound' ? 0 : 1,
          ...(hasMap ? { map: { width: 64, height: 48, data: data(name) } } : {}),
        }),
        setOf(['pit'], given),
      )
    const { figures, warnings } = await evaluate(samples)
    expect(figures.pixelAuroc).toBe(1)
    expect(warnings.join()).toContain('2 of 3 anomalous pictures do not count in the figures of pixels: only masks and outlines tell')
    for (const { warnings: none } of [await evaluate([samples[0]!, samples[3]!]), await evaluate(samples, false)])
      expect(none.join()).not.toContain('figures of pixels')
  })

  test('what is said of the anomalies that went wrong follows from the threshold', async () => {
    const scores = {
      missed: 0.2,
      caught: 0.9,
      'other caught': 0.8,
      alarm: 0.85,
      sound: 0.1,
      'sound too': 0.3,
      'nearly an alarm': 0.5,
      'as near': 0.4,
    }
    const samples = Object.keys(scores).map((name) => sampleOf(name, { labels: [/caught|missed/.test(name) ? 1 : 0] }))
    const evaluate = (given: typeof samples) =>
      new VisionEvaluator(few).evaluate(
        (_, { name }) => ({ task: 'anomaly', score: scores[name as keyof typeof scores] }),
        setOf(['good', 'pit'], given),
      )
    const notes = Object.fromEntries((await evaluate(samples)).worst.map(({ name, note, isMistake }) => [name, [isMistake, note]]))
    expect(notes).toEqual({
      missed: [true, 'anomalous, but below the threshold 0.800: missed'],
      alarm: [true, 'sound, but from the threshold 0.800 on: a false alarm'],
      caught: [false, 'anomalous, and from the threshold 0.800 on: caught'],
      'other caught': [false, 'anomalous, and from the threshold 0.800 on: caught'],
      sound: [false, 'sound, and below the threshold 0.800'],
      'sound too': [false, 'sound, and below the threshold 0.800'],
      'as near': [false, 'sound, and below the threshold 0.800'],
      'nearly an alarm': [false, 'sound, and below the threshold 0.800'],
    })
    const { worst } = await evaluate(samples.filter(({ labels: [label] }) => label === 0))
    expect(new Set(worst.map(({ isMistake, note }) => `${isMistake} ${note}`))).toEqual(
      new Set(['false sound; without anomalies there is no threshold']),
    )
  })
})

describe('other tasks', () => {
  const random = new Random(5)
  const mask = encodeMask(
    Array.from({ length: 64 * 48 }, (_, i) => (i % 64 < 20 ? 1 : 0)),
    64,
    48,
  )

  test('segmentation', async () => {
    const samples = [0, 1, 2].map((i) => sampleOf(`${i}.png`, { annotations: [{ label: 0, mask }, ...(i === 2 ? [] : [])] }))
    const data = Array.from({ length: 64 * 48 }, (_, i) => (i % 64 < 22 ? 0 : 1))
    const { figures, labels, perClass } = await new VisionEvaluator(few).evaluate(
      () => ({ task: 'segment', width: 64, height: 48, data }),
      setOf(['pit'], samples),
    )
    const metric = new SegmentationMetric(['pit', 'background'])
    metric.update({ truth: Array.from({ length: 64 * 48 }, (_, i) => (i % 64 < 20 ? 0 : 1)), prediction: data })
    const { meanIoU, meanDice, pixelAccuracy } = metric.compute()
    expect(labels).toEqual(['pit', 'background'])
    expect(figures).toMatchObject({ boundaryF1: 0 })
    for (const [name, value] of Object.entries({ meanIoU, meanDice, pixelAccuracy })) expect(figures[name]).toBeCloseTo(value, 12)
    expect(perClass[0]!.figures.iou).toBeCloseTo(20 / 22, 12)
  })

  test('anomalies', async () => {
    const samples = Array.from({ length: 40 }, (_, i) =>
      sampleOf(`${i}.png`, { labels: [i % 2], annotations: i % 2 === 1 ? [{ label: 1, mask }] : [] }),
    )
    const answers = samples.map(({ labels: [label] }, i) => ({
      task: 'anomaly' as const,
      score: random.normal(label, 0.7),
      map: { width: 64, height: 48, data: Float32Array.from({ length: 64 * 48 }, (_, at) => ((at + i) % 64 < 24 ? 1 : 0) * label!) },
    }))
    const { figures, intervals, worst } = await new VisionEvaluator(few).evaluate(
      (_, { name }) => answers[Number.parseInt(name, 10)]!,
      setOf(['good', 'bad'], samples),
    )
    const metric = new AnomalyMetric()
    const pixels = Array.from({ length: 64 * 48 }, (_, i) => (i % 64 < 20 ? 1 : 0))
    metric.update(
      answers.map(({ score, map }, i) => ({
        score,
        isAnomalous: i % 2 === 1,
        map: map.data,
        width: 64,
        height: 48,
        ...(i % 2 === 1 ? { mask: pixels } : {}),
      })),
    )
    const { imageAuroc, imageF1, pixelAuroc, aupro } = metric.compute()
    expect(figures).toMatchObject({ imageAuroc, imageF1: imageF1.f1, pixelAuroc, aupro })
    expect(Object.keys(intervals)).toEqual(['imageAuroc', 'imageAveragePrecision', 'imageF1'])
    // Mistakes at the best threshold come first, and no other picture is called one.
    const wrong = answers.filter(({ score }, i) => score >= imageF1.threshold !== (i % 2 === 1)).length
    expect(worst.filter(({ isMistake }) => isMistake)).toHaveLength(Math.min(24, wrong))
    expect(worst.findIndex(({ isMistake }) => !isMistake)).toBe(wrong)
  })

  test('counts and captions', async () => {
    const things = (count: number) => Array.from({ length: count }, () => ({ label: 0, box: { x1: 0, y1: 0, x2: 5, y2: 5 } }))
    const counted = [1, 2, 3, 4].map((count) => sampleOf(`${count}.png`, { annotations: things(count) }))
    const { figures } = await new VisionEvaluator(few).evaluate(
      (_, { name }) => ({ task: 'count', count: Number.parseInt(name, 10) + 1 }),
      setOf(['a'], counted),
    )
    expect(figures).toEqual({ mae: 1, rmse: 1, relativeError: 0.4, bias: 1 })
    const captions = ['a cat on a mat', 'two dogs in the sun', 'a red car']
    const written = ['a cat on the mat', 'two dogs', 'a blue bus']
    const samples = captions.map((caption, i) => sampleOf(`${i}.png`, { captions: [caption] }))
    const result = await new VisionEvaluator(few).evaluate(
      (_, { name }) => ({ task: 'caption', caption: written[Number.parseInt(name, 10)]! }),
      setOf([], samples),
    )
    const given = captions.map((caption, i) => ({ candidate: written[i]!, references: [caption] }))
    const [bleu, cider] = [new BleuMetric(), new CiderMetric()]
    bleu.update(given)
    cider.update(given)
    expect(result.figures).toMatchObject({ ...bleu.compute(), cider: cider.compute().cider })
  })
})

describe('two models', () => {
  const data = setOf(classes, classified)
  const evaluate = (seed: number, skill: number, list = classified) =>
    new VisionEvaluator({ bootstrap: { samples: 300 } }).evaluate(classifier(seed, skill), setOf(classes, list))

  test('a better one is seen to be better, by McNemar and by drawing pairs', async () => {
    const [good, poor] = [await evaluate(1, 3), await evaluate(2, 0.5)]
    const { figures, samples, onlyFirst, onlySecond } = await compareEvaluations(good, poor)
    expect(samples).toBe(90)
    const [accuracy] = figures
    expect(accuracy).toMatchObject({ name: 'accuracy', test: 'McNemar, exact', better: 'first', p: mcnemarExact(onlyFirst!, onlySecond!) })
    expect(accuracy!.difference).toBeCloseTo((onlyFirst! - onlySecond!) / 90, 12)
    const loss = figures.find(({ name }) => name === 'loss')!
    expect(loss).toMatchObject({ test: 'paired bootstrap', better: 'first' })
    expect(loss.interval!.high).toBeLessThan(0)
  })

  test('a model is not better than itself where names of pictures repeat', async () => {
    const samples = [0, 1, 2, 0, 1, 2].map((label, i) => sampleOf(`${i % 3}.png`, { labels: [i < 3 ? label : (label + 1) % 3] }))
    const answers = [0, 1, 2, 0, 1, 2].map((label) => [0, 1, 2].map((c) => (c === label ? 0.8 : 0.1)))
    const measured = () => {
      let at = 0
      return new VisionEvaluator(few).evaluate(() => ({ task: 'classify', probabilities: answers[at++]! }), setOf(classes, samples))
    }
    const { onlyFirst, onlySecond, samples: count } = await compareEvaluations(await measured(), await measured())
    expect([onlyFirst, onlySecond, count]).toEqual([0, 0, 6])
  })

  test('a model is not better than itself, whatever the order of the pictures', async () => {
    const [one, turned] = [await evaluate(1, 1), await evaluate(1, 1, classified.toReversed())]
    const { figures } = await compareEvaluations(one, turned)
    for (const { name, difference, p, better } of figures) {
      expect(difference, name).toBeCloseTo(0, 10)
      expect([p > 0.05, better]).toEqual([true, undefined])
    }
  })

  test('what cannot be compared is refused', async () => {
    const one = await evaluate(1, 1)
    const other = await new VisionEvaluator(few).evaluate(() => ({ task: 'count', count: 1 }), data)
    await expect(compareEvaluations(one, other)).rejects.toMatchObject({ code: 'EVALUATE_COMPARE' })
    const apart = await evaluate(1, 1, classified.slice(0, 40))
    const rest = await evaluate(1, 1, classified.slice(40))
    await expect(compareEvaluations(apart, rest)).rejects.toMatchObject({ code: 'EVALUATE_COMPARE' })
  })
})
