// What was found of a classifier's confidence: its temperature, and below which probability it does not answer.

import { drawLinePlot } from '../../vision/drawing/plots/line-plot.ts'
import { drawReliability } from '../../vision/drawing/plots/reliability-plot.ts'
import type { TextFont } from '../../vision/drawing/text.ts'
import type { CalibrationResult, RejectionResult } from '../calibrate.ts'
import { thinned } from '../plots.ts'
import { ClassifyRecords } from '../records/classify.ts'
import { figureText } from '../words.ts'
import { html, type Markup } from './markup.ts'
import { plotFigure } from './parts.ts'

export interface Confidence {
  readonly calibration?: CalibrationResult | undefined
  readonly rejection?: RejectionResult | undefined
}

const part = (value: number) => figureText(value, 'part')

/** Undefined where neither was asked for. */
export function confidenceSection({ calibration, rejection }: Confidence, font: TextFont): Markup | undefined {
  if (calibration === undefined && rejection === undefined) return undefined
  return html`<h2>Confidence</h2>
${calibration && html`<p class="lead">${calibrationWords(calibration)}</p>`}
${rejection && html`<p class="lead">${rejectionWords(rejection)}</p>`}
<section class="plots">${calibration && reliability(calibration, font)}${rejection && coverage(rejection, font)}</section>`
}

function calibrationWords({ temperature, samples, lossBefore, lossAfter, errorBefore, errorAfter, isBounded }: CalibrationResult): string {
  const direction = temperature > 1 ? 'The model is surer than it should be' : 'The model is less sure than it could be'
  const bound = isBounded ? ' It lies at the end of its range: these pictures do not tell more.' : ''
  return `${direction}: divided by a temperature of ${temperature.toPrecision(4)}, its scores mean what they say. The calibration error goes from ${part(errorBefore)} to ${part(errorAfter)}, the loss from ${lossBefore.toFixed(4)} to ${lossAfter.toFixed(4)}, on the ${samples.toLocaleString('en')} pictures that the temperature was found on.${bound}`
}

function rejectionWords({ threshold, coverage: answered, accuracy, samples, goal, reached, aurc }: RejectionResult): string {
  const asked = 'accuracy' in goal ? `an accuracy of ${part(goal.accuracy)}` : `an answer to ${part(goal.coverage)} of the pictures`
  const missed = reached ? '' : ' No threshold reaches that; this one comes nearest.'
  return `Asked for: ${asked}.${missed} Below a probability of ${threshold.toPrecision(4)} the answer is "don't know": ${part(answered)} of ${samples.toLocaleString('en')} pictures are answered, ${part(accuracy)} of these rightly. Chosen and measured on the same pictures: on new ones a little worse. Area under risk and coverage: ${aurc.toFixed(4)}.`
}

/** Of the calibrated probabilities; the diagram before stands among the plots. */
function reliability({ evaluation: { records } }: CalibrationResult, font: TextFont): Markup | undefined {
  if (!(records instanceof ClassifyRecords)) return undefined
  return plotFigure('Reliability after calibration', drawReliability(records.calibration, font))
}

function coverage({ curve, coverage: at, accuracy }: RejectionResult, font: TextFont): Markup {
  // The chosen point stays: the mark stands on it.
  const chosen = curve.filter((point) => point.coverage === at)
  const kept = [...new Set([...thinned(curve), ...chosen])].sort((a, b) => a.coverage - b.coverage)
  const points = kept.map((point) => ({ x: point.coverage, y: point.accuracy }))
  const plot = {
    title: 'What is answered, and how well',
    subtitle: `${part(accuracy)} right where ${part(at)} are answered`,
    xTitle: 'part of the pictures that is answered',
    yTitle: 'part of the answers that is right',
    series: [{ name: 'accuracy', points }],
    mark: { x: at, text: part(at), series: 'accuracy' },
    percent: true,
  }
  return plotFigure(plot.title, drawLinePlot(plot, font, 640, 440))
}
