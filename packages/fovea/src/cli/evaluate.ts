// `fovea evaluate MODEL DATA`: how good a model is on pictures whose truth is known, how sure that is, and which of two is better.

import { statSync } from 'node:fs'
import { join, parse } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import pc from 'picocolors'
import { writePng } from '../data/encode.ts'
import { makeFolder, writeFileAtomically } from '../data/files.ts'
import type { DatasetProblem } from '../data/formats/problems.ts'
import { datasetFormats } from '../data/formats/table.ts'
import type { ImageFolder } from '../data/image-folder.ts'
import { openFolder } from '../data/open-folder.ts'
import { applyThresholds, checkScaling, checkThresholds } from '../evaluate/apply-thresholds.ts'
import {
  applyCalibration,
  applyRejection,
  type CalibrationResult,
  calibrate,
  chooseRejection,
  type RejectionResult,
} from '../evaluate/calibrate.ts'
import { classificationOf } from '../evaluate/classifier.ts'
import { type Comparison, compareEvaluations } from '../evaluate/compare.ts'
import { choosePart, type EvaluationData } from '../evaluate/data.ts'
import { drawAnswers } from '../evaluate/draw-answers.ts'
import type { VisionEvaluation } from '../evaluate/evaluation.ts'
import { VisionEvaluator } from '../evaluate/evaluator.ts'
import { headToMeasure } from '../evaluate/head.ts'
import { writeReport } from '../evaluate/html/report.ts'
import { modelFacts } from '../evaluate/model-facts.ts'
import { ClassifyRecords } from '../evaluate/records/classify.ts'
import {
  calibrationText,
  comparisonText,
  evaluationText,
  figuresText,
  rejectionText,
  sweepText,
  visionEvaluationJson,
  writeEvaluationPlots,
} from '../evaluate/report.ts'
import { type Sweep, type SweepGoal, sweepThresholds } from '../evaluate/sweep.ts'
import { evaluationWords } from '../evaluate/words.ts'
import { drawWorst } from '../evaluate/worst-sheet.ts'
import { encodeModel } from '../graph/codec/encode.ts'
import type { HeadTask } from '../model/heads/head.ts'
import type { Task } from '../model/metadata.ts'
import { mirroredTasks, tiledTasks } from '../model/views/options.ts'
import type { DeepSeekVision } from '../model/vision-model.ts'
import { FoveaError, isFoveaError } from '../util/errors.ts'
import type { RejectionGoal } from '../vision/metrics/risk-coverage.ts'
import { loadFlagged, type ModelFlags, withModelOptions } from './model-options.ts'
import { parseDrawing } from './pictures.ts'
import { problemWarnings } from './problem-warnings.ts'
import { reportFailures } from './report-failures.ts'
import { bar, interruptSignal, LiveLine, modelHelp, parseCount, parseNumber, parsePattern } from './terminal.ts'

interface EvaluateFlags extends ModelFlags {
  split?: 'train' | 'val' | 'test'
  format?: string
  plots?: string
  report?: string
  sheet?: string
  draw?: string
  drawCount?: number
  against?: string
  sweep?: SweepGoal | true
  nms?: readonly number[]
  by?: 'boxes' | 'masks'
  tile?: number | true
  flip?: boolean
  calibrate?: boolean
  reject?: RejectionGoal
  writeThresholds?: string | true
  inPlace?: boolean
  metrics?: string[]
  head?: string
  bootstrap: number
  seed: number
  classFromName?: RegExp
  json?: boolean
}

