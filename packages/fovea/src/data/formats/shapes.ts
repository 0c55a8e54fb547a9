// Boxes and areas that follow from finer shapes.

import type { Annotation, Box, Polygon, RunLengths } from '../../vision/annotation.ts'

/** The box around an annotation: its own, else that of its mask, outlines, turned box or keypoints; undefined where it has no shape. */
export function boxOf(annotation: Annotation): Box | undefined {
  const { box, mask, polygons, orientedBox, keypoints } = annotation
  if (box !== undefined) return box
  if (mask !== undefined) return maskBox(mask)
  if (polygons !== undefined && polygons.length > 0) return pointsBox(polygons.flat())
  if (orientedBox !== undefined) return pointsBox(orientedBox)
  const seen = keypoints?.filter(({ visibility }) => visibility > 0) ?? []
  return seen.length === 0 ? undefined : pointsBox(seen.flatMap(({ x, y }) => [x, y]))
}

/** The area as stated, else of the mask, the outlines (overlaps count twice), or the box. */
export function areaOf(annotation: Annotation): number | undefined {
  const { area, mask, polygons, orientedBox } = annotation
  if (area !== undefined) return area
  if (mask !== undefined) return mask.counts.reduce((sum, count, i) => sum + (i % 2 === 1 ? count : 0), 0)
  const outlines = polygons ?? (orientedBox === undefined ? [] : [orientedBox])
  if (outlines.length > 0) return outlines.reduce((sum, outline) => sum + polygonArea(outline), 0)
  const box = boxOf(annotation)
  return box === undefined ? undefined : (box.x2 - box.x1) * (box.y2 - box.y1)
}

export function pointsBox(points: Polygon): Box | undefined {
  if (points.length < 2) return undefined
  let [x1, y1, x2, y2] = [Infinity, Infinity, -Infinity, -Infinity]
  for (let i = 0; i + 1 < points.length; i += 2) {
    x1 = Math.min(x1, points[i]!)
    x2 = Math.max(x2, points[i]!)
    y1 = Math.min(y1, points[i + 1]!)
    y2 = Math.max(y2, points[i + 1]!)
  }
  return { x1, y1, x2, y2 }
}

/** Gauss's shoelace formula. */
export function polygonArea(points: Polygon): number {
  let twice = 0
  for (let i = 0; i + 1 < points.length; i += 2) {
    const next = (i + 2) % points.length
    twice += points[i]! * points[next + 1]! - points[next]! * points[i + 1]!
  }
  return Math.abs(twice) / 2
}

/** The box around the ones of a mask; undefined where it has none. */
export function maskBox({ height, counts }: RunLengths): Box | undefined {
  let [x1, y1, x2, y2] = [Infinity, Infinity, -Infinity, -Infinity]
  let at = 0
  counts.forEach((count, i) => {
    if (i % 2 === 1 && count > 0) {
      const [first, last] = [at, at + count - 1]
      const [left, right] = [Math.floor(first / height), Math.floor(last / height)]
      x1 = Math.min(x1, left)
      x2 = Math.max(x2, right + 1)
      // A run over the end of a column has both its first and its last row.
      y1 = Math.min(y1, left === right ? first % height : 0)
      y2 = Math.max(y2, left === right ? (last % height) + 1 : height)
    }
    at += count
  })
  return x1 === Infinity ? undefined : { x1, y1, x2, y2 }
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
