// What metrics of detection compare: the things in a picture, and what a model found there.

import { FoveaError } from '../../util/errors.ts'
import { said } from '../../util/said.ts'
import type { Annotation, Box, Detection, RunLengths } from '../annotation.ts'
import { boxArea } from '../boxes.ts'
import { boundsOf, polygonArea } from '../geometry/polygon.ts'
import { boxMask, polygonsMask } from '../polygon-mask.ts'
import { checkRunLengths, maskArea, maskBounds } from '../run-lengths.ts'
import { objectOf, objectsOf } from './metric.ts'

/** One picture. Pictures without things, without detections or without both count too. */
export interface DetectedPicture {
  /**
   * Its number in the data set: of detections with equal scores, those of the lower number come first. Left out, pictures are numbered as
   * they come; give it where shards shall give what the whole gives to the last bit.
   */
  readonly picture?: number
  /** Size in pixels; needed where outlines or boxes stand for masks. */
  readonly width?: number
  readonly height?: number
  readonly truths: readonly Annotation[]
  readonly detections: readonly Detection[]
}

/** @throws METRIC_INVALID for labels that are no classes, scores that are not finite, a picture number that is not whole */
export function checkPicture(given: DetectedPicture, classes: number): void {
  const { picture, truths, detections } = objectOf(given, 'picture')
  if (picture !== undefined && !Number.isSafeInteger(picture))
    throw new FoveaError('METRIC_INVALID', { field: 'picture', expected: 'a whole number', found: String(picture) })
  for (const [name, list] of Object.entries({ truths, detections }))
    for (const [i, { label }] of objectsOf<Annotation>(list, name).entries())
      if (!(Number.isInteger(label) && label >= 0 && label < classes))
        throw new FoveaError('METRIC_INVALID', { field: `${name}[${i}].label`, expected: `0 to ${classes - 1}`, found: String(label) })
  for (const [i, { score }] of detections.entries())
    if (!Number.isFinite(score))
      throw new FoveaError('METRIC_INVALID', { field: `detections[${i}].score`, expected: 'a finite number', found: String(score) })
}

/** The box of a thing, from its mask, outline or turned box where it has none. @throws METRIC_INVALID where it has none of them, or corners that are not finite */
export function boxOf(annotation: Annotation, field: string): Box {
  const { box, mask, polygons, orientedBox } = objectOf(annotation, field)
  const outline = polygons ?? (orientedBox && [orientedBox])
  const found = box ?? (mask && maskBounds(mask)) ?? (mask && { x1: 0, y1: 0, x2: 0, y2: 0 }) ?? boundsOf(outline ?? [])
  if (found === undefined) throw new FoveaError('METRIC_INVALID', { field, expected: 'a box, a mask or an outline', found: 'none of them' })
  if (![found.x1, found.y1, found.x2, found.y2].every(Number.isFinite))
    throw new FoveaError('METRIC_INVALID', { field: `${field}.box`, expected: 'finite corners', found: said(found) })
  return found
}

/**
 * The mask of a thing, from its outline or box where it has none.
 *
 * @throws METRIC_INVALID where it has none of them, or the picture's size is needed and not given
 * @throws MASK_INVALID for a mask or outline that is not well formed
 */
export function maskOf(annotation: Annotation, { width, height }: DetectedPicture, field: string): RunLengths {
  const { box, mask, orientedBox } = objectOf(annotation, field)
  const polygons = annotation.polygons ?? (orientedBox && [orientedBox])
  if (mask !== undefined) return checkRunLengths(mask)
  if (polygons === undefined && box === undefined)
    throw new FoveaError('METRIC_INVALID', { field, expected: 'a mask, an outline or a box', found: 'none of them' })
  if (width === undefined || height === undefined)
    throw new FoveaError('METRIC_INVALID', { field: 'width, height', expected: 'the size of the picture', found: 'none' })
  return polygons === undefined ? boxMask(box!, width, height) : polygonsMask(polygons, width, height)
}

/** Pixels of a thing: as its file states them, else of its mask, outline or box. */
export function areaOf({ area, mask, polygons, box }: Annotation): number {
  if (area !== undefined) return area
  if (mask !== undefined) return maskArea(mask)
  if (polygons !== undefined) return polygons.reduce((sum, polygon) => sum + polygonArea(polygon), 0)
  return box === undefined ? 0 : boxArea(box)
}
