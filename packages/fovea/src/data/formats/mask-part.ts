// Masks of a part of the picture, as CVAT and LabelMe store them.

import { FoveaError } from '../../util/errors.ts'
import type { RunLengths } from '../../vision/annotation.ts'
import { encodeMask, maskBounds, visitRuns } from '../../vision/run-lengths.ts'

/** A rectangle of whole pixels, row by row; what is not 0 belongs to the mask. */
export interface MaskPart {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly pixels: ArrayLike<number>
}

const maxPixels = 2 ** 27

/** The part around the pixels of a mask, at least one pixel large. */
export function cutMask(mask: RunLengths): MaskPart {
  const { x1, y1, x2, y2 } = maskBounds(mask) ?? { x1: 0, y1: 0, x2: 1, y2: 1 }
  const [width, height] = [x2 - x1, y2 - y1]
  const pixels = new Uint8Array(width * height)
  visitRuns(mask, (x, top, bottom) => {
    for (let y = top; y < bottom; y++) pixels[(y - y1) * width + x - x1] = 1
  })
  return { left: x1, top: y1, width, height, pixels }
}

/** @throws DATASET_MALFORMED where the part does not lie in the picture. */
export function checkPart(part: Omit<MaskPart, 'pixels'>, width: number, height: number, field: string, file: string): void {
  const { left, top } = part
  const whole = [left, top, part.width, part.height, width, height].every((value) => Number.isSafeInteger(value) && value >= 0)
  if (whole && left + part.width <= width && top + part.height <= height && width * height <= maxPixels) return
  throw new FoveaError('DATASET_MALFORMED', {
    file,
    field,
    expected: `a mask inside a picture of ${width} x ${height}, at most ${maxPixels} pixels`,
    found: `${part.width} x ${part.height} at ${left}, ${top}`,
  })
}

/** The mask of the whole picture. @throws DATASET_MALFORMED where the part does not lie in it */
export function placeMask(part: MaskPart, width: number, height: number, field: string, file: string): RunLengths {
  checkPart(part, width, height, field, file)
  const whole = new Uint8Array(width * height)
  for (let y = 0; y < part.height; y++)
    for (let x = 0; x < part.width; x++) if (part.pixels[y * part.width + x] !== 0) whole[(y + part.top) * width + x + part.left] = 1
  return encodeMask(whole, width, height)
}
