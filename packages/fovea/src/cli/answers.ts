// What a model answers about a picture, as a line of text and as a picture.

import { type DrawDetectionsOptions, drawDetections } from '../data/draw-detections.ts'
import { drawPrediction as drawGuesses } from '../data/draw-prediction.ts'
import type { Classification, HeadAnswer, MultiAnswer } from '../model/answers.ts'
import { drawPrediction } from '../model/draw.ts'
import type { Count } from '../model/heads/count.ts'
import type { Multilabel } from '../model/heads/multilabel.ts'
import type { Explanation } from '../model/vision-model.ts'
import { AnomalyMap, oddThings } from '../vision/anomaly.ts'
import { Detections } from '../vision/detections.ts'
import type { DrawnThing } from '../vision/drawing/detections.ts'
import { overlayHeatmap } from '../vision/drawing/heatmap.ts'
import type { LabelPart } from '../vision/drawing/label.ts'
import { type Image, toRgb } from '../vision/image.ts'
import { Segmentation } from '../vision/segmentation.ts'
import { semanticLabels } from '../vision/semantic-map.ts'

export type Answer = HeadAnswer | MultiAnswer

/** `scratch  97.1 %`, `3 RBC, 1 WBC`, `weld 41.0 %, pore 2.0 %`, `17.4 bolts`, `anomalous  2.81 (threshold 1.20), 2 places`; of several heads all, by their names. */
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

function isMultilabel(answer: Answer): answer is Multilabel {
  return answer.task === 'multilabel'
}

function isCount(answer: Answer): answer is Count {
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

function countText({ counts }: Count): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count.toFixed(1)} ${name}`)
    .join(', ')
}

export interface AnswerDrawing {
  readonly explanation?: Explanation | undefined
  /** Trails, lines and zones to be drawn too. */
  readonly tracking?: Pick<DrawDetectionsOptions, 'trails' | 'lines' | 'zones'> | undefined
}

/** The picture with the answer on it; of several heads all that has a place, and the class below. */
export async function drawAnswer(image: Image, answer: Answer, { explanation, tracking }: AnswerDrawing = {}): Promise<Image> {
  const answers = answer.task === 'multi' ? Object.values(answer.heads) : [answer]
  const ground = withHeat(image, answers)
  const things = answers.flatMap((each) => thingsOf(each, image))
  // Small pictures are enlarged, also those in which nothing was found: frames of a video are of one size.
  const isPlaced = answers.some(({ task }) => task !== 'classify' && task !== 'multilabel')
  const drawn = isPlaced ? await drawDetections(ground, things, tracking) : ground
  const named = answers.find((each) => each.task === 'classify') as Classification | undefined
  if (named !== undefined) return drawPrediction(drawn, named, explanation ? { explanation } : {})
  const several = answers.find(isMultilabel)
  return several === undefined ? drawn : drawGuesses(drawn, shownClasses(several))
}

/** The best few classes that are there, else that there is none, and how sure that is. */
function shownClasses({ present, top }: Multilabel): readonly LabelPart[] {
  return present.length > 0 ? present.slice(0, 4) : [{ label: 'nothing', probability: 1 - (top[0]?.probability ?? 0) }]
}

/** Under the things: where what is counted lies, or what is odd. */
function withHeat(image: Image, answers: readonly HeadAnswer[]): Image {
  const density = answers.find(isCount)?.density
  if (density !== undefined) return overlayHeatmap(toRgb(image), toParts(density.data), density.height, density.width)
  const heat = answers.find((answer) => answer instanceof AnomalyMap)?.heat()
  return heat === undefined ? image : overlayHeatmap(toRgb(image), heat.data, heat.height, heat.width)
}

/** 0 to 1, the most being 1. */
function toParts(values: Float32Array): Float32Array {
  const most = values.reduce((high, value) => Math.max(high, value), 1e-6)
  return values.map((value) => Math.max(0, value) / most)
}

function thingsOf(answer: HeadAnswer, { width, height }: Image): DrawnThing[] {
  if (answer instanceof Detections) return [...answer.detections]
  if (answer instanceof AnomalyMap)
    return oddThings(answer).map((thing, i) => ({ ...thing, name: answer.regions[i]!.score.toPrecision(3) }))
  if (answer instanceof Segmentation) {
    const { background } = semanticLabels(answer.labels)
    const shares = answer.shares()
    return answer.labels.flatMap((name, label) =>
      label === background || shares[name] === 0 ? [] : [{ label, name, mask: answer.mask(name) }],
    )
  }
  return isCount(answer) ? [{ label: 0, name: countText(answer), box: { x1: 0, y1: 0, x2: width, y2: height } }] : []
}
