import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { drawnSquares, squareClasses, squareSide } from '../../../test/drawn-squares.ts'
import type { ImageDataset, Sample } from '../../data/dataset.ts'
import { flipHorizontal } from '../../data/transforms/flip.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import { numbersOf } from '../../graph/tensor-values.ts'
import type { Count } from '../../model/heads/count.ts'
import type { DetectHead } from '../../model/heads/head.ts'
import { readMetadata } from '../../model/metadata.ts'
import { readModelFile } from '../../model/open-model.ts'
import { openSource } from '../../model/open-source.ts'
import { DeepSeekVision } from '../../model/vision-model.ts'
import { extract } from '../../passes/extract.ts'
import { isFoveaError } from '../../util/errors.ts'
import { boxIoU } from '../../vision/boxes.ts'
import { Detections } from '../../vision/detections.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { maskBounds } from '../../vision/run-lengths.ts'
import { Segmentation } from '../../vision/segmentation.ts'
import { detectTraining } from './detect.ts'
import { HeadTrainer } from './head-trainer.ts'
import { type HeadTrainOptions, mosaicEnd } from './options.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-heads-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const side = squareSide
const classes = [...squareClasses]
const squares = (count: number, seed: number): ImageDataset => ({ classes, samples: drawnSquares(count, seed) })

const withBoxesAlone = ({ annotations = [], ...sample }: Sample): Sample => ({
  ...sample,
  annotations: annotations.map(({ label, box }) => ({ label, ...(box && { box }) })),
})

const options = (more: Partial<HeadTrainOptions> = {}): HeadTrainOptions => ({
  model: 'deepseek-vision-tiny',
  train: squares(24, 1),
  validation: squares(8, 2),
  out: join(folder, 'run'),
  heads: [{ task: 'detect', labels: classes }],
  imageSize: side,
  batchSize: 8,
  epochs: 1,
  augment: 'none',
  threads: 1,
  ...more,
})

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (isFoveaError(error) ? `${error.code} ${String(error.details.field)}` : String(error)),
  )
}

/** Two pictures of squares beside one another in each. */
function pairs(count: number, seed: number): ImageDataset {
  const halves = drawnSquares(2 * count, seed)
  const samples = Array.from({ length: count }, (_, i): Sample => {
    const [left, right] = [halves[2 * i]!, halves[2 * i + 1]!]
    const moved = right.annotations.map(({ label, box }) => ({ label, box: { ...box!, x1: box!.x1 + side, x2: box!.x2 + side } }))
    const marked = [...left.annotations.map(({ label, box }) => ({ label, box: box! })), ...moved]
    return { path: `${i}`, label: -1, image: beside([left.image, right.image]), annotations: marked }
  })
  return { classes, samples }
}

function beside(pair: readonly [Image, Image]): Image {
  const wide = createImage(2 * side, side, 3)
  for (const [i, { data }] of pair.entries())
    for (let y = 0; y < side; y++) wide.data.set(data.subarray(3 * y * side, 3 * (y + 1) * side), 3 * (y * 2 * side + i * side))
  return wide
}

/** Two pictures beside one another in tiles are what they are alone; mirror images are averaged where that can be. */
async function looksAgain(model: DeepSeekVision<'multi'>, pair: readonly [Image, Image]): Promise<void> {
  const wide = beside(pair)
  // One by one, as tiles are.
  const alone = [await model.predict(pair[0]), await model.predict(pair[1])]
  const { heads: tiled } = await model.predict(wide, { tiles: { size: side, overlap: 0, whole: false } })
  const counts = alone.map(({ heads }) => (heads.count as Count).count)
  expect((tiled.count as Count).count).toBeCloseTo(counts[0]! + counts[1]!, 3)
  const pixels = tiled.segment as Segmentation
  for (const [i, { heads }] of alone.entries()) {
    const own = (heads.segment as Segmentation).data
    expect(own.every((label, at) => label === pixels.data[Math.floor(at / side) * 2 * side + i * side + (at % side)])).toBe(true)
  }
  const boxes = new Set(alone.flatMap(({ heads }, i) => (heads.detect as Detections).detections.map(({ box }) => box!.x1 + i * side)))
  const found = (tiled.detect as Detections).detections
  expect(found.length).toBeGreaterThan(1)
  expect(found.every(({ box }) => boxes.has(box!.x1))).toBe(true)
  expect(tiled.classify).toEqual((await model.predict(wide)).heads.classify)
  const [plain, back] = await model.predict([pair[0], flipHorizontal(pair[0])])
  const mean = await model.predict(pair[0], { flip: true })
  const [a, b, c] = [plain!, back!, mean].map(({ heads }) => (heads.count as Count).count)
  expect(c).toBeCloseTo((a! + b!) / 2, 4)
  expect(mean.heads.segment).toEqual(plain!.heads.segment)
}

