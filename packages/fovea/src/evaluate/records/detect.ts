// Detection, picture by picture: COCO's matches as they were made, and the figures for any weighting of the pictures.

import { FoveaError } from '../../util/errors.ts'
import { maxOf } from '../../util/extremes.ts'
import { type Annotation, type Detection, hasExtent } from '../../vision/annotation.ts'
import { CocoMetric } from '../../vision/metrics/coco.ts'
import { cocoRecalls } from '../../vision/metrics/coco-figures.ts'
import { cocoAreas, cocoThresholds } from '../../vision/metrics/coco-match.ts'
import type { ConfusionCounts } from '../../vision/metrics/confusion-matrix.ts'
import { DetectionConfusion, pairDetections } from '../../vision/metrics/detection-confusion.ts'
import { VocMetric, type VocRanking, vocAveragePrecision } from '../../vision/metrics/voc.ts'
import { nonMaxSuppression } from '../../vision/nms.ts'
import type { Prediction } from '../../vision/predictions.ts'
import {
  type EvaluationSample,
  expectTask,
  type FigureInfo,
  knownMean,
  missingTruth,
  type Outcome,
  type OutcomeMark,
  type Recorder,
  type TaskRecords,
  weightOf,
} from './records.ts'

const high = { better: 'higher', unit: 'part' } as const

const figures = [
  { name: 'ap', title: 'AP, IoU 0.5 to 0.95', aliases: ['mAP', 'mAP50-95', 'map5095', 'average precision'], ...high },
  { name: 'ap50', title: 'AP at IoU 0.5', aliases: ['mAP50'], ...high },
  { name: 'ap75', title: 'AP at IoU 0.75', aliases: ['mAP75'], ...high },
  { name: 'apSmall', title: 'AP of small things, below 32² pixels', aliases: ['aps', 'mAPs'], ...high },
  { name: 'apMedium', title: 'AP of medium things', aliases: ['apm', 'mAPm'], ...high },
  { name: 'apLarge', title: 'AP of large things, above 96² pixels', aliases: ['apl', 'mAPl'], ...high },
  { name: 'ar1', title: 'AR with 1 detection', aliases: ['ar@1'], ...high },
  { name: 'ar10', title: 'AR with 10 detections', ...high },
  { name: 'ar100', title: 'AR with 100 detections', aliases: ['ar', 'average recall'], ...high },
  { name: 'arSmall', title: 'AR of small things', aliases: ['ars'], ...high },
  { name: 'arMedium', title: 'AR of medium things', aliases: ['arm'], ...high },
  { name: 'arLarge', title: 'AR of large things', aliases: ['arl'], ...high },
  { name: 'precision', title: 'Precision', ...high },
  { name: 'recall', title: 'Recall', ...high },
  { name: 'f1', title: 'F1', ...high },
  { name: 'vocAp', title: 'VOC AP of boxes at IoU 0.5', aliases: ['voc', 'voc2010', 'voc2012'], ...high },
  { name: 'voc07Ap', title: 'VOC 2007 AP of boxes, at 11 recalls', aliases: ['voc07', 'voc2007'], ...high },
] as const satisfies readonly FigureInfo[]

const classFigures = [
  { name: 'ap', title: 'AP', ...high },
  { name: 'ap50', title: 'AP50', ...high },
  { name: 'ap75', title: 'AP75', ...high },
  { name: 'precision', title: 'Precision', ...high },
  { name: 'recall', title: 'Recall', ...high },
  { name: 'f1', title: 'F1', ...high },
] as const satisfies readonly FigureInfo[]

/** NumPy's `spacing(1)`, as pycocotools adds it. */
const tiny = 2 ** -52

/** The detections of one class, best score first, and the things to find by picture. */
export interface ClassMatches {
  readonly scores: Float64Array
  readonly pictures: Int32Array
  /** Place among the detections of its class and picture. */
  readonly ranks: Int32Array
  /** By range of areas: bit t for a hit at threshold t, bit 10 + t where it does not count. */
  readonly flags: readonly Uint32Array[]
  readonly truths: readonly { readonly picture: number; readonly counts: readonly number[] }[]
}

/** COCO's metric with the things of each picture kept apart. */
class PictureCoco extends CocoMetric {
  readonly #truths = this.classes.map((): { picture: number; counts: number[] }[] => [])

  addPicture(
    picture: number,
    truths: readonly Annotation[],
    detections: readonly Detection[],
    size: { width?: number; height?: number },
  ): void {
    const labels = [...new Set(truths.map(({ label }) => label))].filter((label) => label >= 0 && label < this.classes.length)
    const count = (label: number) => this.lists.truths.slice(label * cocoAreas.length, (label + 1) * cocoAreas.length)
    const before = labels.map(count)
    this.update([{ picture, truths, detections, ...size }])
    for (const [i, label] of labels.entries())
      this.#truths[label]!.push({ picture, counts: count(label).map((value, range) => value - before[i]![range]!) })
  }

