// Whether shipped weights help: fine-tuning from them against training from scratch, on few pictures, both with the best learning rate
// of one grid and until validation stops improving. Prints one JSON line a training; it takes hours, so it is no part of `npm run bench`.
//
// node bench/few-pictures.ts neu|cifar --model FILE|NAME [--scratch NAME] [--seeds 0,1,2,3,4] [--rates 0.0005,0.001,0.002,0.004] [--size 64] [--out FILE]

import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ImageDataset, Sample } from '../src/data/dataset.ts'
import { loadImage } from '../src/data/decode.ts'
import { openImageFolder } from '../src/data/image-folder.ts'
import { evaluateClassifier } from '../src/evaluate/evaluator.ts'
import { readMetadata } from '../src/model/metadata.ts'
import { DeepSeekVision } from '../src/model/vision-model.ts'
import type { AugmentationName } from '../src/train/augment.ts'
import { Trainer } from '../src/train/trainer.ts'
import { Random } from '../src/util/random.ts'
import { toRgb } from '../src/vision/image.ts'
import { resizeImage } from '../src/vision/resize.ts'

interface Split {
  readonly train: ImageDataset
  readonly validation: ImageDataset
  readonly test: ImageDataset
}

interface Task {
  /** Pictures of each class to train on, and to choose the epoch by. */
  readonly perClass: readonly [train: number, validation: number]
  readonly augment: AugmentationName
  readonly epochs: number
  readonly patience: number
  readonly batchSize: number
  open(root: string): Promise<{ pool: ImageDataset; test?: ImageDataset }>
}

const tasks: Readonly<Record<string, Task>> = {
  neu: {
    perClass: [10, 10],
    augment: 'strong',
    epochs: 60,
    patience: 20,
    batchSize: 12,
    async open(root) {
      const options = { classFromName: /^(.+)_\d+/, validationFraction: 0 }
      const parts = await Promise.all(['IMAGES', 'Validation_Images'].map((name) => openImageFolder(join(root, 'neu-det', name), options)))
      return { pool: { classes: parts[0]!.classes, samples: parts.flatMap(({ splits }) => splits.train!.samples) } }
    },
  },
  cifar: {
    perClass: [80, 20],
    augment: 'light',
    epochs: 40,
    patience: 12,
    batchSize: 32,
    async open() {
      const { splits } = await openImageFolder(process.env.FOVEA_CIFAR ?? 'cifar10-small', { validationFraction: 0 })
      return { pool: splits.train!, test: splits.test! }
    },
  },
}

/** The pictures in memory at the size of the training, so that no training decodes them again. */
async function inMemory({ classes, samples }: ImageDataset, size: number): Promise<ImageDataset> {
  const loaded: Sample[] = []
  for (const sample of samples) loaded.push({ ...sample, image: resizeImage(toRgb(await loadImage(sample.path)), size, size, 'bilinear') })
  return { classes, samples: loaded }
}

/** The first pictures of each class in an order that the seed decides train, the next validate, the rest test. */
function split(pool: ImageDataset, test: ImageDataset | undefined, [train, validation]: Task['perClass'], seed: number): Split {
  const parts: Sample[][] = [[], [], []]
  pool.classes.forEach((_, label) => {
    const members = pool.samples.filter((sample) => sample.label === label)
    const order = new Random(seed, 'few', label).permutation(members.length)
    order.forEach((at, i) => {
      parts[i < train ? 0 : i < train + validation ? 1 : 2]!.push(members[at]!)
    })
  })
  const part = (i: number): ImageDataset => ({ classes: pool.classes, samples: parts[i]! })
  return { train: part(0), validation: part(1), test: test ?? part(2) }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      seeds: { type: 'string', default: '0,1,2,3,4' },
      rates: { type: 'string', default: '0.0005,0.001,0.002,0.004' },
      size: { type: 'string', default: '64' },
      threads: { type: 'string', default: '2' },
      label: { type: 'string' },
      out: { type: 'string' },
    },
  })
  const task = tasks[positionals[0] ?? '']
  if (task === undefined || values.model === undefined) throw new Error('usage: few-pictures.ts neu|cifar --model FILE|NAME')
  const size = Number(values.size)
  const shared = process.env.FOVEA_SHARED_DATA ?? join(import.meta.dirname, '../../../../shared/data')
  const opened = await task.open(shared)
  const pool = await inMemory(opened.pool, size)
  const test = opened.test === undefined ? undefined : await inMemory(opened.test, size)
  for (const seed of values.seeds.split(',').map(Number))
    for (const learningRate of values.rates.split(',').map(Number)) {
      const parts = split(pool, test, task.perClass, seed)
      const out = await mkdtemp(join(tmpdir(), 'few-'))
      const began = performance.now()
      const result = await new Trainer({
        train: parts.train,
        validation: parts.validation,
        model: values.model,
        out,
        seed,
        learningRate,
        imageSize: size,
        epochs: task.epochs,
        patience: task.patience,
        batchSize: task.batchSize,
        augment: task.augment,
        threads: Number(values.threads),
        checkpointSeconds: 1e6,
      }).run()
      const model = await DeepSeekVision.of(result.model, readMetadata(result.model), { threads: Number(values.threads), share: false })
      const { accuracy } = await evaluateClassifier(model, parts.test)
      await model.close()
      await rm(out, { recursive: true })
      const line = JSON.stringify({
        task: positionals[0],
        model: values.label ?? values.model,
        size,
        seed,
        learningRate,
        validation: result.accuracy,
        test: accuracy,
        bestEpoch: result.bestEpoch,
        epochs: result.history.length,
        seconds: Math.round((performance.now() - began) / 1000),
      })
      console.log(line)
      if (values.out !== undefined) await appendFile(values.out, `${line}\n`)
    }
}

await main()
