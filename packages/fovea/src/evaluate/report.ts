// An evaluation as text and as pictures.

import { join } from 'node:path'
import { writePng } from '../data/encode.ts'
import { loadFont } from '../data/font.ts'
import { textTable } from '../util/text-table.ts'
import { drawConfusion } from '../vision/drawing/plots/confusion-plot.ts'
import { drawReliability } from '../vision/drawing/plots/reliability-plot.ts'
import type { CalibrationResult, RejectionResult } from './calibrate.ts'
import { classificationOf, type Evaluation } from './classifier.ts'
import type { Comparison } from './compare.ts'
import type { VisionEvaluation } from './evaluation.ts'
import { pText } from './html/report.ts'
import { wilsonInterval } from './normal.ts'
import { DetectRecords } from './records/detect.ts'
import { SegmentRecords } from './records/segment.ts'
import type { Sweep, ThresholdSweep } from './sweep.ts'
import { differenceIntervalText, differenceText, figureText, intervalText } from './words.ts'

/** A table for people: one line per class, then the averages and the figures of the whole. */
export function evaluationText(evaluation: Evaluation): string {
  const { perClass, macro, weighted, samples, accuracy, top5, loss, calibration, labels } = evaluation
  const averages = ([name, row]: [string, Evaluation['macro']]) => [name, ...[row.precision, row.recall, row.f1].map(figure), `${samples}`]
  const table = textTable([
    ['class', 'precision', 'recall', 'F1', 'pictures'],
    undefined,
    ...perClass.map((row) => [row.class, ...[row.precision, row.recall, row.f1].map(figure), `${row.support}`]),
    undefined,
    averages(['macro average', macro]),
    averages(['weighted average', weighted]),
  ])
  const right = Math.round(accuracy * samples)
  const figures = [
    `accuracy ${percent(accuracy)} (${right} of ${samples})`,
    ...(labels.length > 5 ? [`top-5 ${percent(top5)}`] : []),
    `loss ${loss.toFixed(4)}`,
    `calibration error ${percent(calibration.expectedCalibrationError)}`,
  ]
  return `${table}\n\n${figures.join(', ')}\n`
}

/** Tables for people, of any task: the figures with their intervals, and those of each class. */
export function figuresText({ figures, intervals, about, perClass }: VisionEvaluation): string {
  const interval = (name: string) => (intervals[name] === undefined ? '' : intervalText(intervals[name], about[name]!.unit))
  const rows = Object.entries(figures).map(([name, value]) => [about[name]!.title, figureText(value, about[name]!.unit), interval(name)])
  const whole = textTable([['figure', 'value', 'interval'], undefined, ...rows])
  const names = Object.keys(perClass[0]?.figures ?? {})
  if (names.length === 0) return `${whole}\n`
  const classes = perClass.map((row) => [
    row.class,
    ...names.map((name) => figureText(row.figures[name]!, about[name]?.unit ?? 'part')),
    `${row.support}`,
  ])
  return `${whole}\n\n${textTable([['class', ...names, 'support'], undefined, ...classes])}\n`
}

/** The figures that scripts read, without the bulk of bins and mistakes. */
export function evaluationJson(evaluation: Evaluation): Record<string, unknown> {
  const { calibration, mistakes, failures, ...rest } = evaluation
  return {
    ...rest,
    calibration: {
      expectedCalibrationError: calibration.expectedCalibrationError,
      maximumCalibrationError: calibration.maximumCalibrationError,
    },
    mistakes: mistakes.slice(0, 100),
    failures,
  }
}

/**
 * An evaluation as scripts read it. Of a classifier all keys of `evaluationJson`, and in `perClass` and `intervals` how sure they are; of
 * other tasks the figures under their names. `confusion` is whole, however many classes there are: of detections with background as last row and
 * column, of segmentation in pixels.
 */
export function visionEvaluationJson(evaluation: VisionEvaluation): Record<string, unknown> {
  const { task, samples, part, figures, intervals, perClass, timing, bootstrap, labels, failures, warnings, worst, records } = evaluation
  const rows = perClass.map(({ class: name, support, figures: own, intervals: sure }) => ({
    class: name,
    ...own,
    support,
    intervals: sure,
  }))
  const shared = {
    task,
    part,
    ...(task === 'classify' ? evaluationJson(classificationOf(evaluation)) : { ...figures, samples, labels, failures, warnings }),
    ...(records instanceof DetectRecords || records instanceof SegmentRecords ? { confusion: records.confusion } : {}),
    ...(task === 'classify' && figures.auroc !== undefined ? { auroc: figures.auroc, averagePrecision: figures.averagePrecision } : {}),
    perClass: rows,
    figures,
    intervals,
    bootstrap,
    timing,
    worst: worst.map(({ name, caption, note, isMistake }) => ({ name, caption, note, isMistake })),
  }
  return shared
}

