// `fovea train DATA --task detect|segment|count|multilabel|multi`: from a data set with boxes, masks, points or several classes a picture to a model that answers with such.

import { join } from 'node:path'
import pc from 'picocolors'
import { type ImageDataset, presentClasses } from '../data/dataset.ts'
import { writePng } from '../data/encode.ts'
import { writeFileAtomically } from '../data/files.ts'
import { loadFont } from '../data/font.ts'
import type { DatasetProblem } from '../data/formats/problems.ts'
import type { ImageFolder } from '../data/image-folder.ts'
import { mixDatasets } from '../data/mix.ts'
import { openFolder } from '../data/open-folder.ts'
import type { VisionEvaluation } from '../evaluate/evaluation.ts'
import { VisionEvaluator } from '../evaluate/evaluator.ts'
import { figuresText, visionEvaluationJson } from '../evaluate/report.ts'
import { evaluationWords } from '../evaluate/words.ts'
import type { HeadSpec } from '../model/heads/add-heads.ts'
import type { DetectHeadSpec } from '../model/heads/detect.ts'
import { readMetadata } from '../model/metadata.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import type { HeadEpochRecord, HeadTrainEvent } from '../train/tasks/events.ts'
import { HeadTrainer, type HeadTrainResult } from '../train/tasks/head-trainer.ts'
import type { HeadTrainOptions } from '../train/tasks/options.ts'
import { FoveaError } from '../util/errors.ts'
import type { Annotation } from '../vision/annotation.ts'
import { drawLinePlot } from '../vision/drawing/plots/line-plot.ts'
import { problemWarnings } from './problem-warnings.ts'
import { reportFailures } from './report-failures.ts'
import { bar, formatCount, formatDuration, formatPercent, hubOptions, LiveLine } from './terminal.ts'

/** Tasks whose models have heads. */
export const headTasks = ['detect', 'segment', 'count', 'multilabel', 'multi'] as const

export type TrainedTask = (typeof headTasks)[number]

export interface HeadRun {
  readonly result: HeadTrainResult
  readonly folders: readonly ImageFolder[]
  readonly evaluations: Readonly<Record<string, VisionEvaluation>>
  readonly plots: readonly string[]
}

/** Reads the data, trains with progress on stderr, evaluates every head on the pictures held out, draws the curves. */
export async function runHeadTraining(
  data: readonly string[],
  task: TrainedTask,
  options: Omit<HeadTrainOptions, 'train' | 'heads' | 'validation' | 'signal' | 'onEvent'> & {
    readonly valFraction?: number | undefined
    /** Of heads that detect. */
    readonly detect?: Pick<DetectHeadSpec, 'masks' | 'suppression'>
  },
  signal: AbortSignal,
): Promise<HeadRun> {
  const line = new LiveLine()
  const { valFraction, detect = {}, ...training } = options
  const folders: ImageFolder[] = []
  for (const folder of data) folders.push(await openData(folder, { seed: options.seed ?? 0, valFraction, signal }, line))
  const heads = headsOf(task, folders)
  const [asked] = Object.keys(detect)
  if (asked !== undefined && !heads.some(({ spec }) => spec.task === 'detect'))
    throw new FoveaError('TRAIN_OPTION', { field: asked, expected: 'a --task that detects', found: task })
  const { train, validation } = partsOf(folders)
  const progress = new HeadProgress(line)
  const result = await new HeadTrainer({
    ...training,
    train,
    ...(validation && { validation }),
    heads: heads.map(({ spec }) => (spec.task === 'detect' ? { ...spec, ...detect } : spec)),
    signal,
    hub: hubOptions(line),
    onEvent: (event) => progress.show(event),
  }).run()
  line.clear()
  reportFailures(line, result.failures)
  const evaluations = await evaluateHeads(result, heads, line, signal)
  const { out } = options
  const plots = await drawCurves(out, result)
  await writeFileAtomically(join(out, 'report.txt'), headsText(evaluations))
  return { result, folders, evaluations, plots }
}

/** @throws FoveaError DATA_NO_IMAGES without a split to train on */
async function openData(
  root: string,
  { seed, valFraction, signal }: { readonly seed: number; readonly valFraction: number | undefined; readonly signal: AbortSignal },
  line: LiveLine,
): Promise<ImageFolder> {
  const problems: DatasetProblem[] = []
  const folder = await openFolder(root, { seed, signal, onProblem: (problem) => problems.push(problem), holdOut: valFraction ?? 0.2 })
  for (const warning of [...folder.warnings, ...problemWarnings(problems, root)]) line.print(pc.yellow(warning))
  if (folder.splits.train !== undefined) return folder
  throw new FoveaError('DATA_NO_IMAGES', { expected: 'a split "train"', found: Object.keys(folder.splits).join(', '), file: root })
}

