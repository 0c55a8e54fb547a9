// Training of a head that counts.

import type { ImageDataset } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { HeadAnswer } from '../../model/answers.ts'
import type { Count } from '../../model/heads/count.ts'
import type { CountHead } from '../../model/heads/head.ts'
import { densityLoss } from '../../nn/density/loss.ts'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation } from '../../vision/annotation.ts'
import { drawDensity, placesOf } from '../../vision/density.ts'
import { CountMetric } from '../../vision/metrics/counting.ts'
import type { HeadContext, HeadTraining, Meter } from './head-training.ts'

/** Where many are marked as one crowd, nobody counted. */
function isCounted({ annotations }: ImageDataset['samples'][number]): boolean {
  return annotations?.every(({ isCrowd }) => !isCrowd) ?? false
}

/** @throws FoveaError TRAIN_OPTION where nothing is there to be counted */
export function countTraining({ name, labels, scores }: CountHead, { train, batchSize, imageSize, joined }: HeadContext): HeadTraining {
  if (!train.samples.some((sample) => isCounted(sample) && sample.annotations!.length > 0))
    throw new FoveaError('TRAIN_OPTION', { field: 'train', expected: `points or boxes to learn for "${name}"`, found: 'none' })
  if (joined > 1 && !train.samples.every(isCounted))
    throw new FoveaError('TRAIN_OPTION', {
      field: 'mosaic',
      expected: `all things of "${name}" one by one`,
      found: 'crowds in some pictures',
    })
  const { stride, density } = scores
  const [height, width] = [Math.ceil(imageSize[0] / stride), Math.ceil(imageSize[1] / stride)]
  const inputs = { density: `target_${name}_density`, known: `target_${name}_known` }
  const dims = [batchSize, labels.length, height, width]
  return {
    loss(b: GraphBuilder) {
      const targets = b.input(inputs.density, 'float32', dims)
      const { loss, terms } = densityLoss(b, density, targets, b.input(inputs.known, 'float32', [batchSize]))
      return { loss, outputs: terms }
    },
    targets({ annotations, indices }: Batch) {
      const maps = new Float32Array(batchSize * labels.length * height * width)
      const known = new Float32Array(batchSize)
      for (const [picture, index] of indices.entries()) {
        if (!isCounted(train.samples[index]!)) continue
        known[picture] = 1
        for (const label of labels.keys()) {
          const from = (picture * labels.length + label) * height * width
          const places = placesOf(annotations[picture]!.filter((one) => one.label === label && !one.isCutOff))
          drawDensity(maps.subarray(from, from + height * width), { width, height, stride }, places)
        }
      }
      return { [inputs.density]: Tensor.float32(dims, maps), [inputs.known]: Tensor.float32([batchSize], known) }
    },
    meter: (held) => new CountMeter(labels, held),
  }
}

class CountMeter implements Meter {
  readonly #labels: readonly string[]
  readonly #held: ImageDataset
  readonly #metric = new CountMetric()

  constructor(labels: readonly string[], held: ImageDataset) {
    this.#labels = labels
    this.#held = held
  }

  add({ annotations, indices }: Batch, answers: readonly HeadAnswer[]): void {
    for (const [i, answer] of answers.entries()) {
      if (answer.task !== 'count' || !isCounted(this.#held.samples[indices[i]!]!)) continue
      const truth = annotations[i]!.filter(({ label }: Annotation) => label >= 0 && label < this.#labels.length).length
      this.#metric.update({ predictions: [(answer as Count).count], truths: [truth] })
    }
  }

  compute() {
    const { mae, relativeError } = this.#metric.compute()
    const known = (value: number) => (Number.isNaN(value) ? 0 : value)
    // Where nothing is to be counted, errors count by themselves.
    return {
      score: 1 / (1 + (Number.isNaN(relativeError) ? known(mae) : relativeError)),
      figures: { mae: known(mae), relativeError: known(relativeError) },
    }
  }
}
