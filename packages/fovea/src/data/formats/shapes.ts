// Boxes and areas that follow from finer shapes.

import type { Annotation, Box, Polygon } from '../../vision/annotation.ts'
import { toCornerSize } from '../../vision/boxes.ts'
import { boundsOf, polygonArea } from '../../vision/geometry/polygon.ts'
import { maskArea, maskBounds } from '../../vision/run-lengths.ts'

/** The box around an annotation: its own, else that of its mask, outlines, turned box or keypoints; undefined where it has no shape. */
export function boxOf(annotation: Annotation): Box | undefined {
  const { box, mask, polygons, orientedBox, keypoints } = annotation
  if (box !== undefined) return box
  if (mask !== undefined) return maskBounds(mask)
  if (polygons !== undefined && polygons.length > 0) return boundsOf(polygons)
  if (orientedBox !== undefined) return boundsOf([orientedBox])
  const seen = keypoints?.filter(({ visibility }) => visibility > 0) ?? []
  return seen.length === 0 ? undefined : boundsOf([seen.flatMap(({ x, y }) => [x, y])])
}

/** The area as stated, else of the mask, the outlines (overlaps count twice), or the box. */
export function areaOf(annotation: Annotation): number | undefined {
  const { area, mask, polygons, orientedBox } = annotation
  if (area !== undefined) return area
  if (mask !== undefined) return maskArea(mask)
  const outlines = polygons ?? (orientedBox === undefined ? [] : [orientedBox])
  if (outlines.length > 0) return outlines.reduce((sum, outline) => sum + polygonArea(outline), 0)
  const box = boxOf(annotation)
  if (box === undefined) return undefined
  const [, , width, height] = toCornerSize(box)
  return width * height
}

/** A box turned about its centre, clockwise as seen: corners from the top left, clockwise. */
export function turnedBox(box: Box, degrees: number, center?: readonly [number, number]): number[] {
  const [cx, cy] = center ?? [(box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2]
  const [sin, cos] = [Math.sin((degrees * Math.PI) / 180), Math.cos((degrees * Math.PI) / 180)]
  const turn = (x: number, y: number) => [cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos]
  return [turn(box.x1, box.y1), turn(box.x2, box.y1), turn(box.x2, box.y2), turn(box.x1, box.y2)].flat()
}

/** Centre, sides and turn of four corners; undefined where they are no rectangle (to a hundredth of its size). */
export function asTurnedBox(corners: Polygon): { cx: number; cy: number; width: number; height: number; degrees: number } | undefined {
  if (corners.length !== 8) return undefined
  const [ax, ay, bx, by, cx, cy, dx, dy] = corners as readonly [number, number, number, number, number, number, number, number]
  const [width, height] = [Math.hypot(bx - ax, by - ay), Math.hypot(dx - ax, dy - ay)]
  const size = Math.max(width, height)
  const closed = Math.hypot(ax + cx - bx - dx, ay + cy - by - dy) <= size / 100
  const square = Math.abs((bx - ax) * (dx - ax) + (by - ay) * (dy - ay)) <= (size * size) / 100
  // A mirrored order is no turn.
  const clockwise = (bx - ax) * (dy - ay) - (by - ay) * (dx - ax) >= 0
  if (!closed || !square || !clockwise || size === 0) return undefined
  return { cx: (ax + cx) / 2, cy: (ay + cy) / 2, width, height, degrees: (Math.atan2(by - ay, bx - ax) * 180) / Math.PI }
}