function partsOf(folders: readonly ImageFolder[]): { train: ImageDataset; validation: ImageDataset | undefined } {
  const train = mixDatasets(folders.map(({ splits }) => splits.train!))
  if (!folders.some(({ splits }) => splits.val !== undefined)) return { train, validation: undefined }
  // Classes are those of all, also where one data set has no pictures to validate by.
  return { train, validation: mixDatasets(folders.map(({ classes, splits }) => splits.val ?? { classes, samples: [] })) }
}

/** A head to be trained, and the data sets that teach it. */
interface PlannedHead {
  readonly spec: HeadSpec
  readonly folders: readonly ImageFolder[]
}

/** Data sets of the same classes teach one head of a task, others each one of their own. */
function headsOf(task: TrainedTask, folders: readonly ImageFolder[]): PlannedHead[] {
  const planned = folders.flatMap((folder) => tasksOf(task, folder.splits.train!, folders.length > 1).map((each) => ({ each, folder })))
  const groups = [...Map.groupBy(planned, ({ each, folder }) => JSON.stringify([each, [...folder.classes].sort()])).values()]
  if (task === 'multi' && groups.length < 2)
    throw new FoveaError('TRAIN_OPTION', {
      field: 'task',
      expected: 'pictures that teach two heads or more',
      found: `pictures that teach to ${groups[0]?.[0]?.each ?? 'nothing'}`,
    })
  const taken = new Map<string, number>()
  return groups.map((group) => {
    const { each, folder } = group[0]!
    const count = (taken.get(each) ?? 0) + 1
    taken.set(each, count)
    return {
      spec: { task: each, name: count === 1 ? each : `${each}${count}`, labels: folder.classes },
      folders: group.map((one) => one.folder),
    }
  })
}

/** What can be learnt from these pictures: what has boxes is found, what has masks is segmented, what has classes as a whole is named. */
function tasksOf(task: TrainedTask, { classes, samples }: ImageDataset, isMixed: boolean): HeadSpec['task'][] {
  const marked = (test: (annotation: Annotation) => boolean) => samples.some(({ annotations = [] }) => annotations.some(test))
  const hasOutlines = marked(({ polygons, mask }) => (polygons ?? mask) !== undefined)
  const hasBoxes = hasOutlines || marked(({ box }) => box !== undefined)
  const hasPoints = hasBoxes || marked(({ keypoints }) => keypoints !== undefined)
  const possible = {
    detect: hasBoxes,
    segment: hasOutlines,
    count: hasPoints,
    multilabel: samples.some((sample) => (presentClasses(sample)?.length ?? 0) > 0),
    classify: samples.some(({ label }) => label >= 0) && classes.length > 1,
  }
  const several = samples.some(({ labels }) => labels !== undefined)
  // Boxes count things already: a head that counts is for those who ask for it.
  const wanted =
    task === 'multi' ? (['detect', 'segment', several ? 'multilabel' : 'classify'] as const).filter((each) => possible[each]) : [task]
  const least = task === 'multi' && !isMixed ? 2 : 1
  if (wanted.length < least || !wanted.every((each) => possible[each])) {
    const found = Object.entries(possible).filter(([, is]) => is)
    throw new FoveaError('TRAIN_OPTION', {
      field: 'task',
      expected:
        least === 2
          ? 'pictures that teach two heads or more'
          : `pictures that teach to ${task === 'multi' ? 'detect, segment or classify' : task}`,
      found: found.length === 0 ? 'pictures with nothing marked' : `pictures for ${found.map(([name]) => name).join(', ')}`,
    })
  }
  return wanted
}

/** Each head on the pictures of its own data sets: those for a test, else those of the validation. */
async function evaluateHeads(
  { model, recipe }: HeadTrainResult,
  heads: readonly PlannedHead[],
  line: LiveLine,
  signal: AbortSignal,
): Promise<Record<string, VisionEvaluation>> {
  const loaded = await DeepSeekVision.of<'multi'>(model, readMetadata(model), { device: recipe.device, threads: recipe.threads })
  const evaluations: Record<string, VisionEvaluation> = {}
  try {
    for (const { spec, folders } of heads) {
      const { name = spec.task } = spec
      // Classes are the same, but each data set may count them in an order of its own.
      const held = mixDatasets(
        folders.map(({ classes, splits }) => {
          const part = [splits.test, splits.val].find((one) => one !== undefined && one.samples.length > 0)
          return { classes, samples: part?.samples ?? [] }
        }),
      )
      if (held.samples.length === 0) continue
      evaluations[name] = await new VisionEvaluator({ head: name, bootstrap: { samples: 200 } }).evaluate(loaded, held, {
        signal,
        onProgress: (done, total, stage) => line.update(`${name}, ${stage}  ${bar(done / Math.max(1, total))}  ${done}/${total}`),
      })
    }
  } finally {
    await loaded.close()
    line.clear()
  }
  return evaluations
}

