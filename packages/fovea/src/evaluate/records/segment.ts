// Semantic segmentation, picture by picture: pixels of each class that meet, and boundary F1.

import { FoveaError } from '../../util/errors.ts'
import { hasPixels } from '../../vision/annotation.ts'
import { BoundaryMetric } from '../../vision/metrics/boundary.ts'
import type { ConfusionCounts } from '../../vision/metrics/confusion-matrix.ts'
import type { Prediction } from '../../vision/predictions.ts'
import { encodeMask } from '../../vision/run-lengths.ts'
import { semanticLabels, semanticMap, unknownPixel } from '../../vision/semantic-map.ts'
import {
  type EvaluationSample,
  expectTask,
  type FigureInfo,
  knownMean,
  missingTruth,
  type Outcome,
  partText,
  type Recorder,
  type TaskRecords,
  weightOf,
} from './records.ts'

const high = { better: 'higher', unit: 'part' } as const

const figures = [
  { name: 'meanIoU', title: 'Mean IoU', aliases: ['miou', 'iou', 'jaccard'], ...high },
  { name: 'meanDice', title: 'Mean Dice', aliases: ['dice', 'f1'], ...high },
  { name: 'pixelAccuracy', title: 'Pixel accuracy', aliases: ['accuracy'], ...high },
  { name: 'boundaryF1', title: 'Boundary F1, mean over classes', aliases: ['boundary', 'bf'], ...high },
] as const satisfies readonly FigureInfo[]

const classFigures = [
  { name: 'iou', title: 'IoU', ...high },
  { name: 'dice', title: 'Dice', ...high },
  { name: 'boundaryF1', title: 'Boundary F1', ...high },
] as const satisfies readonly FigureInfo[]

/** Of one class in one picture: rows of picture, class, pixels of both, of the truth, of the prediction, and boundary F1. */
const rowLength = 6

export class SegmentRecords implements TaskRecords {
  readonly task = 'segment'
  readonly figures = figures
  readonly classFigures = classFigures
  readonly labels: readonly string[]
  readonly pictures: readonly string[]
  readonly confusion: ConfusionCounts
  readonly warnings: readonly string[]
  readonly #rows: Float64Array

  constructor(
    labels: readonly string[],
    pictures: readonly string[],
    rows: readonly number[],
    confusion: ConfusionCounts,
    warnings: readonly string[] = [],
  ) {
    this.labels = labels
    this.warnings = warnings
    this.pictures = pictures
    this.confusion = confusion
    this.#rows = Float64Array.from(rows)
  }

  get supports(): readonly number[] {
    return this.confusion.map((row) => row.reduce((sum, count) => sum + count, 0))
  }

  compute(weights?: ArrayLike<number>): Float64Array {
    const count = this.labels.length
    const [both, truth, found, boundary, cases] = Array.from({ length: 5 }, () => new Float64Array(count)) as [
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
      Float64Array,
    ]
    for (let at = 0; at < this.#rows.length; at += rowLength) {
      const weight = weightOf(weights, this.#rows[at]!)
      const label = this.#rows[at + 1]!
      both[label] = both[label]! + weight * this.#rows[at + 2]!
      truth[label] = truth[label]! + weight * this.#rows[at + 3]!
      found[label] = found[label]! + weight * this.#rows[at + 4]!
      boundary[label] = boundary[label]! + weight * this.#rows[at + 5]!
      cases[label] = cases[label]! + weight
    }
    const out = new Float64Array(figures.length + count * classFigures.length)
    const sum = (list: Float64Array) => list.reduce((a, b) => a + b, 0)
    const perClass = this.labels.map((_, c) => [
      both[c]! / (truth[c]! + found[c]! - both[c]!),
      (2 * both[c]!) / (truth[c]! + found[c]!),
      boundary[c]! / cases[c]!,
    ])
    const mean = (figure: number) => knownMean(perClass.map((row) => row[figure]!))
    out.set([mean(0), mean(1), sum(both) / sum(truth), mean(2), ...perClass.flat()])
    return out
  }

  proportion(): undefined {
    return undefined
  }
}

export class SegmentRecorder implements Recorder {
  /** The classes of the data set, and the background behind them where they do not name one. */
  readonly labels: readonly string[]
  readonly #background: number
  readonly #pictures: string[] = []
  readonly #rows: number[] = []
  readonly #confusion: number[][]
  /** Pictures with things whose pixels nobody knows. */
  #partly = 0

