// Training of a head that segments.

import type { ImageDataset } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { HeadAnswer } from '../../model/answers.ts'
import type { SegmentHead } from '../../model/heads/head.ts'
import { segmentationLoss } from '../../nn/segmentation/loss.ts'
import { FoveaError } from '../../util/errors.ts'
import { hasPixels } from '../../vision/annotation.ts'
import type { LabelMap } from '../../vision/geometry/label-map.ts'
import { squaredDistances } from '../../vision/metrics/distance.ts'
import { SegmentationMetric } from '../../vision/metrics/segmentation.ts'
import { Segmentation } from '../../vision/segmentation.ts'
import { semanticLabels, semanticMap } from '../../vision/semantic-map.ts'
import type { HeadContext, HeadTraining, Meter } from './head-training.ts'

/** @throws FoveaError TRAIN_OPTION where no picture has a mask or an outline */
export function segmentTraining(
  head: SegmentHead,
  { train, batchSize, imageSize, segmentLoss: { boundary = 0, ...options } = {} }: HeadContext,
): HeadTraining {
  const { name, labels, scores } = head
  const isMarked = ({ annotations = [], labelMap }: ImageDataset['samples'][number]) =>
    labelMap !== undefined || annotations.some(hasPixels)
  if (!train.samples.some(isMarked))
    throw new FoveaError('TRAIN_OPTION', { field: 'train', expected: `masks or outlines to learn for "${name}"`, found: 'none' })
  const [height, width] = imageSize
  const { background } = semanticLabels(labels)
  const inputs = { classes: `target_${name}_map`, weights: `target_${name}_weights` }
  return {
    loss(b: GraphBuilder) {
      const targets = b.input(inputs.classes, 'int64', [batchSize, height, width])
      const weights = b.input(inputs.weights, 'float32', [batchSize, height, width])
      const { loss, terms } = segmentationLoss(b, { value: scores.logits, channels: labels.length }, targets, weights, options)
      return { loss, outputs: terms }
    },
    targets(batch: Batch) {
      const pixels = height * width
      const classes = new BigInt64Array(batchSize * pixels)
      const weights = new Float32Array(batchSize * pixels)
      for (const [picture, index] of batch.indices.entries()) {
        const sample = train.samples[index]!
        // A picture in which nobody marked anything says nothing; one in which nothing is to be seen is all background.
        if (sample.annotations === undefined && sample.labelMap === undefined) continue
        const map = truthOf(batch, picture, width, height, background)
        const near = boundary > 0 ? nearBorders(map, boundary) : undefined
        for (let i = 0, at = picture * pixels; i < pixels; i++, at++) {
          const label = map.data[i]!
          if (label === map.unknown || label >= labels.length) continue
          classes[at] = BigInt(label)
          weights[at] = 1 + (near?.[i] ?? 0)
        }
      }
      return {
        [inputs.classes]: Tensor.of('int64', [batchSize, height, width], classes),
        [inputs.weights]: Tensor.float32([batchSize, height, width], weights),
      }
    },
    meter: (held) => new SegmentMeter(labels, background, held),
  }
}

function truthOf({ labelMaps, annotations }: Batch, picture: number, width: number, height: number, background: number): LabelMap {
  return labelMaps[picture] ?? semanticMap(annotations[picture]!, width, height, background)
}

const reach = 1.5

/** `most` on borders between classes, falling with the distance from them. */
function nearBorders({ width, height, data }: LabelMap, most: number): Float32Array {
  const border = new Uint8Array(data.length)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++)
      if ((x + 1 < width && data[i] !== data[i + 1]) || (y + 1 < height && data[i] !== data[i + width])) border[i] = 1
  return Float32Array.from(squaredDistances(border, width, height), (distance) => most * Math.exp(-distance / (2 * reach * reach)))
}

class SegmentMeter implements Meter {
  readonly #metric: SegmentationMetric
  readonly #background: number
  readonly #held: ImageDataset

  constructor(labels: readonly string[], background: number, held: ImageDataset) {
    this.#metric = new SegmentationMetric(labels)
    this.#background = background
    this.#held = held
  }

  add(batch: Batch, answers: readonly HeadAnswer[]): void {
    for (const [i, answer] of answers.entries()) {
      const { annotations, labelMap } = this.#held.samples[batch.indices[i]!]!
      if (!(answer instanceof Segmentation) || (annotations === undefined && labelMap === undefined)) continue
      const { width, height, data } = answer
      const truth = truthOf(batch, i, width, height, this.#background)
      this.#metric.update({ truth: truth.data, prediction: data, unknown: truth.unknown })
    }
  }

  compute() {
    const { meanIoU, pixelAccuracy } = this.#metric.compute()
    const known = (value: number) => (Number.isNaN(value) ? 0 : value)
    return { score: known(meanIoU), figures: { meanIoU: known(meanIoU), pixelAccuracy: known(pixelAccuracy) } }
  }
}
