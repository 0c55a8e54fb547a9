// How well the contours of a segmentation follow the true ones: the boundary F1 measure (Csurka et al. 2013).

import { FoveaError } from '../../util/errors.ts'
import { squaredDistances } from './distance.ts'
import { SummedMetric } from './gathering.ts'
import { checkClasses, checkNames } from './metric.ts'
import { checkPixels, type LabelledPixels } from './segmentation.ts'

/** One picture, row by row. */
export interface LabelledPicturePixels extends LabelledPixels {
  readonly width: number
  readonly height: number
}

export interface BoundaryReport {
  /** Mean over the classes that occur; NaN where none does. */
  readonly meanF1: number
  /** Mean over the pictures in which the class occurs, as truth or as prediction; NaN where in none. */
  readonly perClass: readonly { readonly class: string; readonly f1: number; readonly pictures: number }[]
}

/**
 * A contour pixel is right where one of the other contour lies within the tolerance. A contour is every pixel of the class with a neighbour (of
 * four) of another class; the border of the picture is none. Pixels whose truth is unknown belong to no class, on both sides.
 */
export class BoundaryMetric extends SummedMetric<LabelledPicturePixels, BoundaryReport> {
  readonly classes: readonly string[]
  readonly tolerance: number

  /** @param tolerance As a part of the picture's diagonal; 0.0075 as in the paper. @throws FoveaError METRIC_INVALID */
  constructor(classes: readonly string[], tolerance = 0.0075) {
    if (!(tolerance >= 0 && tolerance < 1))
      throw new FoveaError('METRIC_INVALID', { field: 'tolerance', expected: 'from 0 to 1', found: String(tolerance) })
    super(`boundary F1, ${checkNames(classes).length} classes, tolerance ${tolerance}`, 2 * checkClasses(classes.length))
    this.classes = classes
    this.tolerance = tolerance
  }

  update(picture: LabelledPicturePixels): void {
    checkPixels(picture, this.classes.length)
    const { truth, prediction, width, height, unknown = 255 } = picture
    if (truth.length !== width * height)
      throw new FoveaError('METRIC_INVALID', { field: 'truth', expected: `${width}x${height} pixels`, found: String(truth.length) })
    const reach = (this.tolerance * Math.hypot(width, height)) ** 2
    for (let c = 0; c < this.classes.length; c++) {
      let occurs = false
      for (let i = 0; i < truth.length && !occurs; i++) occurs = truth[i] !== unknown && (truth[i] === c || prediction[i] === c)
      if (!occurs) continue
      const contour = (map: ArrayLike<number>) => contourOf((i) => map[i] === c && truth[i] !== unknown, width, height)
      const [own, found] = [contour(truth), contour(prediction)]
      const [precision, recall] = [partWithin(found, own, width, height, reach), partWithin(own, found, width, height, reach)]
      const none = precision + recall === 0
      this.add(2 * c, none ? 0 : (2 * precision * recall) / (precision + recall))
      this.add(2 * c + 1, 1)
    }
  }

  compute(): BoundaryReport {
    const perClass = this.classes.map((name, c) => {
      const pictures = this.sums[2 * c + 1]!
      return { class: name, f1: this.sums[2 * c]! / pictures, pictures }
    })
    const occurring = perClass.filter(({ pictures }) => pictures > 0)
    return { meanF1: occurring.reduce((sum, { f1 }) => sum + f1, 0) / occurring.length, perClass }
  }
}

function contourOf(inside: (index: number) => boolean, width: number, height: number): Uint8Array {
  const contour = new Uint8Array(width * height)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++)
      if (inside(i))
        contour[i] =
          (x > 0 && !inside(i - 1)) ||
          (x < width - 1 && !inside(i + 1)) ||
          (y > 0 && !inside(i - width)) ||
          (y < height - 1 && !inside(i + width))
            ? 1
            : 0
  return contour
}

/** Part of one contour near the other; where there is no contour on either side (a class that fills the picture) all is right. */
function partWithin(contour: Uint8Array, other: Uint8Array, width: number, height: number, reach: number): number {
  const distances = squaredDistances(other, width, height)
  let [near, all] = [0, 0]
  for (let i = 0; i < contour.length; i++) {
    if (contour[i] === 0) continue
    all++
    if (distances[i]! <= reach) near++
  }
  if (all === 0) return other.includes(1) ? 0 : 1
  return near / all
}
