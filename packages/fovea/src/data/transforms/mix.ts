// Several samples made one: MixUp and CutMix over a batch with soft labels, Mosaic and MixUp of annotated pictures.
// They stand beside `Transform`, which knows one picture: MixUp and CutMix come last, on a finished batch; Mosaic comes first, before the
// transform of the sample, with partners that the loader draws by `drawPartners`.

import type { Random } from '../../util/random.ts'
import type { AnnotationRule } from '../../vision/geometry/move-annotations.ts'
import { createImage, type Image, type Rgb, toRgb } from '../../vision/image.ts'
import {
  checkColor,
  checkNumber,
  checkRandom,
  checkRange,
  checkSizeGiven,
  checkWhole,
  invalid,
  optionsOf,
  type Size,
} from './parameters.ts'
import { type AnnotatedImage, applySteps, checkSample } from './sample.ts'
import { resizeStep, windowStep } from './step.ts'

export interface BatchMix {
  /** `mixUp` blends two pictures (Zhang et al. 2018), `cutMix` pastes a rectangle of one into the other (Yun et al. 2019). */
  readonly kind: 'mixUp' | 'cutMix'
  /** The part of the first picture is drawn from Beta(alpha, alpha). */
  readonly alpha: number
  /** Of being done to a batch, 0 to 1. */
  readonly probability: number
}

export interface Mosaic {
  readonly kind: 'mosaic'
  /** Of the joined picture. */
  readonly size: Size
  /** Where the four meet, in parts of the size, drawn for x and y between the two. */
  readonly center: readonly [low: number, high: number]
  /** How much larger than a quarter of the size each of the four is, drawn between the two: at 2 things keep their size. */
  readonly zoom: readonly [low: number, high: number]
  readonly fill: Rgb
  /** 0 to 1. */
  readonly probability: number
}

interface BatchMixOptions {
  readonly alpha?: number
  readonly probability?: number
}

/** Blends pictures and labels of a batch in pairs; alpha and probability default to 1. */
export function mixUp(options: BatchMixOptions = {}): BatchMix {
  return batchMix('mixUp', options)
}

/** Pastes rectangles between the pictures of a batch in pairs; labels by area. Alpha and probability default to 1. */
export function cutMix(options: BatchMixOptions = {}): BatchMix {
  return batchMix('cutMix', options)
}

function batchMix(kind: BatchMix['kind'], options: BatchMixOptions): BatchMix {
  const { alpha = 1, probability = 1 } = optionsOf(kind, options, ['alpha', 'probability'])
  return { kind, alpha: checkNumber('alpha', alpha, 1e-3, 1e3), probability: checkNumber('probability', probability, 0, 1) }
}

/**
 * Four pictures around a point (Bochkovskiy et al. 2020): each is made to fit a quarter of `size`, laid into its corner so that it touches the
 * point, and cut at the border. The point is drawn from the middle half by default, the rest is grey 114. With `zoom` (default 1) each is enlarged
 * by a factor of its own, and of what is larger than its corner any part may be seen.
 */
export function mosaic(size: number | Size, options: Partial<Omit<Mosaic, 'kind' | 'size'>> = {}): Mosaic {
  const keys = ['center', 'zoom', 'fill', 'probability'] as const
  const { center = [0.25, 0.75], zoom = [1, 1], fill = [114, 114, 114], probability = 1 } = optionsOf('mosaic', options, keys)
  const checked = checkSizeGiven('size', size)
  if (checked[0] < 2 || checked[1] < 2) throw invalid('size', 'at least 2 pixels, as four pictures share them', size)
  return {
    kind: 'mosaic',
    size: checked,
    center: checkRange('center', center, 0, 1),
    zoom: checkRange('zoom', zoom, 0.1, 10),
    fill: checkColor('fill', fill),
    probability: checkNumber('probability', probability, 0, 1),
  }
}

/** A mix out of parsed JSON, checked. @throws DATA_TRANSFORM_INVALID naming the field */
export function parseMix(value: unknown): BatchMix | Mosaic {
  const from = (typeof value === 'object' && value !== null ? value : {}) as Partial<BatchMix> & Partial<Mosaic>
  switch (from.kind as string | undefined) {
    case 'mixUp':
      return mixUp(from)
    case 'cutMix':
      return cutMix(from)
    case 'mosaic': {
      const { size, ...options } = from
      return mosaic(size!, options)
    }
    default:
      throw invalid('kind', 'one of mixUp, cutMix, mosaic', from.kind ?? value)
  }
}

/** A batch with a probability for every class. */
export interface SoftBatch {
  /** uint8 NHWC. */
  readonly images: Uint8Array<ArrayBuffer>
  /** [count, height, width, channels] */
  readonly shape: readonly [number, number, number, number]
  /** [count, classes] */
  readonly targets: Float32Array<ArrayBuffer>
}

