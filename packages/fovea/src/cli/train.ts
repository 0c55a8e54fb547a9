// `fovea train DATA`: from a folder of pictures to a trained and measured model.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import pc from 'picocolors'
import { writePng } from '../data/encode.ts'
import { writeFileAtomically } from '../data/files.ts'
import { loadFont } from '../data/font.ts'
import { type ImageFolder, openImageFolder } from '../data/image-folder.ts'
import { cutMix, mixUp } from '../data/transforms/mix.ts'
import { type Evaluation, evaluateClassifier } from '../evaluate/classifier.ts'
import { evaluationText, writeEvaluationPlots } from '../evaluate/report.ts'
import { type InputSpec, parseInputSpec } from '../model/input-spec.ts'
import { readMetadata } from '../model/metadata.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import type { Suppression } from '../nn/detection/decode.ts'
import { augmentations } from '../train/augment.ts'
import type { TrainEvent } from '../train/events.ts'
import type { TrainOptions } from '../train/options.ts'
import type { LossWeights } from '../train/tasks/joint-loss.ts'
import type { HeadTrainOptions } from '../train/tasks/options.ts'
import { Trainer, type TrainResult } from '../train/trainer.ts'
import { FoveaError } from '../util/errors.ts'
import { drawHistory } from '../vision/drawing/plots/line-plot.ts'
import { reportFailures } from './report-failures.ts'
import {
  architectureHelp,
  bar,
  formatCount,
  formatDuration,
  formatPercent,
  hubOptions,
  inputHelp,
  interruptSignal,
  LiveLine,
  parseNumber,
  parsePattern,
  parseShare,
  parseSize,
} from './terminal.ts'
import { type AnomalyFlags, anomalyJson, anomalyText, runAnomalyTraining } from './train-anomaly.ts'
import { headsJson, headsText, headTasks, runHeadTraining, type TrainedTask } from './train-heads.ts'

export interface TrainFlags {
  task?: 'classify' | 'anomaly' | TrainedTask
  model?: string
  fromScratch?: boolean
  architecture?: string
  modelVersion?: string
  out?: string
  epochs?: number
  batch?: number
  imgsz?: number | readonly [height: number, width: number]
  freeze?: string
  mosaic?: number
  crop?: number | readonly [height: number, width: number]
  device?: string
  resume?: boolean
  overwrite?: boolean
  seed?: number
  input?: InputSpec
  optimizer?: TrainOptions['optimizer']
  lr?: number
  weightDecay?: number
  schedule?: TrainOptions['schedule']
  loss?: TrainOptions['loss']
  dice?: number
  boundary?: number
  boxLoss?: 'ciou' | 'giou'
  lossWeights?: LossWeights
  masks?: boolean
  suppression?: Suppression
  balance?: TrainOptions['balance']
  augment?: string
  mixup?: number
  cutmix?: number
  patience?: number
  accumulate?: number
  ema?: number
  labelSmoothing?: number
  valFraction?: number
  classFromName?: RegExp
  onError?: 'skip' | 'stop'
  cacheDir?: string
  threads?: number
  layout?: TrainOptions['layout']
  json?: boolean
  goodClass?: string
  layers?: string[]
  context?: number
  position?: number
  neighbours?: number
  coreset?: number
  candidates?: number
  falseAlarmRate?: number
  threshold?: AnomalyFlags['threshold']
}

/** Flags of `--task anomaly` alone. */
const anomalyFlags = [
  'goodClass',
  'layers',
  'context',
  'position',
  'neighbours',
  'coreset',
  'candidates',
  'falseAlarmRate',
  'threshold',
] as const

/** An option that is one of a few words. */
function choice(name: string, description: string, words: readonly string[]): Option {
  return new Option(name, description).choices(words)
}

