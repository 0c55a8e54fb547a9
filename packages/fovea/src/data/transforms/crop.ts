// A random window of the padded picture, the classic augmentation of small images.

import type { Random } from '../../util/random.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { checkFill, checkNumber, checkSize, type Fill, invalid, reflect, type Size } from './parameters.ts'

export interface RandomCrop {
  readonly kind: 'randomCrop'
  /** Undefined keeps the picture's size, which makes the crop a random shift by up to `padding`. */
  readonly size?: Size
  /** Pixels added on every side before the crop. */
  readonly padding: number
  readonly fill: Fill
}

export interface RandomCropOptions {
  readonly padding?: number
  readonly fill?: Fill
}

/** Cuts a window of `size` out of the picture padded by `padding` (default 0) with `fill` (default reflect). */
export function randomCrop(size?: number | Size, { padding = 0, fill = 'reflect' }: RandomCropOptions = {}): RandomCrop {
  const checked = checkSize('size', size)
  const params = { kind: 'randomCrop', padding: checkNumber('padding', padding, 0, 4096), fill: checkFill('fill', fill) } as const
  return checked === undefined ? params : { ...params, size: checked }
}

/** @throws DATA_TRANSFORM_INVALID where the padded picture is smaller than the window. */
export function applyCrop(image: Image, { size, padding, fill }: RandomCrop, random: Random): Image {
  const [height, width] = size ?? [image.height, image.width]
  const slackY = image.height + 2 * padding - height
  const slackX = image.width + 2 * padding - width
  if (slackY < 0 || slackX < 0)
    throw invalid('randomCrop.size', `at most ${image.height + 2 * padding}x${image.width + 2 * padding}`, [height, width])
  const top = random.integer(0, slackY + 1) - padding
  const left = random.integer(0, slackX + 1) - padding
  return windowOf(image, top, left, height, width, fill)
}

/** The window that begins at (`top`, `left`), which may lie outside the picture in part. */
export function windowOf(image: Image, top: number, left: number, height: number, width: number, fill: Fill): Image {
  const { channels, data } = image
  const out = createImage(width, height, channels, undefined, image.source)
  const columns = Int32Array.from({ length: width }, (_, x) => source(left + x, image.width, fill))
  const color = fill === 'reflect' ? [0, 0, 0] : fill
  let to = 0
  for (let y = 0; y < height; y++) {
    const row = source(top + y, image.height, fill)
    for (let x = 0; x < width; x++) {
      const column = columns[x]!
      if (row < 0 || column < 0) {
        for (let c = 0; c < channels; c++) out.data[to++] = c === 3 ? 255 : color[c]!
      } else {
        const from = (row * image.width + column) * channels
        for (let c = 0; c < channels; c++) out.data[to++] = data[from + c]!
      }
    }
  }
  return out
}

/** Where a row or column comes from; -1 for the fill colour. */
function source(at: number, size: number, fill: Fill): number {
  if (at >= 0 && at < size) return at
  return fill === 'reflect' ? reflect(at, size) : -1
}
