// From things with outlines or masks to a class for each pixel.

import { type Annotation, hasExtent, hasPixels } from './annotation.ts'
import type { LabelMap } from './geometry/label-map.ts'
import { maskOf } from './metrics/detections.ts'
import { visitRuns } from './run-lengths.ts'

/** Stands for pixels whose class is not known. */
export const unknownPixel = 255

/** The classes of a semantic map: those that are named, and the background behind them where none of them is it. */
export function semanticLabels(labels: readonly string[]): { readonly labels: readonly string[]; readonly background: number } {
  const named = labels.findIndex((label) => label.toLowerCase() === 'background')
  return named < 0 ? { labels: [...labels, 'background'], background: labels.length } : { labels, background: named }
}

/**
 * A class for each pixel: later things lie over earlier ones, things of no known class and crowds are unknown, the rest is background. Of a thing with
 * a box alone nobody knows which pixels in it are its own: what nothing else fills there is unknown. Beside a thing that is marked by a point alone
 * no pixel is known that nothing fills.
 *
 * @throws FoveaError MASK_INVALID for a mask of another size
 */
export function semanticMap(annotations: readonly Annotation[], width: number, height: number, background: number): LabelMap {
  const data = new Int32Array(width * height).fill(annotations.every(hasExtent) ? background : unknownPixel)
  const fill = (annotation: Annotation, label: number) =>
    visitRuns(maskOf(annotation, { width, height, truths: [], detections: [] }, 'annotation'), (x, top, bottom) => {
      for (let y = top; y < bottom; y++) data[y * width + x] = label
    })
  for (const one of annotations) if (hasExtent(one) && !hasPixels(one)) fill(one, unknownPixel)
  for (const one of annotations) if (hasPixels(one)) fill(one, one.label < 0 || one.isCrowd ? unknownPixel : one.label)
  return { width, height, data, unknown: unknownPixel }
}
