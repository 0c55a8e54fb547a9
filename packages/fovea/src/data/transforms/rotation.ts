// Rotation about the centre by a random angle.

import type { Random } from '../../util/random.ts'
import { geometryOf, type PictureSize } from '../../vision/geometry/geometry.ts'
import { aboutPoint, invert3, type Matrix3 } from '../../vision/geometry/matrix.ts'
import { createImage, type Image } from '../../vision/image.ts'
import { checkFill, checkNumber, type Fill, optionsOf, reflect } from './parameters.ts'
import type { Step } from './step.ts'

export interface RandomRotation {
  readonly kind: 'randomRotation'
  /** The angle is drawn from -degrees to degrees. */
  readonly degrees: number
  readonly fill: Fill
}

/** Rotates by up to `degrees` either way, bilinear; corners are filled by reflection (default) or one colour. */
export function randomRotation(degrees: number, options: { readonly fill?: Fill } = {}): RandomRotation {
  const { fill = 'reflect' } = optionsOf('randomRotation', options, ['fill'])
  return { kind: 'randomRotation', degrees: checkNumber('degrees', degrees, 0, 180), fill: checkFill('fill', fill) }
}

export function drawRotation({ degrees, fill }: RandomRotation, from: PictureSize, random: Random): Step[] {
  const angle = random.uniform(-degrees, degrees)
  const matrix = aboutPoint(invert3(turn(angle)), from.width / 2, from.height / 2)
  return [{ geometry: geometryOf(from, from, matrix), apply: (image) => rotateImage(image, angle, fill) }]
}

/** Where the points of a picture come from that is turned counter-clockwise as seen. */
function turn(degrees: number): Matrix3 {
  const angle = (degrees * Math.PI) / 180
  return [Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0, 0, 0, 1]
}

/** Fixed point: 16 bits after the point for positions, 8 for the blend. Whole numbers give the same bytes on every machine. */
const one = 1 << 16

/** Rotates counter-clockwise by `degrees` about the centre; the size is kept. */
export function rotateImage(image: Image, degrees: number, fill: Fill = 'reflect'): Image {
  const { width, height, channels, data } = image
  const out = createImage(width, height, channels, undefined, image.source)
  const angle = (degrees * Math.PI) / 180
  const cos = Math.round(Math.cos(angle) * one)
  const sin = Math.round(Math.sin(angle) * one)
  const centerX = (width - 1) / 2
  const centerY = (height - 1) / 2
  const startX = Math.round(centerX * one)
  const startY = Math.round(centerY * one)
  const row = width * channels
  let to = 0
  for (let y = 0; y < height; y++) {
    const dy = y - centerY
    for (let x = 0; x < width; x++) {
      const dx = x - centerX
      const fromX = startX + cos * dx - sin * dy
      const fromY = startY + sin * dx + cos * dy
      const x0 = Math.floor(fromX / one)
      const y0 = Math.floor(fromY / one)
      const fx = ((fromX - x0 * one) >> 8) & 255
      const fy = ((fromY - y0 * one) >> 8) & 255
      if (x0 >= 0 && y0 >= 0 && x0 < width - 1 && y0 < height - 1) {
        const at = y0 * row + x0 * channels
        for (let c = 0; c < channels; c++) {
          const i = at + c
          const upper = data[i]! * (256 - fx) + data[i + channels]! * fx
          const lower = data[i + row]! * (256 - fx) + data[i + row + channels]! * fx
          out.data[to++] = (upper * (256 - fy) + lower * fy + 32768) >> 16
        }
      } else {
        for (let c = 0; c < channels; c++) {
          const upper = border(image, x0, y0, c, fill) * (256 - fx) + border(image, x0 + 1, y0, c, fill) * fx
          const lower = border(image, x0, y0 + 1, c, fill) * (256 - fx) + border(image, x0 + 1, y0 + 1, c, fill) * fx
          out.data[to++] = (upper * (256 - fy) + lower * fy + 32768) >> 16
        }
      }
    }
  }
  return out
}

function border({ width, height, channels, data }: Image, x: number, y: number, c: number, fill: Fill): number {
  if (x >= 0 && y >= 0 && x < width && y < height) return data[(y * width + x) * channels + c]!
  if (fill !== 'reflect') return c === 3 ? 255 : fill[c]!
  return data[(reflect(y, height) * width + reflect(x, width)) * channels + c]!
}