/** Trainings of a minute or so, which another program beside them may make longer. */
const long = { timeout: 300_000 }

describe('HeadTrainer', () => {
  test('trains all heads on one backbone, and the file answers all of them', long, async () => {
    const heads = [
      { task: 'detect', labels: classes },
      { task: 'segment', labels: classes },
      { task: 'classify', labels: classes },
      { task: 'count', labels: classes },
    ] as const
    const { file, figures, history } = await new HeadTrainer(options({ heads, epochs: 24, learningRate: 0.003 })).run()
    expect(history.at(-1)!.loss).toBeLessThan(0.6 * history[0]!.loss)
    expect(figures!['detect.ap50']).toBeGreaterThan(0.6)
    expect(figures!['segment.meanIoU']).toBeGreaterThan(0.6)
    expect(figures!['classify.accuracy']).toBeGreaterThan(0.7)
    // Three squares are in every picture.
    expect(figures!['count.mae']).toBeLessThan(1)
    const model = await readModelFile(file)
    const metadata = readMetadata(model)
    expect([metadata.task, metadata.labels, metadata.heads!.map(({ name }) => name)]).toEqual([
      'multi',
      [],
      ['detect', 'segment', 'classify', 'count'],
    ])
    const loaded = await DeepSeekVision.of<'multi'>(model, metadata, { threads: 1, share: false })
    try {
      const held = squares(4, 3)
      const answers = await loaded.predict(held.samples.map(({ image }) => image!))
      for (const [i, { heads: answer }] of answers.entries()) {
        expect(answer.detect).toBeInstanceOf(Detections)
        expect(answer.segment).toBeInstanceOf(Segmentation)
        expect(answer.count!.task).toBe('count')
        const found = answer.detect as Detections
        expect([found.width, found.height]).toEqual([side, side])
        expect(found.length).toBeLessThanOrEqual(8)
        const overlaps = found.overlaps(held.samples[i]!.annotations!.map(({ box }) => box!))
        if (found.length > 0) expect(Math.max(...overlaps)).toBeGreaterThan(0.4)
      }
      const [all] = await loaded.predict([held.samples[0]!.image!], { confidence: 0, limit: 7 })
      expect((all!.heads.detect as Detections).length).toBe(7)
      const [none] = await loaded.predict([held.samples[0]!.image!], { confidence: { bright: 1, dark: 1 } })
      expect((none!.heads.detect as Detections).length).toBe(0)
      await looksAgain(loaded, [held.samples[0]!.image!, held.samples[1]!.image!])
    } finally {
      await loaded.close()
    }
  })

  test.each(['conv2', 'backbone'])('leaves what is frozen as it is: %s', long, async (freeze) => {
    const { model: first } = await openSource('deepseek-vision-tiny')
    const { model } = await new HeadTrainer(options({ freeze, out: join(folder, freeze) })).run()
    const frozen = extract(model, { outputs: [readMetadata(model).stages[freeze === 'conv2' ? 'conv2' : 'conv5']!] }).graph.initializers
    const weights = first.graph.initializers
    const names = [...frozen.keys()].filter((name) => weights.has(name) && frozen.get(name)!.size > 1)
    expect(names.length).toBeGreaterThan(10)
    for (const name of names) expect(numbersOf(frozen.get(name)!), name).toEqual(numbersOf(weights.get(name)!))
    const moved = [...model.graph.initializers].filter(([name]) => name.startsWith('heads.') && !name.includes('level'))
    expect(moved.length).toBeGreaterThan(4)
    const changed = [...weights].filter(([name, tensor]) => {
      const now = model.graph.initializers.get(name)
      return now !== undefined && `${numbersOf(now)}` !== `${numbersOf(tensor)}`
    })
    expect(changed.length > 0).toBe(freeze === 'conv2')
  })

  test('a head without suppression answers once, and its file holds nothing that only training needs', long, async () => {
    const heads = [{ task: 'detect', labels: classes, suppression: 'none' }] as const
    const { file, model, history, figures } = await new HeadTrainer(options({ heads, epochs: 24, learningRate: 0.003 })).run()
    expect(history.at(-1)!.terms.many_loss).toBeLessThan(0.7 * history[0]!.terms.many_loss!)
    expect(figures!.ap50).toBeGreaterThan(0.5)
    const [head] = readMetadata(model).heads!
    expect(Object.keys(head!)).not.toContain('auxiliary')
    expect([...model.graph.initializers.keys()].filter((name) => name.includes('.many.'))).toEqual([])
    expect(model.graph.nodes.some(({ op }) => op === 'NonMaxSuppression')).toBe(false)
    const opened = await DeepSeekVision.load(file, { task: 'detect' })
    const found = await opened.predict(
      squares(8, 2).samples.map(({ image }) => image!),
      { confidence: 0.3 },
    )
    await opened.close()
    const [all, single] = [found.flatMap((one) => [...one]).length, found.flatMap((one) => [...one.suppress({ iou: 0.5 })]).length]
    expect(all).toBeGreaterThan(8)
    // A few doubles are left after so short a training; with suppression, ten points answer for a thing.
    expect(single).toBeGreaterThan(0.65 * all)
  })

  test('learns masks with boxes, and draws them on the picture', long, async () => {
    const heads = [{ task: 'detect', labels: classes, masks: true }] as const
    const { file, history, figures } = await new HeadTrainer(options({ heads, epochs: 24, learningRate: 0.003 })).run()
    expect(history.at(-1)!.terms.mask_loss).toBeLessThan(0.6 * history[0]!.terms.mask_loss!)
    expect(figures!.ap50).toBeGreaterThan(0.5)
    expect(figures!.maskAp50).toBeGreaterThan(0.45)
    const opened = await DeepSeekVision.load(file, { task: 'detect' })
    const [sample] = squares(1, 3).samples
    const looks = [{}, { flip: true }, { tiles: { size: 48, overlap: 0.5 } }]
    const answers = []
    for (const look of looks) answers.push(await opened.predict(sample!.image!, { confidence: 0.2, ...look }))
    await opened.close()
    for (const found of answers) {
      expect(found.length).toBeGreaterThan(0)
      const overlaps = found.detections.flatMap(({ box, mask }) => {
        expect([mask!.width, mask!.height]).toEqual([side, side])
        const bounds = maskBounds(mask!)
        return bounds === undefined ? [] : [boxIoU(bounds, box!)]
      })
      expect(overlaps.length).toBeGreaterThan(0)
      for (const overlap of overlaps) expect(overlap).toBeGreaterThan(0.3)
    }
  })

  test('refuses masks where nothing is outlined', async () => {
    const plain = squares(8, 1)
    const samples = plain.samples.map((sample) => ({
      ...sample,
      annotations: sample.annotations!.map(({ label, box }) => ({ label, box: box! })),
    }))
    const heads = [{ task: 'detect', labels: classes, masks: true }] as const
    expect(await codeOf(new HeadTrainer(options({ heads, train: { classes, samples } })).run())).toBe('TRAIN_OPTION train')
  })

  test('refuses to freeze what there is not', async () => {
    expect(await codeOf(new HeadTrainer(options({ freeze: 'blocks:2' })).run())).toMatch(/^MODEL_FREEZE/)
    expect(await codeOf(new HeadTrainer(options({ freeze: 'pixels' })).run())).toMatch(/^MODEL_FREEZE/)
  })

  test('joins four pictures to one, with the boxes of all, until the last epochs', long, async () => {
    const batches: number[] = []
    const train = squares(8, 1)
    const [first] = train.samples
    const boxes = first!.annotations!.length
    const onEvent: HeadTrainOptions['onEvent'] = (event) => {
      if (event.kind === 'epoch') batches.push(event.record.loss)
    }
    const run = async (mosaic: number, out: string) =>
      new HeadTrainer(options({ train, validation: undefined, mosaic, epochs: 2, out: join(folder, out), onEvent })).run()
    const joined = await run(1, 'joined')
    const plain = await run(0, 'plain')
    expect([mosaicEnd(joined.recipe), mosaicEnd(plain.recipe)]).toEqual([1, 0])
    expect(batches.every(Number.isFinite)).toBe(true)
    expect(batches[0]).not.toBe(batches[2])
    const context = { train, batchSize: 1, imageSize: [side, side] as const }
    const head = readMetadata(joined.model).heads![0] as DetectHead
    const targets = (count: number) =>
      detectTraining({ ...head, scores: { classes: '', sides: '', bins: 16, levels: [] } }, { ...context, joined: count })
    const annotations = [Array.from({ length: 4 * boxes }, () => first!.annotations![0]!)]
    const taught = targets(4).targets({ annotations, indices: [0] } as unknown as Batch)
    expect([...taught.target_detect_labels!.data].filter((label) => Number(label) >= 0)).toHaveLength(4 * boxes)
    expect(targets(1).targets({ annotations, indices: [0] } as unknown as Batch).target_detect_labels!.size).toBe(boxes)
  })

  test('learns from windows of the pictures what it then finds in whole ones', long, async () => {
    // Twice as wide as the windows: fitted to those first, things would be half as large as in use.
    const heads = [
      { task: 'detect', labels: classes },
      { task: 'count', labels: classes },
    ] as const
    const size = [side, 2 * side] as const
    const more = { heads, imageSize: size, crop: side, epochs: 24, learningRate: 0.003, train: pairs(24, 1), validation: pairs(6, 2) }
    const { model, recipe, figures } = await new HeadTrainer(options(more)).run()
    expect([recipe.imageSize, recipe.crop]).toEqual([size, [side, side]])
    expect(readMetadata(model).preprocessing.size).toEqual(size)
    expect(figures!['detect.ap50']).toBeGreaterThan(0.5)
    // Six squares are in every picture, fewer in every window.
    expect(figures!['count.mae']).toBeLessThan(1.5)
  })

  test('is resumed inside an epoch to the same weights', long, async () => {
    const whole = await new HeadTrainer(options({ epochs: 2, out: join(folder, 'whole') })).run()
    const controller = new AbortController()
    const onEvent: HeadTrainOptions['onEvent'] = (event) => {
      if (event.kind === 'step' && event.epoch === 0 && event.batch === 2) controller.abort()
    }
    expect(await codeOf(new HeadTrainer(options({ epochs: 2, signal: controller.signal, onEvent })).run())).toBe('CANCELLED undefined')
    expect(await codeOf(new HeadTrainer(options({ epochs: 3, resume: true })).run())).toMatch(/CHECKPOINT_INVALID epochs/)
    const resumed = await new HeadTrainer(options({ epochs: 2, resume: true })).run()
    expect(resumed.history.map(({ loss }) => loss)).toEqual(whole.history.map(({ loss }) => loss))
    for (const [name, tensor] of whole.model.graph.initializers)
      expect(resumed.model.graph.initializers.get(name)!.bytes, name).toEqual(tensor.bytes)
  })

  test.each<[string, Partial<HeadTrainOptions>]>([
    ['TRAIN_OPTION train', { train: { classes, samples: squares(4, 1).samples.map(({ annotations: _, ...rest }) => rest) } }],
    ['MODEL_HEADS heads', { heads: [] }],
    [
      'MODEL_HEADS heads',
      {
        heads: [
          { task: 'detect', labels: classes },
          { task: 'detect', labels: classes },
        ],
      },
    ],
    ['TRAIN_OPTION validation', { validation: { ...squares(4, 2), classes: ['dark', 'bright'] } }],
    ['TRAIN_OPTION heads.detect.labels', { heads: [{ task: 'detect', labels: ['bright', 'bright'] }] }],
    ['TRAIN_OPTION lossWeights', { lossWeights: 'learnt' as 'uncertainty' }],
    ['TRAIN_OPTION heads.count.labels', { heads: [{ task: 'count', labels: ['square'] }] }],
    ['TRAIN_OPTION lossWeights', { lossWeights: { other: 1 } }],
    ['TRAIN_OPTION detectLoss.box', { detectLoss: { box: 'iou' as 'giou' } }],
    ['TRAIN_OPTION detectLoss', { heads: [{ task: 'count', labels: classes }], detectLoss: { box: 'giou' } }],
    ['TRAIN_OPTION imageSize', { imageSize: 8 }],
    ['TRAIN_OPTION augment', { augment: 'wild' as never }],
    ['TRAIN_OPTION averageDecay', { averageDecay: 1 }],
    ['TRAIN_OPTION crop', { crop: 2 * side }],
    ['TRAIN_OPTION imageSize', { imageSize: [side] as never }],
    ['TRAIN_OPTION crop', { crop: [side / 2] as never }],
    ['TRAIN_OPTION crop', { crop: side / 2, heads: [{ task: 'multilabel', labels: classes }] }],
    ['TRAIN_OPTION mosaic', { mosaic: 1.5 }],
    ['TRAIN_OPTION mosaic', { mosaic: 1, epochs: 1 }],
    [
      'TRAIN_OPTION mosaic',
      { mosaic: 1, epochs: 2, train: { classes, samples: squares(4, 1).samples.map((sample) => ({ ...sample, covers: [0] })) } },
    ],
    ['TRAIN_OPTION augment', { augment: 'turned', train: { classes, samples: squares(4, 1).samples.map(withBoxesAlone) } }],
    ['TRAIN_OPTION mosaic', { mosaic: 1, epochs: 2, heads: [{ task: 'classify', labels: classes }] }],
    [
      'TRAIN_OPTION mosaic',
      {
        mosaic: 1,
        epochs: 2,
        train: { classes, samples: [...squares(4, 1).samples, { ...squares(1, 2).samples[0]!, annotations: undefined }] },
      },
    ],
    ['MODEL_NO_LEVELS undefined', { model: 'vit-tiny', imageSize: 224 }],
  ])('refuses %s, and leaves no folder', async (code, more) => {
    expect(await codeOf(new HeadTrainer(options(more)).run())).toBe(code)
    expect(await readdir(folder)).toEqual([])
  })
})
