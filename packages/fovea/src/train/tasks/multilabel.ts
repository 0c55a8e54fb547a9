// Training of a head that says of each class whether a picture shows it.

import { type ImageDataset, presentClasses } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { HeadAnswer } from '../../model/answers.ts'
import type { MultilabelHead } from '../../model/heads/head.ts'
import { binaryCrossEntropy } from '../../nn/losses.ts'
import { FoveaError } from '../../util/errors.ts'
import { averagePrecisionOf, countScores } from '../../vision/metrics/ranking.ts'
import type { HeadContext, HeadTraining, Meter } from './head-training.ts'

/**
 * Binary cross-entropy of every class of every picture. A picture shows the classes that it is labelled with, else those of what is marked in it.
 *
 * @throws FoveaError TRAIN_OPTION where no picture shows a class
 */
export function multilabelTraining({ name, labels, scores }: MultilabelHead, { train, batchSize }: HeadContext): HeadTraining {
  if (!train.samples.some((sample) => (presentClasses(sample)?.length ?? 0) > 0))
    throw new FoveaError('TRAIN_OPTION', { field: 'train', expected: `pictures with classes to learn for "${name}"`, found: 'none' })
  const inputs = { classes: `target_${name}`, known: `target_${name}_known` }
  const dims = [batchSize, labels.length]
  return {
    loss(b: GraphBuilder) {
      const targets = b.input(inputs.classes, 'float32', dims)
      const known = b.input(inputs.known, 'float32', [batchSize, 1])
      const losses = b.op('Mul', [binaryCrossEntropy(b, scores.logits, targets, { reduction: 'none' }), known])
      // A picture of which nothing is known says nothing.
      const cases = b.op('Mul', [b.op('ReduceSum', [known], { keepdims: 0 }), b.scalar(labels.length)])
      return { loss: b.op('Div', [b.op('ReduceSum', [losses], { keepdims: 0 }), b.op('Max', [cases, b.scalar(1)])]) }
    },
    targets({ indices }: Batch) {
      const rows = new Float32Array(batchSize * labels.length)
      const known = new Float32Array(batchSize)
      for (const [i, index] of indices.entries()) {
        const present = presentClasses(train.samples[index]!)
        if (present === undefined) continue
        known[i] = 1
        for (const label of present) rows[i * labels.length + label] = 1
      }
      return { [inputs.classes]: Tensor.float32(dims, rows), [inputs.known]: Tensor.float32([batchSize, 1], known) }
    },
    meter: (held) => new MultilabelMeter(labels.length, held),
  }
}

/** Thresholds are found later, by a sweep. */
const usualThreshold = 0.5

class MultilabelMeter implements Meter {
  readonly #classes: number
  readonly #held: ImageDataset
  readonly #rows: (readonly number[])[] = []
  readonly #truths: ReadonlySet<number>[] = []
  #right = 0
  #found = 0
  #there = 0

  constructor(classes: number, held: ImageDataset) {
    this.#classes = classes
    this.#held = held
  }

  add({ indices }: Batch, answers: readonly HeadAnswer[]): void {
    for (const [i, answer] of answers.entries()) {
      const present = presentClasses(this.#held.samples[indices[i]!]!)
      if (answer.task !== 'multilabel' || !('top' in answer) || present === undefined) continue
      const truth = new Set(present)
      this.#rows.push(answer.probabilities)
      this.#truths.push(truth)
      // Not `present`: beside a head that detects, another threshold is asked for.
      const found = [...answer.probabilities.keys()].filter((label) => answer.probabilities[label]! >= usualThreshold)
      this.#found += found.length
      this.#there += truth.size
      this.#right += found.filter((label) => truth.has(label)).length
    }
  }

  compute() {
    const precisions: number[] = []
    for (let label = 0; label < this.#classes; label++) {
      const hits = this.#truths.map((truth) => truth.has(label))
      if (hits.some(Boolean))
        precisions.push(
          averagePrecisionOf(
            countScores(
              this.#rows.map((row) => row[label]!),
              (i) => hits[i]!,
            ),
          ),
        )
    }
    const mAP = precisions.length === 0 ? 0 : precisions.reduce((sum, one) => sum + one, 0) / precisions.length
    return { score: mAP, figures: { mAP, f1: (2 * this.#right) / Math.max(1, this.#found + this.#there) } }
  }
}
