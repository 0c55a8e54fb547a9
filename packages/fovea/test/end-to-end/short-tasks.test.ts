// What docs/results/tasks.md reports of long trainings, in small: every task learns more than what can be said without looking.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ImageDataset } from '../../src/data/dataset.ts'
import { openFolder } from '../../src/data/open-folder.ts'
import { crowdDataset } from '../../src/data/synthetic/crowd/crowd.ts'
import { markedSurfaces } from '../../src/data/synthetic/marked-surfaces.ts'
import { VisionEvaluator } from '../../src/evaluate/evaluator.ts'
import type { HeadSpec } from '../../src/model/heads/add-heads.ts'
import { DeepSeekVision } from '../../src/model/vision-model.ts'
import { HeadTrainer } from '../../src/train/tasks/head-trainer.ts'
import type { HeadTrainOptions } from '../../src/train/tasks/options.ts'
import { describeWithData } from '../shared-data.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-short-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Short extends Pick<HeadTrainOptions, 'epochs' | 'batchSize' | 'imageSize' | 'augment' | 'segmentLoss'> {
  readonly tasks: readonly HeadSpec['task'][]
  readonly train: ImageDataset
  readonly test: ImageDataset
}

/** Trains the smallest shipped model on a few pictures, and measures each head on others. */
async function shortly(name: string, { tasks, train, test: held, ...options }: Short) {
  const { file, history } = await new HeadTrainer({
    train,
    heads: tasks.map((task) => ({ task, labels: train.classes })),
    model: 'deepseek-vision-tiny',
    freeze: 'conv2',
    batchSize: 4,
    learningRate: 0.003,
    averageDecay: 0.98,
    threads: 2,
    ...options,
    out: join(folder, name),
  }).run()
  const model = await DeepSeekVision.load(file, { threads: 2, share: false })
  try {
    const figures: Record<string, number | undefined>[] = []
    for (const head of tasks) figures.push((await new VisionEvaluator({ head, bootstrap: { samples: 0 } }).evaluate(model, held)).figures)
    return { history, figures }
  } finally {
    await model.close()
  }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

test('crowds of layouts and grounds that no picture of the training has', async () => {
  const crowds = (pictures: number, seed: number, families: object) =>
    crowdDataset({ pictures, seed, width: 96, height: 96, size: 14, clutter: 0, ...families })
  const held = crowds(24, 500, { layout: ['ring', 'queues'], background: 'texture' })
  const { figures } = await shortly('crowds', {
    tasks: ['count'],
    train: crowds(160, 0, { layout: ['uniform', 'clustered'], background: ['plain', 'gradient'] }),
    test: held,
    imageSize: 96,
    epochs: 8,
  })
  const truths = held.samples.map(({ annotations = [] }) => annotations.length)
  const blind = mean(truths.map((count) => Math.abs(count - mean(truths))))
  expect(figures[0]!.mae).toBeLessThan(0.7 * blind)
})

test('boxes, pixels and classes of surfaces at once', async () => {
  const { figures, history } = await shortly('surfaces', {
    tasks: ['detect', 'segment', 'classify'],
    train: markedSurfaces({ seed: 1, size: 64, perClass: 24 }),
    test: markedSurfaces({ seed: 2, size: 64, perClass: 6 }),
    imageSize: 64,
    epochs: 10,
  })
  const [boxes, , classes] = figures
  // One in six is chance.
  expect(classes!.accuracy).toBeGreaterThan(0.4)
  expect(boxes!.ap50).toBeGreaterThan(0.05)
  for (const [name, value] of Object.entries(history[0]!.terms))
    if (name.endsWith('_loss')) expect(history.at(-1)!.terms[name], name).toBeLessThan(0.9 * value)
})

describeWithData('membranes', 'unet-membrane', (root) => {
  test('are told from cells', async () => {
    const { splits } = await openFolder(join(root, 'train'), { holdOut: 5 / 30, seed: 0, onProblem: () => undefined })
    const { figures } = await shortly('membranes', {
      tasks: ['segment'],
      train: splits.train!,
      test: splits.val!,
      imageSize: 256,
      batchSize: 2,
      epochs: 12,
      augment: 'strong',
    })
    // Nearly four pixels in five are cell: who says so of all has a mean IoU of 0.39.
    expect(figures[0]!.meanIoU).toBeGreaterThan(0.43)
  })
})

describeWithData('blood cells', 'bccd', (root) => {
  test('are found', async () => {
    const { splits } = await openFolder(join(root, 'BCCD'), { onProblem: () => undefined })
    const some = ({ classes, samples }: ImageDataset, count: number) => ({ classes, samples: samples.slice(0, count) })
    const { figures } = await shortly('cells', {
      tasks: ['detect'],
      train: some(splits.train!, 60),
      test: some(splits.test!, 16),
      imageSize: [128, 160],
      epochs: 8,
      augment: 'strong',
    })
    expect(figures[0]!.ap50).toBeGreaterThan(0.1)
  })
})
