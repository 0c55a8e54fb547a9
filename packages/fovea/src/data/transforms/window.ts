// A window of a picture, which may hang over its border.

import { createImage, type Image } from '../../vision/image.ts'
import { type Fill, reflect } from './parameters.ts'

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
