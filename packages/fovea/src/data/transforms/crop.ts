// Windows of the picture: a random one of the padded picture, the centre, a stated one, and padding.

import type { Random } from '../../util/random.ts'
import type { PictureSize } from '../../vision/geometry/geometry.ts'
import { roundHalfEven } from '../../vision/resize.ts'
import { checkFill, checkSize, checkSizeGiven, checkWhole, type Fill, invalid, optionsOf, type Size } from './parameters.ts'
import { type Step, windowStep } from './step.ts'

export interface RandomCrop {
  readonly kind: 'randomCrop'
  /** Undefined keeps the picture's size, which makes the crop a random shift by up to `padding`. */
  readonly size?: Size
  /** Pixels added on every side before the crop. */
  readonly padding: number
  readonly fill: Fill
}

export interface CenterCrop {
  readonly kind: 'centerCrop'
  readonly size: Size
  /** Where the picture is smaller than the window. */
  readonly fill: Fill
}

export interface Crop {
  readonly kind: 'crop'
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
  /** Where the window hangs over the border. */
  readonly fill: Fill
}

export interface Pad {
  readonly kind: 'pad'
  /** Pixels: left, top, right, bottom. */
  readonly padding: readonly [left: number, top: number, right: number, bottom: number]
  readonly fill: Fill
}

interface FillOption {
  readonly fill?: Fill
}

export interface RandomCropOptions extends FillOption {
  readonly padding?: number
}

/**
 * Cuts a window of `size` out of the picture padded by `padding` (default 0) with `fill` (default reflect). Annotations are not repeated in
 * what is reflected: where things are to be found, fill with a colour.
 */
export function randomCrop(size?: number | Size, options: RandomCropOptions = {}): RandomCrop {
  const { padding = 0, fill = 'reflect' } = optionsOf('randomCrop', options, ['padding', 'fill'])
  const checked = checkSize('size', size)
  const params = { kind: 'randomCrop', padding: checkWhole('padding', padding, 0, 4096), fill: checkFill('fill', fill) } as const
  return checked === undefined ? params : { ...params, size: checked }
}

/** The window of `size` in the middle; a smaller picture is padded with `fill` (default black). Equal to torchvision's, byte for byte. */
export function centerCrop(size: number | Size, options: FillOption = {}): CenterCrop {
  const { fill = [0, 0, 0] } = optionsOf('centerCrop', options, ['fill'])
  return { kind: 'centerCrop', size: checkSizeGiven('size', size), fill: checkFill('fill', fill) }
}

/** The window that begins at (`left`, `top`); what it shows beyond the border is `fill` (default black). Equal to torchvision's, byte for byte. */
export function crop(window: Omit<Crop, 'kind' | 'fill'> & FillOption): Crop {
  if (typeof window !== 'object' || window === null) throw invalid('crop', 'an object such as { top, left, height, width }', window)
  return {
    kind: 'crop',
    top: checkWhole('top', window.top, -65_536, 65_536),
    left: checkWhole('left', window.left, -65_536, 65_536),
    height: checkWhole('height', window.height, 1, 16_384),
    width: checkWhole('width', window.width, 1, 16_384),
    fill: checkFill('fill', window.fill ?? [0, 0, 0]),
  }
}

/** Adds a border: one width for all sides, or left, top, right, bottom; `fill` is black by default. Equal to torchvision's, byte for byte. */
export function pad(padding: number | Pad['padding'], options: FillOption = {}): Pad {
  const { fill = [0, 0, 0] } = optionsOf('pad', options, ['fill'])
  const sides: unknown = typeof padding === 'number' ? [padding, padding, padding, padding] : padding
  if (!Array.isArray(sides) || sides.length !== 4) throw invalid('padding', 'a width or [left, top, right, bottom]', padding)
  for (const side of sides) checkWhole('padding', side, 0, 4096)
  return { kind: 'pad', padding: sides as unknown as Pad['padding'], fill: checkFill('fill', fill) }
}

/** @throws DATA_TRANSFORM_INVALID where the padded picture is smaller than the window. */
export function drawRandomCrop({ size, padding, fill }: RandomCrop, from: PictureSize, random: Random): Step[] {
  const [height, width] = size ?? [from.height, from.width]
  const slackY = from.height + 2 * padding - height
  const slackX = from.width + 2 * padding - width
  if (slackY < 0 || slackX < 0)
    throw invalid('randomCrop.size', `at most ${from.height + 2 * padding}x${from.width + 2 * padding}`, [height, width])
  const top = random.integer(0, slackY + 1) - padding
  const left = random.integer(0, slackX + 1) - padding
  return [windowStep(from, top, left, height, width, fill)]
}

export function drawCenterCrop({ size: [height, width], fill }: CenterCrop, from: PictureSize): Step[] {
  const begin = (whole: number, part: number) => (part > whole ? -Math.floor((part - whole) / 2) : roundHalfEven((whole - part) / 2))
  return [windowStep(from, begin(from.height, height), begin(from.width, width), height, width, fill)]
}

export function drawCrop({ top, left, height, width, fill }: Crop, from: PictureSize): Step[] {
  return [windowStep(from, top, left, height, width, fill)]
}

export function drawPad({ padding: [left, top, right, bottom], fill }: Pad, from: PictureSize): Step[] {
  return [windowStep(from, -top, -left, top + from.height + bottom, left + from.width + right, fill)]
}