export function evaluateCommand(): Command {
  const command = new Command('evaluate').description(
    'measure a model: accuracy, per-class figures, confusion matrix, calibration, with intervals; compare two; find thresholds',
  )
  return withModelOptions(command)
    .argument('<model>', modelHelp)
    .argument('<data>', 'folder with one sub-folder per class, a data set of any format, or an index; with or without train, val and test')
    .addOption(new Option('--split <name>', 'which part of the data').choices(['train', 'val', 'test']))
    .addOption(new Option('--format <name>', 'how the data set is written').choices(datasetFormats.map(({ name }) => name)))
    .option('--class-from-name <regexp>', 'take the class from the file name: its first group', parsePattern)
    .option('--metrics <names>', 'figures, such as accuracy,mAP,f1 (default: all)', (text) => text.split(','))
    .option('--head <name>', 'of a model with several heads: the one that is measured (default: all that the data can measure)')
    .addOption(new Option('--by <what>', 'of a detector: what is compared').choices(['boxes', 'masks']))
    .option('--against <model>', 'compare with another model on the same pictures')
    .option('--sweep [goal]', 'find thresholds: f1, recall=0.99, missRate=0.01 or precision=0.9', parseGoal)
    .option('--nms <overlaps>', 'of a detector, with --sweep: overlaps of suppression to try, such as 0.4,0.5,0.6', parseOverlaps)
    .option('--tile [pixels]', 'of a detector, counter or segmenter: look at pictures in tiles of this many pixels a side', parseCount)
    .option('--flip', 'look at mirror images too and measure the mean (not of pixels)')
    .option('--calibrate', 'find the temperature at which probabilities mean what they say')
    .option(
      '--reject <goal>',
      'find the probability below which the answer should be "don\'t know": accuracy=0.99 or coverage=0.9',
      parseRejection,
    )
    .option(
      '--write-thresholds [file]',
      'write the model with what --sweep, --calibrate and --reject found (default: MODEL-thresholds.onnx)',
    )
    .option('--in-place', 'let --write-thresholds write over the model')
    .option('--report <file>', 'write a report as one HTML file that opens offline')
    .option('--sheet <file>', 'draw the most wrong pictures there as PNG', parseDrawing)
    .option('--draw <folder>', 'draw answers beside the truth there, as PNG')
    .option('--draw-count <n>', 'how many, evenly spread over the pictures (default: 24)', parseCount)
    .option('--plots <folder>', 'write the confusion matrix and the reliability diagram there')
    .option('--bootstrap <n>', 'how often pictures are drawn anew for the intervals; 0: no intervals', parseNumber, 1000)
    .option('--seed <n>', 'of these drawings', parseNumber, 0)
    .option('--json', 'print JSON')
    .action(async (file: string, data: string, flags: EvaluateFlags, command: Command) => {
      if (flags.drawCount !== undefined && flags.draw === undefined) command.error("error: option '--draw-count' needs '--draw'")
      if (flags.nms !== undefined && flags.sweep === undefined) command.error("error: option '--nms' needs '--sweep'")
      const { signal, release } = interruptSignal()
      try {
        await run(file, data, flags, signal)
      } finally {
        release()
      }
    })
}

