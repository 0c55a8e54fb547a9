// Wrong arguments at the public doors: whatever is given, the answer is a result or a coded error, never a bare TypeError, and never a hang.

import { describe, expect, test } from 'vitest'
import {
  Accuracy,
  AnomalyMetric,
  applyTransform,
  BleuMetric,
  CalibrationError,
  ClassReportMetric,
  CocoMetric,
  ConfusionMatrix,
  CountMetric,
  DetectionConfusion,
  encodeMask,
  fiveCrop,
  isFoveaError,
  joinMosaic,
  MeanLoss,
  maskArea,
  maskBounds,
  maskIntersection,
  mergeMasks,
  mixBatch,
  nonMaxSuppression,
  openFolder,
  PanopticMetric,
  pairDetections,
  polygonsMask,
  Random,
  RougeMetric,
  readDataset,
  SegmentationMetric,
  testPattern,
  toRunLengthText,
  transformSample,
  transforms,
  VisionDataLoader,
  VisionEvaluator,
  VocMetric,
  vision,
} from '../src/index.ts'
import { createImage } from '../src/vision/image.ts'

const wrong: readonly unknown[] = [
  undefined,
  null,
  {},
  [],
  [null],
  [{}],
  '',
  'x',
  Number.NaN,
  -1,
  1.5,
  1e9,
  Number.POSITIVE_INFINITY,
  true,
  3n,
  () => 1,
]
const image = createImage(8, 6, 3)
const box = { x1: 1, y1: 1, x2: 4, y2: 4 }
const sample = { image, annotations: [{ label: 0, box }] }
const mask = encodeMask([0, 1, 1, 0], 2, 2)
const classes = ['a', 'b']
const ranking = { scores: [1, 0], labels: [0] }
const caption = { candidate: 'a cat', references: ['a cat'] }
const found = { truths: sample.annotations, detections: [{ label: 0, score: 0.5, box }] }

/** Each argument in turn, and each option of an object, replaced by all that is wrong. */
function* variations(valid: readonly unknown[]): Generator<unknown[]> {
  for (const [i, argument] of valid.entries())
    for (const value of wrong) {
      yield valid.with(i, value)
      if (typeof argument === 'object' && argument !== null && Object.getPrototypeOf(argument) === Object.prototype)
        for (const key of Object.keys(argument)) yield valid.with(i, { ...argument, [key]: value })
    }
}

async function uncoded(door: (...values: never[]) => unknown, valid: readonly unknown[]): Promise<string[]> {
  const problems: string[] = []
  for (const values of variations(valid))
    try {
      await door(...(values as never[]))
    } catch (error) {
      if (!isFoveaError(error)) problems.push(String(error))
    }
  return problems
}

describe('transforms', () => {
  const valid: Partial<Record<keyof typeof transforms, readonly unknown[]>> = {
    resize: [5, { interpolation: 'bilinear', maxSize: 9 }],
    letterbox: [5, { fill: [0, 0, 0] }],
    randomCrop: [3, { padding: 1, fill: 'reflect' }],
    centerCrop: [3, { fill: [0, 0, 0] }],
    crop: [{ top: 0, left: 0, height: 2, width: 2 }],
    pad: [1, { fill: [0, 0, 0] }],
    randomResizedCrop: [4, { scale: [0.5, 1], ratio: [1, 1] }],
    rotate: [10, { expand: true, center: [1, 1] }],
    randomErasing: [{ probability: 1, value: [0, 0, 0] }],
    gaussianBlur: [3, { sigma: [1, 1] }],
    normalize: [{ mean: [0.5], std: [0.5] }],
    mosaic: [[8, 8], { probability: 1 }],
  }

  test.each(Object.keys(transforms) as (keyof typeof transforms)[])('%s', async (name) => {
    expect(await uncoded(transforms[name] as () => unknown, valid[name] ?? [0.5])).toEqual([])
  })

  test('a misspelt option is refused', () => {
    expect(() => transforms.randomCrop(3, { paddin: 1 } as never)).toThrow(expect.objectContaining({ code: 'DATA_TRANSFORM_INVALID' }))
  })

  test('what applies them', async () => {
    const random = new Random(0)
    expect(await uncoded(applyTransform, [image, transforms.invert(), random])).toEqual([])
    expect(await uncoded(transformSample, [sample, transforms.randomHorizontalFlip(1), random, { minVisible: 0 }])).toEqual([])
    expect(await uncoded(fiveCrop, [sample, 3, {}])).toEqual([])
    expect(await uncoded(joinMosaic, [[sample, sample, sample, sample], transforms.mosaic(8), random])).toEqual([])
    const batch = { images: new Uint8Array(96), shape: [2, 4, 4, 3], targets: new Float32Array(4) }
    expect(await uncoded(mixBatch, [batch, transforms.mixUp(), random])).toEqual([])
  })
})

