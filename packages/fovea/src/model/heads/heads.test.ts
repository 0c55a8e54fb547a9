import { describe, expect, test } from 'vitest'
import type { Model } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import { verifyModel } from '../../graph/verifier.ts'
import { extract } from '../../passes/extract.ts'
import { inferValues } from '../../passes/infer-shapes.ts'
import type { Detections } from '../../vision/detections.ts'
import { createImage } from '../../vision/image.ts'
import { placementOf } from '../../vision/placement.ts'
import { createPreprocessing } from '../../vision/preprocessing.ts'
import { buildClassifier } from '../build-classifier.ts'
import { buildFeatures } from '../build-features.ts'
import { readMetadata, writeMetadata } from '../metadata.ts'
import { DeepSeekVision } from '../vision-model.ts'
import { addHeads, type HeadSpec } from './add-heads.ts'
import { readCount } from './count.ts'
import { readDetections, withoutAuxiliary } from './detect.ts'
import type { Multilabel } from './multilabel.ts'
import { readSegmentation } from './segment.ts'

const labels = ['a', 'b']

/** A picture twice as wide as high, in the middle of a square of 64: 16 rows of border above and below, half its size. */
const placement = placementOf(128, 64, createPreprocessing({ size: [64, 64], resize: 'letterbox' }))

describe('answers are about the picture, not about the square that it was laid in', () => {
  test('boxes, cut at the border of the picture', () => {
    const outputs = {
      boxes: Float32Array.of(0, 16, 32, 48, 10, 0, 20, 30, 0, 0, 64, 10),
      scores: Float32Array.of(0.9, 0.8, 0.7),
      labels: BigInt64Array.of(1n, 0n, 0n),
      count: BigInt64Array.of(3n),
    }
    expect(readDetections(outputs, 0, placement).map(({ label, box }) => [label, box])).toEqual([
      [1, { x1: 0, y1: 0, x2: 64, y2: 64 }],
      [0, { x1: 20, y1: 0, x2: 40, y2: 28 }],
      // The third lies in the border alone.
    ])
  })

  test('a class for each pixel', () => {
    const map = Uint8Array.from({ length: 64 * 64 }, (_, i) => (i < 64 * 16 || i >= 64 * 48 ? 2 : i % 64 < 32 ? 0 : 1))
    const { width, height, data } = readSegmentation(map, 0, placement, ['left', 'right', 'border'])
    expect([width, height]).toEqual([128, 64])
    for (let y = 0; y < 64; y++) for (let x = 0; x < 128; x++) expect(data[y * 128 + x]).toBe(x < 64 ? 0 : 1)
  })

  test('a count without what lies in the border', () => {
    const cells = Float32Array.from({ length: 2 * 64 }, (_, i) => (i % 64 < 16 || i % 64 >= 48 ? 5 : i < 64 ? 0.25 : 0.5))
    const { count, counts, density } = readCount(cells, 0, placement, labels, [8, 8])
    expect(counts).toEqual({ a: 8, b: 16 })
    expect([count, density.width, density.height]).toEqual([24, 8, 4])
  })
})

test('boxes and scores that are no numbers are told', () => {
  const outputs = (side: number, count: bigint) => ({
    boxes: Float32Array.of(1, 20, side, 24),
    scores: Float32Array.of(0.9),
    labels: BigInt64Array.of(0n),
    count: BigInt64Array.of(count),
  })
  expect(readDetections(outputs(5, 1n), 0, placement)).toHaveLength(1)
  for (const one of [outputs(Number.NaN, 1n), outputs(5, -1n)])
    expect(() => readDetections(one, 0, placement)).toThrow(expect.objectContaining({ code: 'MODEL_SCORES' }))
})

test('a model with heads is given new ones, also of the same names', () => {
  const specs = [
    { task: 'detect', labels: ['x'] },
    { task: 'segment', labels: ['x', 'background'] },
    { task: 'count', labels: ['x'] },
    { task: 'classify', labels: ['x', 'y'] },
    { task: 'multilabel', labels: ['x', 'y'] },
  ] as const
  const first = addHeads(buildFeatures('resnet18', { imageSize: [64, 64] }), specs)
  const again = addHeads(first, specs, { seed: 1 })
  verifyModel(again)
  const [before, after] = [first, again].map((model) => [...model.graph.initializers.keys()].sort())
  expect(after).toEqual(before)
  expect(readMetadata(again).heads!.map(({ name }) => name)).toEqual(specs.map(({ task }) => task))
  const only = addHeads(first, [{ task: 'count', labels: ['x'] }])
  expect([...only.graph.initializers.keys()].filter((name) => name.startsWith('heads.detect'))).toEqual([])
  // The backbone is what it was.
  for (const [name, tensor] of first.graph.initializers)
    if (!name.startsWith('heads.')) expect(Buffer.compare(again.graph.initializers.get(name)!.bytes, tensor.bytes), name).toBe(0)
})