async function run(file: string, data: string, flags: EvaluateFlags, signal: AbortSignal): Promise<void> {
  // What cannot be done is said before the work, not after it.
  const target = thresholdFile(file, flags)
  if (flags.draw !== undefined) await makeFolder(flags.draw)
  const line = new LiveLine()
  const model = await loadFlagged(file, flags, line, signal)
  try {
    for (const note of model.notes) line.print(pc.yellow(note))
    checkMeasured(model, flags, target !== undefined)
    if ((flags.calibrate || flags.reject !== undefined) && headToMeasure(model, flags.head).task !== 'classify')
      throw new FoveaError('EVALUATE_TASK', {
        field: flags.calibrate ? '--calibrate' : '--reject',
        expected: 'a model that classifies',
        found: model.metadata.task,
      })
    // The graph scales what one look tells.
    if (flags.calibrate && flags.flip)
      throw new FoveaError('MODEL_OPTION', { field: '--calibrate', expected: 'one look at each picture', found: '--flip' })
    // Calibration and rejection are written of any head that classifies.
    if (target !== undefined && (flags.sweep !== undefined || (!flags.calibrate && flags.reject === undefined)))
      checkThresholds(model.metadata, flags.head)
    else if (target !== undefined) checkScaling(model.metadata)
    const { pictures, name, warnings } = await openData(data, model, flags, signal)
    for (const warning of warnings) line.print(pc.yellow(warning))
    if (model.metadata.task === 'multi' && flags.head === undefined) {
      await runAll({ file, data, model, pictures, name }, flags, line, signal)
      return
    }
    const evaluation = { ...(await evaluateWith(model, pictures, name, flags, line, signal)), part: name }
    const other = await compareWith(evaluation, pictures, name, flags, line, signal)
    const calibration = flags.calibrate ? calibrate(evaluation) : undefined
    // What is found now must hold for the model that is written: for its calibrated probabilities.
    const measured = calibration?.evaluation ?? evaluation
    const rejection = flags.reject === undefined ? undefined : chooseRejection(measured, flags.reject)
    const sweep =
      flags.sweep === undefined && (target === undefined || flags.calibrate || flags.reject !== undefined)
        ? undefined
        : await sweepThresholds(measured, { goal: flags.sweep === true ? 'f1' : (flags.sweep ?? 'f1'), signal })
    const found = { sweep, calibration, rejection }
    line.clear()
    for (const warning of evaluation.warnings) line.print(pc.yellow(warning))
    reportFailures(line, evaluation.failures)
    await writeFiles({ file, data, model, evaluation, other, target, ...found }, flags, line)
    if (flags.draw !== undefined) await writeDrawings(flags.draw, model, pictures, flags, line, signal)
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ model: file, data, split: name, ...visionEvaluationJson(evaluation), ...foundJson(found), ...(other && { comparison: other.comparison }) })}\n`
        : textOf(evaluation, found, other, file),
    )
  } finally {
    await model.close()
  }
}

/** What is of one head, by option. */
const ofOneHead = ['against', 'by', 'calibrate', 'metrics', 'nms', 'plots', 'reject', 'report', 'sheet', 'sweep'] as const

/** Holds that what is asked can be done with the head. @throws FoveaError EVALUATE_SWEEP, EVALUATE_TASK, MODEL_OPTION */
function checkMeasured(model: DeepSeekVision<Task>, flags: EvaluateFlags, writes: boolean): void {
  const { task, heads = [] } = model.metadata
  if (task === 'multi' && flags.head === undefined) {
    const one = ofOneHead.find((option) => flags[option] !== undefined) ?? (writes ? 'writeThresholds' : undefined)
    if (one === undefined) return
    throw new FoveaError('MODEL_OPTION', {
      field: `--${one.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      expected: 'one head, named with --head',
      found: `the heads ${heads.map(({ name }) => name).join(', ')}`,
    })
  }
  const measured = headToMeasure(model, flags.head).task
  if (flags.by !== undefined && measured !== 'detect')
    throw new FoveaError('MODEL_OPTION', { field: '--by', expected: 'a model that detects', found: `one for ${measured}` })
  if (flags.sweep !== undefined && (measured === 'segment' || measured === 'count'))
    throw new FoveaError('EVALUATE_SWEEP', { field: 'task', expected: 'classify, multilabel, detect or anomaly', found: measured })
}

interface Opened {
  readonly file: string
  readonly data: string
  readonly model: DeepSeekVision<Task>
  readonly pictures: EvaluationData
  readonly name: string
}

