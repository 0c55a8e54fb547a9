// Training of a detector's head.

import type { ImageDataset } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { HeadAnswer } from '../../model/answers.ts'
import type { DetectHead } from '../../model/heads/head.ts'
import { detectionLoss } from '../../nn/detection/loss.ts'
import { FoveaError } from '../../util/errors.ts'
import type { Annotation } from '../../vision/annotation.ts'
import { Detections } from '../../vision/detections.ts'
import { CocoMetric } from '../../vision/metrics/coco.ts'
import { boxOf } from '../../vision/metrics/detections.ts'
import type { HeadContext, HeadTraining, Meter } from './head-training.ts'

/** The most boxes that are learnt from a picture: memory of the assignment grows with them. */
const mostBoxes = 300

/** Boxes that are learnt: crowds are many things in one, and what is hard even for people teaches little. */
function isTaught({ label, isCrowd, isDifficult, ...place }: Annotation): boolean {
  return label >= 0 && !isCrowd && !isDifficult && (place.box ?? place.polygons ?? place.mask) !== undefined
}

/** @throws FoveaError TRAIN_OPTION where no picture has a box */
export function detectTraining(head: DetectHead, { train, batchSize, imageSize }: HeadContext): HeadTraining {
  const { name, labels } = head
  const scores = head.scores!
  const counts = train.samples.map(({ annotations = [] }) => annotations.filter(isTaught).length)
  const boxes = Math.min(
    mostBoxes,
    counts.reduce((most, count) => Math.max(most, count), 0),
  )
  if (boxes === 0) throw new FoveaError('TRAIN_OPTION', { field: 'train', expected: `boxes to learn for "${name}"`, found: 'none' })
  const known = train.samples.some(({ annotations }) => annotations === undefined)
  const points = scores.levels.reduce((sum, { stride }) => sum + Math.ceil(imageSize[0] / stride) * Math.ceil(imageSize[1] / stride), 0)
  const inputs = { boxes: `target_${name}_boxes`, labels: `target_${name}_labels`, known: `target_${name}_known` }
  return {
    loss(b: GraphBuilder) {
      const truth = b.input(inputs.boxes, 'float32', [batchSize, boxes, 4])
      const classes = b.input(inputs.labels, 'int64', [batchSize, boxes])
      const { loss, terms, constants } = detectionLoss(b, scores, truth, classes, {
        dims: { count: batchSize, boxes, classes: labels.length, points, bins: scores.bins },
        ...(known && { known: b.input(inputs.known, 'float32', [batchSize, 1, 1]) }),
      })
      return { loss, outputs: terms, constants }
    },
    targets({ annotations, indices }: Batch) {
      const corners = new Float32Array(batchSize * boxes * 4)
      const classes = new BigInt64Array(batchSize * boxes).fill(-1n)
      for (const [picture, marked] of annotations.entries()) {
        // Where there are too many, the largest are learnt.
        const taught = marked.filter(isTaught).map((annotation) => ({ label: annotation.label, box: boxOf(annotation, 'annotation') }))
        if (taught.length > boxes) taught.sort((a, b) => areaOf(b.box) - areaOf(a.box))
        for (const [i, { label, box }] of taught.slice(0, boxes).entries()) {
          corners.set([box.x1, box.y1, box.x2, box.y2], 4 * (picture * boxes + i))
          classes[picture * boxes + i] = BigInt(label)
        }
      }
      const flags = Float32Array.from(indices, (index) => (train.samples[index]!.annotations === undefined ? 0 : 1))
      return {
        [inputs.boxes]: Tensor.float32([batchSize, boxes, 4], corners),
        [inputs.labels]: Tensor.of('int64', [batchSize, boxes], classes),
        ...(known && { [inputs.known]: Tensor.float32([batchSize, 1, 1], flags) }),
      }
    },
    meter: (held) => new DetectMeter(labels, held),
  }
}

function areaOf({ x1, y1, x2, y2 }: { x1: number; y1: number; x2: number; y2: number }): number {
  return (x2 - x1) * (y2 - y1)
}

class DetectMeter implements Meter {
  readonly #metric: CocoMetric
  readonly #held: ImageDataset

  constructor(labels: readonly string[], held: ImageDataset) {
    this.#metric = new CocoMetric(labels)
    this.#held = held
  }

  add({ annotations, indices }: Batch, answers: readonly HeadAnswer[]): void {
    for (const [i, answer] of answers.entries()) {
      if (!(answer instanceof Detections) || this.#held.samples[indices[i]!]!.annotations === undefined) continue
      const truths = annotations[i]!.filter(({ label, box, polygons, mask }) => label >= 0 && (box ?? polygons ?? mask) !== undefined)
      this.#metric.update([{ picture: indices[i]!, truths, detections: answer.detections }])
    }
  }

  compute() {
    const { ap, ap50, ap75 } = this.#metric.compute()
    // Where nothing is to be found there is no figure.
    const known = (value: number) => (Number.isNaN(value) ? 0 : value)
    return { score: known(ap), figures: { ap: known(ap), ap50: known(ap50), ap75: known(ap75) } }
  }
}
