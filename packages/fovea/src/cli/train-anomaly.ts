// `fovea train DATA --task anomaly`: from good pictures to a model that tells what is odd.

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import pc from 'picocolors'
import { renderSvg, writePng } from '../data/encode.ts'
import { writeFileAtomically } from '../data/files.ts'
import type { DatasetProblem } from '../data/formats/problems.ts'
import { type ImageFolder, listImages } from '../data/image-folder.ts'
import { openFolder } from '../data/open-folder.ts'
import type { VisionEvaluation } from '../evaluate/evaluation.ts'
import { VisionEvaluator } from '../evaluate/evaluator.ts'
import { evaluationPlots } from '../evaluate/plots.ts'
import { figuresText, visionEvaluationJson } from '../evaluate/report.ts'
import { evaluationWords } from '../evaluate/words.ts'
import { readMetadata } from '../model/metadata.ts'
import { DeepSeekVision } from '../model/vision-model.ts'
import { partGood } from '../train/tasks/anomaly/good-pictures.ts'
import type { AnomalyTrainEvent, AnomalyTrainOptions } from '../train/tasks/anomaly/options.ts'
import { AnomalyTrainer, type AnomalyTrainResult } from '../train/tasks/anomaly/trainer.ts'
import { clip } from '../util/clip.ts'
import { FoveaError } from '../util/errors.ts'
import { toRgb } from '../vision/image.ts'
import { problemWarnings } from './problem-warnings.ts'
import { reportFailures } from './report-failures.ts'
import { bar, formatDuration, hubOptions, LiveLine } from './terminal.ts'

export interface AnomalyRun {
  readonly result: AnomalyTrainResult
  readonly folder: ImageFolder
  readonly evaluation: VisionEvaluation | undefined
  readonly plots: readonly string[]
}

export interface AnomalyFlags extends Omit<AnomalyTrainOptions, 'good' | 'goodName' | 'signal' | 'onEvent' | 'hub'> {
  readonly valFraction?: number | undefined
  /** The class that is good. */
  readonly goodClass?: string | undefined
}

/** Reads the data, fits to what is good with progress on stderr, and evaluates on what was held out where that holds something odd. */
export async function runAnomalyTraining(data: string, flags: AnomalyFlags, signal: AbortSignal): Promise<AnomalyRun> {
  const line = new LiveLine()
  const { valFraction, goodClass, ...options } = flags
  const folder = await openPictures(data, valFraction, options.seed ?? 0, signal)
  for (const warning of [...folder.warnings, ...(await categoryWarnings(folder))]) line.print(pc.yellow(warning))
  const { good, held, className } = partGood(folder, goodClass)
  const named = className === undefined ? '' : ` of "${className}"`
  line.print(`${pc.bold(`${good.samples.length} good pictures`)}${named} to learn from, ${held?.samples.length ?? 0} held out`)
  const result = await new AnomalyTrainer({
    ...options,
    good,
    ...(className === undefined ? {} : { goodName: className }),
    signal,
    hub: hubOptions(line),
    onEvent: (event) => show(event, line),
  }).run()
  line.clear()
  reportFailures(line, result.failures)
  const odd = held !== undefined && new Set(held.samples.map(({ label }) => label)).size > 1
  const evaluation = odd ? await evaluate(result, held, line, signal) : undefined
  const plots = evaluation === undefined ? [] : await drawPlots(options.out, evaluation)
  const run = { result, folder, evaluation, plots }
  await writeFileAtomically(join(options.out, 'report.txt'), anomalyText(run))
  return run
}

/** What one kind of part looks like says nothing of another: a detector for both knows each less well. */
async function categoryWarnings({ root, groups = [] }: ImageFolder): Promise<string[]> {
  const [first] = groups
  // Groups without folders are patients or cameras, which look alike.
  if (first === undefined || groups.length === 1 || !(await isFolder(join(root, first)))) return []
  return [
    `${clip(`${groups.length} categories (${groups.join(', ')})`)} are learnt as one. For a detector of each, give the folder of one: ${join(root, first)}`,
  ]
}

