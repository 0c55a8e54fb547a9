import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drawnSquares, squareSide } from '../../../../test/drawn-squares.ts'
import type { ImageDataset, Sample } from '../../../data/dataset.ts'
import { VisionEvaluator } from '../../../evaluate/evaluator.ts'
import { encodeModel } from '../../../graph/codec/encode.ts'
import { verifyModel } from '../../../graph/verifier.ts'
import { buildFeatures } from '../../../model/build-features.ts'
import { readMetadata, writeMetadata } from '../../../model/metadata.ts'
import { readModelFile } from '../../../model/open-model.ts'
import { DeepSeekVision } from '../../../model/vision-model.ts'
import { isFoveaError } from '../../../util/errors.ts'
import { Random } from '../../../util/random.ts'
import { AnomalyMap } from '../../../vision/anomaly.ts'
import { createImage } from '../../../vision/image.ts'
import type { AnomalyTrainEvent, AnomalyTrainOptions } from './options.ts'
import { AnomalyTrainer, type AnomalyTrainResult } from './trainer.ts'

const side = squareSide
/** The grey noise that squares lie on, without any. */
const bare = (count: number, seed: number): Sample[] =>
  Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, 'bare', i)
    const data = Uint8Array.from({ length: side * side * 3 }, () => random.integer(110, 146))
    return { path: `bare ${i}`, label: 0, image: createImage(side, side, 3, data, `bare ${i}`) }
  })
const good: ImageDataset = { classes: ['good'], samples: bare(24, 1) }

let folder = ''
let fitted: AnomalyTrainResult
const events: AnomalyTrainEvent[] = []
const options = (more: Partial<AnomalyTrainOptions> = {}): AnomalyTrainOptions => ({
  good,
  model: 'deepseek-vision-tiny',
  imageSize: 64,
  candidates: 2000,
  threads: 1,
  out: join(folder, 'run'),
  ...more,
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-anomaly-'))
  fitted = await new AnomalyTrainer(options({ onEvent: (event) => events.push(event) })).run()
}, 120_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (isFoveaError(error) ? `${error.code} ${String(error.details.field)}` : String(error)),
  )
}

