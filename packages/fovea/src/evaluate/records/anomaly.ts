// Anomaly detection, picture by picture: scores of pictures as they are, those of pixels by value.

import { type Annotation, hasPixels } from '../../vision/annotation.ts'
import { AnomalyMetric } from '../../vision/metrics/anomaly.ts'
import { maskOf } from '../../vision/metrics/detections.ts'
import { areaUnderRoc, averagePrecisionOf, bestF1, countScores, type ScoreCounts } from '../../vision/metrics/ranking.ts'
import type { Prediction } from '../../vision/predictions.ts'
import { type NumberMap, resizeMap } from '../../vision/resize-map.ts'
import { decodeMask, mergeMasks } from '../../vision/run-lengths.ts'
import { type EvaluationSample, expectTask, type FigureInfo, type Outcome, type Recorder, type TaskRecords } from './records.ts'

const high = { better: 'higher', unit: 'part' } as const

const figures = [
  { name: 'imageAuroc', title: 'AUROC of pictures', aliases: ['auroc', 'auc'], ...high },
  { name: 'imageAveragePrecision', title: 'Average precision of pictures', aliases: ['ap', 'map', 'aupr'], ...high },
  { name: 'imageF1', title: 'Best F1 of pictures', aliases: ['f1', 'f1max'], ...high },
  { name: 'pixelAuroc', title: 'AUROC of pixels', ...high },
  { name: 'pixelAveragePrecision', title: 'Average precision of pixels', aliases: ['pixel ap', 'pixel aupr'], ...high },
  { name: 'pixelF1', title: 'Best F1 of pixels', ...high },
  { name: 'aupro', title: 'AUPRO, up to 30 % false positives', aliases: ['pro'], ...high },
] as const satisfies readonly FigureInfo[]

/** Names of classes whose pictures are sound. */
const soundNames = /^(good|normal|ok|sound|negative)$/i

/** Whether pictures of a class of this name are sound. */
export function isSoundName(name: string): boolean {
  return soundNames.test(name)
}

export class AnomalyRecords implements TaskRecords {
  readonly task = 'anomaly'
  readonly figures = figures
  readonly classFigures: readonly FigureInfo[] = []
  readonly supports: readonly number[] = []
  readonly labels: readonly string[]
  readonly pictures: readonly string[]
  readonly scores: readonly number[]
  /** 1 where the picture is anomalous. */
  readonly truths: readonly number[]
  /** The score from which on F1 is best. */
  readonly threshold: number
  /** Odd and sound pixels by score. */
  readonly pixels: ScoreCounts
  readonly warnings: readonly string[]
  readonly #pixels: readonly number[]
  readonly #order: Uint32Array

  constructor(
    labels: readonly string[],
    pictures: readonly string[],
    scores: readonly number[],
    truths: readonly number[],
    metric: AnomalyMetric,
    warnings: readonly string[] = [],
  ) {
    this.warnings = warnings
    this.labels = labels
    this.pictures = pictures
    this.scores = scores
    this.truths = truths
    const report = metric.compute()
    this.pixels = metric.pixels
    this.threshold = report.imageF1.threshold
    this.#pixels = [report.pixelAuroc, report.pixelAveragePrecision, report.pixelF1.f1, report.aupro]
    this.#order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!)
  }

  /** Figures of pixels are there for all pictures only: their scores are kept by value, not by picture. */
  compute(weights?: ArrayLike<number>): Float64Array {
    const counts = weights === undefined ? countScores(this.scores, (i) => this.truths[i] === 1) : this.#weighted(weights)
    const whole = weights === undefined || this.pictures.every((_, i) => weights[i] === 1)
    const pixels = whole ? this.#pixels : this.#pixels.map(() => Number.NaN)
    return Float64Array.of(areaUnderRoc(counts), averagePrecisionOf(counts), bestF1(counts).f1, ...pixels)
  }

  proportion(): undefined {
    return undefined
  }

  /** At the threshold of the best F1. */
  judge(picture: number): Pick<Outcome, 'isMistake' | 'note'> {
    const [isAnomalous, isMarked] = [this.truths[picture] === 1, this.scores[picture]! >= this.threshold]
    if (Number.isNaN(this.threshold)) return { isMistake: false, note: 'sound; without anomalies there is no threshold' }
    const at = this.threshold.toPrecision(3)
    const notes = isAnomalous
      ? [`anomalous, but below the threshold ${at}: missed`, `anomalous, and from the threshold ${at} on: caught`]
      : [`sound, and below the threshold ${at}`, `sound, but from the threshold ${at} on: a false alarm`]
    return { isMistake: isMarked !== isAnomalous, note: notes[Number(isMarked)]! }
  }

