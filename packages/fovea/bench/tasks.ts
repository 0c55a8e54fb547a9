// Trains and measures the tasks on real data, each from the shipped weights: what docs/results/tasks.md reports. It takes up to an hour a
// training, so it is no part of `npm run bench`. One JSON line a training goes to FILE.
//
// node bench/tasks.ts bccd|neu|membrane|crowd|surfaces-detect|surfaces-segment|surfaces-classify|surfaces-multi|surfaces-multi-uncertainty
//                       --out FILE
//                       [--model NAME] [--size HEIGHTxWIDTH] [--crop HEIGHTxWIDTH] [--epochs N] [--batch N] [--rate R] [--decay D]
//                                       [--backbone-rate R] [--augment NAME] [--freeze STAGE] [--seed N] [--pictures N] [--channels N] [--mosaic P]
//                                       [--loss-weights detect=2] [--threads N] [--keep FOLDER] [--draw FOLDER]

import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ImageDataset } from '../src/data/dataset.ts'
import { writePng } from '../src/data/encode.ts'
import { makeFolder } from '../src/data/files.ts'
import { openFolder } from '../src/data/open-folder.ts'
import { crowdBackgrounds } from '../src/data/synthetic/crowd/backgrounds.ts'
import { type CrowdOptions, crowdAnnotations, generateCrowd } from '../src/data/synthetic/crowd/crowd.ts'
import { crowdLayouts } from '../src/data/synthetic/crowd/layouts.ts'
import { markedSurfaces } from '../src/data/synthetic/marked-surfaces.ts'
import { randomAffine, rotate } from '../src/data/transforms/affine.ts'
import { colorJitter } from '../src/data/transforms/color-jitter.ts'
import { compose, randomApply } from '../src/data/transforms/compose.ts'
import { randomHorizontalFlip, randomVerticalFlip } from '../src/data/transforms/flip.ts'
import { drawAnswers } from '../src/evaluate/draw-answers.ts'
import { VisionEvaluator } from '../src/evaluate/evaluator.ts'
import type { HeadSpec } from '../src/model/heads/add-heads.ts'
import { DeepSeekVision } from '../src/model/vision-model.ts'
import type { AugmentationName } from '../src/train/augment.ts'
import { HeadTrainer } from '../src/train/tasks/head-trainer.ts'
import type { HeadTrainOptions } from '../src/train/tasks/options.ts'
import { Random } from '../src/util/random.ts'

type Settings = Pick<
  HeadTrainOptions,
  | 'imageSize'
  | 'crop'
  | 'epochs'
  | 'batchSize'
  | 'averageDecay'
  | 'augment'
  | 'freeze'
  | 'learningRate'
  | 'lossWeights'
  | 'mosaic'
  | 'segmentLoss'
>

interface Data {
  readonly train: ImageDataset
  readonly validation?: ImageDataset
  readonly test: ImageDataset
  /** Measured beside `test` where that differs from training in kind: new pictures of kinds that were trained on. */
  readonly known?: ImageDataset
}

interface Task {
  readonly heads: readonly HeadSpec['task'][]
  /** Where it is not -base. */
  readonly model?: string
  /** Of the heads, where it is not their default. */
  readonly channels?: number
  readonly settings: Settings
  open(root: string): Promise<Data>
}

/** Generated surfaces of 128 pixels, 800 of each class to train on and 50 to test. */
const surfaces = (heads: Task['heads'], more: Settings = {}): Task => ({
  heads,
  model: 'deepseek-vision-tiny',
  settings: { imageSize: [128, 128], epochs: 12, batchSize: 8, averageDecay: 0.998, augment: 'light', freeze: 'conv2', ...more },
  async open() {
    const draw = (seed: number, perClass: number) => markedSurfaces({ seed, size: 128, perClass })
    return { train: draw(1, Math.ceil(Number(values.pictures ?? 4800) / 6)), test: draw(2, 50) }
  },
})

/** Layouts, grounds and sizes of heads that the training of the counter never sees. */
const heldBack = { layout: ['ring', 'queues'], background: ['texture', 'stripes'], sizes: [12, 18] } as const
const known = {
  layout: crowdLayouts.filter((one) => !(heldBack.layout as readonly string[]).includes(one)),
  background: crowdBackgrounds.filter((one) => !(heldBack.background as readonly string[]).includes(one)),
  sizes: [10, 14, 22],
}