/** One row for each label: 1 for its class, else 0; all 0 where it is unknown (-1), which a cross-entropy then leaves out. */
export function softLabels(labels: ArrayLike<number>, classes: number): Float32Array<ArrayBuffer> {
  checkWhole('classes', classes, 1, 10_000_000)
  if (!Number.isSafeInteger(labels?.length)) throw invalid('labels', 'a list of class numbers', labels)
  const targets = new Float32Array(labels.length * classes)
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!
    if (!Number.isInteger(label) || label < -1 || label >= classes)
      throw invalid('labels', `class numbers from -1 to ${classes - 1}`, label)
    if (label >= 0) targets[i * classes + label] = 1
  }
  return targets
}

/**
 * A new batch in which each picture is mixed with the one before it (the first with the last), as torchvision's v2 `MixUp` and `CutMix` do:
 * one random part for the whole batch, and labels mixed in the same parts. Blended bytes are rounded. The batch comes back as it is where
 * the probability decides so, or where it holds one picture alone.
 */
export function mixBatch(batch: SoftBatch, given: BatchMix, random: Random): SoftBatch {
  checkRandom(random)
  // Of an alpha that is no number nothing could be drawn, and it would be tried forever.
  const mix = parseMix(given)
  if (mix.kind === 'mosaic') throw invalid('mix', 'a mix of mixUp or cutMix', given)
  const { images: pixels, shape, targets } = batch ?? {}
  if (!(pixels instanceof Uint8Array && targets instanceof Float32Array && Array.isArray(shape) && shape.length === 4))
    throw invalid('batch', 'uint8 images, a shape of four numbers and float32 targets', batch)
  if (!shape.every((side) => Number.isSafeInteger(side) && side >= 1)) throw invalid('shape', 'whole numbers of at least 1', shape)
  if (targets.length % shape[0] !== 0) throw invalid('targets', `as many for each of ${shape[0]} pictures`, targets.length)
  const [count, height, width, channels] = batch.shape
  const size = height * width * channels
  if (batch.images.length !== count * size) throw invalid('shape', `a shape of ${batch.images.length} bytes`, batch.shape)
  if (!random.chance(mix.probability) || count < 2) return batch
  const part = drawBeta(random, mix.alpha)
  if (mix.kind === 'mixUp') {
    return {
      ...batch,
      images: mixedBytes(batch.images, size, part),
      targets: mixed(batch.targets, batch.targets.length / count, part),
    }
  }
  const { top, left, bottom, right } = drawRectangle(width, height, part, random)
  const images = Uint8Array.from(batch.images)
  for (let i = 0; i < count; i++)
    for (let y = top; y < bottom; y++) {
      const [start, end] = [(y * width + left) * channels, (y * width + right) * channels]
      const other = ((i + count - 1) % count) * size
      images.set(batch.images.subarray(other + start, other + end), i * size + start)
    }
  const kept = 1 - ((right - left) * (bottom - top)) / (width * height)
  return { ...batch, images, targets: mixed(batch.targets, batch.targets.length / count, kept) }
}

/** Rows of `size` values, each blended with the one before it. */
function mixed(values: Float32Array, size: number, part: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length)
  for (let i = 0, other = values.length - size; i < out.length; i++, other++) {
    if (i === size) other = 0
    out[i] = part * values[i]! + (1 - part) * values[other]!
  }
  return out
}

/** As `mixed`, rounded. */
function mixedBytes(values: Uint8Array, size: number, part: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(values.length)
  for (let i = 0, other = values.length - size; i < out.length; i++, other++) {
    if (i === size) other = 0
    out[i] = Math.floor(part * values[i]! + (1 - part) * values[other]! + 0.5)
  }
  return out
}

/** A rectangle about a random point, of 1 - `part` of the area before it is cut at the border. */
function drawRectangle(width: number, height: number, part: number, random: Random) {
  const [x, y] = [random.integer(0, width), random.integer(0, height)]
  const half = 0.5 * Math.sqrt(1 - part)
  const [halfWidth, halfHeight] = [Math.trunc(half * width), Math.trunc(half * height)]
  return {
    left: Math.max(0, x - halfWidth),
    top: Math.max(0, y - halfHeight),
    right: Math.min(width, x + halfWidth),
    bottom: Math.min(height, y + halfHeight),
  }
}

/** Which samples go with sample `index`, out of `count`: others where there are any. */
export function drawPartners(index: number, count: number, partners: number, random: Random): number[] {
  checkRandom(random)
  return Array.from({ length: partners }, () => (count < 2 ? index : (index + random.integer(1, count)) % count))
}

/**
 * The four samples as one: their pictures as RGB, their annotations moved and joined by the rule of `moveAnnotations`. Label maps are joined
 * where all four have one; what no picture covers is unknown.
 * @throws DATA_TRANSFORM_INVALID for another number of samples
 */
