// Several transforms in a row or by chance, and the one place that knows them all.

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import { type Image, verifyImage } from '../../vision/image.ts'
import * as adjusting from './adjust.ts'
import {
  type Affine,
  affine,
  drawAffine,
  drawRandomAffine,
  drawRotate,
  type RandomAffine,
  type Rotate,
  randomAffine,
  rotate,
} from './affine.ts'
import { drawRandAugment, drawTrivialAugment, type RandAugment, randAugment, type TrivialAugment, trivialAugment } from './auto-augment.ts'
import { drawBlur, type GaussianBlur, gaussianBlur } from './blur.ts'
import { type ColorJitter, colorJitter, drawColorJitter } from './color-jitter.ts'
import * as cropping from './crop.ts'
import { drawErase, drawRandomErasing, type Erase, erase, type RandomErasing, randomErasing } from './erasing.ts'
import { drawFlip, type RandomHorizontalFlip, type RandomVerticalFlip, randomHorizontalFlip, randomVerticalFlip } from './flip.ts'
import * as levels from './levels.ts'
import { type Normalize, normalize } from './normalize.ts'
import { checkNumber, checkRandom, invalid } from './parameters.ts'
import {
  drawPerspective,
  drawRandomPerspective,
  type Perspective,
  perspective,
  type RandomPerspective,
  randomPerspective,
} from './perspective.ts'
import { drawLetterbox, drawResize, type Letterbox, letterbox, type Resize, resize } from './resize.ts'
import { drawResizedCrop, type RandomResizedCrop, randomResizedCrop } from './resized-crop.ts'
import { drawRotation, type RandomRotation, randomRotation } from './rotation.ts'
import type { Step } from './step.ts'

export interface Compose {
  readonly kind: 'compose'
  readonly steps: readonly Transform[]
}

export interface RandomApply {
  readonly kind: 'randomApply'
  readonly steps: readonly Transform[]
  /** 0 to 1. */
  readonly probability: number
}

export interface RandomChoice {
  readonly kind: 'randomChoice'
  readonly choices: readonly Transform[]
}

/** Plain data: it goes to workers, into checkpoints and into the model's recipe as it is. */
export type Transform =
  | RandomHorizontalFlip
  | RandomVerticalFlip
  | Resize
  | Letterbox
  | cropping.RandomCrop
  | cropping.CenterCrop
  | cropping.Crop
  | cropping.Pad
  | RandomResizedCrop
  | RandomRotation
  | Rotate
  | Affine
  | RandomAffine
  | Perspective
  | RandomPerspective
  | ColorJitter
  | adjusting.Adjust
  | adjusting.AdjustHue
  | levels.Plain
  | levels.Posterize
  | levels.Solarize
  | GaussianBlur
  | Erase
  | RandomErasing
  | RandAugment
  | TrivialAugment
  | Normalize
  | Compose
  | RandomApply
  | RandomChoice

/** Does the steps from first to last. A `normalize` must be the last one. */
export function compose(steps: readonly Transform[]): Compose {
  if (!Array.isArray(steps)) throw invalid('compose', 'a list of transforms', steps)
  const flat = steps.flatMap((step) => (step?.kind === 'compose' ? step.steps : [step])).map(parseTransform)
  const at = flat.findIndex((step) => step.kind === 'normalize')
  if (at >= 0 && at < flat.length - 1) throw invalid('compose', 'normalize as the last step', flat[at + 1]!.kind)
  return { kind: 'compose', steps: flat }
}

/** Does all of the steps, or none, with the given probability, default 0.5. */
export function randomApply(steps: readonly Transform[], probability = 0.5): RandomApply {
  return { kind: 'randomApply', steps: optional('steps', steps), probability: checkNumber('probability', probability, 0, 1) }
}

/** Does one of the transforms, each with the same probability. */
export function randomChoice(choices: readonly Transform[]): RandomChoice {
  return { kind: 'randomChoice', choices: optional('choices', choices) }
}

function optional(field: string, transforms: readonly Transform[]): Transform[] {
  if (!Array.isArray(transforms) || transforms.length === 0) throw invalid(field, 'a list of transforms', transforms)
  const checked = transforms.map(parseTransform)
  if (checked.some((transform) => normalizationOf(transform) !== undefined))
    throw invalid(field, 'no normalize, as it is part of the model and cannot come by chance', 'normalize')
  return checked
}

type Draw<T> = (transform: T, from: PictureSize, random: Random) => readonly Step[]

const draw: { [K in Transform['kind']]: Draw<Extract<Transform, { kind: K }>> } = {
  randomHorizontalFlip: drawFlip,
  randomVerticalFlip: drawFlip,
  resize: drawResize,
  letterbox: drawLetterbox,
  randomCrop: cropping.drawRandomCrop,
  centerCrop: cropping.drawCenterCrop,
  crop: cropping.drawCrop,
  pad: cropping.drawPad,
  randomResizedCrop: drawResizedCrop,
  randomRotation: drawRotation,
  rotate: drawRotate,
  affine: drawAffine,
  randomAffine: drawRandomAffine,
  perspective: drawPerspective,
  randomPerspective: drawRandomPerspective,
  colorJitter: drawColorJitter,
  adjustBrightness: adjusting.drawAdjust,
  adjustContrast: adjusting.drawAdjust,
  adjustSaturation: adjusting.drawAdjust,
  adjustSharpness: adjusting.drawAdjust,
  adjustHue: adjusting.drawAdjustHue,
  grayscale: levels.drawPlain,
  invert: levels.drawPlain,
  autocontrast: levels.drawPlain,
  equalize: levels.drawPlain,
  posterize: levels.drawPosterize,
  solarize: levels.drawSolarize,
  gaussianBlur: drawBlur,
  erase: drawErase,
  randomErasing: drawRandomErasing,
  randAugment: drawRandAugment,
  trivialAugment: drawTrivialAugment,
  normalize: () => [],
  compose: ({ steps }, from, random) => drawAll(steps, from, random),
  randomApply: ({ steps, probability }, from, random) => (random.chance(probability) ? drawAll(steps, from, random) : []),
  randomChoice: ({ choices }, from, random) => drawSteps(random.pick(choices), from, random),
}

