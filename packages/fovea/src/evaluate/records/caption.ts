// Captions, picture by picture.

import { FoveaError } from '../../util/errors.ts'
import { BleuMetric } from '../../vision/metrics/bleu.ts'
import { CiderMetric } from '../../vision/metrics/cider.ts'
import { RougeMetric } from '../../vision/metrics/rouge.ts'
import type { Prediction } from '../../vision/predictions.ts'
import {
  type EvaluationSample,
  expectTask,
  type FigureInfo,
  missingTruth,
  type Outcome,
  type Recorder,
  type TaskRecords,
  weightOf,
} from './records.ts'

const high = { better: 'higher', unit: 'number' } as const

const figures = [
  { name: 'cider', title: 'CIDEr-D', aliases: ['CIDEr-D'], ...high },
  { name: 'bleu1', title: 'BLEU-1', ...high },
  { name: 'bleu2', title: 'BLEU-2', ...high },
  { name: 'bleu3', title: 'BLEU-3', ...high },
  { name: 'bleu4', title: 'BLEU-4', aliases: ['bleu'], ...high },
  { name: 'rougeL', title: 'ROUGE-L', aliases: ['rouge'], ...high },
] as const satisfies readonly FigureInfo[]

export class CaptionRecords implements TaskRecords {
  readonly task = 'caption'
  readonly figures = figures
  readonly classFigures: readonly FigureInfo[] = []
  readonly supports: readonly number[] = []
  readonly labels: readonly string[]
  readonly pictures: readonly string[]
  readonly #bleu: readonly (readonly number[])[]
  readonly #rouge: readonly number[]
  readonly #cider: readonly number[]

  constructor(
    labels: readonly string[],
    pictures: readonly string[],
    bleu: readonly (readonly number[])[],
    rouge: readonly number[],
    cider: readonly number[],
  ) {
    this.labels = labels
    this.pictures = pictures
    this.#bleu = bleu
    this.#rouge = rouge
    this.#cider = cider
  }

  /** How rare a run of words is, for CIDEr, is always that of all pictures. */
  compute(weights?: ArrayLike<number>): Float64Array {
    const width = this.#bleu[0]?.length ?? 0
    const sums = new Array<number>(width).fill(0)
    let [total, rouge, cider] = [0, 0, 0]
    for (const [i, row] of this.#bleu.entries()) {
      const weight = weightOf(weights, i)
      total += weight
      rouge += weight * this.#rouge[i]!
      cider += weight * this.#cider[i]!
      for (let c = 0; c < width; c++) sums[c] = sums[c]! + weight * row[c]!
    }
    const metric = new BleuMetric()
    if (width > 0) metric.mergeState({ of: metric.state.of, lists: { sums } })
    const { bleu1, bleu2, bleu3, bleu4 } = metric.compute()
    return Float64Array.of(cider / total, bleu1, bleu2, bleu3, bleu4, rouge / total)
  }

  proportion(): undefined {
    return undefined
  }
}

export class CaptionRecorder implements Recorder {
  readonly #labels: readonly string[]
  readonly #pictures: string[] = []
  readonly #bleu: (readonly number[])[] = []
  readonly #rouge: number[] = []
  readonly #cider = new CiderMetric()

  constructor(labels: readonly string[]) {
    this.#labels = labels
  }

  add(sample: EvaluationSample, prediction: Prediction): Outcome {
    const { caption } = expectTask(prediction, 'caption', sample)
    if (typeof caption !== 'string')
      throw new FoveaError('EVALUATE_PREDICTION', { file: sample.name, field: 'caption', expected: 'a text', found: typeof caption })
    if (sample.captions.length === 0) throw missingTruth(sample, 'at least one caption')
    const pictures = [{ candidate: caption, references: sample.captions }]
    const [bleu, rouge] = [new BleuMetric(), new RougeMetric()]
    bleu.update(pictures)
    rouge.update(pictures)
    this.#cider.update(pictures)
    this.#bleu.push(bleu.state.lists.sums as readonly number[])
    this.#rouge.push(rouge.compute())
    this.#pictures.push(sample.name)
    return {
      badness: -rouge.compute(),
      kind: 'words',
      isMistake: rouge.compute() < 1,
      caption,
      note: `is: ${sample.captions[0]}`,
      marks: [],
    }
  }

  finish(): CaptionRecords {
    return new CaptionRecords(this.#labels, this.#pictures, this.#bleu, this.#rouge, this.#cider.compute().perPicture)
  }
}
