import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Sample } from '../../data/dataset.ts'
import { applyThresholds } from '../../evaluate/apply-thresholds.ts'
import { VisionEvaluator } from '../../evaluate/evaluator.ts'
import { sweepThresholds } from '../../evaluate/sweep.ts'
import { verifyModel } from '../../graph/verifier.ts'
import { buildFeatures } from '../../model/build-features.ts'
import { addHeads } from '../../model/heads/add-heads.ts'
import { readMultilabel } from '../../model/heads/multilabel.ts'
import { readMetadata } from '../../model/metadata.ts'
import { DeepSeekVision } from '../../model/vision-model.ts'
import { Random } from '../../util/random.ts'
import { createImage } from '../../vision/image.ts'
import { HeadTrainer } from './head-trainer.ts'

const classes = ['red', 'green', 'blue']
const folder = await mkdtemp(join(tmpdir(), 'fovea-multilabel-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Grey noise with a square of each colour that is there; the classes stand in `labels`, or are those of boxes. */
function squares(count: number, seed: number, by: 'labels' | 'boxes' = 'labels'): Sample[] {
  return Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, 'multilabel', i)
    const data = Uint8Array.from({ length: 32 * 32 * 3 }, () => random.integer(100, 140))
    const present = [0, 1, 2].filter(() => random.chance(0.5))
    const boxes = present.map((label) => {
      const [x, y] = [random.integer(0, 22), random.integer(0, 22)]
      for (let dy = 0; dy < 10; dy++)
        for (let dx = 0; dx < 10; dx++) for (let c = 0; c < 3; c++) data[3 * ((y + dy) * 32 + x + dx) + c] = c === label ? 240 : 20
      return { label, box: { x1: x, y1: y, x2: x + 10, y2: y + 10 } }
    })
    const image = createImage(32, 32, 3, data)
    if (by === 'boxes') return { path: `${i}`, label: -1, image, annotations: boxes }
    return { path: `${i}`, label: present[0] ?? -1, image, annotations: [], ...(present.length > 1 && { labels: present }) }
  })
}

describe('the head', () => {
  const model = addHeads(buildFeatures('resnet18', { imageSize: [32, 32] }), [{ task: 'multilabel', labels: classes, confidence: 0.4 }])

  test('is a sigmoid for each class, told by thresholds of the graph that a run may replace', async () => {
    verifyModel(model)
    const metadata = readMetadata(model)
    expect([metadata.task, metadata.labels]).toEqual(['multilabel', classes])
    await using vision = await DeepSeekVision.of<'multilabel'>(model, metadata, { worker: false })
    const picture = squares(1, 5)[0]!.image!
    const { probabilities, top, present } = await vision.predict(picture, { topK: 2 })
    expect(probabilities.length).toBe(3)
    expect(top.length).toBe(2)
    expect(top[0]!.probability).toBe(Math.max(...probabilities))
    expect(present.map(({ index }) => index).sort()).toEqual([0, 1, 2].filter((c) => probabilities[c]! >= Math.fround(0.4)))
    expect((await vision.predict(picture, { confidence: 0 })).present.length).toBe(3)
    expect((await vision.predict(picture, { confidence: 1 })).present).toEqual([])
    expect((await vision.predict(picture, { confidence: { red: 0, green: 1, blue: 1 } })).present.map(({ label }) => label)).toEqual([
      'red',
    ])
    await expect(vision.predict(picture, { iou: 0.5 })).rejects.toThrowError(expect.objectContaining({ code: 'MODEL_OPTION' }))
    await expect(vision.predict(picture, { reject: 0.5 })).rejects.toThrowError(expect.objectContaining({ code: 'MODEL_OPTION' }))
  })

  test('answers: those that reach their threshold, best first; of equal ones the earlier class', () => {
    const rows = { probabilities: Float32Array.of(0.1, 0.9, 0.9, 0.7, 0.2, 0.8), present: Uint8Array.of(0, 1, 1, 0, 0, 1) }
    expect(readMultilabel(rows, 0, classes, 1)).toMatchObject({
      present: [{ label: 'green' }, { label: 'blue' }],
      top: [{ label: 'green' }],
    })
    expect(readMultilabel(rows, 1, classes, 5)).toMatchObject({
      present: [{ label: 'blue' }],
      top: [{ index: 2 }, { index: 0 }, { index: 1 }],
    })
  })

  test('a confidence that is none is refused', () => {
    const base = buildFeatures('resnet18', { imageSize: [32, 32] })
    expect(() => addHeads(base, [{ task: 'multilabel', labels: classes, confidence: 1.5 }])).toThrowError(
      expect.objectContaining({ code: 'MODEL_HEADS' }),
    )
  })
})