describe('a detector fitted to good pictures', () => {
  test('is one file that knows good from odd, and where', async () => {
    await using model = await DeepSeekVision.load(fitted.file, { task: 'anomaly' })
    verifyModel(model.model)
    const answers = await model.predict(bare(6, 2).map(({ image }) => image!))
    expect(answers.filter(({ isAnomalous }) => isAnomalous).length).toBeLessThanOrEqual(1)
    for (const { image, annotations } of drawnSquares(6, 3)) {
      const answer = await model.predict(image)
      expect(answer).toBeInstanceOf(AnomalyMap)
      expect(answer.isAnomalous).toBe(true)
      expect([answer.width, answer.height, answer.pixels().length]).toEqual([side, side, side * side])
      // The oddest place lies in one of the squares, or beside its border.
      const { data, width } = answer.map
      const at = data.indexOf(data.reduce((a, b) => Math.max(a, b)))
      const scale = side / width
      const [x, y] = [((at % width) + 0.5) * scale, (Math.floor(at / width) + 0.5) * scale]
      expect(
        annotations.some(
          ({ box: { x1, y1, x2, y2 } = { x1: 0, y1: 0, x2: 0, y2: 0 } }) => x > x1 - 6 && x < x2 + 6 && y > y1 - 6 && y < y2 + 6,
        ),
      ).toBe(true)
      expect(answer.regions.length).toBeGreaterThan(0)
      expect(answer.toJSON()).toMatchObject({ task: 'anomaly', isAnomalous: true, image: { width: side, height: side } })
    }
  })

  test('is measured by pictures and by pixels', async () => {
    await using model = await DeepSeekVision.load(fitted.file, { task: 'anomaly' })
    const odd = drawnSquares(10, 4).map((sample) => ({
      ...sample,
      label: 1,
      annotations: sample.annotations.map((one) => ({ ...one, label: 1 })),
    }))
    const data = { classes: ['good', 'square'], samples: [...bare(10, 5), ...odd] }
    const { figures, records } = await new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(model, data)
    expect(records.task).toBe('anomaly')
    expect(figures.imageAuroc).toBeGreaterThan(0.95)
    expect(figures.pixelAuroc).toBeGreaterThan(0.8)
  })

  test('thresholds are the file’s unless others are asked for, and the graph says the same as the answer', async () => {
    await using model = await DeepSeekVision.load(fitted.file, { task: 'anomaly' })
    const { image } = drawnSquares(1, 6)[0]!
    const answer = await model.predict(image)
    expect(answer.threshold).toBe(Math.fround(fitted.figures.threshold))
    expect(answer.pixelThreshold).toBe(Math.fround(fitted.figures.pixelThreshold))
    const lax = await model.predict(image, { threshold: 2 * answer.score, pixelThreshold: 1e6 })
    expect([lax.score, lax.isAnomalous, lax.regions.length]).toEqual([answer.score, false, 0])
    expect(await codeOf(model.predict(image, { threshold: -1 }))).toBe('MODEL_OPTION threshold')
    expect(await codeOf(model.predict(image, { confidence: 0.5 }))).toBe('MODEL_OPTION confidence')
  })

  test('the file says what it was fitted to', async () => {
    const { task, labels, heads, recipe, split, preprocessing } = readMetadata(await readModelFile(fitted.file))
    expect([task, labels, preprocessing.size]).toEqual(['anomaly', ['good', 'anomaly'], [64, 64]])
    expect(heads).toHaveLength(1)
    const [head] = heads!
    if (head?.task !== 'anomaly') throw new Error('another head')
    const { score } = head.limits
    expect(head.limits).toMatchObject({ falseAlarmRate: 0.01, by: 'extreme', samples: 24 })
    expect(fitted.figures.threshold).toBe(score.extreme)
    expect(recipe).toMatchObject({ layers: ['conv2'], samples: 24 })
    expect(split!.trained).toHaveLength(24)
    expect(fitted.scores).toHaveLength(24)
    expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(['plan', 'note', 'progress']))
  })

  test('scores of the pictures that it learnt from are not optimistic: each is held against the others', async () => {
    // Of a memory that holds every patch, pictures that were learnt score near to 0.
    const all = await new AnomalyTrainer(options({ coreset: 1, candidates: 6144, out: join(folder, 'all') })).run()
    await using model = await DeepSeekVision.load(all.file, { task: 'anomaly' })
    const mean = (list: readonly number[]) => list.reduce((a, b) => a + b) / list.length
    const known = mean((await model.predict(good.samples.map(({ image }) => image!))).map(({ score }) => score))
    const fresh = mean((await model.predict(bare(24, 9).map(({ image }) => image!))).map(({ score }) => score))
    expect(known).toBeLessThan(0.5 * fresh)
    expect(Math.abs(mean(all.scores) / fresh - 1)).toBeLessThan(0.1)
  })

  test('the same options give the same bytes', async () => {
    const again = await new AnomalyTrainer(options({ out: join(folder, 'again') })).run()
    expect(encodeModel(again.model)).toEqual(encodeModel(fitted.model))
  })
})