export function trainCommand(): Command {
  return new Command('train')
    .description('train a model on pictures: a classifier on folders of classes, a detector on a data set with boxes')
    .argument(
      '<data...>',
      'folder: DATA/<class>/*.jpg, DATA/{train,val,test}/<class>/*.jpg, or a data set of any format with boxes; several with --task multi',
    )
    .addOption(choice('--task <name>', 'the question to be answered (default: classify)', ['classify', ...headTasks, 'anomaly']))
    .option('--model <name>', 'an architecture, or what to fine-tune: an .onnx or .safetensors file, a folder, hf:owner/name')
    .option('--from-scratch', 'draw fresh weights for an architecture for which some are shipped')
    .option('--architecture <name>', architectureHelp)
    .option('--out <folder>', 'where model, checkpoint, log and plots go (default: runs/train, runs/train-2, …)')
    .option('--model-version <version>', 'version that the model file states as its own (default: 1.0.0)')
    .option('--epochs <n>', 'passes over the pictures', parseNumber)
    .option('--batch <n>', 'pictures in one step', parseNumber)
    .option('--imgsz <size>', 'side of the pictures in pixels; of a detector also HEIGHTxWIDTH', parseSize)
    .option(
      '--freeze <spec>',
      'none, head, blocks:N (train the last N residual blocks) or a stage name; of --task detect and its like: none, backbone or a stage name',
    )
    .option('--device <name>', 'cpu, webgpu, cuda:N or tensorrt:N')
    .option('--resume', 'go on from the checkpoint in --out')
    .addOption(new Option('--overwrite', 'train anew in a folder that holds a training already, which is lost').conflicts('resume'))
    .option('--seed <n>', 'the same seed gives the same model', parseNumber)
    .option('--input <scaling>', inputHelp, parseInputSpec)
    .addOption(choice('--optimizer <name>', 'how weights are moved', ['adamw', 'adam', 'sgd']))
    .option('--lr <rate>', 'largest learning rate', parseNumber)
    .option('--weight-decay <rate>', 'weight decay', parseNumber)
    .addOption(choice('--schedule <name>', 'course of the learning rate', ['cosine', 'one-cycle', 'step', 'constant']))
    .addOption(choice('--loss <name>', 'what training lessens, of classes or pixels', ['cross-entropy', 'focal']))
    .option('--dice <weight>', 'of a segmenter: weight of the overlap beside the loss of pixels (default: 1)', parseNumber)
    .option('--boundary <weight>', 'of a segmenter: how much more pixels on borders count (default: 0)', parseNumber)
    .addOption(choice('--box-loss <name>', 'of a detector: what training lessens of boxes (default: ciou)', ['ciou', 'giou']))
    .option('--masks', 'of a detector: each detection gets a mask; needs outlines or masks in the data')
    .addOption(
      choice('--suppression <how>', 'of a detector: how doubles go; none: it learns to answer once', ['class', 'agnostic', 'none']),
    )
    .option('--loss-weights <weights>', 'of several heads: detect=1,segment=0.5, or uncertainty to learn them', parseLossWeights)
    .option('--label-smoothing <share>', 'share of the target spread over all classes', parseNumber)
    .addOption(choice('--balance <how>', 'what is done about unequal classes', ['auto', 'none', 'weights', 'sampling']))
    .addOption(choice('--augment <preset>', 'how pictures are varied', augmentations))
    .option(
      '--crop <size>',
      'with --task detect, segment or count: train on windows of this size, as --imgsz is written, cut at random out of the pictures',
      parseSize,
    )
    .option('--mosaic <part>', 'with --task detect, segment or count: how often four pictures are joined to one, 0 to 1', parseNumber)
    .option('--mixup <alpha>', 'blend pictures and their classes in pairs, the parts drawn from Beta(alpha, alpha)', parseNumber)
    .option('--cutmix <alpha>', 'paste parts of pictures into each other; with --mixup each batch takes one of the two', parseNumber)
    .option('--patience <epochs>', 'stop after so many epochs without a better validation; 0 never stops', parseNumber)
    .option('--accumulate <n>', 'batches whose gradients are averaged for one update', parseNumber)
    .option('--ema <decay>', 'keep a moving average of the weights with this decay', parseNumber)
    .option('--val-fraction <share>', 'share held out for validation where DATA has no val folder', parseShare)
    .option('--class-from-name <regexp>', 'take the class from the file name: its first group', parsePattern)
    .addOption(choice('--on-error <how>', 'what is done about unreadable pictures', ['skip', 'stop']))
    .option('--cache-dir <folder>', 'keep decoded pictures in this folder, for sets that are larger than the memory')
    .option('--threads <n>', 'threads of the training step', parseNumber)
    .addOption(choice('--layout <name>', 'memory layout of convolutions', ['auto', 'standard', 'blocked']))
    .option('--good-class <name>', 'of --task anomaly: the class whose pictures are good (default: good, normal, ok)')
    .option('--layers <names>', 'of --task anomaly: maps of the model that are compared (default: conv2)', (text) => text.split(','))
    .option('--context <weight>', 'of --task anomaly: how much colours beside those of their picture count (default: 0.5)', parseNumber)
    .option('--position <weight>', 'of --task anomaly: how much the place counts: 0 for textures, 4 for parts in one place', parseNumber)
    .option('--neighbours <n>', 'of --task anomaly: nearest good patches that are averaged (default: 1)', parseNumber)
    .option('--coreset <share>', 'of --task anomaly: part of the gathered patches that is remembered (default: 0.1)', parseNumber)
    .option('--candidates <n>', 'of --task anomaly: patches that are gathered (default: 30000)', parseNumber)
    .option('--false-alarm-rate <share>', 'of --task anomaly: part of good pictures that may be taken for odd (default: 0.01)', parseNumber)
    .addOption(choice('--threshold <how>', 'of --task anomaly: how the threshold is found', ['extreme', 'quantile']))
    .option('--json', 'print the result as JSON')
    .action(async (data: string[], flags: TrainFlags, command: Command) => {
      const isPlain = flags.task === undefined || flags.task === 'classify'
      if (flags.task === 'anomaly' && data.length > 1) command.error('error: --task anomaly is fitted to one folder')
      if (isPlain && data.length > 1) command.error('error: a classifier is trained on one folder; several data sets need --task multi')
      const { signal, release } = interruptSignal()
      try {
        if (flags.task === 'anomaly') {
          const run = await runAnomalyTraining(data[0]!, anomalyOptionsOf(flags), signal)
          process.stdout.write(flags.json ? `${JSON.stringify(anomalyJson(run))}\n` : `${anomalyText(run)}\n${nextSteps(run)}\n`)
          return
        }
        refuse(flags, anomalyFlags, flags.task ?? 'classify')
        if (flags.task !== undefined && flags.task !== 'classify') {
          const run = await runHeadTraining(data, flags.task, headOptionsOf(flags), signal)
          process.stdout.write(
            flags.json
              ? `${JSON.stringify(headsJson(run))}\n`
              : `${headsText(run.evaluations)}\n${nextSteps({ ...run, folder: run.folders[0]! })}\n`,
          )
          return
        }
        const result = await runTraining(data[0]!, flags, signal)
        if (flags.json) process.stdout.write(`${JSON.stringify(resultJson(result))}\n`)
        else process.stdout.write(`${evaluationOf(result)}\n${nextSteps(result)}\n`)
      } finally {
        release()
      }
    })
}

