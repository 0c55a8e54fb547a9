// Trains and measures the tasks on real data, each from the shipped weights: what docs/results/tasks.md reports. It takes up to an hour a
// training, so it is no part of `npm run bench`. One JSON line a training goes to FILE.
//
// node bench/tasks.ts bccd|neu|membrane --out FILE [--model NAME] [--size HEIGHTxWIDTH] [--epochs N] [--batch N] [--rate R] [--decay D]
//                                       [--backbone-rate R] [--augment NAME] [--freeze STAGE] [--seed N] [--keep FOLDER]

import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ImageDataset } from '../src/data/dataset.ts'
import { openFolder } from '../src/data/open-folder.ts'
import { VisionEvaluator } from '../src/evaluate/evaluator.ts'
import type { HeadSpec } from '../src/model/heads/add-heads.ts'
import { DeepSeekVision } from '../src/model/vision-model.ts'
import type { AugmentationName } from '../src/train/augment.ts'
import { HeadTrainer } from '../src/train/tasks/head-trainer.ts'
import type { HeadTrainOptions } from '../src/train/tasks/options.ts'
import { Random } from '../src/util/random.ts'

type Settings = Pick<HeadTrainOptions, 'imageSize' | 'epochs' | 'batchSize' | 'averageDecay' | 'augment' | 'freeze'>

interface Task {
  readonly head: Pick<HeadSpec, 'task'>['task'] & ('detect' | 'segment')
  readonly settings: Settings
  open(root: string): Promise<{ train: ImageDataset; validation?: ImageDataset; test: ImageDataset }>
}

const tasks: Readonly<Record<string, Task>> = {
  bccd: {
    head: 'detect',
    settings: { imageSize: [256, 320], epochs: 40, batchSize: 4, averageDecay: 0.998, augment: 'strong' },
    async open(root) {
      const { splits } = await openFolder(join(root, 'bccd', 'BCCD'), { onProblem: () => undefined })
      return { train: splits.train!, validation: splits.val!, test: splits.test! }
    },
  },
  neu: {
    head: 'detect',
    settings: { imageSize: [192, 192], epochs: 20, batchSize: 8, averageDecay: 0.998, augment: 'strong' },
    async open(root) {
      const { classes, splits } = await openFolder(join(root, 'neu-det'), { onProblem: () => undefined })
      const all = [...splits.train!.samples, ...splits.val!.samples].sort((a, b) => (a.path < b.path ? -1 : 1))
      const order = [...new Random(0, 'split').permutation(all.length)].map((i) => all[i]!)
      const count = Math.round(0.2 * all.length)
      return { train: { classes, samples: order.slice(count) }, test: { classes, samples: order.slice(0, count) } }
    },
  },
  membrane: {
    head: 'segment',
    settings: { imageSize: [512, 512], epochs: 60, batchSize: 2, averageDecay: 0.99, augment: 'strong' },
    async open(root) {
      const { splits } = await openFolder(join(root, 'unet-membrane', 'train'), { holdOut: 5 / 30, seed: 0, onProblem: () => undefined })
      return { train: splits.train!, test: splits.val! }
    },
  },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    model: { type: 'string', default: 'deepseek-vision-base' },
    size: { type: 'string' },
    epochs: { type: 'string' },
    batch: { type: 'string' },
    rate: { type: 'string' },
    decay: { type: 'string' },
    'backbone-rate': { type: 'string' },
    augment: { type: 'string' },
    freeze: { type: 'string' },
    seed: { type: 'string', default: '0' },
    keep: { type: 'string' },
    data: { type: 'string', default: process.env.FOVEA_SHARED_DATA ?? join(import.meta.dirname, '../../../../shared/data') },
  },
})
const [name = ''] = positionals
const task = tasks[name]
if (task === undefined) throw new Error(`one of ${Object.keys(tasks).join(', ')}`)

const { train, validation, test } = await task.open(values.data)
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), 'fovea-tasks-')))
const settings: Settings = {
  ...task.settings,
  ...(values.size && { imageSize: sizeOf(values.size) }),
  ...(values.epochs && { epochs: Number(values.epochs) }),
  ...(values.batch && { batchSize: Number(values.batch) }),
  ...(values.decay && { averageDecay: Number(values.decay) }),
  ...(values.freeze && { freeze: values.freeze }),
  ...(values.augment && { augment: values.augment as AugmentationName }),
}
const began = process.hrtime.bigint()
const cpu = process.cpuUsage()
try {
  // Pictures that are reported never choose the epoch: without a split for validation the last one counts.
  const result = await new HeadTrainer({
    train,
    ...(validation && { validation }),
    heads: [{ task: task.head, labels: train.classes } as HeadSpec],
    model: values.model,
    ...settings,
    ...(values.rate && { learningRate: Number(values.rate) }),
    ...(values['backbone-rate'] && { backboneRate: Number(values['backbone-rate']) }),
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
  const evaluator = new VisionEvaluator({ batchSize: 8, ...(task.head === 'segment' ? {} : { bootstrap: { samples: 200 } }) })
  const evaluation = await evaluator.evaluate(model, test)
  await model.close()
  const line = {
    task: name,
    model: values.model,
    ...settings,
    seed: Number(values.seed),
    bestEpoch: result.bestEpoch,
    minutes: Math.round(minutes * 10) / 10,
    cpuMinutes: Math.round((used.user + used.system) / 6e6) / 10,
    train: train.samples.length,
    test: evaluation.samples,
    figures: evaluation.figures,
    intervals: evaluation.intervals,
    perClass: evaluation.perClass.map(({ class: label, figures }) => ({ class: label, ...figures })),
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
