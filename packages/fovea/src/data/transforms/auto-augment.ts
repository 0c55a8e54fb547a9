// Augmentation policies that need no search: RandAugment (Cubuk et al. 2019) and TrivialAugment (Müller and Hutter 2021).

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness, drawAdjust } from './adjust.ts'
import { type AffineMap, affine, checkResampling, drawAffine, drawRotate, type Resampling, rotate } from './affine.ts'
import { autocontrast, drawPlain, drawPosterize, drawSolarize, equalize, posterize, solarize } from './levels.ts'
import { checkWhole, optionsOf } from './parameters.ts'
import type { Step } from './step.ts'

export interface RandAugment extends Resampling {
  readonly kind: 'randAugment'
  /** How many operations are done one after another. */
  readonly operations: number
  /** Their strength, 0 to `bins` - 1. */
  readonly magnitude: number
  readonly bins: number
}

export interface TrivialAugment extends Resampling {
  readonly kind: 'trivialAugment'
  readonly bins: number
}

export type RandAugmentOptions = Partial<Omit<RandAugment, 'kind'>>
export type TrivialAugmentOptions = Partial<Omit<TrivialAugment, 'kind'>>

/**
 * Two random operations of strength 9 of 31 (defaults), out of fourteen: shears, shifts, rotation, brightness, saturation, contrast,
 * sharpness, posterize, solarize, autocontrast, equalize and none. Operations and strengths are torchvision's `RandAugment`; nearest by
 * default, as there. Here annotations move with the picture.
 */
export function randAugment(options: RandAugmentOptions = {}): RandAugment {
  const {
    operations = 2,
    magnitude = 9,
    bins = 31,
    ...rest
  } = optionsOf('randAugment', options, ['operations', 'magnitude', 'bins', 'interpolation', 'fill'])
  const most = checkWhole('bins', bins, 2, 1000)
  return {
    kind: 'randAugment',
    operations: checkWhole('operations', operations, 0, 20),
    magnitude: checkWhole('magnitude', magnitude, 0, most - 1),
    bins: most,
    ...checkResampling({ interpolation: 'nearest', ...rest }),
  }
}

/** One random operation of random strength; operations and strengths are torchvision's `TrivialAugmentWide`, nearest by default, as there. */
export function trivialAugment(options: TrivialAugmentOptions = {}): TrivialAugment {
  const { bins = 31, ...rest } = optionsOf('trivialAugment', options, ['bins', 'interpolation', 'fill'])
  return { kind: 'trivialAugment', bins: checkWhole('bins', bins, 2, 1000), ...checkResampling({ interpolation: 'nearest', ...rest }) }
}

/** The strongest of each operation. */
interface Space {
  readonly shear: number
  /** Pixels. */
  readonly shiftX: number
  readonly shiftY: number
  readonly degrees: number
  readonly color: number
  /** Bits that are taken away. */
  readonly bits: number
}

export function drawRandAugment({ operations, magnitude, bins, ...how }: RandAugment, from: PictureSize, random: Random): Step[] {
  const part = 150 / 331
  const space: Space = { shear: 0.3, shiftX: part * from.width, shiftY: part * from.height, degrees: 30, color: 0.9, bits: 4 }
  return Array.from({ length: operations }, () => drawOne(space, magnitude / (bins - 1), from, random, how)).flat()
}

export function drawTrivialAugment({ bins, ...how }: TrivialAugment, from: PictureSize, random: Random): Step[] {
  const space: Space = { shear: 0.99, shiftX: 32, shiftY: 32, degrees: 135, color: 0.99, bits: 6 }
  return drawOne(space, random.integer(0, bins) / (bins - 1), from, random, how)
}

export const policyOperations = [
  'identity',
  'shearX',
  'shearY',
  'translateX',
  'translateY',
  'rotate',
  'brightness',
  'saturation',
  'contrast',
  'sharpness',
  'posterize',
  'solarize',
  'autocontrast',
  'equalize',
] as const

function drawOne(space: Space, strength: number, from: PictureSize, random: Random, how: Resampling): Step[] {
  const name = random.pick(policyOperations)
  const sign = random.chance(0.5) ? -1 : 1
  return policySteps(name, space, strength, sign, from, how)
}

/** One operation at a strength of 0 to 1. */
export function policySteps(
  name: (typeof policyOperations)[number],
  space: Space,
  strength: number,
  sign: 1 | -1,
  from: PictureSize,
  { interpolation, fill }: Resampling,
): Step[] {
  const signed = (most: number) => sign * Math.fround(most * strength)
  const map = (options: Partial<AffineMap>) => drawAffine(affine({ ...options, interpolation, fill }), from)
  const degrees = (slope: number) => (Math.atan(slope) * 180) / Math.PI
  switch (name) {
    case 'identity':
      return []
    case 'shearX':
      return map({ shear: [degrees(signed(space.shear)), 0], center: [0, 0] })
    case 'shearY':
      return map({ shear: [0, degrees(signed(space.shear))], center: [0, 0] })
    case 'translateX':
      return map({ translate: [Math.trunc(signed(space.shiftX)), 0] })
    case 'translateY':
      return map({ translate: [0, Math.trunc(signed(space.shiftY))] })
    case 'rotate':
      return drawRotate(rotate(signed(space.degrees), { interpolation, fill }), from)
    case 'brightness':
      return drawAdjust(adjustBrightness(1 + signed(space.color)))
    case 'saturation':
      return drawAdjust(adjustSaturation(1 + signed(space.color)))
    case 'contrast':
      return drawAdjust(adjustContrast(1 + signed(space.color)))
    case 'sharpness':
      return drawAdjust(adjustSharpness(1 + signed(space.color)))
    case 'posterize':
      return drawPosterize(posterize(Math.round(8 - space.bits * strength)))
    case 'solarize':
      return drawSolarize(solarize(255 * Math.fround(1 - strength)))
    case 'autocontrast':
      return drawPlain(autocontrast())
    case 'equalize':
      return drawPlain(equalize())
  }
}
