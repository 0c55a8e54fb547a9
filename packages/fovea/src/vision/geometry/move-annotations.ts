// Boxes, turned boxes, outlines, masks and keypoints after a geometric transform, and the rule of what is kept.

import { FoveaError } from '../../util/errors.ts'
import type { Annotation, Box, Keypoint, Polygon, RunLengths } from '../annotation.ts'
import { maskArea, maskBounds } from '../run-lengths.ts'
import type { Geometry } from './geometry.ts'
import { moveMask, seenMaskArea } from './label-map.ts'
import { keepsAngles, keepsAxes, mirrors, movePoint } from './matrix.ts'
import { boundsOf, boxPolygon, clipToConvex, isBeforeEye, isInside, movePolygon, polygonArea, smallestRectangle } from './polygon.ts'

/** What becomes of a thing that is cut by the border. All parts have defaults. */
export interface AnnotationRule {
  /**
   * A thing is dropped where less than this part of what could be seen of it before can still be seen, 0 to 1: by pixels of its mask, else by
   * area of its outline, its turned box, its box; the first that it has. Default 0.1.
   */
  readonly minVisible?: number
  /** A thing is dropped where a side of what is left of its box is shorter, in pixels. Default 1. */
  readonly minSide?: number
  /**
   * What becomes of things that fall below these limits but are still to be seen: `drop`, or `keep` as `isCutOff`, so that what is left of them is not
   * taken for background. Default `drop`.
   */
  readonly below?: 'drop' | 'keep'
  /** Keypoints that change names in a mirror image, by index: left eye and right eye. Default none. */
  readonly mirrorPairs?: readonly (readonly [number, number])[]
}

/**
 * The annotations after a geometry. What is left of each is cut at the border of the picture:
 * - a box is exact where its sides stay along the axes; where it is turned it becomes the box around the moved mask or outline if there is
 *   one, else around its moved corners;
 * - a turned box keeps its whole size, since a cut one would be no rectangle, and may reach over the border; after a shear or a perspective
 *   it is the smallest rectangle around its moved corners;
 * - outlines are cut, masks follow by the pixel under each centre;
 * - keypoints that are no longer to be seen become unlabelled (visibility 0, at 0, 0), as COCO writes them;
 * - an `area` that is stated changes in proportion.
 * A thing that the rule drops is left out; so is one that has keypoints alone, none of them left. What has no place (a label for the whole
 * picture) is kept.
 * @throws DATA_TRANSFORM_INVALID where a mask is not of the picture's size
 */
export function moveAnnotations(annotations: readonly Annotation[], geometry: Geometry, rule: AnnotationRule = {}): Annotation[] {
  return annotations.flatMap((annotation) => moveAnnotation(annotation, geometry, rule) ?? [])
}

function moveAnnotation(annotation: Annotation, geometry: Geometry, rule: AnnotationRule): Annotation | undefined {
  const { minVisible = 0.1, minSide = 1, below = 'drop', mirrorPairs = [] } = rule
  const { box, orientedBox, polygons, mask, keypoints, area, ...rest } = annotation
  if (mask !== undefined) checkMask(mask, geometry)
  const outline = polygons ?? (orientedBox !== undefined ? [orientedBox] : box !== undefined ? [boxPolygon(box)] : [])
  const hasShape = mask !== undefined || outline.length > 0
  const before = mask !== undefined ? maskArea(mask) : areaOf(outline)
  const left = mask !== undefined ? seenMaskArea(mask, geometry) : areaOf(outline.map((part) => clipToConvex(part, geometry.seen)))
  const { width, height } = geometry.from
  const inside = mask !== undefined ? before : areaOf(outline.map((part) => clipToConvex(part, [0, 0, width, 0, width, height, 0, height])))
  // Not the other way round: what is no number is dropped too.
  if (hasShape && !(left > 0)) return undefined
  let isCutOff = hasShape && !(left >= minVisible * inside * (1 - 1e-9))
  if (isCutOff && below === 'drop') return undefined

  const movedMask = mask && moveMask(mask, geometry)
  const movedPolygons = polygons && cutAndMove(polygons, geometry)
  const movedBox = box && moveBox(box, geometry, (movedMask && maskBounds(movedMask)) ?? (movedPolygons && boundsOf(movedPolygons)))
  if (box !== undefined && movedBox === undefined) return undefined
  const bounds = movedBox ?? (movedMask ? maskBounds(movedMask) : boundsOf(cutAndMove(outline, geometry)))
  if (hasShape && bounds === undefined) return undefined
  if (hasShape && (bounds!.x2 - bounds!.x1 < minSide || bounds!.y2 - bounds!.y1 < minSide)) isCutOff = true
  if (isCutOff && below === 'drop') return undefined
  const movedPoints = keypoints && moveKeypoints(keypoints, geometry, mirrorPairs)
  const labelled = (points: readonly Keypoint[]) => points.some(({ visibility }) => visibility > 0)
  if (!hasShape && keypoints && labelled(keypoints) && !labelled(movedPoints!)) return undefined

  const after = movedMask ? maskArea(movedMask) : areaOf(cutAndMove(outline, geometry))
  return {
    ...rest,
    ...(isCutOff && { isCutOff: true as const }),
    ...(movedBox && { box: movedBox }),
    ...(orientedBox && { orientedBox: moveOrientedBox(orientedBox, geometry) }),
    ...(movedPolygons && { polygons: movedPolygons }),
    ...(movedMask && { mask: movedMask }),
    ...(movedPoints && { keypoints: movedPoints }),
    ...(area !== undefined && { area: before > 0 ? (area * after) / before : area }),
  }
}