  matches(): ClassMatches[] {
    const { pictures, labels, scores, ranks, all, small, medium, large } = this.lists
    const rows = this.classes.map((): number[] => [])
    for (let i = 0; i < labels.length; i++) rows[labels[i]!]!.push(i)
    return rows.map((list, label) => {
      const order = Uint32Array.from(list).sort((a, b) => scores[b]! - scores[a]! || pictures[a]! - pictures[b]! || a - b)
      return {
        scores: Float64Array.from(order, (i) => scores[i]!),
        pictures: Int32Array.from(order, (i) => pictures[i]!),
        ranks: Int32Array.from(order, (i) => ranks[i]!),
        flags: [all, small, medium, large].map((list) => Uint32Array.from(order, (i) => list[i]!)),
        truths: this.#truths[label]!,
      }
    })
  }
}

export interface DetectSettings {
  /** Boxes, or masks, are compared. */
  readonly by: 'boxes' | 'masks'
  /** Detections from this score on count in precision, recall, F1, confusion and the worst pictures. */
  readonly confidence: number
  /** IoU of suppressions to be tried on candidates. */
  readonly nms: readonly number[]
}

/** VOC's metric with the things of each picture kept apart. */
class PictureVoc extends VocMetric {
  readonly #truths = this.classes.map((): { picture: number; count: number }[] => [])

  addPicture(picture: number, truths: readonly Annotation[], detections: readonly Detection[]): void {
    const before = this.lists.truths.slice()
    this.update([{ picture, truths, detections }])
    for (const [label, count] of this.lists.truths.entries())
      if (count > before[label]!) this.#truths[label]!.push({ picture, count: count - before[label]! })
  }