/**
 * Draws the random numbers of a transform for a picture of this size, once: what comes back does the same to the picture and to what is
 * annotated in it. @throws DATA_TRANSFORM_INVALID where the transform does not fit the size
 */
export function drawSteps(transform: Transform, from: PictureSize, random: Random): readonly Step[] {
  return (draw[transform.kind] as Draw<Transform>)(transform, from, random)
}

/** As `drawSteps`, of what came from outside. */
export function drawChecked(transform: Transform, from: PictureSize, random: Random): readonly Step[] {
  checkRandom(random)
  return drawSteps(parseTransform(transform), from, random)
}

function drawAll(transforms: readonly Transform[], from: PictureSize, random: Random): Step[] {
  let size = from
  return transforms.flatMap((transform) => {
    const steps = drawSteps(transform, size, random)
    size = sizeAfter(steps, size)
    return steps
  })
}

function sizeAfter(steps: readonly Step[], from: PictureSize): PictureSize {
  return steps.findLast(({ geometry }) => geometry !== undefined)?.geometry?.to ?? from
}

/**
 * A new picture; the given one is left as it was (it may be returned as it is). The same random state gives the same bytes.
 * @throws IMAGE_INVALID where the image is not well formed; DATA_TRANSFORM_INVALID where the transform is none or does not fit the picture
 */
export function applyTransform(image: Image, transform: Transform, random: Random): Image {
  return drawChecked(transform, verifyImage(image), random).reduce((current, step) => step.apply(current), image)
}

const parse: { [K in Transform['kind']]: (from: Extract<Transform, { kind: K }>) => Transform } = {
  randomHorizontalFlip: ({ probability }) => randomHorizontalFlip(probability),
  randomVerticalFlip: ({ probability }) => randomVerticalFlip(probability),
  resize: ({ size, ...options }) => resize(size, options),
  letterbox: ({ size, ...options }) => letterbox(size, options),
  randomCrop: ({ size, padding, fill }) => cropping.randomCrop(size, { padding, fill }),
  centerCrop: ({ size, fill }) => cropping.centerCrop(size, { fill }),
  crop: cropping.crop,
  pad: ({ padding, fill }) => cropping.pad(padding, { fill }),
  randomResizedCrop: ({ size, scale, ratio, interpolation }) => randomResizedCrop(size, { scale, ratio, interpolation }),
  randomRotation: ({ degrees, fill }) => randomRotation(degrees, { fill }),
  rotate: ({ degrees, ...options }) => rotate(degrees, options),
  affine,
  randomAffine,
  perspective,
  randomPerspective,
  colorJitter: (from) => colorJitter(from),
  adjustBrightness: ({ factor }) => adjusting.adjustBrightness(factor),
  adjustContrast: ({ factor }) => adjusting.adjustContrast(factor),
  adjustSaturation: ({ factor }) => adjusting.adjustSaturation(factor),
  adjustSharpness: ({ factor }) => adjusting.adjustSharpness(factor),
  adjustHue: ({ turn }) => adjusting.adjustHue(turn),
  grayscale: levels.grayscale,
  invert: levels.invert,
  autocontrast: levels.autocontrast,
  equalize: levels.equalize,
  posterize: ({ bits }) => levels.posterize(bits),
  solarize: ({ threshold }) => levels.solarize(threshold),
  gaussianBlur: ({ kernelSize, sigma }) => gaussianBlur(kernelSize, { sigma }),
  erase,
  randomErasing,
  randAugment,
  trivialAugment,
  normalize: (from) => normalize(from),
  compose: ({ steps }) => compose(steps),
  randomApply: ({ steps, probability }) => randomApply(steps, probability),
  randomChoice: ({ choices }) => randomChoice(choices),
}

/** A transform out of parsed JSON, checked. @throws DATA_TRANSFORM_INVALID naming the field. */
export function parseTransform(value: unknown): Transform {
  const kind = typeof value === 'object' && value !== null ? (value as { kind?: unknown }).kind : undefined
  if (typeof kind !== 'string' || !Object.hasOwn(parse, kind))
    throw invalid('kind', `one of ${Object.keys(parse).join(', ')}`, kind ?? value)
  const given = value as Readonly<Record<string, unknown>>
  const parsed = (parse[kind as Transform['kind']] as (from: Transform) => Transform)(value as Transform)
  // A mistyped option would do nothing, and be taken for one that did.
  const unknown = Object.keys(given).find((key) => given[key] !== undefined && !(key in parsed))
  if (unknown === undefined) return parsed
  const known = Object.keys(parsed).filter((key) => key !== 'kind')
  throw invalid(`${kind}.${unknown}`, known.length === 0 ? 'no options' : `an option such as ${known.join(', ')}`, given[unknown])
}

/** The normalisation that a transform states, for the graph; undefined where it states none. */
export function normalizationOf(transform: Transform | undefined): Normalize | undefined {
  if (transform?.kind === 'normalize') return transform
  return transform?.kind === 'compose' ? transform.steps.map(normalizationOf).find((found) => found !== undefined) : undefined
}

/** True where applying it changes nothing at all. */
export function isIdentity(transform: Transform | undefined): boolean {
  if (transform === undefined || transform.kind === 'normalize') return true
  return transform.kind === 'compose' && transform.steps.every(isIdentity)
}
