// Training of a classifier's head beside other heads.

import type { ImageDataset } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { HeadAnswer } from '../../model/answers.ts'
import type { ClassifyHead } from '../../model/heads/head.ts'
import { crossEntropy } from '../../nn/losses.ts'
import { FoveaError } from '../../util/errors.ts'
import type { HeadContext, HeadTraining, Meter } from './head-training.ts'

/** @throws FoveaError TRAIN_OPTION where no picture has a class, or one has several */
export function classifyTraining({ name, labels, scores }: ClassifyHead, { train, batchSize }: HeadContext): HeadTraining {
  if (!train.samples.some(({ label }) => label >= 0))
    throw new FoveaError('TRAIN_OPTION', { field: 'train', expected: `pictures with classes to learn for "${name}"`, found: 'none' })
  const several = train.samples.find((sample) => sample.labels !== undefined && sample.labels.length > 1)
  if (several !== undefined)
    throw new FoveaError('TRAIN_OPTION', {
      file: several.path,
      field: 'train',
      expected: `one class for each picture, to learn "${name}"`,
      found: `${several.labels!.length} classes`,
      remedy: 'A head of the task multilabel learns several classes of a picture.',
    })
  const input = `target_${name}`
  return {
    loss(b: GraphBuilder) {
      // A picture without a class has a row of zeros: it says nothing.
      const targets = b.input(input, 'float32', [batchSize, labels.length])
      const losses = crossEntropy(b, { value: scores.logits, channels: labels.length }, targets, {
        targets: 'probabilities',
        reduction: 'sum',
      })
      const known = b.op('Max', [b.op('ReduceSum', [targets], { keepdims: 0 }), b.scalar(1)])
      return { loss: b.op('Div', [losses, known]) }
    },
    targets({ labels: classes }: Batch) {
      const rows = new Float32Array(batchSize * labels.length)
      for (const [i, label] of classes.entries()) if (label >= 0) rows[i * labels.length + label] = 1
      return { [input]: Tensor.float32([batchSize, labels.length], rows) }
    },
    meter: (_held: ImageDataset) => new ClassifyMeter(),
  }
}

class ClassifyMeter implements Meter {
  #right = 0
  #known = 0

  add({ labels }: Batch, answers: readonly HeadAnswer[]): void {
    for (const [i, answer] of answers.entries()) {
      if (answer.task !== 'classify' || labels[i]! < 0) continue
      this.#known++
      if ('index' in answer && answer.index === labels[i]) this.#right++
    }
  }

  compute() {
    const accuracy = this.#known === 0 ? 0 : this.#right / this.#known
    return { score: accuracy, figures: { accuracy } }
  }
}