function areaOf(polygons: readonly Polygon[]): number {
  return polygons.reduce((sum, polygon) => sum + polygonArea(polygon), 0)
}

/** What is still to be seen of the parts, moved; parts of no area are left out. */
function cutAndMove(polygons: readonly Polygon[], { seen, matrix }: Geometry): Polygon[] {
  return polygons
    .map((polygon) => movePolygon(clipToConvex(polygon, seen), matrix))
    .filter((polygon) => polygon.length > 0 && polygonArea(polygon) > 1e-9)
}

function moveBox(box: Box, geometry: Geometry, tighter: Box | undefined): Box | undefined {
  const around = boundsOf(cutAndMove([boxPolygon(box)], geometry))
  if (around === undefined || tighter === undefined || keepsAxes(geometry.matrix)) return around
  return tighter
}

function moveOrientedBox(corners: Polygon, { matrix, seen }: Geometry): Polygon {
  if (!isBeforeEye(corners, matrix)) return smallestRectangle(movePolygon(clipToConvex(corners, seen), matrix))
  const moved = movePolygon(corners, matrix)
  if (!keepsAngles(matrix)) return smallestRectangle(moved)
  if (!mirrors(matrix)) return moved
  const [x1, y1, x2, y2, x3, y3, x4, y4] = moved as readonly [number, number, number, number, number, number, number, number]
  return [x2, y2, x1, y1, x4, y4, x3, y3]
}

function moveKeypoints(
  keypoints: readonly Keypoint[],
  { matrix, seen }: Geometry,
  mirrorPairs: readonly (readonly [number, number])[],
): Keypoint[] {
  const moved = keypoints.map((point): Keypoint => {
    if (point.visibility === 0) return point
    if (!isInside(seen, point.x, point.y)) return { x: 0, y: 0, visibility: 0 }
    const [x, y] = movePoint(matrix, point.x, point.y)
    return { ...point, x, y }
  })
  if (mirrors(matrix))
    for (const [a, b] of mirrorPairs) {
      const [first, second] = [moved[a], moved[b]]
      if (first === undefined || second === undefined) continue
      moved[a] = second
      moved[b] = first
    }
  return moved
}

function checkMask({ width, height, counts }: RunLengths, { from }: Geometry): void {
  const whole = counts.every((count) => Number.isSafeInteger(count) && count >= 0)
  const sum = counts.reduce((total, count) => total + count, 0)
  if (width === from.width && height === from.height && whole && sum === width * height) return
  throw new FoveaError('DATA_TRANSFORM_INVALID', {
    field: 'mask',
    expected: `a mask of the picture's ${from.width}x${from.height} pixels`,
    found: `${width}x${height}, ${whole ? `runs of ${sum} in all` : 'runs that are no whole numbers'}`,
    remedy: 'Make the mask of the decoded picture, upright and at full size.',
  })
}