/** A data set of any format; or a folder that holds nothing but good pictures. */
async function openPictures(data: string, valFraction: number | undefined, seed: number, signal: AbortSignal): Promise<ImageFolder> {
  const problems: DatasetProblem[] = []
  const files = (await isPlainFolder(data)) ? await listImages(data) : undefined
  if (files !== undefined) {
    if (valFraction !== undefined)
      throw new FoveaError('TRAIN_OPTION', {
        field: 'valFraction',
        expected: 'a data set that has odd pictures too',
        found: 'a folder of good pictures, which are all learnt from',
      })
    const train = { classes: [], samples: files.map((path) => ({ path, label: -1 })) }
    return { root: data, classes: [], splits: { train }, splitBySeed: false, warnings: [] }
  }
  const folder = await openFolder(data, {
    seed,
    signal,
    minClasses: 1,
    onEmptyClass: 'warn',
    validationFraction: valFraction ?? 0.2,
    onProblem: (problem) => problems.push(problem),
  })
  return { ...folder, warnings: [...folder.warnings, ...problemWarnings(problems, data)] }
}

/** Whether pictures lie in the folder itself and in no folder below it. */
async function isPlainFolder(data: string): Promise<boolean> {
  if (!(await isFolder(data))) return false
  const files = await listImages(data).catch((): string[] => [])
  return files.length > 0 && files.every((file) => join(file, '..') === join(data))
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false
}

function show(event: AnomalyTrainEvent, line: LiveLine): void {
  if (event.kind === 'note') line.print(pc.yellow(event.text))
  else if (event.kind === 'plan') {
    const { model, layers, imageSize, falseAlarmRate, seed } = event.recipe
    line.print(
      `${pc.bold(model)}: patches of ${layers.join(', ')}; ${imageSize.join('x')} pixels, ${Number((100 * falseAlarmRate).toPrecision(4))} % false alarms, seed ${seed}`,
    )
  } else {
    const { stage, done, total } = event
    const name = { patches: 'good patches', coreset: 'the most different of them', scores: 'each picture against the others' }[stage]
    line.update(`${name}  ${bar(done / total)}  ${done}/${total}`)
  }
}

async function evaluate(
  { model, recipe }: AnomalyTrainResult,
  held: Parameters<VisionEvaluator['evaluate']>[1],
  line: LiveLine,
  signal: AbortSignal,
): Promise<VisionEvaluation> {
  const { device, threads } = recipe
  await using loaded = await DeepSeekVision.of<'anomaly'>(model, readMetadata(model), { device, threads })
  const evaluation = await new VisionEvaluator({ bootstrap: { samples: 200 } }).evaluate(loaded, held, {
    signal,
    onProgress: (done, total, stage) => line.update(`${stage}  ${bar(done / Math.max(1, total))}  ${done}/${total}`),
  })
  line.clear()
  return evaluation
}

async function drawPlots(out: string, evaluation: VisionEvaluation): Promise<string[]> {
  const files: string[] = []
  for (const { name, svg } of await evaluationPlots(evaluation)) {
    const file = join(out, `${name}.png`)
    await writePng(file, toRgb(await renderSvg(svg, { scale: 2 })))
    files.push(file)
  }
  return files
}

/** What was learnt, where the thresholds lie, and how well that does on what was held out. */
export function anomalyText({ result, evaluation }: Pick<AnomalyRun, 'result' | 'evaluation'>): string {
  const { samples, candidates, patches, threshold, pixelThreshold, seconds } = result.figures
  const lines = [
    `${patches} patches of ${candidates} are remembered, of ${samples} good pictures, in ${formatDuration(seconds)}`,
    `a picture is anomalous above ${threshold.toPrecision(4)}, a pixel is odd above ${pixelThreshold.toPrecision(4)} (${Number((100 * result.recipe.falseAlarmRate).toPrecision(4))} % of good pictures, by ${result.recipe.threshold === 'extreme' ? 'a fit of the highest scores' : 'their quantile'})`,
  ]
  const measured =
    evaluation === undefined
      ? 'No odd pictures were held out: how much is caught was not measured.'
      : `${evaluation.samples} pictures held out\n${figuresText(evaluation)}\n${evaluationWords(evaluation).join('\n')}`
  return `${lines.join('\n')}\n${measured}\n`
}

export function anomalyJson({ result, evaluation, plots }: AnomalyRun): Record<string, unknown> {
  const { file, figures, recipe, failures } = result
  return {
    model: file,
    task: 'anomaly',
    figures,
    ...(evaluation === undefined ? {} : { evaluation: visionEvaluationJson(evaluation) }),
    recipe,
    plots,
    failures,
  }
}