/** Every head of several, one after another; what the data do not tell of is said. */
async function runAll(
  { file, data, model, pictures, name }: Opened,
  flags: EvaluateFlags,
  line: LiveLine,
  signal: AbortSignal,
): Promise<void> {
  const heads: Record<string, object> = {}
  const texts: string[] = []
  let unmeasured: FoveaError | undefined
  for (const { name: head, task } of model.metadata.heads ?? []) {
    const without = (['tile', 'flip'] as const).filter((look) => flags[look] !== undefined && !looksOf(task)[look])
    if (without.length > 0)
      line.print(pc.yellow(`${head} (${task}) is measured without ${without.map((look) => `--${look}`).join(' and ')}`))
    const looks = Object.fromEntries(without.map((look) => [look, undefined]))
    try {
      const own = { ...flags, ...looks, head }
      const evaluation = { ...(await evaluateWith(model, pictures, `${name}, ${head}`, own, line, signal)), part: name }
      line.clear()
      for (const warning of evaluation.warnings) line.print(pc.yellow(`${head}: ${warning}`))
      reportFailures(line, evaluation.failures)
      heads[head] = visionEvaluationJson(evaluation)
      texts.push(
        `${head} (${task})\n${textOf(evaluation, { sweep: undefined, calibration: undefined, rejection: undefined }, undefined, file)}`,
      )
    } catch (error) {
      line.clear()
      if (!isFoveaError(error) || !untold.has(error.code)) throw error
      unmeasured = error
      line.print(pc.yellow(`${head} (${task}) is not measured: ${error.message}`))
    }
  }
  if (unmeasured !== undefined && texts.length === 0) throw unmeasured
  if (flags.draw !== undefined) await writeDrawings(flags.draw, model, pictures, flags, line, signal)
  process.stdout.write(flags.json ? `${JSON.stringify({ model: file, data, split: name, heads })}\n` : texts.join('\n'))
}

/** Which looks beside the plain one a head can take. */
function looksOf(task: HeadTask): { tile: boolean; flip: boolean } {
  return { tile: tiledTasks.includes(task), flip: mirroredTasks.includes(task) }
}

/** Errors of data that tell nothing of a head. */
const untold: ReadonlySet<string> = new Set(['DATA_NO_IMAGES', 'EVALUATE_CLASSES', 'EVALUATE_TRUTH'])

interface Compared {
  readonly file: string
  readonly comparison: Comparison
}

/** What was looked for beside the figures. */
interface Found {
  readonly sweep: Sweep | undefined
  readonly calibration: CalibrationResult | undefined
  readonly rejection: RejectionResult | undefined
}

interface Written extends Found {
  readonly file: string
  readonly data: string
  readonly model: DeepSeekVision<Task>
  readonly evaluation: VisionEvaluation
  readonly other: Compared | undefined
  readonly target: string | undefined
}

async function writeFiles(
  { file, data, model, evaluation, sweep, calibration, rejection, other, target }: Written,
  flags: EvaluateFlags,
  line: LiveLine,
): Promise<void> {
  if (flags.plots !== undefined) {
    await makeFolder(flags.plots)
    if (evaluation.records instanceof ClassifyRecords)
      line.print(`plots: ${(await writeEvaluationPlots(flags.plots, classificationOf(evaluation))).join(', ')}`)
    else line.print('The plots of this task are in the report: --report FILE.html.')
  }
  if (flags.sheet !== undefined) {
    const sheet = await drawWorst(evaluation)
    if (sheet !== undefined) await writePng(flags.sheet, sheet)
    line.print(sheet === undefined ? 'No picture is left for a sheet.' : `sheet: ${flags.sheet}`)
  }
  if (target !== undefined) {
    let written: Pick<DeepSeekVision<Task>, 'model' | 'metadata'> = model
    if (calibration !== undefined) written = applyCalibration(written, calibration, flags.head)
    if (rejection !== undefined) written = applyRejection(written, rejection, flags.head)
    await writeFileAtomically(target, [encodeModel(sweep === undefined ? written.model : applyThresholds(written, sweep, flags.head))])
    line.print(`thresholds: ${target}`)
  }
  if (flags.report !== undefined) {
    await writeReport(flags.report, evaluation, {
      title: model.metadata.name ?? file,
      model: await modelFacts(model.metadata, file),
      data: [['Place', data]],
      ...(sweep && { sweep }),
      ...(calibration && { calibration }),
      ...(rejection && { rejection }),
      ...(other === undefined ? {} : { comparison: { result: other.comparison, first: file, second: other.file } }),
    })
    line.print(`report: ${flags.report}`)
  }
}