export interface TrainingRun {
  readonly result: TrainResult
  readonly folder: ImageFolder
  readonly out: string
  readonly evaluation: Evaluation | undefined
  readonly plots: readonly string[]
}

/** Reads the data, trains with progress on stderr, evaluates on the held-out pictures, draws the plots. */
export async function runTraining(data: string, flags: TrainFlags, signal: AbortSignal): Promise<TrainingRun> {
  const strange = (['dice', 'boundary', 'boxLoss', 'lossWeights', 'masks', 'suppression', 'mosaic', 'crop'] as const).find(
    (name) => flags[name] !== undefined,
  )
  if (strange !== undefined)
    throw new FoveaError('TRAIN_OPTION', { field: strange, expected: 'a --task that has it, such as segment or multi', found: 'classify' })
  const line = new LiveLine()
  const folder = await openImageFolder(data, {
    seed: flags.seed ?? 0,
    ...(flags.valFraction === undefined ? {} : { validationFraction: flags.valFraction }),
    ...(flags.classFromName === undefined ? {} : { classFromName: flags.classFromName }),
  })
  for (const warning of folder.warnings) line.print(pc.yellow(warning))
  const out = flags.out ?? freshFolder(flags.resume ?? false)
  const { train: trainSet, val, test } = folder.splits
  if (trainSet === undefined)
    throw new FoveaError('DATA_NO_IMAGES', { expected: 'a train folder', found: Object.keys(folder.splits).join(', '), file: data })
  const progress = new TrainProgress(line)
  const result = await new Trainer({
    ...optionsOf(flags),
    train: trainSet,
    ...(val === undefined ? {} : { validation: val }),
    out,
    signal,
    hub: hubOptions(line),
    onEvent: (event) => progress.show(event),
  }).run()
  line.clear()
  reportFailures(line, result.failures)
  const held = [test, val].find((part) => part !== undefined && part.samples.length > 0)
  const { device, threads } = result.recipe
  const model = await DeepSeekVision.of(result.model, readMetadata(result.model), { device, threads })
  try {
    const evaluation = held === undefined ? undefined : await evaluateClassifier(model, held, { signal })
    const plots = await drawPlots(out, result, evaluation)
    return { result, folder, out, evaluation, plots }
  } finally {
    await model.close()
  }
}

