// Whether shipped weights help: fine-tuning from them against training from scratch, on few pictures, each with the best learning rate of
// one grid and until validation stops improving. It takes hours, so it is no part of `npm run bench`. One JSON line a training goes to
// FILE; what stands there already is not done again, so that a broken run goes on, and the two ways may run beside each other.
//
// node bench/few-pictures.ts neu|cifar --model NAME|FILE [--scratch] --out FILE    trains: the grid on seeds of its own, then five seeds
// node bench/few-pictures.ts --table --out FILE                                   prints the results as Markdown
//
// The learning rate is chosen by validation on splits (seeds from 100) that are not reported, the greater one of equals; the reported ones use seeds 0 to 4, equal for both ways.

import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { ImageDataset, Sample } from '../src/data/dataset.ts'
import { loadImage } from '../src/data/decode.ts'
import { openImageFolder } from '../src/data/image-folder.ts'
import { evaluateClassifier } from '../src/evaluate/classifier.ts'
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
  /** The splits that the learning rate is chosen on: two where one has few pictures to validate by. */
  readonly gridSeeds: readonly number[]
  readonly augment: AugmentationName
  readonly epochs: number
  readonly patience: number
  readonly batchSize: number
  open(root: string): Promise<{ pool: ImageDataset; test?: ImageDataset }>
}

const tasks: Readonly<Record<string, Task>> = {
  neu: {
    perClass: [10, 10],
    gridSeeds: [100, 101],
    augment: 'strong',
    epochs: 120,
    patience: 50,
    batchSize: 12,
    async open(root) {
      const options = { classFromName: /^(.+)_\d+/, validationFraction: 0 }
      const parts = await Promise.all(['IMAGES', 'Validation_Images'].map((name) => openImageFolder(join(root, 'neu-det', name), options)))
      return { pool: { classes: parts[0]!.classes, samples: parts.flatMap(({ splits }) => splits.train!.samples) } }
    },
  },
  cifar: {
    perClass: [80, 20],
    gridSeeds: [100],
    augment: 'light',
    epochs: 60,
    patience: 15,
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

interface Line {
  readonly task: string
  readonly model: string
  readonly from: 'weights' | 'scratch'
  readonly size: number
  readonly seed: number
  readonly learningRate: number
  readonly validation: number
  readonly test: number
  readonly bestEpoch: number
  readonly epochs: number
  readonly seconds: number
}

const reportSeeds = [0, 1, 2, 3, 4]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string' },
    scratch: { type: 'boolean', default: false },
    rates: { type: 'string', default: '0.0001,0.0003,0.001,0.003' },
    size: { type: 'string', default: '64' },
    threads: { type: 'string', default: '1' },
    label: { type: 'string' },
    table: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})

async function readLines(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

async function main(out: string): Promise<void> {
  const [name = ''] = positionals
  const task = tasks[name]
  if (task === undefined || values.model === undefined) throw new Error('usage: few-pictures.ts neu|cifar --model NAME|FILE --out FILE')
  const size = Number(values.size)
  const from = values.scratch ? 'scratch' : 'weights'
  const model = values.label ?? values.model
  const shared = process.env.FOVEA_SHARED_DATA ?? join(import.meta.dirname, '../../../../shared/data')
  const opened = await task.open(shared)
  const pool = await inMemory(opened.pool, size)
  const test = opened.test === undefined ? undefined : await inMemory(opened.test, size)
  const done = async (seed: number, learningRate: number): Promise<Line> => {
    const isIt = (line: Line) =>
      line.task === name &&
      line.model === model &&
      line.from === from &&
      line.size === size &&
      line.seed === seed &&
      line.learningRate === learningRate
    const known = (await readLines(out)).find(isIt)
    if (known !== undefined) return known
    const line: Line = {
      task: name,
      model,
      from,
      size,
      seed,
      learningRate,
      ...(await trainOnce(task, split(pool, test, task.perClass, seed), seed, learningRate, size)),
    }
    console.log(JSON.stringify(line))
    await appendFile(out, `${JSON.stringify(line)}\n`)
    return line
  }
  const grid: { rate: number; validation: number }[] = []
  for (const rate of values.rates.split(',').map(Number)) {
    const lines: Line[] = []
    for (const seed of task.gridSeeds) lines.push(await done(seed, rate))
    grid.push({ rate, validation: lines.reduce((sum, line) => sum + line.validation, 0) / lines.length })
  }
  const { rate } = grid.reduce((best, each) => (each.validation >= best.validation ? each : best))
  for (const seed of reportSeeds) await done(seed, rate)
}

type Outcome = Pick<Line, 'validation' | 'test' | 'bestEpoch' | 'epochs' | 'seconds'>

async function trainOnce(task: Task, parts: Split, seed: number, learningRate: number, size: number): Promise<Outcome> {
  const out = await mkdtemp(join(tmpdir(), 'few-'))
  const began = performance.now()
  const threads = Number(values.threads)
  const result = await new Trainer({
    train: parts.train,
    validation: parts.validation,
    model: values.model!,
    ...(values.scratch && { pretrained: false }),
    out,
    seed,
    learningRate,
    imageSize: size,
    epochs: task.epochs,
    patience: task.patience,
    batchSize: task.batchSize,
    augment: task.augment,
    threads,
    checkpointSeconds: 1e6,
  }).run()
  const model = await DeepSeekVision.of(result.model, readMetadata(result.model), { threads, share: false })
  const { accuracy } = await evaluateClassifier(model, parts.test)
  await model.close()
  await rm(out, { recursive: true })
  const { bestEpoch, history } = result
  const seconds = Math.round((performance.now() - began) / 1000)
  return { validation: result.accuracy!, test: accuracy, bestEpoch, epochs: history.length, seconds }
}

/** Half the width of the 95 % interval of a mean of five, by Student's t with four degrees of freedom. */
function interval(numbers: readonly number[]): string {
  const mean = numbers.reduce((sum, each) => sum + each, 0) / numbers.length
  const deviation = Math.sqrt(numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (numbers.length - 1))
  return `${(100 * mean).toFixed(1)} ± ${((100 * 2.776 * deviation) / Math.sqrt(numbers.length)).toFixed(1)}`
}

function printTable(lines: readonly Line[]): void {
  console.log('| task | size | network | from scratch | from the shipped weights | gain, by pairs | learning rates |')
  console.log('|---|---|---|---|---|---|---|')
  const cases = new Map(lines.map(({ task, model, size }) => [`${task} ${model} ${size}`, { task, model, size }]))
  for (const { task, model, size } of cases.values()) {
    const of = lines.filter((line) => line.task === task && line.model === model && line.size === size)
    const runs = (from: Line['from']) => reportSeeds.flatMap((seed) => of.find((line) => line.from === from && line.seed === seed) ?? [])
    const [scratch, weights] = [runs('scratch'), runs('weights')]
    if (scratch.length + weights.length < 2 * reportSeeds.length) continue
    const gains = weights.map(({ test }, i) => test - scratch[i]!.test)
    const accuracies = (some: readonly Line[]) => interval(some.map(({ test }) => test))
    console.log(
      `| ${task} | ${size} | ${model} | ${accuracies(scratch)} | ${accuracies(weights)} | ${interval(gains)} | ${scratch[0]!.learningRate}, ${weights[0]!.learningRate} |`,
    )
  }
}

if (values.out === undefined) throw new Error('few-pictures.ts needs --out FILE')
if (values.table) printTable(await readLines(values.out))
else await main(values.out)