test('stages name values that are there', () => {
  const model = addHeads(buildFeatures('resnet18', { imageSize: [64, 64] }), [{ task: 'count', labels: ['x'] }])
  const { stages } = readMetadata(model)
  const values = new Set([...model.graph.inputs.map(({ name }) => name), ...model.graph.nodes.flatMap(({ outputs }) => outputs)])
  expect(Object.keys(stages)).toEqual(expect.arrayContaining(['p3', 'p4', 'p5']))
  for (const [stage, value] of Object.entries(stages)) expect(values.has(value), stage).toBe(true)
})

test('where the network looked stays with heads that use its pyramid, of the levels that they use, and is no output', () => {
  const labels = ['x']
  const base = buildFeatures('deepseek-vision-tiny', { imageSize: [64, 64] })
  const model = addHeads(base, [{ task: 'count', labels }])
  const again = addHeads(model, [{ task: 'detect', labels, suppression: 'none' }])
  const { heads = [] } = readMetadata(again)
  for (const one of [model, again, withoutAuxiliary(again, heads).model]) {
    verifyModel(one)
    const { attention } = readMetadata(one).stages
    expect(inferValues(extract(one, { outputs: [attention!] }), { bindings: { N: 2, H: 64, W: 96 } }).dims(attention!)).toEqual([
      2, 3, 8, 12,
    ])
    expect(one.graph.outputs.map(({ name }) => name)).not.toContain(attention)
  }
  // A new pyramid on the backbone looks nowhere, and the old one goes.
  const two = addHeads(base, [{ task: 'detect', labels }], { levels: 2 })
  const anew = addHeads(two, [{ task: 'detect', labels }])
  expect(readMetadata(two).stages).toHaveProperty('attention')
  expect(readMetadata(anew).stages).not.toHaveProperty('attention')
  expect([...anew.graph.initializers.keys()].filter((name) => name.startsWith('neck.'))).toEqual([])
  // What only the coarser levels need is gone.
  const parameters = ({ graph }: Model) => [...graph.initializers.keys()].filter((name) => name.startsWith('neck.'))
  expect(parameters(model).length).toBeLessThan(parameters(base).length)
  expect(readMetadata(addHeads(base, [{ task: 'classify', labels: ['x', 'y'] }])).stages).toHaveProperty('attention')
})

test('what is kept for stages alone does not run with pictures, and odd numbers of channels are halved', async () => {
  const model = addHeads(buildFeatures('resnet-tiny', { imageSize: [64, 64] }), [{ task: 'count', labels: ['x'], channels: 35 }])
  const { graph } = model
  // It cannot run: its matrices do not fit.
  const matrix = (name: string, dims: readonly number[]) => graph.initializers.set(name, Tensor.float32(dims, new Float32Array(6)))
  matrix('left', [2, 3])
  matrix('right', [2, 3])
  graph.nodes.push({ name: 'idle', op: 'MatMul', domain: '', inputs: ['left', 'right'], outputs: ['idle'], attributes: new Map() })
  const vision = await DeepSeekVision.of<'count'>(model, readMetadata(model), { worker: false, share: false, threads: 1 })
  try {
    expect((await vision.predict(createImage(64, 64, 3))).task).toBe('count')
  } finally {
    await vision.close()
  }
})

