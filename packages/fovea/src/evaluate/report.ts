// An evaluation as text and as pictures.

import { join } from 'node:path'
import { writePng } from '../data/encode.ts'
import { loadFont } from '../data/font.ts'
import { textTable } from '../util/text-table.ts'
import { drawConfusion } from '../vision/drawing/plots/confusion-plot.ts'
import { drawReliability } from '../vision/drawing/plots/reliability-plot.ts'
import type { Evaluation } from './classifier.ts'

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