export function joinMosaic(samples: readonly AnnotatedImage[], joined: Mosaic, random: Random, rule: AnnotationRule = {}): AnnotatedImage {
  if (!Array.isArray(samples) || samples.length !== 4) throw invalid('samples', 'four samples', samples?.length)
  for (const sample of samples) checkSample(sample)
  checkRandom(random)
  const { kind: _, size: given, ...options } = joined ?? {}
  const { size, center, zoom, fill } = mosaic(given as Size, options)
  const [height, width] = size
  const at = (side: number) => Math.min(side - 1, Math.max(1, Math.round(side * random.uniform(...center))))
  const [x, y] = [at(width), at(height)]
  const corners = [0, 1, 2, 3].map((corner): Corner => {
    const [isRight, isLow] = [corner % 2 === 1, corner >= 2]
    return { isRight, isLow, x: isRight ? x : 0, y: isLow ? y : 0, width: isRight ? width - x : x, height: isLow ? height - y : y }
  })
  const isZoomed = zoom[0] !== 1 || zoom[1] !== 1
  const placed = samples.map((sample, i) => {
    const enlarged = isZoomed
      ? { zoom: random.uniform(...zoom), across: random.next(), down: random.next() }
      : { zoom: 1, across: 0, down: 0 }
    return placeTile(sample, corners[i]!, enlarged, size, fill, rule)
  })
  const data = createImage(width, height, 3).data
  for (let row = 0; row < height; row++)
    for (const [start, end, side] of [
      [0, x, 0],
      [x, width, 1],
    ] as const) {
      const from = placed[(row < y ? 0 : 2) + side]!.image
      data.set(from.data.subarray((row * width + start) * 3, (row * width + end) * 3), (row * width + start) * 3)
    }
  const image = createImage(width, height, 3, data)
  const annotations = placed.flatMap((tile) => tile.annotations)
  const maps = placed.flatMap(({ labelMap }) => labelMap ?? [])
  if (maps.length < 4) return { image, annotations }
  const labels = maps[0]!.data.map((_, i) => maps[(Math.floor(i / width) < y ? 0 : 2) + (i % width < x ? 0 : 1)]!.data[i]!)
  return { image, annotations, labelMap: { ...maps[0]!, data: labels } }
}

/** Part of the canvas that one picture fills. */
interface Corner {
  readonly isRight: boolean
  readonly isLow: boolean
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The tile in its corner of the whole canvas; `across` and `down`: which part of it is seen where it is larger than that, 0 to 1. */
function placeTile(
  sample: AnnotatedImage,
  { isRight, isLow, x, y, ...room }: Corner,
  { zoom, across, down }: { readonly zoom: number; readonly across: number; readonly down: number },
  [height, width]: Size,
  fill: Rgb,
  rule: AnnotationRule,
) {
  const image = toRgb(sample.image)
  const scale = zoom * Math.min(height / 2 / image.height, width / 2 / image.width)
  const fitted = { width: Math.max(1, Math.floor(image.width * scale)), height: Math.max(1, Math.floor(image.height * scale)) }
  const seen = { width: Math.min(fitted.width, room.width), height: Math.min(fitted.height, room.height) }
  // From the side that touches the point.
  const beyond = (part: number, side: 'width' | 'height') => Math.floor(part * (fitted[side] - seen[side] + 1))
  const [fromX, fromY] = [beyond(across, 'width'), beyond(down, 'height')]
  const cutLeft = isRight ? fromX : fitted.width - seen.width - fromX
  const cutTop = isLow ? fromY : fitted.height - seen.height - fromY
  const [left, top] = [isRight ? x : room.width - seen.width, isLow ? y : room.height - seen.height]
  const steps = [
    resizeStep(image, fitted.height, fitted.width, 'bilinear'),
    windowStep(fitted, cutTop, cutLeft, seen.height, seen.width, fill),
    windowStep(seen, 0 - top, 0 - left, height, width, fill),
  ]
  return applySteps({ ...sample, image }, steps, rule)
}

/**
 * Two samples of one size laid over each other, `part` of the first (MixUp for detection); both keep their annotations. The label map of the
 * first stays.
 * @throws DATA_TRANSFORM_INVALID where the sizes differ
 */
export function blendSamples(first: AnnotatedImage, second: AnnotatedImage, part: number): AnnotatedImage {
  checkSample(first)
  checkSample(second)
  const [a, b] = [first.image, second.image]
  checkNumber('part', part, 0, 1)
  if (a.width !== b.width || a.height !== b.height || a.channels !== b.channels) throw invalid('second', describe(a), describe(b))
  const data = Uint8Array.from(a.data, (value, i) => Math.round(part * value + (1 - part) * b.data[i]!))
  return { ...first, image: createImage(a.width, a.height, a.channels, data), annotations: [...first.annotations, ...second.annotations] }
}

function describe({ width, height, channels }: Image): string {
  return `${width}x${height} with ${channels} channels`
}

/** A number from Beta(alpha, alpha), as the part of one gamma variable in the sum of two. */
function drawBeta(random: Random, alpha: number): number {
  const [a, b] = [drawGamma(random, alpha), drawGamma(random, alpha)]
  return a + b > 0 ? a / (a + b) : random.integer(0, 2)
}

/** Marsaglia and Tsang 2000; shapes under 1 by their boost. */
function drawGamma(random: Random, shape: number): number {
  if (shape < 1) return drawGamma(random, shape + 1) * (1 - random.next()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = random.normal()
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}