describe('heads', () => {
  const all: readonly HeadSpec[] = [
    { task: 'detect', labels: ['x'] },
    { task: 'segment', labels },
    { task: 'classify', labels },
    { task: 'count', labels },
  ]

  test('on a backbone without a pyramid one is built, and any size is taken', async () => {
    const model = addHeads(buildFeatures('resnet18', { imageSize: [64, 64] }), all)
    verifyModel(model)
    const metadata = readMetadata(model)
    expect([metadata.task, metadata.heads!.length, Object.keys(metadata.stages)]).toEqual([
      'multi',
      4,
      expect.arrayContaining(['p3', 'p4', 'p5']),
    ])
    const loaded = await DeepSeekVision.of<'multi'>(model, metadata, { worker: false, share: false, threads: 1 })
    try {
      for (const [width, height] of [
        [64, 96],
        [160, 64],
      ] as const) {
        const images = new Tensor('uint8', [1, height, width, 3], new Uint8Array(3 * width * height))
        const place = { size: [height, width], scaled: [height, width], offset: [0, 0], picture: [height, width] } as const
        const [answer] = await loaded.answer({ images, placements: [place] })
        expect(answer).toMatchObject({
          heads: { segment: { width, height }, count: { density: { width: width / 4, height: height / 4 } } },
        })
      }
    } finally {
      await loaded.close()
    }
  })

  test.each<[string, readonly HeadSpec[], string]>([
    ['none', [], 'MODEL_HEADS'],
    ['two of one name', [all[0]!, all[0]!], 'MODEL_HEADS'],
    ['a name that is none', [{ task: 'count', name: '1/', labels }], 'MODEL_HEADS'],
    ['a confidence beyond 1', [{ task: 'detect', labels, confidence: 2 }], 'MODEL_HEADS'],
    ['a single bin', [{ task: 'detect', labels, bins: 1 }], 'MODEL_HEADS'],
    ['no detections at all', [{ task: 'detect', labels, limit: 0 }], 'MODEL_HEADS'],
    ['more classes than a byte', [{ task: 'segment', labels: Array.from({ length: 255 }, (_, i) => `${i}`) }], 'MODEL_HEADS'],
    ['half a channel', [{ task: 'count', labels, channels: 1.5 }], 'MODEL_HEADS'],
    ['fewer convolutions than none', [{ task: 'count', labels, depth: -1 }], 'MODEL_HEADS'],
    ['one class to choose from', [{ task: 'classify', labels: ['a'] }], 'MODEL_LABELS'],
    ['no labels', [{ task: 'detect', labels: undefined as never }], 'MODEL_LABELS'],
  ])('refused: %s', (_, specs, code) => {
    expect(() => addHeads(buildFeatures('resnet-tiny'), specs)).toThrowError(expect.objectContaining({ code }))
  })

  test('what cannot take effect is refused, and a model of another task is told', async () => {
    const classifier = buildClassifier('small-cnn', { labels, imageSize: [32, 32] })
    const loaded = await DeepSeekVision.of(classifier, readMetadata(classifier), { worker: false, share: false })
    const picture = createImage(32, 32, 3)
    try {
      for (const field of ['confidence', 'iou', 'limit'])
        await expect(loaded.predict(picture, { [field]: 1 })).rejects.toMatchObject({ code: 'MODEL_OPTION', details: { field } })
    } finally {
      await loaded.close()
    }
    const counting = addHeads(buildFeatures('resnet-tiny'), [{ task: 'count', labels }])
    const counter = await DeepSeekVision.of<'count'>(counting, readMetadata(counting), { worker: false, share: false })
    try {
      await expect(counter.explain(picture)).rejects.toMatchObject({ code: 'MODEL_TASK' })
      expect((await counter.predict(picture)).task).toBe('count')
    } finally {
      await counter.close()
    }
  })

  test('heads survive writing and reading of their metadata', () => {
    const model = addHeads(buildFeatures('resnet-tiny'), all)
    expect(readMetadata(writeMetadata(model, readMetadata(model))).heads).toEqual(readMetadata(model).heads)
  })
})

test('of two looks the mean of the scores is held against the threshold, and names of classes are looked for in all heads', async () => {
  const source = buildFeatures('small-cnn', { imageSize: [64, 64] })
  const model = addHeads(source, [{ task: 'detect', labels, iou: 0.9 }])
  const picture = createImage(
    64,
    64,
    3,
    Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (37 * i * i + 11 * i) % 256),
  )
  await using detector = await DeepSeekVision.of<'detect'>(model, readMetadata(model), { threads: 1, share: false })
  const all = await detector.predict(picture, { flip: true, confidence: 0.0001 })
  const threshold = all.detections[Math.floor(all.length / 2)]!.score
  const some = await detector.predict(picture, { flip: true, confidence: threshold })
  expect(all.length).toBeGreaterThan(4)
  expect(some.detections).toEqual(all.above(threshold).detections)
  await expect(detector.predict(picture, { flip: true, confidence: { zebra: 0.4 } })).rejects.toMatchObject({ code: 'MODEL_OPTION' })
  const both = addHeads(source, [
    { task: 'detect', labels },
    { task: 'multilabel', labels: ['c', 'd'] },
  ])
  await using several = await DeepSeekVision.of<'multi'>(both, readMetadata(both), { threads: 1, share: false })
  const { heads } = await several.predict(picture, { confidence: { a: 1, c: 0, d: 1 } })
  expect((heads.detect as Detections).detections.some(({ name }) => name === 'a')).toBe(false)
  expect((heads.multilabel as Multilabel).present.map(({ label }) => label)).toEqual(['c'])
  await expect(several.predict(picture, { confidence: { zebra: 0.4 } })).rejects.toMatchObject({ code: 'MODEL_OPTION' })
})