  constructor(labels: readonly string[]) {
    const semantic = semanticLabels(labels)
    this.#background = semantic.background
    this.labels = semantic.labels
    this.#confusion = this.labels.map(() => this.labels.map(() => 0))
  }

  add(sample: EvaluationSample, prediction: Prediction): Outcome {
    const { width, height, data } = expectTask(prediction, 'segment', sample)
    const size = { width: sample.width ?? width, height: sample.height ?? height }
    if (width !== size.width || height !== size.height || data?.length !== width * height)
      throw new FoveaError('EVALUATE_PREDICTION', {
        file: sample.name,
        field: 'data',
        expected: `${size.width}x${size.height} pixels`,
        found: `${String(width)}x${String(height)}, ${data?.length ?? 'no'} pixels`,
      })
    const truth = truthOf(sample, size, this.#background)
    const count = this.labels.length
    for (let i = 0; i < data.length; i++)
      if (truth[i] !== unknownPixel && !(Number.isInteger(data[i]) && data[i]! >= 0 && data[i]! < count))
        throw new FoveaError('EVALUATE_PREDICTION', {
          file: sample.name,
          field: `data[${i}]`,
          expected: `0 to ${count - 1}`,
          found: String(data[i]),
        })
    if (truth.length > 0 && Array.prototype.every.call(truth, (label) => label === unknownPixel))
      throw missingTruth(sample, 'masks or outlines of what is in it')
    if (sample.labelMap === undefined && !sample.annotations.every(hasPixels)) this.#partly++
    const picture = this.#pictures.push(sample.name) - 1
    const boundary = new BoundaryMetric(this.labels)
    boundary.update({ truth, prediction: data, width, height, unknown: unknownPixel })
    const own = this.labels.map(() => [0, 0, 0])
    const wrong = new Uint8Array(data.length)
    let [known, right] = [0, 0]
    for (let i = 0; i < data.length; i++) {
      const label = truth[i]!
      if (label === unknownPixel) continue
      const found = data[i]!
      known++
      this.#confusion[label]![found]!++
      own[label]![1]!++
      own[found]![2]!++
      if (label === found) {
        own[label]![0]!++
        right++
      } else wrong[i] = 1
    }
    const ious: number[] = []
    for (const [label, { f1, pictures }] of boundary.compute().perClass.entries()) {
      if (pictures === 0) continue
      const [both, inTruth, found] = own[label]! as [number, number, number]
      ious.push(both / (inTruth + found - both))
      this.#rows.push(picture, label, both, inTruth, found, f1)
    }
    const mean = knownMean(ious)
    return {
      badness: -mean,
      kind: 'overlap',
      isMistake: right < known,
      caption: `mean IoU ${partText(mean)}`,
      note: `${partText((known - right) / known)} of the pixels wrong`,
      marks: [{ tone: 'wrong', shape: { label: 0, mask: encodeMask(wrong, width, height) } }],
    }
  }

  finish(): SegmentRecords {
    const told = `In ${this.#partly} of ${this.#pictures.length} pictures things are marked without their pixels: only masks and outlines tell them; what lies in a box counts in no figure.`
    return new SegmentRecords(this.labels, this.#pictures, this.#rows, this.#confusion, this.#partly > 0 ? [told] : [])
  }
}

/** The map that the data set gives, else what is marked, drawn. @throws FoveaError EVALUATE_TRUTH for a map of another size than its picture */
function truthOf(
  sample: EvaluationSample,
  { width, height }: { readonly width: number; readonly height: number },
  background: number,
): ArrayLike<number> {
  const { labelMap } = sample
  if (labelMap === undefined) return semanticMap(sample.annotations, width, height, background).data
  if (labelMap.width !== width || labelMap.height !== height) throw missingTruth(sample, `a label map of ${width}x${height} pixels`)
  return labelMap.unknown === unknownPixel
    ? labelMap.data
    : Int32Array.from(labelMap.data, (label) => (label === labelMap.unknown ? unknownPixel : label))
}
