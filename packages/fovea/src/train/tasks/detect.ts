// Training of a detector's head.

import type { ImageDataset } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { HeadAnswer } from '../../model/answers.ts'
import type { DetectHead } from '../../model/heads/head.ts'
import { detectionLoss } from '../../nn/detection/loss.ts'
import { FoveaError } from '../../util/errors.ts'
import { type Annotation, hasExtent, hasPixels } from '../../vision/annotation.ts'
import { Detections } from '../../vision/detections.ts'
import { CocoMetric } from '../../vision/metrics/coco.ts'
import { boxOf, maskOf } from '../../vision/metrics/detections.ts'
import { visitRuns } from '../../vision/run-lengths.ts'
import type { HeadContext, HeadTraining, Meter } from './head-training.ts'

/** The most boxes that are learnt from a picture: memory of the assignment grows with them. */
const mostBoxes = 300

/** Boxes that are learnt: crowds are many things in one, and what is hard even for people teaches little. */
function isTaught(annotation: Annotation): boolean {
  const { label, isCrowd, isDifficult, isCutOff } = annotation
  return label >= 0 && !isCrowd && !isDifficult && !isCutOff && hasExtent(annotation)
}

/** Neither things to be found nor free of things. */
function isIgnored(annotation: Annotation): boolean {
  const { label, isCrowd, isDifficult, isCutOff } = annotation
  return (label < 0 || isCrowd === true || isDifficult === true || isCutOff === true) && hasExtent(annotation)
}

/** 0 at points that lie in one of the things; levels one after another, row by row. @param size of the picture, height and width */
function ignorePoints(
  flags: Float32Array,
  ignored: readonly Annotation[],
  levels: readonly { readonly stride: number }[],
  [height, width]: readonly [number, number],
): void {
  let from = 0
  for (const { stride } of levels) {
    const [rows, columns] = [Math.ceil(height / stride), Math.ceil(width / stride)]
    for (const annotation of ignored) {
      const { x1, y1, x2, y2 } = boxOf(annotation, 'annotation')
      const first = (side: number) => Math.max(0, Math.ceil(side / stride - 0.5))
      const end = (side: number, most: number) => Math.min(most, Math.floor(side / stride - 0.5) + 1)
      const [left, right] = [first(x1), end(x2, columns)]
      for (let y = first(y1); y < end(y2, rows); y++) if (left < right) flags.fill(0, from + y * columns + left, from + y * columns + right)
    }
    from += rows * columns
  }
}

/** Beside things of which a point alone is known, the rest of the picture is not free of things. */
function isKnown({ annotations }: ImageDataset['samples'][number]): boolean {
  return annotations?.every((one) => one.label < 0 || hasExtent(one)) ?? false
}

