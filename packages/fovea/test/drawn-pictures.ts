// Small pictures made by formula, whose truth is known.

import { Random } from '../src/util/random.ts'
import { createImage, type Image } from '../src/vision/image.ts'

/** A grey picture by its value at each pixel. */
export function grayPicture(width: number, height: number, value: (x: number, y: number) => number): Image {
  const image = createImage(width, height, 1)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) image.data[y * width + x] = value(x, y)
  return image
}

/** Pixels x1 <= x < x2 and y1 <= y < y2 in `inside`, the others in `outside`. */
export function rectanglePicture(
  width: number,
  height: number,
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  inside = 255,
  outside = 0,
): Image {
  return grayPicture(width, height, (x, y) => (x >= x1 && x < x2 && y >= y1 && y < y2 ? inside : outside))
}

/** Smooth and without repetition: waves of many directions, at any position, so that it can be shifted by parts of a pixel. */
export function texture(seed: number): (x: number, y: number) => number {
  const random = new Random(seed)
  const waves = Array.from({ length: 24 }, () => {
    const angle = random.next() * 2 * Math.PI
    const frequency = 0.08 + random.next() * 0.45
    return { u: Math.cos(angle) * frequency, v: Math.sin(angle) * frequency, phase: random.next() * 2 * Math.PI }
  })
  return (x, y) => Math.round(128 + 18 * waves.reduce((sum, { u, v, phase }) => sum + Math.sin(u * x + v * y + phase), 0))
}

/** `value` cut off at the ends of a byte. */
export function byte(value: number): number {
  return Math.max(0, Math.min(255, value))
}