/** Two models side by side, as text. */
export function comparisonText({ figures, samples, onlyFirst, onlySecond }: Comparison, first: string, second: string): string {
  const rows = figures
    .filter(({ first: value }) => !Number.isNaN(value))
    .map(({ about, first: a, second: b, interval, difference, p, better }) => [
      about.title,
      ...[a, b].map((value) => figureText(value, about.unit)),
      differenceText(difference, about.unit),
      interval === undefined ? '' : differenceIntervalText(interval, about.unit),
      pText(p),
      better === undefined ? '' : better === 'first' ? 'better' : 'worse',
    ])
  const only = onlyFirst === undefined ? '' : `, only one right: ${onlyFirst} and ${onlySecond}`
  const table = textTable([[`${samples} pictures${only}`, 'first', 'second', 'difference', 'interval', 'p', ''], undefined, ...rows])
  return `first: ${first}\nsecond: ${second}\n${table}\n`
}

/** Thresholds by class, as text. */
export function sweepText({ perClass, overall, pixels, nms, samples }: Sweep): string {
  const row = (name: string, { threshold, precision, recall, f1, reached }: ThresholdSweep) => [
    name,
    threshold.toPrecision(4),
    ...[precision, recall, f1].map(figure),
    reached ? '' : 'not reached',
  ]
  const rows = perClass.filter(({ support }) => support > 0).map((one) => row(one.class, one))
  const all = overall === undefined ? [] : [row(perClass.length > 0 ? 'all, one threshold' : 'pictures', overall)]
  if (pixels !== undefined) all.push(row('pixels, best F1', pixels))
  const nmsLine = nms === undefined ? '' : `suppression: IoU ${nms.iou}\n`
  return `${textTable([[`thresholds on ${samples} pictures`, 'from', 'precision', 'recall', 'F1', ''], undefined, ...rows, ...all])}\n${nmsLine}`
}

/** The temperature, and what it changes, as text. */
export function calibrationText({
  temperature,
  samples,
  lossBefore,
  lossAfter,
  errorBefore,
  errorAfter,
  isBounded,
}: CalibrationResult): string {
  const bound = isBounded ? ' (the end of its range: these pictures do not tell more)' : ''
  return `temperature ${temperature.toPrecision(4)} on ${samples} pictures${bound}: loss ${lossBefore.toFixed(4)} to ${lossAfter.toFixed(4)}, calibration error ${percent(errorBefore)} to ${percent(errorAfter)}\n`
}

/** From which probability on is answered, and what that brings, as text. */
export function rejectionText({ threshold, coverage, accuracy, samples, aurc, reached }: RejectionResult): string {
  const answered = Math.round(coverage * samples)
  // At least one picture is answered.
  const { low, high } = wilsonInterval(Math.round(accuracy * answered), answered, 0.95)!
  const words = `don't know below ${threshold.toPrecision(4)}: ${answered} of ${samples} pictures are answered (${percent(coverage)}), ${percent(accuracy)} of them right`
  return `${words} (95 % interval ${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %)${reached ? '' : '; what was asked for is not reached'}\narea under risk and coverage ${aurc.toFixed(4)}\n`
}

/** Writes `confusion.png` and `reliability.png`; returns their paths. @throws FoveaError FILE_WRITE */
export async function writeEvaluationPlots(folder: string, evaluation: Evaluation): Promise<string[]> {
  const font = await loadFont()
  const subtitle = `${evaluation.samples} pictures, accuracy ${percent(evaluation.accuracy)}`
  const files = {
    'confusion.png': drawConfusion({ counts: evaluation.confusion, classes: evaluation.labels, subtitle }, font),
    'reliability.png': drawReliability(evaluation.calibration, font),
  }
  const paths: string[] = []
  for (const [name, svg] of Object.entries(files)) {
    const path = join(folder, name)
    await writePng(path, svg, { scale: 2 })
    paths.push(path)
  }
  return paths
}

function figure(value: number): string {
  return value.toFixed(3)
}

function percent(value: number): string {
  return `${(100 * value).toFixed(2)} %`
}