/** @throws FoveaError TRAIN_OPTION where no picture has a box */
export function detectTraining(
  head: DetectHead,
  { train, batchSize, imageSize, cropped = false, detectLoss = {}, joined }: HeadContext,
): HeadTraining {
  const { name, labels, auxiliary, masks } = head
  const scores = head.scores!
  const counts = train.samples.map(({ annotations = [] }) => annotations.filter(isTaught).length)
  const boxes = Math.min(mostBoxes, joined * counts.reduce((most, count) => Math.max(most, count), 0))
  if (boxes === 0) throw new FoveaError('TRAIN_OPTION', { field: 'train', expected: `boxes to learn for "${name}"`, found: 'none' })
  const unknown = !train.samples.every(isKnown)
  const known = cropped || unknown || train.samples.some(({ annotations = [] }) => annotations.some(isIgnored))
  if (unknown && joined > 1)
    throw new FoveaError('TRAIN_OPTION', {
      field: 'mosaic',
      expected: `boxes of all things to learn for "${name}"`,
      found: 'points in some pictures',
    })
  const points = scores.levels.reduce((sum, { stride }) => sum + Math.ceil(imageSize[0] / stride) * Math.ceil(imageSize[1] / stride), 0)
  if (masks !== undefined && !train.samples.some(({ annotations = [] }) => annotations.some(hasPixels)))
    throw new FoveaError('TRAIN_OPTION', { field: 'train', expected: `masks or outlines to learn for "${name}"`, found: 'boxes alone' })
  const grid = masks && { height: Math.ceil(imageSize[0] / masks.stride), width: Math.ceil(imageSize[1] / masks.stride) }
  const inputs = {
    masks: `target_${name}_masks`,
    masked: `target_${name}_masked`,
    boxes: `target_${name}_boxes`,
    labels: `target_${name}_labels`,
    known: `target_${name}_known`,
  }
  return {
    loss(b: GraphBuilder) {
      const truth = b.input(inputs.boxes, 'float32', [batchSize, boxes, 4])
      const classes = b.input(inputs.labels, 'int64', [batchSize, boxes])
      const options = {
        ...detectLoss,
        dims: { count: batchSize, boxes, classes: labels.length, points, bins: scores.bins },
        ...(known && { known: b.input(inputs.known, 'float32', [batchSize, 1, points]) }),
        ...(grid && {
          masks: {
            scores: masks!,
            masks: b.op('Cast', [b.input(inputs.masks, 'uint8', [batchSize, boxes, grid.height, grid.width])], { to: 1 }),
            known: b.input(inputs.masked, 'float32', [batchSize, boxes]),
            ...grid,
          },
        }),
      }
      if (auxiliary === undefined) {
        const { loss, terms, constants } = detectionLoss(b, scores, truth, classes, options)
        return { loss, outputs: terms, constants }
      }
      const one = detectionLoss(b, scores, truth, classes, { ...options, assign: { topK: 1 } })
      const { masks: _, ...plain } = options
      const many = detectionLoss(b, auxiliary, truth, classes, plain)
      return {
        loss: b.op('Add', [one.loss, many.loss]),
        outputs: { ...one.terms, many_loss: many.loss },
        // Nothing passes from the head that answers once to the pyramid.
        constants: [...one.constants, ...many.constants, ...scores.levels.map(({ value }) => value)],
      }
    },
    targets({ annotations, indices }: Batch) {
      const corners = new Float32Array(batchSize * boxes * 4)
      const classes = new BigInt64Array(batchSize * boxes).fill(-1n)
      const cells = grid && new Uint8Array(batchSize * boxes * grid.height * grid.width)
      const masked = new Float32Array(batchSize * boxes)
      for (const [picture, marked] of annotations.entries()) {
        // Where there are too many, the largest are learnt.
        const taught = marked
          .filter(isTaught)
          .map((annotation) => ({ annotation, label: annotation.label, box: boxOf(annotation, 'annotation') }))
        if (taught.length > boxes) taught.sort((a, b) => areaOf(b.box) - areaOf(a.box))
        for (const [i, { label, box, annotation }] of taught.slice(0, boxes).entries()) {
          corners.set([box.x1, box.y1, box.x2, box.y2], 4 * (picture * boxes + i))
          classes[picture * boxes + i] = BigInt(label)
          if (cells === undefined || !hasPixels(annotation)) continue
          const size = grid!.height * grid!.width
          const place = picture * boxes + i
          masked[place] = 1
          fillCells(cells.subarray(place * size, (place + 1) * size), annotation, { ...grid!, stride: masks!.stride }, imageSize)
        }
      }
      const flags = new Float32Array(known ? batchSize * points : 0)
      for (const [picture, index] of indices.entries()) {
        if (!known || !isKnown(train.samples[index]!)) continue
        const own = flags.subarray(picture * points, (picture + 1) * points).fill(1)
        ignorePoints(own, annotations[picture]!.filter(isIgnored), scores.levels, imageSize)
      }
      return {
        [inputs.boxes]: Tensor.float32([batchSize, boxes, 4], corners),
        [inputs.labels]: Tensor.of('int64', [batchSize, boxes], classes),
        ...(known && { [inputs.known]: Tensor.float32([batchSize, 1, points], flags) }),
        ...(cells && {
          [inputs.masks]: Tensor.of('uint8', [batchSize, boxes, grid!.height, grid!.width], cells),
          [inputs.masked]: Tensor.float32([batchSize, boxes], masked),
        }),
      }
    },
    meter: (held) => new DetectMeter(labels, held, masks !== undefined),
  }
}

/** 1 in cells of which the thing fills at least half. @param size of the picture in the batch, height and width */
function fillCells(
  cells: Uint8Array,
  annotation: Annotation,
  { width, height, stride }: { readonly width: number; readonly height: number; readonly stride: number },
  size: readonly [number, number],
): void {
  const counts = new Uint16Array(width * height)
  const picture = { height: size[0], width: size[1], truths: [], detections: [] }
  visitRuns(maskOf(annotation, picture, 'annotation'), (x, top, bottom) => {
    const column = Math.floor(x / stride)
    for (let y = top; y < bottom; y++) {
      const at = Math.floor(y / stride) * width + column
      counts[at] = counts[at]! + 1
    }
  })
  for (const [i, count] of counts.entries()) cells[i] = 2 * count >= stride * stride ? 1 : 0
}

function areaOf({ x1, y1, x2, y2 }: { x1: number; y1: number; x2: number; y2: number }): number {
  return (x2 - x1) * (y2 - y1)
}

class DetectMeter implements Meter {
  readonly #boxes: CocoMetric
  /** Of things whose masks are known. */
  readonly #masks: CocoMetric | undefined
  readonly #held: ImageDataset

  constructor(labels: readonly string[], held: ImageDataset, masks: boolean) {
    this.#boxes = new CocoMetric(labels)
    this.#masks = masks ? new CocoMetric(labels, { by: 'masks' }) : undefined
    this.#held = held
  }

  add({ annotations, indices }: Batch, answers: readonly HeadAnswer[]): void {
    for (const [i, answer] of answers.entries()) {
      if (!(answer instanceof Detections) || !isKnown(this.#held.samples[indices[i]!]!)) continue
      const truths = annotations[i]!.filter((one) => one.label >= 0 && hasExtent(one))
      const picture = { picture: indices[i]!, width: answer.width, height: answer.height, detections: answer.detections }
      this.#boxes.update([{ ...picture, truths }])
      this.#masks?.update([{ ...picture, truths: truths.filter(hasPixels) }])
    }
  }

  compute() {
    const { ap, ap50, ap75 } = this.#boxes.compute()
    const masks = this.#masks?.compute()
    // Where nothing is to be found there is no figure.
    const known = (value: number) => (Number.isNaN(value) ? 0 : value)
    const boxes = { ap: known(ap), ap50: known(ap50), ap75: known(ap75) }
    if (masks === undefined) return { score: known(ap), figures: boxes }
    return { score: (known(ap) + known(masks.ap)) / 2, figures: { ...boxes, maskAp: known(masks.ap), maskAp50: known(masks.ap50) } }
  }
}