/** As many in a picture as fit without hiding each other altogether, 5 to 120, few as likely as many on a logarithmic scale. */
function crowds(
  pictures: number,
  seed: number,
  { sizes, ...family }: Pick<CrowdOptions, 'layout' | 'background'> & { readonly sizes: readonly number[] },
): ImageDataset {
  const [width, height] = [256, 192]
  const samples = Array.from({ length: pictures }, (_, i) => {
    const random = new Random(seed, 'crowds', i)
    const size = random.pick(sizes)
    const most = Math.min(120, Math.round((0.4 * width * height) / size ** 2))
    const crowd = generateCrowd({ ...family, seed: seed + i, width, height, size, count: Math.round(5 * (most / 5) ** random.next()) })
    return { path: `crowd_${seed + i}.png`, label: -1, image: crowd.image, annotations: crowdAnnotations(crowd) }
  })
  return { classes: ['person'], samples }
}

/** Mirrored and turned by right angles, half of them moved, turned and enlarged a little too, which blurs; darker and lighter. */
const eightViews = compose([
  randomHorizontalFlip(),
  randomVerticalFlip(),
  randomApply([rotate(90)]),
  randomApply([randomAffine({ degrees: 10, translate: [0.05, 0.05], scale: [0.85, 1.2], fill: [114, 114, 114] })]),
  colorJitter({ brightness: 0.2, contrast: 0.2 }),
])

/** Mirrored, turned and of other sizes, in any light and colour: grounds and sizes that no training picture has. */
const anyView = compose([
  randomHorizontalFlip(),
  randomApply([randomAffine({ degrees: 30, translate: [0.1, 0.1], scale: [0.75, 1.35], fill: [114, 114, 114] })], 0.7),
  colorJitter({ brightness: 0.3, contrast: 0.4, saturation: 0.5, hue: 0.5 }),
])

const tasks: Readonly<Record<string, Task>> = {
  bccd: {
    heads: ['detect'],
    settings: { imageSize: [320, 416], epochs: 36, batchSize: 4, averageDecay: 0.998, augment: 'strong', freeze: 'conv2' },
    async open(root) {
      const { splits } = await openFolder(join(root, 'bccd', 'BCCD'), { onProblem: () => undefined })
      return { train: splits.train!, validation: splits.val!, test: splits.test! }
    },
  },
  neu: {
    heads: ['detect'],
    settings: { imageSize: [192, 192], epochs: 12, batchSize: 8, averageDecay: 0.998, augment: 'strong', freeze: 'conv2' },
    async open(root) {
      const { classes, splits } = await openFolder(join(root, 'neu-det'), { onProblem: () => undefined })
      const all = [...splits.train!.samples, ...splits.val!.samples].sort((a, b) => (a.path < b.path ? -1 : 1))
      const order = [...new Random(0, 'split').permutation(all.length)].map((i) => all[i]!)
      const count = Math.round(0.2 * all.length)
      return { train: { classes, samples: order.slice(count) }, test: { classes, samples: order.slice(0, count) } }
    },
  },
  membrane: {
    heads: ['segment'],
    channels: 128,
    // Accuracy of pixels is asked: Dice, which lifts what is rare, is left out.
    settings: {
      imageSize: [512, 512],
      epochs: 48,
      batchSize: 1,
      averageDecay: 0.99,
      augment: eightViews,
      freeze: 'conv2',
      segmentLoss: { dice: 0 },
    },
    async open(root) {
      const { splits } = await openFolder(join(root, 'unet-membrane', 'train'), { holdOut: 5 / 30, seed: 0, onProblem: () => undefined })
      return { train: splits.train!, test: splits.val! }
    },
  },
  crowd: {
    heads: ['count'],
    // Pictures are looked at twice as large as they are, and learnt from in parts.
    settings: {
      imageSize: [384, 512],
      crop: [192, 256],
      epochs: 6,
      batchSize: 8,
      learningRate: 0.002,
      averageDecay: 0.998,
      augment: anyView,
      freeze: 'conv2',
    },
    async open() {
      return {
        train: crowds(Number(values.pictures ?? 9000), 0, known),
        test: crowds(120, 1_000_000, heldBack),
        known: crowds(60, 2_000_000, known),
      }
    },
  },
  'surfaces-detect': surfaces(['detect']),
  'surfaces-segment': surfaces(['segment']),
  'surfaces-classify': surfaces(['classify']),
  'surfaces-multi': surfaces(['detect', 'segment', 'classify']),
  'surfaces-multi-uncertainty': surfaces(['detect', 'segment', 'classify'], { lossWeights: 'uncertainty' }),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    model: { type: 'string' },
    size: { type: 'string' },
    crop: { type: 'string' },
    epochs: { type: 'string' },
    batch: { type: 'string' },
    rate: { type: 'string' },
    decay: { type: 'string' },
    'backbone-rate': { type: 'string' },
    augment: { type: 'string' },
    freeze: { type: 'string' },
    seed: { type: 'string', default: '0' },
    pictures: { type: 'string' },
    threads: { type: 'string' },
    keep: { type: 'string' },
    draw: { type: 'string' },
    channels: { type: 'string' },
    mosaic: { type: 'string' },
    'loss-weights': { type: 'string' },
    data: { type: 'string', default: process.env.FOVEA_SHARED_DATA ?? join(import.meta.dirname, '../../../../shared/data') },
  },
})
const [what = ''] = positionals
const task = tasks[what]
if (task === undefined) throw new Error(`one of ${Object.keys(tasks).join(', ')}`)

