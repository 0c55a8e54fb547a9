import { expect, test } from 'vitest'
import { numbersOf } from '../graph/tensor-values.ts'
import { buildFeatures } from '../model/build-features.ts'
import { addHeads } from '../model/heads/add-heads.ts'
import { addAnomalyHead, patchModel } from '../model/heads/anomaly.ts'
import type { AnomalyHead, DetectHead } from '../model/heads/head.ts'
import { readMetadata, writeMetadata } from '../model/metadata.ts'
import { openSource } from '../model/open-source.ts'
import { applyThresholds, checkThresholds } from './apply-thresholds.ts'
import type { Sweep } from './sweep.ts'

const { model: base } = await openSource('deepseek-vision-tiny')
const labels = ['a', 'b']
const sweep = {
  task: 'detect',
  goal: 'f1',
  samples: 9,
  overall: undefined,
  nms: { iou: 0.4, curve: [] },
  perClass: [
    { class: 'a', threshold: 0.7 },
    { class: 'b', threshold: Number.NaN },
  ],
} as unknown as Sweep

const numbers = (model: typeof base, name: string) =>
  [...numbersOf(model.graph.initializers.get(name)!)].map((value) => Number(value.toFixed(6)))

test('a detector decides by what was swept; a class that nothing is known of keeps its threshold', () => {
  const model = addHeads(base, [{ task: 'detect', labels, confidence: 0.2, iou: 0.6 }])
  const written = applyThresholds({ model, metadata: readMetadata(model) }, sweep)
  const { heads, thresholds } = readMetadata(written)
  const [{ thresholds: names }] = heads as [DetectHead]
  expect([numbers(written, names.confidence), numbers(written, names.iou)]).toEqual([[0.7, 0.2], [0.4]])
  expect(thresholds).toEqual({ goal: { f1: 'best' }, samples: 9, perClass: [0.7, null], nmsIoU: 0.4 })
  expect([numbers(model, names.confidence), numbers(model, names.iou)]).toEqual([[0.2, 0.2], [0.6]])
})

test('of several heads the one that was measured; one that does not decide in the graph is refused before the work', () => {
  const model = addHeads(base, [
    { task: 'classify', labels: ['good', 'bad'] },
    { task: 'detect', labels },
  ])
  const metadata = readMetadata(model)
  const written = applyThresholds({ model, metadata }, sweep, 'detect')
  const { thresholds: names } = readMetadata(written).heads!.find(({ name }) => name === 'detect') as DetectHead
  expect([numbers(written, names.confidence), numbers(written, names.iou)]).toEqual([[0.7, 0.25], [0.4]])
  expect(readMetadata(written).thresholds).toBeUndefined()
  for (const head of [undefined, 'classify'])
    expect(() => checkThresholds(metadata, head)).toThrow(expect.objectContaining({ code: 'EVALUATE_SWEEP' }))
  expect(() => checkThresholds(metadata, 'detect')).not.toThrow()
})

test('anomalies are told above what was swept, and nothing of an old classifier stays', () => {
  const backbone = buildFeatures('small-cnn', { imageSize: [32, 48] })
  const { preprocessing, ...rest } = readMetadata(backbone)
  const calibrated = {
    ...rest,
    preprocessing: { ...preprocessing, size: [32, 48] as const },
    calibration: { '': { temperature: 2, samples: 4 } },
  }
  const source = writeMetadata(backbone, calibrated)
  const { channels } = patchModel(source, [{ layer: 'conv2' }]).maps[0]!
  const model = addAnomalyHead(source, {
    layers: [{ layer: 'conv2' }],
    projection: { weight: new Float32Array(5 * channels).fill(0.1), bias: new Float32Array(5), position: 0 },
    bank: { data: new Float32Array(35).fill(0.5), dims: [7, 5] },
    scoring: { neighbours: 1, smoothing: 0, share: 0.25 },
    limits: { falseAlarmRate: 0.01, by: 'quantile', samples: 9, score: { quantile: 1, extreme: 2 }, cell: { quantile: 3, extreme: 4 } },
  })
  const metadata = readMetadata(model)
  expect(metadata.calibration).toBeUndefined()
  const swept = {
    task: 'anomaly',
    goal: 'f1',
    samples: 9,
    nms: undefined,
    perClass: [],
    overall: { threshold: 0.375 },
    pixels: { threshold: 2.5 },
  } as unknown as Sweep
  const written = applyThresholds({ model, metadata }, swept)
  const [head] = readMetadata(written).heads as [AnomalyHead]
  const stored = (one: typeof model, name: string) => numbersOf(one.graph.initializers.get(name)!)[0]!
  // What a sweep counts from the threshold on has to lie above the detector's.
  for (const [name, threshold, before] of [[head.thresholds.score, 0.375, 1] as const, [head.thresholds.cell, 2.5, 3] as const]) {
    expect(stored(written, name)).toBeLessThan(threshold)
    expect(stored(written, name)).toBeCloseTo(threshold, 4)
    expect(stored(model, name)).toBe(before)
  }
  expect(readMetadata(written).thresholds).toMatchObject({ overall: 0.375, pixels: 2.5 })
})