/** Numbered, so that they lie in the order of the data set. */
async function writeDrawings(
  folder: string,
  model: DeepSeekVision<Task>,
  pictures: EvaluationData,
  { head, tile, flip, drawCount: count = 24 }: EvaluateFlags,
  line: LiveLine,
  signal: AbortSignal,
): Promise<void> {
  const tiles = tile === undefined ? {} : { tiles: tile === true ? {} : { size: tile } }
  let drawn = 0
  for await (const { name, image } of drawAnswers(model, pictures, {
    count,
    signal,
    ...(head && { head }),
    ...(flip && { flip }),
    ...tiles,
  })) {
    const file = `${String(++drawn).padStart(3, '0')}-${parse(name).name}.png`
    await writePng(join(folder, file), image)
    line.update(`drawn  ${drawn}`)
  }
  line.clear()
  line.print(`drawn: ${drawn} ${drawn === 1 ? 'picture' : 'pictures'} in ${folder}`)
}

function textOf(evaluation: VisionEvaluation, { sweep, calibration, rejection }: Found, other: Compared | undefined, file: string): string {
  const words = `${evaluationWords(evaluation).join('\n')}\n`
  const parts =
    evaluation.records instanceof ClassifyRecords ? [evaluationText(classificationOf(evaluation)), words] : [figuresText(evaluation), words]
  if (calibration !== undefined) parts.push(calibrationText(calibration))
  if (rejection !== undefined) parts.push(rejectionText(rejection))
  if (sweep !== undefined) parts.push(sweepText(sweep))
  if (other !== undefined) parts.push(comparisonText(other.comparison, file, other.file))
  return parts.join('\n')
}

function evaluateWith(
  model: DeepSeekVision<Task>,
  pictures: EvaluationData,
  name: string,
  { metrics, head, bootstrap: samples, seed, by, nms, tile, flip }: EvaluateFlags,
  line: LiveLine,
  signal: AbortSignal,
): Promise<VisionEvaluation> {
  const evaluator = new VisionEvaluator({
    bootstrap: { samples, seed },
    ...(metrics ? { metrics } : {}),
    ...(head === undefined ? {} : { head }),
    ...(by && { by }),
    ...(nms && { nms }),
    ...(tile !== undefined && { tiles: tile === true ? true : { size: tile } }),
    ...(flip && { flip }),
  })
  return evaluator.evaluate(model, pictures, {
    signal,
    onProgress: (done, total, stage) =>
      line.update(`${stage === 'pictures' ? name : 'intervals'}  ${bar(done / Math.max(1, total))}  ${done}/${total}`),
  })
}

async function compareWith(
  evaluation: VisionEvaluation,
  pictures: EvaluationData,
  name: string,
  flags: EvaluateFlags,
  line: LiveLine,
  signal: AbortSignal,
): Promise<Compared | undefined> {
  if (flags.against === undefined) return undefined
  const model = await loadFlagged(flags.against, flags, line, signal)
  try {
    for (const note of model.notes) line.print(pc.yellow(note))
    const second = await evaluateWith(model, pictures, `${name}, second model`, { ...flags, bootstrap: 0 }, line, signal)
    return {
      file: flags.against,
      comparison: await compareEvaluations(evaluation, second, { seed: flags.seed, samples: flags.bootstrap }, { signal }),
    }
  } finally {
    await model.close()
  }
}

async function openData(
  data: string,
  model: DeepSeekVision<Task>,
  flags: EvaluateFlags,
  signal: AbortSignal,
): Promise<{ pictures: EvaluationData; name: string; warnings: readonly string[] }> {
  const { split: wanted } = flags
  const folder = await openAny(data, flags, signal)
  const { splits, warnings } = folder
  if (wanted === undefined) {
    const { dataset, name } = await choosePart(folder, model.metadata.split, signal)
    return { pictures: dataset, name, warnings }
  }
  const dataset = splits[wanted]
  if (dataset !== undefined) return { pictures: dataset, name: wanted, warnings }
  const found = Object.keys(splits).join(', ')
  throw new FoveaError('DATA_NO_IMAGES', { field: '--split', expected: `a folder "${wanted}"`, found, file: folder.root })
}

