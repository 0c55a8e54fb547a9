// A picture with what is annotated in it, transformed together.

import type { Random } from '../../util/random.ts'
import type { Annotation } from '../../vision/annotation.ts'
import { chainGeometry, type Geometry } from '../../vision/geometry/geometry.ts'
import { type LabelMap, moveLabelMap } from '../../vision/geometry/label-map.ts'
import { type AnnotationRule, moveAnnotations } from '../../vision/geometry/move-annotations.ts'
import { type Image, verifyImage } from '../../vision/image.ts'
import { drawChecked, type Transform } from './compose.ts'
import { centerCrop, drawCenterCrop } from './crop.ts'
import { checkNumber, checkSizeGiven, invalid, type Size } from './parameters.ts'
import { type Step, windowStep } from './step.ts'

export interface AnnotatedImage {
  readonly image: Image
  readonly annotations: readonly Annotation[]
  /** A class for each pixel of the picture. */
  readonly labelMap?: LabelMap
}

/**
 * The sample after a transform: boxes, turned boxes, outlines, masks, keypoints and the label map move with the picture, as
 * `moveAnnotations` tells. They move once, by all steps together, so that a chain of steps does not blur masks or widen boxes; what a step
 * pushes out of the picture stays out. Without a geometric step the annotations come back as they are. The same random state gives the same
 * sample.
 * @throws DATA_TRANSFORM_INVALID where the transform or a mask does not fit the picture; IMAGE_INVALID
 */
export function transformSample(sample: AnnotatedImage, transform: Transform, random: Random, rule: AnnotationRule = {}): AnnotatedImage {
  checkSample(sample)
  return applySteps(sample, drawChecked(transform, verifyImage(sample.image), random), rule)
}

/** @throws IMAGE_INVALID; DATA_TRANSFORM_INVALID where the sample is none */
export function checkSample(sample: AnnotatedImage): void {
  if (typeof sample !== 'object' || sample === null) throw invalid('sample', 'an image with annotations', sample)
  verifyImage(sample.image)
  const { annotations } = sample
  if (!Array.isArray(annotations)) throw invalid('annotations', 'a list', annotations)
  const at = annotations.findIndex((one) => typeof one !== 'object' || one === null)
  if (at >= 0) throw invalid(`annotations[${at}]`, 'an object', annotations[at])
}

/** As `transformSample`, with the random numbers drawn before. */
export function applySteps(sample: AnnotatedImage, steps: readonly Step[], rule: AnnotationRule = {}): AnnotatedImage {
  checkRule(rule)
  const image = steps.reduce((current, step) => step.apply(current), sample.image)
  const geometry = geometryOfSteps(steps)
  if (geometry === undefined) return { ...sample, image }
  const { width, height } = sample.image
  const { labelMap } = sample
  if (labelMap !== undefined && (labelMap.width !== width || labelMap.height !== height))
    throw invalid('labelMap', `the picture's ${width}x${height} pixels`, `${labelMap.width}x${labelMap.height}`)
  return {
    image,
    annotations: moveAnnotations(sample.annotations, geometry, rule),
    ...(labelMap && { labelMap: moveLabelMap(labelMap, geometry) }),
  }
}

/** What all steps together do to positions; undefined where nothing moves. */
export function geometryOfSteps(steps: readonly Step[]): Geometry | undefined {
  return steps
    .flatMap(({ geometry }) => geometry ?? [])
    .reduce<Geometry | undefined>((all, next) => (all ? chainGeometry(all, next) : next), undefined)
}

/**
 * The windows of `size` at the four corners (top left, top right, bottom left, bottom right) and in the middle, each with its annotations:
 * one sample becomes five, so it is a function and no step of a `compose`. Pictures equal torchvision's `five_crop`, byte for byte.
 * @throws DATA_TRANSFORM_INVALID where the picture is smaller than the window
 */
export function fiveCrop(sample: AnnotatedImage, size: number | Size, rule: AnnotationRule = {}): AnnotatedImage[] {
  checkSample(sample)
  const [height, width] = checkSizeGiven('size', size)
  const [bottom, right] = [sample.image.height - height, sample.image.width - width]
  if (bottom < 0 || right < 0) throw invalid('size', `at most ${sample.image.height}x${sample.image.width}`, [height, width])
  const corners = [
    [0, 0],
    [0, right],
    [bottom, 0],
    [bottom, right],
  ] as const
  const steps = corners.map(([top, left]) => [windowStep(sample.image, top, left, height, width, 'reflect')])
  const middle = drawCenterCrop(centerCrop([height, width]), sample.image)
  return [...steps, middle].map((window) => applySteps(sample, window, rule))
}

function checkRule(rule: AnnotationRule): void {
  if (typeof rule !== 'object' || rule === null) throw invalid('rule', 'an object such as { minVisible: 0.2 }', rule)
  const { minVisible, minSide, below = 'drop' } = rule
  if (below !== 'drop' && below !== 'keep') throw invalid('below', 'drop or keep', below)
  if (minVisible !== undefined) checkNumber('minVisible', minVisible, 0, 1)
  if (minSide !== undefined) checkNumber('minSide', minSide, 0, 65_536)
}
