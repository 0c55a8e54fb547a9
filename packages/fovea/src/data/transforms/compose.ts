// Several transforms in a row, and the one place that knows them all.

import type { Random } from '../../util/random.ts'
import type { Image } from '../../vision/image.ts'
import { applyColorJitter, type ColorJitter, colorJitter } from './color-jitter.ts'
import { applyCrop, type RandomCrop, randomCrop } from './crop.ts'
import { applyFlip, type RandomHorizontalFlip, type RandomVerticalFlip, randomHorizontalFlip, randomVerticalFlip } from './flip.ts'
import { type Normalize, normalize } from './normalize.ts'
import { invalid } from './parameters.ts'
import { applyResizedCrop, type RandomResizedCrop, randomResizedCrop } from './resized-crop.ts'
import { applyRotation, type RandomRotation, randomRotation } from './rotation.ts'

export interface Compose {
  readonly kind: 'compose'
  readonly steps: readonly Transform[]
}

/** Plain data: it goes to workers, into checkpoints and into the model's recipe as it is. */
export type Transform =
  | RandomHorizontalFlip
  | RandomVerticalFlip
  | RandomCrop
  | RandomResizedCrop
  | RandomRotation
  | ColorJitter
  | Normalize
  | Compose

/** Does the steps from first to last. A `normalize` must be the last one. */
export function compose(steps: readonly Transform[]): Compose {
  if (!Array.isArray(steps)) throw invalid('compose', 'a list of transforms', steps)
  const flat = steps.flatMap((step) => (step.kind === 'compose' ? step.steps : [step])).map(parseTransform)
  const at = flat.findIndex((step) => step.kind === 'normalize')
  if (at >= 0 && at < flat.length - 1) throw invalid('compose', 'normalize as the last step', flat[at + 1]!.kind)
  return { kind: 'compose', steps: flat }
}

const apply: { [K in Transform['kind']]: (image: Image, transform: Extract<Transform, { kind: K }>, random: Random) => Image } = {
  randomHorizontalFlip: applyFlip,
  randomVerticalFlip: applyFlip,
  randomCrop: applyCrop,
  randomResizedCrop: applyResizedCrop,
  randomRotation: applyRotation,
  colorJitter: applyColorJitter,
  normalize: (image) => image,
  compose: (image, { steps }, random) => steps.reduce((current, step) => applyTransform(current, step, random), image),
}

/** A new picture; the given one is left as it was (it may be returned as it is). The same random state gives the same bytes. */
export function applyTransform(image: Image, transform: Transform, random: Random): Image {
  return (apply[transform.kind] as (image: Image, transform: Transform, random: Random) => Image)(image, transform, random)
}

const parse: { [K in Transform['kind']]: (from: Extract<Transform, { kind: K }>) => Transform } = {
  randomHorizontalFlip: ({ probability }) => randomHorizontalFlip(probability),
  randomVerticalFlip: ({ probability }) => randomVerticalFlip(probability),
  randomCrop: ({ size, padding, fill }) => randomCrop(size, { padding, fill }),
  randomResizedCrop: ({ size, scale, ratio, interpolation }) => randomResizedCrop(size, { scale, ratio, interpolation }),
  randomRotation: ({ degrees, fill }) => randomRotation(degrees, { fill }),
  colorJitter: (from) => colorJitter(from),
  normalize: (from) => normalize(from),
  compose: ({ steps }) => compose(steps),
}

/** A transform out of parsed JSON, checked. @throws DATA_TRANSFORM_INVALID naming the field. */
export function parseTransform(value: unknown): Transform {
  const kind = typeof value === 'object' && value !== null ? (value as { kind?: unknown }).kind : undefined
  if (typeof kind !== 'string' || !Object.hasOwn(parse, kind))
    throw invalid('kind', `one of ${Object.keys(parse).join(', ')}`, kind ?? value)
  return (parse[kind as Transform['kind']] as (from: Transform) => Transform)(value as Transform)
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