/** A data set of whichever format, or an index; how much of it is wrong is told, and left out. */
async function openAny(data: string, { classFromName, format }: EvaluateFlags, signal: AbortSignal): Promise<ImageFolder> {
  const problems: DatasetProblem[] = []
  const folder = await openFolder(data, {
    ...(format === undefined ? {} : { format }),
    validationFraction: 0,
    minClasses: 1,
    onEmptyClass: 'warn',
    ...(classFromName === undefined ? {} : { classFromName }),
    signal,
    onProblem: (problem) => problems.push(problem),
  })
  return { ...folder, warnings: [...folder.warnings, ...problemWarnings(problems, data)] }
}

/** Where the model with its thresholds goes. */
function thresholdFile(file: string, { writeThresholds, inPlace }: EvaluateFlags): string | undefined {
  if (writeThresholds === undefined) {
    // Writing over a model is never the side effect of an option that only says where.
    if (inPlace) throw new FoveaError('EVALUATE_SWEEP', { field: '--in-place', expected: '--write-thresholds beside it', found: 'none' })
    return undefined
  }
  if (typeof writeThresholds === 'string') return writeThresholds
  if (!file.endsWith('.onnx'))
    throw new FoveaError('EVALUATE_SWEEP', {
      field: '--write-thresholds',
      expected: 'the name of a new file, as the model is no .onnx file',
      found: file,
    })
  if (!inPlace) return file.replace(/\.onnx$/, '-thresholds.onnx')
  // Asked of the file itself: a rename replaces what its folder, or a privileged user, would let it.
  const mode = statSync(file, { throwIfNoEntry: false })?.mode
  if (mode !== undefined && (mode & 0o222) === 0)
    throw new FoveaError('EVALUATE_SWEEP', {
      field: '--in-place',
      expected: 'a model that may be written',
      found: `${file}, which is read-only`,
    })
  return file
}

function foundJson({ sweep, calibration, rejection }: Found): Record<string, unknown> {
  const { evaluation: _, ...temperature } = calibration ?? {}
  const { curve: __, ...chosen } = rejection ?? {}
  return {
    ...(calibration && { temperature }),
    ...(rejection && { rejection: chosen }),
    ...(sweep && { sweep: withoutCurves(sweep) }),
  }
}

/** What scripts need of a sweep: the thresholds, not the points that were tried. */
function withoutCurves({ perClass, overall, pixels, ...rest }: Sweep): Record<string, unknown> {
  const short = ({ curve: _, ...one }: { readonly curve: unknown }) => one
  return {
    ...rest,
    perClass: perClass.map(short),
    ...(overall === undefined ? {} : { overall: short(overall) }),
    ...(pixels === undefined ? {} : { pixels: short(pixels) }),
  }
}

function parseRejection(text: string): RejectionGoal {
  const [, name, value] = /^(accuracy|coverage)=([\d.]+)$/.exec(text) ?? []
  if (name === undefined || !(Number(value) >= 0 && Number(value) <= 1))
    throw new InvalidArgumentError('Write accuracy=0.99 or coverage=0.9.')
  return { [name]: Number(value) } as RejectionGoal
}

function parseGoal(text: string): SweepGoal {
  const [, name, value] = /^(recall|missRate|precision)=([\d.]+)$/.exec(text) ?? []
  if (text === 'f1') return 'f1'
  if (name === undefined || !(Number(value) >= 0 && Number(value) <= 1))
    throw new InvalidArgumentError('Write f1, recall=0.99, missRate=0.01 or precision=0.9.')
  return { [name]: Number(value) } as SweepGoal
}

/** Overlaps with commas between. @throws commander's InvalidArgumentError */
function parseOverlaps(text: string): readonly number[] {
  const overlaps = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (overlaps.every((overlap) => overlap >= 0 && overlap <= 1)) return overlaps
  throw new InvalidArgumentError('Write numbers from 0 to 1 with commas between, such as 0.4,0.5,0.6.')
}