const name = values.model ?? task.model ?? 'deepseek-vision-base'
const { train, validation, test, known: alike } = await task.open(values.data)
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), 'fovea-tasks-')))
const settings: Settings = {
  ...task.settings,
  ...(values.size && { imageSize: sizeOf(values.size) }),
  ...(values.crop && { crop: sizeOf(values.crop) }),
  ...(values.epochs && { epochs: Number(values.epochs) }),
  ...(values.batch && { batchSize: Number(values.batch) }),
  ...(values.decay && { averageDecay: Number(values.decay) }),
  ...(values.freeze && { freeze: values.freeze }),
  ...(values.rate && { learningRate: Number(values.rate) }),
  ...(values.mosaic && { mosaic: Number(values.mosaic) }),
  ...(values['loss-weights'] && {
    lossWeights: Object.fromEntries(values['loss-weights'].split(',').map((part) => [part.split('=')[0]!, Number(part.split('=')[1])])),
  }),
  ...(values.augment && { augment: values.augment as AugmentationName }),
}
const channels = Number(values.channels ?? task.channels ?? 0)
const began = process.hrtime.bigint()
const cpu = process.cpuUsage()
try {
  // Pictures that are reported never choose the epoch: without a split for validation the last one counts.
  const result = await new HeadTrainer({
    train,
    ...(validation && { validation }),
    heads: task.heads.map((head) => ({ task: head, labels: train.classes, ...(channels && { channels }) })),
    model: name,
    ...settings,
    ...(values['backbone-rate'] && { backboneRate: Number(values['backbone-rate']) }),
    ...(values.threads && { threads: Number(values.threads) }),
    seed: Number(values.seed),
    out: folder,
    overwrite: true,
    onEvent(event) {
      if (event.kind === 'epoch') process.stderr.write(`${JSON.stringify(event)}\n`)
    },
  }).run()
  const minutes = Number(process.hrtime.bigint() - began) / 6e10
  const used = process.cpuUsage(cpu)
  const model = await DeepSeekVision.load(result.file)
  const measure = async (head: HeadSpec['task'], data: ImageDataset) => {
    const evaluator = new VisionEvaluator({ head, batchSize: 8, bootstrap: { samples: head === 'segment' ? 0 : 200 } })
    const { samples, figures, intervals, perClass } = await evaluator.evaluate(model, data)
    return { samples, figures, intervals, perClass: perClass.map(({ class: label, figures }) => ({ class: label, ...figures })) }
  }
  const heads: Record<string, unknown> = {}
  for (const head of task.heads) heads[head] = { ...(await measure(head, test)), ...(alike && { known: await measure(head, alike) }) }
  if (values.draw !== undefined) {
    await makeFolder(values.draw)
    let drawn = 0
    for await (const { image } of drawAnswers(model, test, { count: 12 }))
      await writePng(join(values.draw, `${what}-${String(++drawn).padStart(2, '0')}.png`), image)
  }
  await model.close()
  const line = {
    task: what,
    model: name,
    ...settings,
    seed: Number(values.seed),
    bestEpoch: result.bestEpoch,
    minutes: Math.round(minutes * 10) / 10,
    cpuMinutes: Math.round((used.user + used.system) / 6e6) / 10,
    train: train.samples.length,
    heads,
  }
  process.stdout.write(`${JSON.stringify(line)}\n`)
  if (values.out !== undefined) await appendFile(values.out, `${JSON.stringify(line)}\n`)
} finally {
  if (values.keep === undefined) await rm(folder, { recursive: true, force: true })
}

function sizeOf(text: string): [number, number] {
  const [height = 0, width = height] = text.split('x').map(Number)
  return [height, width]
}
