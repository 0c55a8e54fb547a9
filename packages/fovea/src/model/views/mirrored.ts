// The mean of what a head answers about a picture and about its mirror image.

import type { Detection } from '../../vision/annotation.ts'
import { fuseBoxes } from '../../vision/box-fusion.ts'
import { type Density, DensityMap } from '../../vision/density.ts'
import { Detections } from '../../vision/detections.ts'
import { boxOf } from '../../vision/metrics/detections.ts'
import { mirrorMask } from '../../vision/move-mask.ts'
import { type Classification, classification, type HeadAnswer } from '../answers.ts'
import type { Count } from '../heads/count.ts'
import { type Multilabel, multilabelAnswer } from '../heads/multilabel.ts'
import type { ViewRule } from './rule.ts'

/** Boxes of two looks that overlap by more than this are of the same thing (Solovyev 2019). */
const sameThing = 0.55

/**
 * Of heads whose answers cannot be averaged, the plain answer.
 *
 * @param mirrored about the mirror image, of a detector with all that is found, since the mean of two scores decides
 */
export function meanOfMirrored(plain: HeadAnswer, mirrored: HeadAnswer, rule: ViewRule): HeadAnswer {
  switch (plain.task) {
    case 'classify':
      return meanOfClasses(plain, mirrored as Classification, rule)
    case 'multilabel':
      return meanOfSeveral(plain, mirrored as Multilabel, rule)
    case 'count':
      return meanOfCounts(plain, mirrored as Count)
    case 'detect':
      return fusedDetections(plain, mirrored as Detections, rule)
    default:
      return plain
  }
}

function fusedDetections({ detections, width, height }: Detections, mirrored: Detections, rule: ViewRule): Detections {
  const { iou, byClass, limit, labels, confidence } = rule
  const turned = mirrored.detections.map((detection) => mirror(detection, width))
  // An overlap of 1 asks for all that was found.
  const joined =
    iou < 1
      ? fuseBoxes([detections, turned], { iou: Math.min(iou, sameThing), byClass })
      : [...detections, ...turned].sort((a, b) => b.score - a.score)
  const fused = joined.filter(({ label, score }) => score >= confidence(label))
  return new Detections(fused.slice(0, limit), { labels, width, height })
}

function mirror(detection: Detection, width: number): Detection {
  const { x1, y1, x2, y2 } = boxOf(detection, 'detection')
  const { mask } = detection
  return { ...detection, box: { x1: width - x2, y1, x2: width - x1, y2 }, ...(mask && { mask: mirrorMask(mask) }) }
}

function meanOfClasses(a: Classification, b: Classification, { labels, topK, reject }: ViewRule): Classification {
  const sums = new Float32Array(labels.length)
  for (const { top } of [a, b]) for (const { index, probability } of top) sums[index] = sums[index]! + probability / 2
  return classification(labels, sums, topK, reject)
}

function meanOfSeveral(a: Multilabel, b: Multilabel, { labels, topK, confidence }: ViewRule): Multilabel {
  const means = a.probabilities.map((probability, i) => (probability + b.probabilities[i]!) / 2)
  return multilabelAnswer(labels, means, (index) => means[index]! >= confidence(index), topK)
}

function meanOfCounts(a: Count, b: Count): Count {
  const mean = (x: number, y: number) => (x + y) / 2
  return {
    ...a,
    count: mean(a.count, b.count),
    counts: Object.fromEntries(Object.entries(a.counts).map(([name, count]) => [name, mean(count, b.counts[name]!)])),
    density: meanOfMaps(a.density, b.density),
  }
}

function meanOfMaps({ width, height, data, kinds }: Density, mirrored: Density): DensityMap {
  const mean = data.map((value, i) => {
    const x = i % width
    return (value + mirrored.data[i - x + (width - 1 - x)]!) / 2
  })
  const own = kinds && Object.entries(kinds).map(([name, map]) => [name, meanOfMaps(map, mirrored.kinds![name]!)] as const)
  return new DensityMap(width, height, mean, own && Object.fromEntries(own))
}