function optionsOf(flags: TrainFlags): Omit<TrainOptions, 'train' | 'out'> {
  const options = {
    model: flags.model,
    pretrained: flags.fromScratch ? false : undefined,
    architecture: flags.architecture,
    modelVersion: flags.modelVersion,
    epochs: flags.epochs,
    batchSize: flags.batch,
    imageSize: squareOf(flags.imgsz),
    freeze: flags.freeze,
    device: flags.device,
    resume: flags.resume,
    overwrite: flags.overwrite,
    seed: flags.seed,
    input: flags.input,
    optimizer: flags.optimizer,
    learningRate: flags.lr,
    weightDecay: flags.weightDecay,
    schedule: flags.schedule,
    loss: flags.loss,
    labelSmoothing: flags.labelSmoothing,
    balance: flags.balance,
    augment: flags.augment as NonNullable<TrainOptions['augment']> | undefined,
    mix: mixesOf(flags),
    patience: flags.patience,
    accumulate: flags.accumulate,
    averageDecay: flags.ema,
    onError: flags.onError,
    diskCache: flags.cacheDir === undefined ? undefined : { folder: flags.cacheDir },
    threads: flags.threads,
    layout: flags.layout,
  }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** What only classifiers know is refused: an option that did nothing would be taken for one that did. */
function headOptionsOf(flags: TrainFlags): Parameters<typeof runHeadTraining>[2] {
  refuse(flags, ['labelSmoothing', 'balance', 'mixup', 'cutmix', 'classFromName'], flags.task ?? 'detect')
  const { imageSize: _, loss: __, labelSmoothing: ___, balance: ____, mix: _____, ...common } = optionsOf({ ...flags, imgsz: undefined })
  return {
    ...common,
    out: flags.out ?? freshFolder(flags.resume ?? false),
    valFraction: flags.valFraction,
    ...(flags.imgsz === undefined ? {} : { imageSize: flags.imgsz }),
    ...(flags.lossWeights === undefined ? {} : { lossWeights: flags.lossWeights }),
    ...(flags.mosaic === undefined ? {} : { mosaic: flags.mosaic }),
    ...(flags.crop === undefined ? {} : { crop: flags.crop }),
    ...segmentLossOf(flags),
    ...(flags.boxLoss && { detectLoss: { box: flags.boxLoss } }),
    detect: { ...(flags.masks && { masks: true }), ...(flags.suppression && { suppression: flags.suppression }) },
  }
}

function segmentLossOf({ loss, dice, boundary }: TrainFlags): Pick<HeadTrainOptions, 'segmentLoss'> {
  if (loss === undefined && dice === undefined && boundary === undefined) return {}
  return {
    segmentLoss: {
      ...(loss && { pixels: loss }),
      ...(dice === undefined ? {} : { dice }),
      ...(boundary === undefined ? {} : { boundary }),
    },
  }
}

/** `uncertainty`, or numbers by the names of heads. */
function parseLossWeights(text: string): LossWeights {
  if (text === 'uncertainty') return text
  const parts = text.split(',').map((part) => part.split('='))
  if (parts.some(([name, value]) => !name || value === undefined || value === '' || !Number.isFinite(Number(value))))
    throw new InvalidArgumentError('Write uncertainty, or detect=1,segment=0.5.')
  return Object.fromEntries(parts.map(([name, value]) => [name, Number(value)]))
}

/** @throws FoveaError TRAIN_OPTION for a flag that would do nothing */
function refuse(flags: TrainFlags, names: readonly (keyof TrainFlags)[], task: string): void {
  const strange = names.find((name) => flags[name] !== undefined)
  if (strange === undefined) return
  const found = String(flags[strange])
  throw new FoveaError('TRAIN_OPTION', { field: strange, expected: `no such option with --task ${task}`, found })
}

/** What fitting knows; it has no epochs and no gradients. */
function anomalyOptionsOf(flags: TrainFlags): AnomalyFlags {
  const { task: _, json: __, out, batch, imgsz, valFraction, goodClass, ...others } = flags
  const known = [
    'model',
    'architecture',
    'modelVersion',
    'device',
    'overwrite',
    'seed',
    'input',
    'onError',
    'threads',
    ...anomalyFlags,
  ] as const
  const names = Object.keys(others) as (keyof TrainFlags)[]
  refuse(
    flags,
    names.filter((name) => !(known as readonly string[]).includes(name)),
    'anomaly',
  )
  return {
    ...(others as Partial<AnomalyFlags>),
    out: out ?? freshFolder(false),
    ...(batch === undefined ? {} : { batchSize: batch }),
    ...(imgsz === undefined ? {} : { imageSize: imgsz }),
    valFraction,
    goodClass,
  }
}

/** @throws FoveaError TRAIN_OPTION for a rectangle */
function squareOf(size: TrainFlags['imgsz']): number | undefined {
  if (size === undefined || typeof size === 'number') return size
  throw new FoveaError('TRAIN_OPTION', { field: 'imgsz', expected: 'one number, as classifiers take squares', found: size.join('x') })
}

/** As timm has it, an alpha of 0 mixes nothing. */
function mixesOf({ mixup = 0, cutmix = 0 }: TrainFlags): TrainOptions['mix'] {
  return [...(mixup === 0 ? [] : [mixUp({ alpha: mixup })]), ...(cutmix === 0 ? [] : [cutMix({ alpha: cutmix })])]
}

/** `runs/train`, or the first numbered one that is free; the last one in use when resuming. */
function freshFolder(resume: boolean): string {
  const name = (i: number) => join('runs', i === 1 ? 'train' : `train-${i}`)
  let i = 1
  while (existsSync(name(i))) i++
  return name(resume ? Math.max(1, i - 1) : i)
}

/** Turns events into lines. */
export class TrainProgress {
  readonly #line: LiveLine

  constructor(line: LiveLine) {
    this.#line = line
  }

  show(event: TrainEvent): void {
    const line = this.#line
    if (event.kind === 'plan') this.#plan(event)
    else if (event.kind === 'note') line.print(pc.yellow(event.text))
    else if (event.kind === 'features')
      line.update(`features of the frozen part  ${bar(event.done / event.total)}  ${event.done}/${event.total}`)
    else if (event.kind === 'estimate') this.#estimate(event.seconds)
    else if (event.kind === 'step') this.#step(event)
    else if (event.kind === 'epoch') this.#epoch(event)
    else line.print(`stopped: ${event.reason}`)
  }

  #estimate(seconds: number): void {
    this.#line.print(`about ${formatDuration(seconds)} at most, by the first steps\n`)
    this.#line.print(pc.dim('epoch     loss  accuracy   val loss  val accuracy   pictures/s'))
  }

  #step({ epoch, epochs, batch, batches, loss, accuracy, secondsLeft }: Extract<TrainEvent, { kind: 'step' }>): void {
    const place = `${epoch + 1}/${epochs}`.padStart(7)
    const figures = `loss ${loss.toFixed(3)}  accuracy ${formatPercent(accuracy)}  ${formatDuration(secondsLeft)} left`
    this.#line.update(`${place}  ${bar(batch / batches)}  ${figures}`)
  }

  #plan({ recipe, counts, parameters, trainable, validationSamples }: Extract<TrainEvent, { kind: 'plan' }>): void {
    const line = this.#line
    const classes = recipe.classes.map((name, i) => `${name} ${counts[i]}`).slice(0, 12)
    line.print(
      `${pc.bold(`${recipe.samples} pictures`)} to train on, ${validationSamples} held out; ${recipe.classes.length} classes: ${classes.join(', ')}${recipe.classes.length > 12 ? ', …' : ''}`,
    )
    line.print(
      `${pc.bold(recipe.model)}: ${formatCount(parameters)} parameters${trainable < parameters ? `, ${formatCount(trainable)} of them trained` : ''}; ${recipe.imageSize.join('x')} pixels, batch ${recipe.batchSize}, ${recipe.epochs} epochs, ${recipe.optimizer}, seed ${recipe.seed}`,
    )
    if (recipe.classWeights !== undefined) line.print('classes are unequal: the loss is weighted (--balance none to leave it)')
  }

  #epoch({ record, best }: Extract<TrainEvent, { kind: 'epoch' }>): void {
    const validation =
      record.validationLoss === undefined ? ['–', '–'] : [record.validationLoss.toFixed(4), formatPercent(record.validationAccuracy!)]
    const text = `${`${record.epoch + 1}`.padStart(5)} ${record.loss.toFixed(4).padStart(8)}  ${formatPercent(record.accuracy).padStart(8)}   ${validation[0]!.padStart(8)}      ${validation[1]!.padStart(8)}   ${record.imagesPerSecond.toFixed(0).padStart(10)}`
    this.#line.print(best ? `${text}  ${pc.green('best')}` : text)
  }
}

