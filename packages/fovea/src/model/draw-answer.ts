// What a model answers about a picture, as a picture, beside the truth where that is known.

import { type DrawDetectionsOptions, drawDetections } from '../data/draw-detections.ts'
import { drawPrediction as drawGuesses } from '../data/draw-prediction.ts'
import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import { type Annotation, hasPixels } from '../vision/annotation.ts'
import { AnomalyMap, oddThings } from '../vision/anomaly.ts'
import { Detections } from '../vision/detections.ts'
import type { DrawnThing } from '../vision/drawing/detections.ts'
import { overlayHeatmap } from '../vision/drawing/heatmap.ts'
import type { LabelPart } from '../vision/drawing/label.ts'
import type { LabelMap } from '../vision/geometry/label-map.ts'
import { type Image, toRgb, verifyImage } from '../vision/image.ts'
import { encodeMask } from '../vision/run-lengths.ts'
import { Segmentation } from '../vision/segmentation.ts'
import { semanticLabels } from '../vision/semantic-map.ts'
import { type Answer, countText, isCount, isMultilabel } from './answer-text.ts'
import type { Classification, HeadAnswer } from './answers.ts'
import { drawPrediction } from './draw.ts'
import type { Multilabel } from './heads/multilabel.ts'
import type { Explanation } from './vision-model.ts'

/** What is known of a picture. */
export interface PictureTruth {
  /** Class names, in the order of the numbers below. */
  readonly classes: readonly string[]
  /** Of the whole picture. */
  readonly labels?: readonly number[]
  readonly annotations?: readonly Annotation[]
  /** A class for each pixel; it is drawn in the place of masks. */
  readonly labelMap?: LabelMap
}

export interface DrawAnswerOptions {
  /** Where the model looked, of one that classifies. */
  readonly explanation?: Explanation | undefined
  /** Trails, lines and zones to be drawn too. */
  readonly tracking?: Pick<DrawDetectionsOptions, 'trails' | 'lines' | 'zones'> | undefined
  /** Drawn beside the answer. */
  readonly truth?: PictureTruth | undefined
  /** Of several heads: the one whose answer is drawn. @default all */
  readonly head?: string | undefined
}

/**
 * The picture with the answer on it, of any task; of several heads all that has a place, and the class below. With `truth` two pictures, of which
 * the second shows what is known.
 *
 * @throws FoveaError IMAGE_INVALID where the image is not well formed; DRAWING_INVALID for an answer or a truth that is none, or a head that
 *   is not there
 */
export async function drawAnswer(image: Image, answer: Answer, options: DrawAnswerOptions = {}): Promise<Image> {
  verifyImage(image)
  checkAnswer(answer)
  const { explanation, tracking, truth, head } = options
  const all = answer.task === 'multi' ? Object.entries(answer.heads) : [[answer.task, answer] as const]
  const answers = all.filter(([name]) => head === undefined || name === head || all.length === 1).map(([, each]) => each)
  if (answers.length === 0) throw invalid('head', `one of ${all.map(([name]) => name).join(', ')}`, String(head))
  if (truth !== undefined) checkTruth(truth, image)
  const ground = withHeat(image, answers, truth && explanation)
  // Counts stand in the title, where there is one.
  const found = answers.filter((each) => truth === undefined || !isCount(each)).flatMap((each) => thingsOf(each, image))
  // One class has one colour on both sides, also where a head counts its classes otherwise.
  const numbered = truth === undefined ? found : found.map((thing) => ({ ...thing, label: numberIn(truth.classes, thing) }))
  const things = namedOnce(numbered)
  // Small pictures are enlarged, also those in which nothing was found: frames of a video are of one size.
  const isPlaced = answers.some(({ task }) => task !== 'classify' && task !== 'multilabel')
  const beside = truth && {
    truth: thingsOfTruth(truth, answers),
    plain: image,
    titles: [foundTitle(answers), truthTitle(truth, answers)] as const,
  }
  const drawn = isPlaced || beside ? await drawDetections(ground, things, { ...tracking, ...beside }) : ground
  const named = answers.find((each) => each.task === 'classify') as Classification | undefined
  if (named !== undefined) return drawPrediction(drawn, named, explanation && truth === undefined ? { explanation } : {})
  const several = answers.find(isMultilabel)
  return several === undefined ? drawn : drawGuesses(drawn, shownClasses(several))
}