describe('training', () => {
  test('learns which colours are there, is measured, and takes thresholds of a sweep into its graph', async () => {
    const heads = [{ task: 'multilabel', labels: classes }] as const
    const train = { classes, samples: squares(64, 1) }
    const validation = { classes, samples: squares(24, 2) }
    const options = {
      model: 'small-cnn',
      pretrained: false,
      imageSize: 32,
      batchSize: 8,
      epochs: 12,
      learningRate: 0.003,
      augment: 'none',
      threads: 2,
    } as const
    const { file, figures, history } = await new HeadTrainer({ ...options, train, validation, heads, out: join(folder, 'run') }).run()
    expect(history.at(-1)!.loss).toBeLessThan(0.5 * history[0]!.loss)
    expect(figures!.mAP).toBeGreaterThan(0.9)
    expect(figures!.f1).toBeGreaterThan(0.8)

    await using model = await DeepSeekVision.load(file, { task: 'multilabel', worker: false })
    const evaluation = await new VisionEvaluator({ bootstrap: { samples: 20 } }).evaluate(model, validation)
    expect(evaluation.task).toBe('multilabel')
    expect(evaluation.figures.averagePrecision).toBeCloseTo(figures!.mAP!, 6)
    expect(evaluation.figures.microF1).toBeCloseTo(figures!.f1!, 6)
    const sweep = await sweepThresholds(evaluation)
    const tuned = applyThresholds(model, sweep)
    await using better = await DeepSeekVision.of<'multilabel'>(tuned, readMetadata(tuned), { worker: false })
    const again = await new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(better, validation)
    expect(again.figures.f1).toBeGreaterThanOrEqual(evaluation.figures.f1!)
    for (const [i, { figures: own }] of again.perClass.entries()) expect(own.f1).toBeCloseTo(sweep.perClass[i]!.f1, 6)
  })

  test('classes of boxes teach it too, and pictures without any are refused', async () => {
    const heads = [{ task: 'multilabel', labels: classes }] as const
    const options = {
      model: 'small-cnn',
      pretrained: false,
      imageSize: 32,
      batchSize: 8,
      epochs: 2,
      augment: 'none',
      threads: 2,
      heads,
    } as const
    const train = { classes, samples: squares(16, 3, 'boxes') }
    const { history } = await new HeadTrainer({ ...options, train, out: join(folder, 'boxes') }).run()
    expect(Number.isFinite(history[0]!.loss)).toBe(true)
    const single = [{ task: 'classify', labels: classes }] as const
    const labelled = { classes, samples: squares(16, 3) }
    await expect(new HeadTrainer({ ...options, heads: single, train: labelled, out: join(folder, 'single') }).run()).rejects.toThrowError(
      /one class for each picture.*multilabel/,
    )
    const empty = { classes, samples: squares(4, 1).map(({ path, image }) => ({ path, label: -1, image: image! })) }
    await expect(new HeadTrainer({ ...options, train: empty, out: join(folder, 'empty') }).run()).rejects.toThrowError(
      expect.objectContaining({ code: 'TRAIN_OPTION' }),
    )
  })

  test('a head without boxes is measured while it trains', async () => {
    const train = {
      classes: ['thing'],
      samples: squares(8, 4, 'boxes').map((one) => ({ ...one, annotations: one.annotations!.map((thing) => ({ ...thing, label: 0 })) })),
    }
    const options = { model: 'resnet18', pretrained: false, imageSize: 64, batchSize: 4, epochs: 1, augment: 'none', threads: 2 } as const
    const heads = [{ task: 'count', labels: ['thing'] }] as const
    const { figures } = await new HeadTrainer({ ...options, train, validation: train, heads, out: join(folder, 'count') }).run()
    expect(figures!.mae).toBeGreaterThanOrEqual(0)
  })
})
