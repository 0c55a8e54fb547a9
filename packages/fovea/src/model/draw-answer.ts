// What a model answers about a picture, as a picture, beside the truth where that is known.

import { type DrawDetectionsOptions, drawDetections } from '../data/draw-detections.ts'
import { drawPrediction as drawGuesses } from '../data/draw-prediction.ts'
import type { Annotation } from '../vision/annotation.ts'
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
}

/**
 * The picture with the answer on it, of any task; of several heads all that has a place, and the class below. With `truth` two pictures, of which
 * the second shows what is known.
 *
 * @throws FoveaError IMAGE_INVALID where the image is not well formed
 */
export async function drawAnswer(image: Image, answer: Answer, options: DrawAnswerOptions = {}): Promise<Image> {
  verifyImage(image)
  const { explanation, tracking, truth } = options
  const answers = answer.task === 'multi' ? Object.values(answer.heads) : [answer]
  const ground = withHeat(image, answers)
  // Counts stand in the title, where there is one.
  const things = answers.filter((each) => truth === undefined || !isCount(each)).flatMap((each) => thingsOf(each, image))
  // Small pictures are enlarged, also those in which nothing was found: frames of a video are of one size.
  const isPlaced = answers.some(({ task }) => task !== 'classify' && task !== 'multilabel')
  const beside = truth && {
    truth: thingsOfTruth(truth, answers),
    plain: image,
    titles: [foundTitle(answers), truthTitle(truth, answers)] as const,
  }
  const drawn = isPlaced || beside ? await drawDetections(ground, things, { ...tracking, ...beside }) : ground
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

/** What is marked; where pixels are asked for and known, these in the place of masks and outlines. */
function thingsOfTruth({ classes, annotations = [], labelMap }: PictureTruth, answers: readonly HeadAnswer[]): DrawnThing[] {
  const named = annotations.map((one): DrawnThing => ({ ...one, ...(classes[one.label] !== undefined && { name: classes[one.label]! }) }))
  if (labelMap === undefined || !answers.some(({ task }) => task === 'segment' || task === 'anomaly')) return named
  const { background } = semanticLabels(classes)
  const { width, height, data } = labelMap
  const pixels = classes.flatMap((name, label): DrawnThing[] => {
    if (label === background || !data.includes(label)) return []
    return [
      {
        label,
        name,
        mask: encodeMask(
          Uint8Array.from(data, (value) => (value === label ? 1 : 0)),
          width,
          height,
        ),
      },
    ]
  })
  return [...pixels, ...named.filter(({ mask, polygons }) => (mask ?? polygons) === undefined)]
}

function foundTitle(answers: readonly HeadAnswer[]): string {
  const counts = answers.filter(isCount).map(countText)
  return counts.length === 0 ? 'found' : `found: ${counts.join(', ')}`
}

/** `truth`, the classes of the picture, and how many things there are where they are counted. */
function truthTitle({ classes, labels = [], annotations = [] }: PictureTruth, answers: readonly HeadAnswer[]): string {
  const asks = (...tasks: HeadAnswer['task'][]) => answers.some(({ task }) => tasks.includes(task))
  const names = asks('classify', 'multilabel', 'anomaly') ? labels.flatMap((label) => classes[label] ?? []) : []
  const title = [...names, ...(asks('count') ? [`${annotations.length}`] : [])].join(', ')
  return title === '' ? 'truth' : `truth: ${title}`
}