  #weighted(weights: ArrayLike<number>): ScoreCounts {
    const counts = { scores: [] as number[], positives: [] as number[], negatives: [] as number[] }
    for (const i of this.#order) {
      if (weights[i] === 0) continue
      if (counts.scores.at(-1) !== this.scores[i]) {
        counts.scores.push(this.scores[i]!)
        counts.positives.push(0)
        counts.negatives.push(0)
      }
      const list = this.truths[i] === 1 ? counts.positives : counts.negatives
      list[list.length - 1] = list.at(-1)! + weights[i]!
    }
    return counts
  }
}

export class AnomalyRecorder implements Recorder {
  readonly #labels: readonly string[]
  readonly #isSound: (name: string) => boolean
  readonly #pictures: string[] = []
  readonly #scores: number[] = []
  readonly #truths: number[] = []
  readonly #metric = new AnomalyMetric()
  /** Anomalous pictures with a map, and those of them whose anomalous pixels are not known. */
  #maps = 0
  #unknown = 0

  /** @param sound name of the class whose pictures are sound, where it is none of the usual names */
  constructor(labels: readonly string[], sound?: string) {
    this.#labels = labels
    this.#isSound = sound !== undefined && labels.includes(sound) ? (name) => name === sound : isSoundName
  }

  add(sample: EvaluationSample, prediction: Prediction): Outcome {
    const { score, map } = expectTask(prediction, 'anomaly', sample)
    const isAnomalous = this.#isAnomalous(sample)
    const odd = isAnomalous ? sample.annotations.filter(hasPixels) : []
    // Of what is marked by a box alone, or not at all, nobody knows which pixels it has.
    const isUnknown = isAnomalous && (odd.length === 0 || odd.length < sample.annotations.length)
    const pixels = map === undefined || isUnknown ? {} : pixelsOf(sample, map, odd)
    this.#metric.update([{ score, isAnomalous, ...pixels }])
    if (map !== undefined && isAnomalous) this.#maps++
    if (map !== undefined && isUnknown) this.#unknown++
    this.#pictures.push(sample.name)
    this.#scores.push(score)
    this.#truths.push(isAnomalous ? 1 : 0)
    const [label] = sample.labels
    const name = label === undefined ? (isAnomalous ? 'anomalous' : 'sound') : this.#labels[label]!
    return {
      badness: isAnomalous ? -score : score,
      kind: isAnomalous ? 'anomalies with the lowest scores' : 'sound pictures with the highest scores',
      // Both are judged once the threshold is known.
      isMistake: false,
      note: '',
      caption: `${name}, score ${score.toPrecision(3)}`,
      marks: odd.map((shape) => ({ tone: 'missed' as const, shape })),
    }
  }

  finish(): AnomalyRecords {
    const told = `${this.#unknown} of ${this.#maps} anomalous pictures do not count in the figures of pixels: only masks and outlines tell which pixels are anomalous, boxes do not.`
    return new AnomalyRecords(this.#labels, this.#pictures, this.#scores, this.#truths, this.#metric, this.#unknown > 0 ? [told] : [])
  }

  /** By the class of the picture where it has one, else by whether something is marked in it. */
  #isAnomalous({ labels: [label], annotations }: EvaluationSample): boolean {
    if (label !== undefined && label >= 0) return !this.#isSound(this.#labels[label]!)
    return annotations.length > 0
  }
}

/** The map in the size of the picture, where that is known, beside the mask of what is odd in it. */
function pixelsOf({ width, height }: EvaluationSample, map: NumberMap, odd: readonly Annotation[]) {
  const size = { width: width ?? map.width, height: height ?? map.height }
  const masks = odd.map((one, i) => maskOf(one, { ...size, truths: [], detections: [] }, `annotations[${i}]`))
  return {
    ...size,
    map: resizeMap(map, size.width, size.height).data,
    ...(odd.length === 0 ? {} : { mask: decodeMask(mergeMasks(masks)) }),
  }
}