async function drawCurves(out: string, { history, bestEpoch }: HeadTrainResult): Promise<string[]> {
  const font = await loadFont()
  const series = (name: string, of: (record: HeadEpochRecord) => number | undefined) => ({
    name,
    points: history.map((record) => ({ x: record.epoch + 1, y: of(record) })),
  })
  const mark = { x: bestEpoch + 1, text: 'best' }
  const loss = join(out, 'loss.png')
  await writePng(
    loss,
    drawLinePlot({ title: 'Loss', xTitle: 'epoch', series: [series('training', (record) => record.loss)], mark }, font),
    { scale: 2 },
  )
  const names = Object.keys(history[0]?.validation ?? {})
  if (names.length === 0) return [loss]
  const curves = join(out, 'curves.png')
  const figures = names.filter((name) => !name.endsWith('mae')).map((name) => series(name, ({ validation }) => validation?.[name]))
  const plot = { title: 'On the pictures held out', xTitle: 'epoch', series: figures, mark, yLow: 0, yHigh: 1, percent: true }
  await writePng(curves, drawLinePlot(plot, font), { scale: 2 })
  return [curves, loss]
}

/** Figures of each head, and what they say. */
export function headsText(evaluations: Readonly<Record<string, VisionEvaluation>>): string {
  const parts = Object.entries(evaluations).map(
    ([name, evaluation]) =>
      `${pc.bold(name)}, ${evaluation.samples} pictures\n${figuresText(evaluation)}\n${evaluationWords(evaluation).join('\n')}\n`,
  )
  return parts.length === 0 ? 'No pictures were held out: nothing was measured.\n' : parts.join('\n')
}

export function headsJson({ result, evaluations, plots }: HeadRun): Record<string, unknown> {
  const { file, recipe, history, bestEpoch, stoppedEarly, failures } = result
  return {
    model: file,
    bestEpoch: bestEpoch + 1,
    epochs: history.length,
    stoppedEarly,
    heads: Object.fromEntries(Object.entries(evaluations).map(([name, evaluation]) => [name, visionEvaluationJson(evaluation)])),
    history,
    recipe,
    plots,
    failures,
  }
}

/** Turns events into lines. */
class HeadProgress {
  readonly #line: LiveLine
  #figures: readonly string[] = []

  constructor(line: LiveLine) {
    this.#line = line
  }

  show(event: HeadTrainEvent): void {
    const line = this.#line
    if (event.kind === 'plan') this.#plan(event)
    else if (event.kind === 'note') line.print(pc.yellow(event.text))
    else if (event.kind === 'estimate') line.print(`about ${formatDuration(event.seconds)} at most, by the first steps\n`)
    else if (event.kind === 'step') {
      const { epoch, epochs, batch, batches, running, secondsLeft } = event
      const loss = (running.loss / running.batches).toFixed(3)
      line.update(`${`${epoch + 1}/${epochs}`.padStart(7)}  ${bar(batch / batches)}  loss ${loss}  ${formatDuration(secondsLeft)} left`)
    } else if (event.kind === 'epoch') this.#epoch(event)
    else line.print(`stopped: ${event.reason}`)
  }

  #plan({ recipe, parameters, validationSamples }: Extract<HeadTrainEvent, { kind: 'plan' }>): void {
    const size = recipe.imageSize.join('x')
    const windows = recipe.crop === undefined ? '' : ` in windows of ${recipe.crop.join('x')}`
    const heads = recipe.heads.map(
      ({ task, name = task, labels }) => `${name} (${labels.slice(0, 8).join(', ')}${labels.length > 8 ? ', …' : ''})`,
    )
    this.#line.print(`${pc.bold(`${recipe.samples} pictures`)} to train on, ${validationSamples} held out; ${heads.join('; ')}`)
    this.#line.print(
      `${pc.bold(recipe.model)}: ${formatCount(parameters)} parameters; ${size} pixels${windows}, batch ${recipe.batchSize}, ${recipe.epochs} epochs, ${recipe.optimizer}, seed ${recipe.seed}`,
    )
  }

  #epoch({ record, best }: Extract<HeadTrainEvent, { kind: 'epoch' }>): void {
    const { validation = {} } = record
    if (this.#figures.length === 0) {
      this.#figures = Object.keys(validation)
      this.#line.print(pc.dim(['epoch', '    loss', ...this.#figures.map((name) => name.padStart(9)), 'pictures/s'].join('  ')))
    }
    // An error of a count is no part of anything.
    const text = (name: string) => (name.endsWith('mae') ? validation[name]!.toFixed(2) : formatPercent(validation[name]!))
    const figures = this.#figures.map((name) => text(name).padStart(Math.max(9, name.length)))
    const cells = [
      `${record.epoch + 1}`.padStart(5),
      record.loss.toFixed(4).padStart(8),
      ...figures,
      record.imagesPerSecond.toFixed(1).padStart(10),
    ]
    this.#line.print(best ? `${cells.join('  ')}  ${pc.green('best')}` : cells.join('  '))
  }
}
