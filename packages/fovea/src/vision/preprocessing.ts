// The preprocessing contract: what happens to a picture's pixels before a model sees them.

import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'

export type ResizeMode = 'squash' | 'crop' | 'letterbox'
export type Interpolation = 'nearest' | 'bilinear' | 'bicubic' | 'lanczos3'
export type ColorOrder = 'rgb' | 'bgr' | 'gray'
export type PixelScale = 'raw' | 'unit' | 'imagenet' | 'custom'
export type Layout = 'nhwc' | 'nchw'

/** Plain data: it is stored as JSON in the model file and repeated by every deployment. */
export interface Preprocessing {
  /** Height and width of the model's input; undefined where the model takes any size. */
  readonly size: readonly [height: number, width: number] | undefined
  /** `squash` ignores the aspect ratio, `crop` takes the centre, `letterbox` keeps everything and pads. */
  readonly resize: ResizeMode
  /** `crop` only: the part of the resized shorter side that the crop keeps (timm's `crop_pct`), in (0, 1]. */
  readonly cropFraction: number
  readonly interpolation: Interpolation
  /** Order of the channels that the model expects. */
  readonly color: ColorOrder
  /** `raw` 0 to 255, `unit` 0 to 1, `imagenet` and `custom` (unit - mean) / std. */
  readonly scale: PixelScale
  /** One figure per channel in 0-to-1 units; given with `custom` only. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
  /** Layout of the model's input. */
  readonly layout: Layout
  /** `letterbox` only: the grey that fills the border, 0 to 255. */
  readonly padValue: number
}

export const preprocessingFields = [
  ...(['size', 'resize', 'cropFraction', 'interpolation', 'color', 'scale', 'mean', 'std', 'layout', 'padValue'] as const),
] satisfies readonly (keyof Preprocessing)[]

/** Mean and deviation of ImageNet's training pixels, as used by nearly every published classifier. */
export const imagenetMean: readonly number[] = [0.485, 0.456, 0.406]
export const imagenetStd: readonly number[] = [0.229, 0.224, 0.225]

const modes = {
  resize: ['squash', 'crop', 'letterbox'],
  interpolation: ['nearest', 'bilinear', 'bicubic', 'lanczos3'],
  color: ['rgb', 'bgr', 'gray'],
  scale: ['raw', 'unit', 'imagenet', 'custom'],
  layout: ['nhwc', 'nchw'],
} as const

/**
 * A full contract from its parts, checked. Defaults: any size, squash, bilinear, RGB, ImageNet scaling, NHWC
 * (what a model made by Fovea takes; its graph does the scaling itself).
 * @throws PREPROCESSING_INVALID naming the field.
 */
export function createPreprocessing(parts: Partial<Preprocessing> = {}): Preprocessing {
  const full: Preprocessing = {
    size: undefined,
    resize: 'squash',
    cropFraction: 1,
    interpolation: 'bilinear',
    color: 'rgb',
    scale: 'imagenet',
    layout: 'nhwc',
    padValue: 114,
    ...parts,
  }
  check(full)
  return full
}

/** The contract out of parsed JSON; unknown keys are ignored, missing ones take their defaults. */
export function parsePreprocessing(value: unknown): Preprocessing {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) fail('preprocessing', 'an object', said(value))
  const from = value as Record<string, unknown>
  const parts: Record<string, unknown> = {}
  for (const key of preprocessingFields) {
    if (from[key] !== undefined && from[key] !== null) parts[key] = from[key]
  }
  return createPreprocessing(parts as Partial<Preprocessing>)
}

/** Channels of the model's input: 1 for grey, else 3. */
export function channelsOf(preprocessing: Preprocessing): 1 | 3 {
  return preprocessing.color === 'gray' ? 1 : 3
}

/** Mean and deviation per channel in 0-to-1 units; undefined for `raw` and `unit`. Grey takes the mean of ImageNet's three. */
export function normalization(preprocessing: Preprocessing): { mean: readonly number[]; std: readonly number[] } | undefined {
  if (preprocessing.scale === 'custom') return { mean: preprocessing.mean!, std: preprocessing.std! }
  if (preprocessing.scale !== 'imagenet') return undefined
  if (preprocessing.color === 'gray') return { mean: [0.449], std: [0.226] }
  if (preprocessing.color === 'bgr') return { mean: imagenetMean.toReversed(), std: imagenetStd.toReversed() }
  return { mean: imagenetMean, std: imagenetStd }
}

/** The contract as one affine map per channel of the input: `float = byte * factor[c] + offset[c]`. */
export function pixelAffine(preprocessing: Preprocessing): { factor: number[]; offset: number[] } {
  const channels = channelsOf(preprocessing)
  const normal = normalization(preprocessing)
  const factor: number[] = []
  const offset: number[] = []
  for (let c = 0; c < channels; c++) {
    if (preprocessing.scale === 'raw') {
      factor.push(1)
      offset.push(0)
    } else {
      const std = normal?.std[c] ?? 1
      factor.push(1 / 255 / std)
      offset.push(normal === undefined ? 0 : -normal.mean[c]! / std)
    }
  }
  return { factor, offset }
}

function check(p: Preprocessing): void {
  if (p.size !== undefined) {
    const good = Array.isArray(p.size) && p.size.length === 2 && p.size.every((n) => Number.isInteger(n) && n >= 1 && n <= 65_536)
    if (!good) fail('size', '[height, width] of 1 to 65536 pixels', said(p.size))
  }
  for (const [key, allowed] of Object.entries(modes)) {
    const value = p[key as keyof typeof modes]
    if (!(allowed as readonly string[]).includes(value)) fail(key, `one of ${allowed.join(', ')}`, said(value))
  }
  if (!(Number.isFinite(p.cropFraction) && p.cropFraction > 0 && p.cropFraction <= 1)) {
    fail('cropFraction', 'a number over 0 and up to 1', said(p.cropFraction))
  }
  if (!(Number.isInteger(p.padValue) && p.padValue >= 0 && p.padValue <= 255)) fail('padValue', '0 to 255', said(p.padValue))
  for (const key of ['mean', 'std'] as const) {
    const value = p[key]
    if (p.scale !== 'custom') {
      if (value !== undefined) fail(key, `nothing, as scale is "${p.scale}" (use "custom")`, said(value))
      continue
    }
    const length = channelsOf(p)
    const good = Array.isArray(value) && value.length === length && value.every((n) => Number.isFinite(n) && (key === 'mean' || n > 0))
    if (!good) fail(key, `${length} ${key === 'std' ? 'positive ' : ''}numbers, one per channel`, said(value))
  }
}

function fail(field: string, expected: string, found: string): never {
  throw new FoveaError('PREPROCESSING_INVALID', { field, expected, found })
}