const tasks: readonly Answer['task'][] = ['classify', 'multilabel', 'detect', 'segment', 'count', 'anomaly', 'multi']

function checkAnswer(answer: Answer): void {
  if (!tasks.includes((answer as Partial<Answer> | null)?.task as Answer['task']))
    throw invalid('answer', 'what a model answers', said(answer))
}

function checkTruth({ classes, annotations = [], labelMap }: PictureTruth, { width, height }: Image): void {
  if (!Array.isArray(classes)) throw invalid('truth.classes', 'a list of names', said(classes))
  if (!Array.isArray(annotations)) throw invalid('truth.annotations', 'a list', said(annotations))
  if (labelMap !== undefined && (labelMap.width !== width || labelMap.height !== height))
    throw invalid('truth.labelMap', `the size of the picture, ${width}x${height}`, `${labelMap.width}x${labelMap.height}`)
}

function invalid(field: string, expected: string, found: string): FoveaError {
  return new FoveaError('DRAWING_INVALID', { field, expected, found })
}

/** Pixels need no name of their own where boxes of the class have one. */
function namedOnce(things: readonly DrawnThing[]): DrawnThing[] {
  const boxed = new Set(things.flatMap(({ name, box }) => (box === undefined ? [] : [name])))
  return things.map(({ name, ...thing }) =>
    name === undefined || (thing.box === undefined && boxed.has(name)) ? thing : { ...thing, name },
  )
}

function numberIn(classes: readonly string[], { name, label }: DrawnThing): number {
  const number = name === undefined ? -1 : classes.indexOf(name)
  return number < 0 ? label : number
}

/** The best few classes that are there, else that there is none, and how sure that is. */
function shownClasses({ present, top }: Multilabel): readonly LabelPart[] {
  return present.length > 0 ? present.slice(0, 4) : [{ label: 'nothing', probability: 1 - (top[0]?.probability ?? 0) }]
}

/** Under the things: where what is counted lies, or what is odd. */
function withHeat(image: Image, answers: readonly HeadAnswer[], explanation: Explanation | undefined): Image {
  if (explanation !== undefined) return overlayHeatmap(toRgb(image), explanation.heatmap, explanation.height, explanation.width)
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
  if (answer instanceof Segmentation) return thingsOfMap(answer, answer.labels)
  return isCount(answer) ? [{ label: 0, name: countText(answer), box: { x1: 0, y1: 0, x2: width, y2: height } }] : []
}

/** What is marked; where pixels are asked for and known, these in the place of masks and outlines. */
function thingsOfTruth({ classes, annotations = [], labelMap }: PictureTruth, answers: readonly HeadAnswer[]): DrawnThing[] {
  const named = annotations.map((one): DrawnThing => ({ ...one, ...(classes[one.label] !== undefined && { name: classes[one.label]! }) }))
  if (labelMap === undefined || !answers.some(({ task }) => task === 'segment' || task === 'anomaly')) return named
  return [...thingsOfMap(labelMap, classes), ...named.filter((one) => !hasPixels(one))]
}

/** A mask for each class that is there but the background. */
function thingsOfMap({ data, width, height }: LabelMap | Segmentation, labels: readonly string[]): DrawnThing[] {
  const { background } = semanticLabels(labels)
  const there = new Set<number>(data)
  return labels.flatMap((name, label) => {
    if (label === background || !there.has(label)) return []
    const pixels = Uint8Array.from(data, (value) => (value === label ? 1 : 0))
    return [{ label, name, mask: encodeMask(pixels, width, height) }]
  })
}

function foundTitle(answers: readonly HeadAnswer[]): string {
  const counts = answers.filter(isCount).map(countText)
  return counts.length === 0 ? 'found' : `found: ${counts.join(', ')}`
}

/** `truth`, the classes of the picture, and how many things there are where they are counted. */
function truthTitle({ classes, labels = [], annotations = [] }: PictureTruth, answers: readonly HeadAnswer[]): string {
  const asks = (...tasks: HeadAnswer['task'][]) => answers.some(({ task }) => tasks.includes(task))
  const things = annotations.filter(({ isCrowd }) => !isCrowd).length
  const names = asks('classify', 'multilabel', 'anomaly') ? labels.flatMap((label) => classes[label] ?? []) : []
  const title = [...names, ...(asks('count') ? [`${things}`] : [])].join(', ')
  return title === '' ? 'truth' : `truth: ${title}`
}
