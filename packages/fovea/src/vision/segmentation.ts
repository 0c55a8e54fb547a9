// A class for each pixel of a picture: what a model of semantic segmentation answers.

import { FoveaError } from '../util/errors.ts'
import type { Polygon, RunLengths } from './annotation.ts'
import { maskPolygons } from './mask-polygons.ts'
import type { SegmentationPrediction } from './predictions.ts'
import { type CompressedMask, compressedMask } from './run-length-text.ts'
import { encodeMask } from './run-lengths.ts'

/**
 * The answer for one picture, in the size of the upright picture.
 *
 * ```ts
 * const map = await model.predict('weld.png')
 * map.shares()                 // { pore: 0.02, weld: 0.41, background: 0.57 }
 * map.mask('pore')             // COCO's run lengths
 * map.polygons('pore')         // outlines, x and y in turn
 * ```
 */
export class Segmentation implements SegmentationPrediction {
  readonly task = 'segment'
  readonly width: number
  readonly height: number
  /** A class number for each pixel, row by row. */
  readonly data: Uint8Array
  readonly labels: readonly string[]

  /** @throws FoveaError METRIC_INVALID where the pixels are not as many as the size says, or of a class without a name */
  constructor(data: Uint8Array, width: number, height: number, labels: readonly string[]) {
    if (data.length !== width * height)
      throw new FoveaError('METRIC_INVALID', { field: 'data', expected: `${width * height} pixels`, found: String(data.length) })
    const most = data.reduce((high, label) => Math.max(high, label), 0)
    if (data.length > 0 && most >= labels.length)
      throw new FoveaError('METRIC_INVALID', { field: 'data', expected: `0 to ${labels.length - 1}`, found: String(most) })
    this.data = data
    this.width = width
    this.height = height
    this.labels = labels
  }

  /** The part of the picture that each class fills, 0 to 1. */
  shares(): Record<string, number> {
    const counts = new Array<number>(this.labels.length).fill(0)
    for (const label of this.data) counts[label] = (counts[label] ?? 0) + 1
    return Object.fromEntries(this.labels.map((name, i) => [name, counts[i]! / this.data.length]))
  }

  /** The pixels of a class as COCO's run lengths. @throws FoveaError MODEL_NO_CLASS */
  mask(name: string): RunLengths {
    const label = this.labels.indexOf(name)
    if (label < 0) throw new FoveaError('MODEL_NO_CLASS', { field: 'name', expected: `one of ${this.labels.join(', ')}`, found: name })
    return encodeMask(
      this.data.map((value) => (value === label ? 1 : 0)),
      this.width,
      this.height,
    )
  }

  /**
   * The outlines of a class: exact, down and along the edges of pixels, holes joined to what is around them. Each is one connected part.
   *
   * @throws FoveaError MODEL_NO_CLASS
   */
  polygons(name: string): Polygon[] {
    return maskPolygons(this.mask(name))
  }

  /** Plain data: each class that is there with its share and its mask as COCO's compressed run lengths. */
  toJSON(): {
    task: 'segment'
    image: { width: number; height: number }
    classes: { label: string; index: number; share: number; mask: CompressedMask }[]
  } {
    const shares = this.shares()
    const classes = this.labels.flatMap((label, index) => {
      if (shares[label] === 0) return []
      return [{ label, index, share: shares[label]!, mask: compressedMask(this.mask(label)) }]
    })
    return { task: 'segment', image: { width: this.width, height: this.height }, classes }
  }
}
