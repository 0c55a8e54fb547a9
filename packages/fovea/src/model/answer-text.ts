// What a model answers about a picture, as a line of text.

import { AnomalyMap } from '../vision/anomaly.ts'
import { Detections } from '../vision/detections.ts'
import { Segmentation } from '../vision/segmentation.ts'
import type { Classification, HeadAnswer, MultiAnswer } from './answers.ts'
import type { Count } from './heads/count.ts'
import type { Multilabel } from './heads/multilabel.ts'

export type Answer = HeadAnswer | MultiAnswer

/** An answer as a line of text: `scratch  97.1 %`, `3 RBC, 1 WBC`, `weld 41.0 %, pore 2.0 %`, `17.4 bolts`, `anomalous  2.81 (threshold 1.20), 2 places`; of several heads all, by their names. */
export function answerText(answer: Answer): string {
  if (answer.task === 'multi')
    return Object.entries(answer.heads)
      .map(([name, each]) => `${name}: ${answerText(each)}`)
      .join('; ')
  if (answer instanceof Detections) return countsText(answer)
  if (answer instanceof Segmentation) return sharesText(answer)
  if (isMultilabel(answer)) return presentText(answer)
  if (answer instanceof AnomalyMap) return anomalyText(answer)
  return isCount(answer) ? countText(answer) : classText(answer as Classification)
}

export function isMultilabel(answer: Answer): answer is Multilabel {
  return answer.task === 'multilabel'
}

export function isCount(answer: Answer): answer is Count {
  return answer.task === 'count'
}

function classText({ label, probability, rejected }: Classification): string {
  const guess = `${label}  ${(100 * probability).toFixed(1)} %`
  return rejected ? `don't know (${guess})` : guess
}

function presentText({ present }: Multilabel): string {
  return present.length === 0
    ? 'nothing'
    : present.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join(', ')
}

function countsText(found: Detections): string {
  const counts = Object.entries(found.counts()).filter(([, count]) => count > 0)
  return counts.length === 0 ? 'nothing' : counts.map(([name, count]) => `${count} ${name}`).join(', ')
}

function sharesText(map: Segmentation): string {
  const shares = Object.entries(map.shares()).filter(([, share]) => share > 0)
  return shares
    .sort(([, a], [, b]) => b - a)
    .map(([name, share]) => `${name} ${(100 * share).toFixed(1)} %`)
    .join(', ')
}

function anomalyText({ isAnomalous, score, threshold, regions }: AnomalyMap): string {
  const places = regions.length === 0 ? '' : `, ${regions.length} ${regions.length === 1 ? 'place' : 'places'}`
  return `${isAnomalous ? 'anomalous' : 'good'}  ${score.toPrecision(3)} (threshold ${threshold.toPrecision(3)})${places}`
}

export function countText({ counts }: Count): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count.toFixed(1)} ${name}`)
    .join(', ')
}