describe('what a detector is fitted with', () => {
  test('any model with maps, at several layers and with places', async () => {
    const file = join(folder, 'backbone.onnx')
    const backbone = buildFeatures('small-cnn', { imageSize: [48, 64] })
    const { architecture: _, ...metadata } = readMetadata(backbone)
    await writeFile(file, encodeModel(writeMetadata(backbone, metadata)))
    const layers = Object.keys(metadata.stages).filter((stage) => /^conv[23]$/.test(stage))
    const out = join(folder, 'backbone')
    const { model, recipe } = await new AnomalyTrainer(
      options({ model: file, layers, position: 2, neighbours: 3, imageSize: [48, 64], context: 0, out }),
    ).run()
    await using loaded = await DeepSeekVision.of<'anomaly'>(model, readMetadata(model))
    const [sound, odd] = await loaded.predict([bare(1, 7)[0]!.image!, drawnSquares(1, 7)[0]!.image])
    expect(odd!.score).toBeGreaterThan(sound!.score)
    expect(recipe.imageSize).toEqual([48, 64])
  })

  test('good pictures may be called anything, and an evaluation knows them by that name', async () => {
    const out = join(folder, 'named')
    const { model } = await new AnomalyTrainer(options({ goodName: 'bare', candidates: 500, out })).run()
    await using loaded = await DeepSeekVision.of<'anomaly'>(model, readMetadata(model))
    expect(loaded.metadata.labels).toEqual(['bare', 'anomaly'])
    const samples = [
      ...bare(4, 8).map((sample) => ({ ...sample, label: 1 })),
      ...drawnSquares(4, 8).map((sample) => ({ ...sample, label: 0 })),
    ]
    const evaluate = (classes: string[]) => new VisionEvaluator({ bootstrap: { samples: 0 } }).evaluate(loaded, { classes, samples })
    expect((await evaluate(['a square', 'bare'])).figures.imageAuroc).toBeGreaterThan(0.9)
    // Under another name all classes are odd, and there is nothing to tell apart.
    expect((await evaluate(['a square', 'something'])).figures.imageAuroc).toBeNaN()
  })

  test('wrong options are named before anything is written', async () => {
    const out = join(folder, 'refused')
    const refused = (more: Partial<AnomalyTrainOptions>) => codeOf(new AnomalyTrainer(options({ out, ...more })).run())
    expect(await refused({ good: { classes: [], samples: good.samples.slice(0, 1) } })).toBe('TRAIN_OPTION good')
    expect(await refused({ layers: [] })).toBe('TRAIN_OPTION layers')
    expect(await refused({ layers: ['conv2', 'conv2'] })).toBe('TRAIN_OPTION layers')
    expect(await refused({ layers: ['conv9'] })).toBe('MODEL_LAYER layer')
    expect(await refused({ layers: ['embedding'] })).toBe('MODEL_LAYER embedding')
    expect(await refused({ goodName: 'anomaly' })).toBe('TRAIN_OPTION goodName')
    expect(await refused({ coreset: 0 })).toBe('TRAIN_OPTION coreset')
    expect(await refused({ falseAlarmRate: 0.7 })).toBe('TRAIN_OPTION falseAlarmRate')
    expect(await refused({ imageSize: 8 })).toBe('TRAIN_OPTION imageSize')
    expect(await refused({ model: 'no-such-model' })).toMatch(/^MODEL_/)
    expect(await codeOf(new AnomalyTrainer(options()).run())).toBe('TRAIN_EXISTS undefined')
    expect(await readdir(folder)).not.toContain('refused')
  })

  test('a picture that cannot be read is left out and told, or stops the fit', async () => {
    const lost = { path: join(folder, 'lost.png'), label: 0 }
    const some = { classes: ['good'], samples: [...good.samples.slice(0, 3), lost, ...good.samples.slice(3, 8)] }
    const few = { good: some, candidates: 500, out: join(folder, 'some') }
    const { figures, failures, scores } = await new AnomalyTrainer(options(few)).run()
    expect([figures.samples, scores.length, failures.map(({ path }) => path)]).toEqual([8, 8, [lost.path]])
    const out = join(folder, 'stopped')
    expect(await codeOf(new AnomalyTrainer(options({ ...few, out, onError: 'stop' })).run())).toMatch(/^DATA_/)
    expect(await codeOf(new AnomalyTrainer(options({ ...few, out, good: { classes: [], samples: [lost, lost] } })).run())).toMatch(/^DATA_/)
  })

  test('can be cancelled', async () => {
    const stop = new AbortController()
    const out = join(folder, 'cancelled')
    const run = new AnomalyTrainer(options({ out, signal: stop.signal, onEvent: ({ kind }) => kind === 'progress' && stop.abort() })).run()
    expect(await codeOf(run)).toBe('CANCELLED undefined')
    expect(await readdir(folder)).not.toContain('cancelled')
  })
})
