// How odd a picture is, and where: what a detector of anomalies answers.

import type { Annotation, Box, Detection, RunLengths } from './annotation.ts'
import { connectedRegions } from './metrics/regions.ts'
import type { AnomalyPrediction } from './predictions.ts'
import { resizeMap } from './resize-map.ts'
import { type CompressedMask, compressedMask } from './run-length-text.ts'
import { encodeRegion } from './run-lengths.ts'

/** So many regions are told: an odd picture of noise has thousands. */
const mostRegions = 100

/** A part of the picture that is odd, in pixels of the upright picture. */
export interface OddRegion extends Detection {
  readonly box: Box
  readonly mask: RunLengths
  /** The highest value of the map in it. */
  readonly score: number
  /** Pixels. */
  readonly area: number
}

export interface AnomalyMapOptions {
  /** The higher, the odder. */
  readonly score: number
  /** From which score on, exclusive, the picture is anomalous. */
  readonly threshold: number
  /** Over the picture, row by row, in whatever size the model works in. */
  readonly map: { readonly width: number; readonly height: number; readonly data: Float32Array }
  /** From which value of the map on, exclusive, a pixel is odd. */
  readonly pixelThreshold: number
  /** Size of the upright picture in pixels. */
  readonly width: number
  readonly height: number
}

/**
 * The answer for one picture. Scores and values of the map are distances to what good pictures look like: of one model they can be compared, of
 * two they cannot.
 *
 * ```ts
 * const { isAnomalous, score, threshold, regions } = await model.predict('part.png')
 * for (const { box, score } of regions) …
 * ```
 */
export class AnomalyMap implements AnomalyPrediction {
  readonly task = 'anomaly'
  readonly score: number
  readonly threshold: number
  readonly isAnomalous: boolean
  readonly map: AnomalyMapOptions['map']
  readonly pixelThreshold: number
  readonly width: number
  readonly height: number
  #regions: readonly OddRegion[] | undefined

  constructor({ score, threshold, map, pixelThreshold, width, height }: AnomalyMapOptions) {
    this.score = score
    this.threshold = threshold
    this.isAnomalous = score > threshold
    this.map = map
    this.pixelThreshold = pixelThreshold
    this.width = width
    this.height = height
  }

  /** The map in the size of the picture, row by row. */
  pixels(): Float32Array {
    return Float32Array.from(resizeMap(this.map, this.width, this.height).data)
  }

  /** Connected pixels above the threshold of pixels, the oddest first; at most 100. */
  get regions(): readonly OddRegion[] {
    this.#regions ??= this.#findRegions()
    return this.#regions
  }

  /** The map from 0 for nothing odd to 1 for what is twice as odd as the threshold of pixels, for drawing. */
  heat(): AnomalyMapOptions['map'] {
    const { width, height, data } = this.map
    const full = 2 * this.pixelThreshold
    return { width, height, data: data.map((value) => (full > 0 ? Math.min(1, Math.max(0, (value / full - 0.25) / 0.75)) : 0)) }
  }

  /** Plain data: regions with boxes and masks as COCO's compressed run lengths. */
  toJSON(): {
    task: 'anomaly'
    image: { width: number; height: number }
    score: number
    threshold: number
    isAnomalous: boolean
    pixelThreshold: number
    regions: { score: number; area: number; box: Box; mask: CompressedMask }[]
  } {
    const { score, threshold, isAnomalous, pixelThreshold, width, height } = this
    const regions = this.regions.map(({ score: most, area, box, mask }) => ({
      score: most,
      area,
      box,
      mask: compressedMask(mask),
    }))
    return { task: 'anomaly', image: { width, height }, score, threshold, isAnomalous, pixelThreshold, regions }
  }

  #findRegions(): OddRegion[] {
    const { width, height, pixelThreshold } = this
    const values = this.pixels()
    const { labels, areas } = connectedRegions(
      values.map((value) => (value > pixelThreshold ? 1 : 0)),
      width,
      height,
    )
    const found = areas.map((area) => ({ area, score: 0, x1: width, y1: height, x2: 0, y2: 0 }))
    for (let at = 0; at < labels.length; at++) {
      const region = found[labels[at]! - 1]
      if (region === undefined) continue
      const [x, y] = [at % width, Math.floor(at / width)]
      region.score = Math.max(region.score, values[at]!)
      region.x1 = Math.min(region.x1, x)
      region.y1 = Math.min(region.y1, y)
      region.x2 = Math.max(region.x2, x + 1)
      region.y2 = Math.max(region.y2, y + 1)
    }
    return [...found.entries()]
      .sort(([, a], [, b]) => b.score - a.score)
      .slice(0, mostRegions)
      .map(([i, { area, score, ...box }]) => ({ label: 0, score, area, box, mask: encodeRegion(labels, i + 1, box, width, height) }))
  }
}

/** What is odd as things to be drawn. */
export function oddThings({ regions }: AnomalyMap): Annotation[] {
  return regions.map(({ label, box, mask }) => ({ label, box, mask }))
}