  rankings(): PictureRanking[] {
    return this.ranked().map((ranking, label) => ({ ...ranking, byPicture: this.#truths[label]! }))
  }
}

interface PictureRanking extends VocRanking {
  readonly byPicture: readonly { readonly picture: number; readonly count: number }[]
}

/** Mean over the classes that have things to find. */
function vocMean(rankings: readonly PictureRanking[], points: 'all' | 'eleven', weights: ArrayLike<number> | undefined): number {
  const each = rankings.map(({ hits, pictures, byPicture }) => {
    const truths = byPicture.reduce((sum, { picture, count }) => sum + weightOf(weights, picture) * count, 0)
    const own = weights && Float64Array.from(pictures, (picture) => weights[picture]!)
    return truths > 0 ? vocAveragePrecision(hits, own, truths, points) : Number.NaN
  })
  return knownMean(each)
}

/** What was found, at one suppression. */
export class DetectRecords implements TaskRecords {
  readonly task = 'detect'
  readonly figures = figures
  readonly classFigures = classFigures
  readonly labels: readonly string[]
  readonly pictures: readonly string[]
  readonly settings: DetectSettings
  readonly matches: readonly ClassMatches[]
  /** With the background last. */
  readonly confusion: ConfusionCounts
  /** The same pictures with the candidates suppressed at other overlaps. */
  readonly suppressed: readonly { readonly iou: number; readonly matches: readonly ClassMatches[] }[]
  readonly voc: readonly PictureRanking[]
  readonly #space: Float64Array

  constructor(parts: Pick<DetectRecords, 'labels' | 'pictures' | 'settings' | 'matches' | 'confusion' | 'suppressed' | 'voc'>) {
    this.labels = parts.labels
    this.pictures = parts.pictures
    this.settings = parts.settings
    this.matches = parts.matches
    this.confusion = parts.confusion
    this.suppressed = parts.suppressed
    this.voc = parts.voc
    this.#space = new Float64Array(
      2 *
        maxOf(
          parts.matches.map(({ scores }) => scores.length),
          0,
        ),
    )
  }

  get supports(): readonly number[] {
    return this.matches.map(({ truths }) => truths.reduce((sum, { counts }) => sum + counts[0]!, 0))
  }

  compute(weights?: ArrayLike<number>): Float64Array {
    const width = classFigures.length
    const out = new Float64Array(figures.length + this.labels.length * width)
    const lists = Array.from({ length: 12 }, (): number[] => [])
    const all = { right: 0, found: 0, truths: 0 }
    for (const [label, matches] of this.matches.entries()) {
      const totals = cocoAreas.map((_, range) =>
        matches.truths.reduce((sum, { picture, counts }) => sum + weightOf(weights, picture) * counts[range]!, 0),
      )
      const precision = totals.map((total, range) => this.#precisions(matches, range, total, weights))
      const recall = (range: number, most: number) => meanRecall(matches, range, totals[range]!, most, weights)
      const mean = (range: number) => knownMean(precision[range]!)
      const [ap, ap50, ap75] = [mean(0), precision[0]![0]!, precision[0]![5]!]
      const own = [ap, ap50, ap75, mean(1), mean(2), mean(3), recall(0, 1), recall(0, 10), recall(0, 100)]
      for (const [f, value] of [...own, recall(1, 100), recall(2, 100), recall(3, 100)].entries()) lists[f]!.push(value)
      const { right, found } = this.#decided(matches, weights)
      all.right += right
      all.found += found
      all.truths += totals[0]!
      out.set([ap, ap50, ap75, ...decisions(right, found, totals[0]!)], figures.length + label * width)
    }
    const voc = (['all', 'eleven'] as const).map((points) => vocMean(this.voc, points, weights))
    out.set([...lists.map(knownMean), ...decisions(all.right, all.found, all.truths), ...voc])
    return out
  }

  proportion(): undefined {
    return undefined
  }

  /** AP at each threshold: the mean precision at 101 recalls. Only hits matter: between them precision falls and recall stays. */
  #precisions(
    { scores, pictures, flags }: ClassMatches,
    range: number,
    truths: number,
    weights: ArrayLike<number> | undefined,
  ): Float64Array {
    const out = new Float64Array(cocoThresholds.length).fill(truths > 0 ? 0 : Number.NaN)
    if (!(truths > 0)) return out
    const list = flags[range]!
    const [precision, recall] = [this.#space.subarray(0, scores.length), this.#space.subarray(scores.length)]
    for (let t = 0; t < out.length; t++) {
      const [hit, left] = [1 << t, 1 << (10 + t)]
      let [right, wrong, hits] = [0, 0, 0]
      for (let i = 0; i < scores.length; i++) {
        const flag = list[i]!
        if ((flag & left) !== 0) continue
        const weight = weights === undefined ? 1 : weights[pictures[i]!]!
        if (weight === 0) continue
        if ((flag & hit) === 0) {
          wrong += weight
          continue
        }
        right += weight
        precision[hits] = right / (right + wrong + tiny)
        recall[hits++] = right / truths
      }
      for (let i = hits - 1; i > 0; i--) if (precision[i]! > precision[i - 1]!) precision[i - 1] = precision[i]!
      let [at, sum] = [0, 0]
      for (let r = 0; r < cocoRecalls.length; r++) {
        while (at < hits && recall[at]! < cocoRecalls[r]!) at++
        if (at === hits) break
        sum += precision[at]!
      }
      out[t] = sum / cocoRecalls.length
    }
    return out
  }

  #decided({ scores, pictures, flags }: ClassMatches, weights: ArrayLike<number> | undefined): { right: number; found: number } {
    let [right, found] = [0, 0]
    for (let i = 0; i < scores.length && scores[i]! >= this.settings.confidence; i++) {
      const flag = flags[0]![i]!
      if ((flag & (1 << 10)) !== 0) continue
      const weight = weightOf(weights, pictures[i]!)
      found += weight
      if ((flag & 1) !== 0) right += weight
    }
    return { right, found }
  }
}

/** Mean over the thresholds of the part that is found with so many detections of each picture. */
function meanRecall(
  { ranks, pictures, flags }: ClassMatches,
  range: number,
  truths: number,
  most: number,
  weights?: ArrayLike<number>,
): number {
  if (!(truths > 0)) return Number.NaN
  let right = 0
  for (let i = 0; i < ranks.length; i++) {
    if (ranks[i]! >= most) continue
    const flag = flags[range]![i]!
    // Hits that count: bits t without their bits 10 + t.
    const hits = flag & 1023 & ~(flag >>> 10)
    if (hits !== 0) right += weightOf(weights, pictures[i]!) * bitCount(hits)
  }
  return right / (truths * cocoThresholds.length)
}

function bitCount(bits: number): number {
  let count = 0
  for (let left = bits; left !== 0; left &= left - 1) count++
  return count
}

/** Precision, recall, F1; without detections there is no precision, without things no recall. */
function decisions(right: number, found: number, truths: number): [number, number, number] {
  return [right / found, right / truths, (2 * right) / (found + truths)]
}

export class DetectRecorder implements Recorder {
  readonly #labels: readonly string[]
  readonly #settings: DetectSettings
  readonly #pictures: string[] = []
  readonly #coco: PictureCoco
  readonly #voc: PictureVoc
  readonly #confusion: DetectionConfusion
  readonly #suppressed: readonly { readonly iou: number; readonly coco: PictureCoco }[]

  constructor(labels: readonly string[], settings: DetectSettings) {
    const coco = () => new PictureCoco(labels, { by: settings.by })
    this.#labels = labels
    this.#settings = settings
    this.#coco = coco()
    this.#voc = new PictureVoc(labels)
    this.#confusion = new DetectionConfusion(labels, { confidence: settings.confidence })
    this.#suppressed = settings.nms.map((iou) => ({ iou, coco: coco() }))
  }

  add(sample: EvaluationSample, prediction: Prediction): Outcome {
    const { detections, candidates } = expectTask(prediction, 'detect', sample)
    if (!Array.isArray(detections))
      throw new FoveaError('EVALUATE_PREDICTION', { file: sample.name, field: 'detections', expected: 'a list', found: typeof detections })
    if (candidates !== undefined && !Array.isArray(candidates))
      throw new FoveaError('EVALUATE_PREDICTION', { file: sample.name, field: 'candidates', expected: 'a list', found: typeof candidates })
    for (const [field, list] of Object.entries({ detections, candidates: candidates ?? [] }))
      for (const [i, one] of list.entries())
        if (typeof one !== 'object' || one === null)
          throw new FoveaError('EVALUATE_PREDICTION', {
            file: sample.name,
            field: `${field}[${i}]`,
            expected: 'a detection',
            found: String(one),
          })
    if (this.#suppressed.length > 0 && candidates === undefined)
      throw new FoveaError('EVALUATE_PREDICTION', {
        file: sample.name,
        field: 'candidates',
        expected: 'the detections before suppression, since its IoU is swept',
        found: 'none',
      })
    const truths = sample.annotations.filter(({ label }) => label >= 0)
    if (!truths.every(hasExtent)) throw missingTruth(sample, 'a box, an outline or a mask for each thing')
    const shown = detections.filter(({ score }) => score >= this.#settings.confidence)
    const size = {
      ...(sample.width === undefined ? {} : { width: sample.width }),
      ...(sample.height === undefined ? {} : { height: sample.height }),
    }
    const number = this.#pictures.length
    const outcome = this.#outcome(truths, shown)
    const others = this.#suppressed.map(({ iou }) => nonMaxSuppression(candidates ?? [], { iou }))
    this.#coco.addPicture(number, truths, detections, size)
    this.#voc.addPicture(number, truths, detections)
    this.#confusion.update([{ truths, detections }])
    for (const [i, { coco }] of this.#suppressed.entries()) coco.addPicture(number, truths, others[i]!, size)
    this.#pictures.push(sample.name)
    return outcome
  }

  finish(): DetectRecords {
    return new DetectRecords({
      labels: this.#labels,
      pictures: this.#pictures,
      settings: this.#settings,
      matches: this.#coco.matches(),
      voc: this.#voc.rankings(),
      confusion: this.#confusion.compute(),
      suppressed: this.#suppressed.map(({ iou, coco }) => ({ iou, matches: coco.matches() })),
    })
  }

  #outcome(truths: readonly Annotation[], shown: readonly Detection[]): Outcome {
    const { pairs, missed, unfounded } = pairDetections(truths, shown)
    const name = (label: number) => this.#labels[label] ?? 'unknown'
    const marks: OutcomeMark[] = []
    // What was compared is what is shown.
    const shapeOf = (one: Annotation): Annotation => {
      if (this.#settings.by === 'masks' || one.box === undefined) return one
      return { label: one.label, box: one.box }
    }
    const wrong: Detection[] = unfounded.map((d) => shown[d]!)
    let confused = 0
    for (const { truth, detection } of pairs) {
      const [thing, found] = [truths[truth]!, shown[detection]!]
      marks.push({ tone: 'found', shape: shapeOf(thing) })
      if (thing.label === found.label) continue
      confused++
      wrong.push(found)
    }
    for (const found of wrong)
      marks.push({ tone: 'wrong', shape: shapeOf(found), text: `${name(found.label)} ${Math.round(100 * found.score)}` })
    for (const t of missed) marks.push({ tone: 'missed', shape: shapeOf(truths[t]!), text: name(truths[t]!.label) })
    const errors = wrong.length + missed.length
    const surest = maxOf(
      wrong.map(({ score }) => score),
      0,
    )
    const parts = [
      [missed.length, 'missed'],
      [unfounded.length, 'not there'],
      [confused, 'of another class'],
    ] as const
    return {
      badness: errors + surest / 2,
      kind: 'errors',
      isMistake: errors > 0,
      caption: errors === 0 ? 'all found' : parts.flatMap(([count, text]) => (count > 0 ? `${count} ${text}` : [])).join(', '),
      note: `${truths.length} to find, ${shown.length} found`,
      marks,
    }
  }
}