async function drawPlots(out: string, result: TrainResult, evaluation: Evaluation | undefined): Promise<string[]> {
  const curves = join(out, 'curves.png')
  await writePng(curves, drawHistory(result.history, await loadFont(), { bestEpoch: result.bestEpoch }), { scale: 2 })
  if (evaluation === undefined) return [curves]
  await writeFileAtomically(join(out, 'report.txt'), evaluationText(evaluation))
  return [curves, ...(await writeEvaluationPlots(out, evaluation))]
}

function evaluationOf({ evaluation }: TrainingRun): string {
  return evaluation === undefined ? 'No pictures were held out: nothing was measured.' : evaluationText(evaluation)
}

function resultJson({ result, out, evaluation, plots }: TrainingRun): Record<string, unknown> {
  const { recipe, history, bestEpoch, stoppedEarly, failures } = result
  return {
    model: result.file,
    out,
    accuracy: evaluation?.accuracy,
    bestEpoch: bestEpoch + 1,
    epochs: history.length,
    stoppedEarly,
    history,
    recipe,
    plots,
    failures,
  }
}

function nextSteps({
  result,
  folder,
  plots,
}: Pick<TrainingRun, 'folder' | 'plots'> & { readonly result: { readonly file: string } }): string {
  const sample = (folder.splits.val ?? folder.splits.train)!.samples[0]!.path
  const quoted = (path: string) => (/[^\w./-]/.test(path) ? `'${path}'` : path)
  return [
    `${pc.bold('model')}  ${result.file}`,
    ...(plots.length === 0 ? [] : [`${pc.bold('plots')}  ${plots.join(', ')}`]),
    '',
    'Next:',
    `  fovea predict ${quoted(result.file)} ${quoted(sample)} --draw predictions`,
    `  fovea evaluate ${quoted(result.file)} ${quoted(folder.root)}`,
    `  fovea inspect ${quoted(result.file)}`,
  ].join('\n')
}
