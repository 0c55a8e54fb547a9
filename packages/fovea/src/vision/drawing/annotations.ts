// Annotations as SVG, to lie over their picture: boxes, turned boxes, outlines, masks and keypoints in the colour of their class.

import type { Annotation, Keypoint, Polygon, RunLengths } from '../annotation.ts'
import { boxPolygon } from '../geometry/polygon.ts'
import { visitRuns } from '../run-lengths.ts'
import { categoryColor } from './colors.ts'
import { circle, element, group, number } from './svg.ts'

/** A group in the coordinates of the picture times `scale`; lines keep their width. Masks are tinted, hidden keypoints hollow. */
export function drawAnnotations(annotations: readonly Annotation[], scale = 1): string {
  return group(
    {},
    annotations.map((annotation) => drawAnnotation(annotation, scale)),
  )
}

function drawAnnotation({ label, box, orientedBox, polygons = [], mask, keypoints = [] }: Annotation, scale: number): string {
  const color = categoryColor(Math.max(0, label))
  const line = { stroke: color, 'stroke-width': 1.5, 'stroke-linejoin': 'round' }
  return [
    mask === undefined ? '' : element('path', { d: maskPath(mask, scale), fill: color, 'fill-opacity': 0.4 }),
    ...polygons.map((polygon) => element('path', { d: outlinePath(polygon, scale), fill: color, 'fill-opacity': 0.2, ...line })),
    ...[box && boxPolygon(box), orientedBox].map((polygon) =>
      polygon === undefined ? '' : element('path', { d: outlinePath(polygon, scale), fill: 'none', ...line }),
    ),
    ...keypoints.map((point) => drawKeypoint(point, scale, color)),
  ].join('')
}

function drawKeypoint({ x, y, visibility }: Keypoint, scale: number, color: string): string {
  if (visibility === 0) return ''
  return circle(x * scale, y * scale, 2.2, { fill: visibility === 2 ? color : '#ffffff', stroke: color, 'stroke-width': 1 })
}

/** The outline as path data, its corners times `scale`. */
export function outlinePath(polygon: Polygon, scale: number): string {
  const points = Array.from(
    { length: polygon.length >> 1 },
    (_, i) => `${number(polygon[2 * i]! * scale)} ${number(polygon[2 * i + 1]! * scale)}`,
  )
  return `M${points.join('L')}Z`
}

/** The mask as path data: a rectangle for each run. */
export function maskPath(mask: RunLengths, scale: number): string {
  const parts: string[] = []
  visitRuns(mask, (x, top, bottom) => {
    parts.push(`M${number(x * scale)} ${number(top * scale)}h${number(scale)}v${number((bottom - top) * scale)}h${number(-scale)}Z`)
  })
  return parts.join('')
}