describe('metrics', () => {
  const doors: readonly (readonly [string, new (...values: never[]) => { update: unknown }, readonly unknown[], unknown])[] = [
    ['Accuracy', Accuracy, [2], ranking],
    ['CalibrationError', CalibrationError, [2, 5], ranking],
    ['ConfusionMatrix', ConfusionMatrix, [2], ranking],
    ['ClassReportMetric', ClassReportMetric, [classes], ranking],
    ['CocoMetric', CocoMetric, [classes, {}], [found]],
    ['VocMetric', VocMetric, [classes, {}], [found]],
    ['DetectionConfusion', DetectionConfusion, [classes, { confidence: 0.5 }], [found]],
    ['SegmentationMetric', SegmentationMetric, [classes], { truth: [0], prediction: [0] }],
    [
      'PanopticMetric',
      PanopticMetric,
      [[{ name: 'a', isThing: true }]],
      { truth: { ids: [0], segments: [] }, prediction: { ids: [0], segments: [] } },
    ],
    ['AnomalyMetric', AnomalyMetric, [{}], [{ score: 1, isAnomalous: true }]],
    ['BleuMetric', BleuMetric, [], [caption]],
    ['RougeMetric', RougeMetric, [], [caption]],
    ['CountMetric', CountMetric, [], { predictions: [1], truths: [1] }],
    ['MeanLoss', MeanLoss, [], { loss: 1, count: 1 }],
  ]

  test.each(doors)('%s', async (_, Metric, given, batch) => {
    const make = (...values: readonly unknown[]) => new Metric(...(values as never[])) as never as Accuracy
    expect(await uncoded((...values: never[]) => make(...values), given)).toEqual([])
    expect(await uncoded((value: never) => make(...given).update(value), [batch])).toEqual([])
    if (Array.isArray(batch)) expect(await uncoded((value: never) => make(...given).update([value] as never), batch)).toEqual([])
    expect(await uncoded((value: never) => make(...given).merge(value), [{}])).toEqual([])
  })

  test('masks, outlines and detections', async () => {
    for (const door of [maskArea, maskBounds, toRunLengthText]) expect(await uncoded(door, [mask]), door.name).toEqual([])
    expect(await uncoded(maskIntersection, [mask, mask])).toEqual([])
    expect(() => maskIntersection(mask, { ...mask, counts: [Number.NaN, 1] })).toThrow(expect.objectContaining({ code: 'MASK_INVALID' }))
    expect(await uncoded(mergeMasks, [[mask]])).toEqual([])
    expect(await uncoded(polygonsMask, [[[0, 0, 3, 0, 3, 3]], 8, 8])).toEqual([])
    expect(await uncoded(pairDetections, [found.truths, found.detections])).toEqual([])
    expect(await uncoded(nonMaxSuppression, [found.detections, {}])).toEqual([])
  })
})

describe('data and evaluation', () => {
  const pictures = [0, 1].map((label) => ({
    name: `${label}`,
    image,
    labels: [label],
    annotations: sample.annotations,
    captions: ['a cat'],
  }))
  const data = { classes: classes.map((name) => ({ name })), pictures }

  test('the evaluator and what it is given', async () => {
    const run = (options: never) => new VisionEvaluator(options)
    expect(await uncoded(run, [{ metrics: ['accuracy'], bootstrap: { samples: 5 }, worst: 3, confidence: 0.5, nms: [0.5] }])).toEqual([])
    const evaluator = new VisionEvaluator({ bootstrap: { samples: 0 } })
    const answers = [
      { task: 'classify', probabilities: [1, 0] },
      { task: 'detect', detections: found.detections, candidates: found.detections },
      { task: 'segment', width: 8, height: 6, data: new Uint8Array(48) },
      { task: 'anomaly', score: 1 },
      { task: 'count', count: 1 },
      { task: 'caption', caption: 'a cat' },
    ] as const
    expect(
      await uncoded(
        (...values: never[]) => evaluator.evaluate(...(values as unknown as [never, never, never])),
        [() => answers[0], data, {}],
      ),
    ).toEqual([])
    for (const answer of answers) {
      expect(await uncoded((given: never) => evaluator.evaluate(() => given, data), [answer]), answer.task).toEqual([])
      const evaluate = (picture: never) => evaluator.evaluate(() => answer as never, { ...data, pictures: [picture] })
      expect(await uncoded(evaluate, [pictures[0]]), answer.task).toEqual([])
      const marked = (annotation: never) => evaluate({ ...pictures[0], annotations: [annotation] } as never)
      expect(await uncoded(marked, [{ label: 0, box, polygons: [[0, 0, 3, 0, 3, 3]] }]), answer.task).toEqual([])
    }
  })

  test('loaders and folders', async () => {
    const dataset = { classes, samples: [{ path: 'x', label: 0, image }] }
    const preprocessing = {
      size: [4, 4],
      resize: 'squash',
      cropFraction: 1,
      interpolation: 'bilinear',
      color: 'rgb',
      scale: 'unit',
      layout: 'nhwc',
      padValue: 0,
    }
    const options = { preprocessing, shard: { index: 0, count: 1 }, rule: {}, batchSize: 1 }
    const make = (...values: never[]) => new VisionDataLoader(...(values as unknown as [never, never]))
    expect(await uncoded(make, [dataset, options])).toEqual([])
    const read = async (given: never) => {
      const loader = new VisionDataLoader({ classes, samples: [given] } as never, options as never)
      try {
        for await (const _ of loader) break
      } finally {
        await loader.close()
      }
    }
    expect(await uncoded(read, [dataset.samples[0]])).toEqual([])
    for (const door of [openFolder, readDataset]) expect(await uncoded(door, ['/nowhere', {}]), door.name).toEqual([])
    expect(await uncoded(vision.preprocessImage, [image, preprocessing])).toEqual([])
    expect(await uncoded(vision.readDicom, [new Uint8Array(300), {}])).toEqual([])
    expect(await uncoded(testPattern, [0, { width: 64, height: 48 }])).toEqual([])
    for (const file of [undefined, null, {}, 7, ''])
      await expect(vision.writePng(file as never, image)).rejects.toMatchObject({ code: 'FILE_WRITE' })
  })
})
