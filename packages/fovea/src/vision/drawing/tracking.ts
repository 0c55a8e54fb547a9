// What tracking adds to a picture: trails, lines with their counts, zones with theirs.

import type { Polygon } from '../annotation.ts'
import { boundsOf } from '../geometry/polygon.ts'
import type { Trail } from '../tracking/trails.ts'
import { outlinePath } from './annotations.ts'
import { categoryColor } from './colors.ts'
import { circle, element, group, line, polyline, rect } from './svg.ts'
import type { TextFont } from './text.ts'

/** How large the picture is shown, and from its pixels to those of the drawing. */
export interface TrackingDrawing {
  readonly width: number
  readonly height: number
  readonly scale: number
}

/** What is drawn of a `LineZone`. */
export interface DrawnLine {
  readonly start: { readonly x: number; readonly y: number }
  readonly end: { readonly x: number; readonly y: number }
  readonly inCount: number
  readonly outCount: number
}

/** What is drawn of a `PolygonZone`. */
export interface DrawnZone {
  readonly polygon: Polygon
  readonly count: number
  readonly total: number
}

const lineColor = '#facc15'
const zoneColor = '#22d3ee'
const tagColor = '#0f172a'

function unitsOf({ width, height }: TrackingDrawing): { stroke: number; text: number } {
  const side = Math.max(width, height)
  return { stroke: Math.max(1.5, side / 320), text: Math.min(34, Math.max(11, side / 44)) }
}

/** Paths in the colours of their tracks, else of their classes, fading with age. */
export function drawTrails(trails: readonly Trail[], drawing: TrackingDrawing): string {
  const { stroke } = unitsOf(drawing)
  const { scale } = drawing
  return group(
    { 'stroke-linecap': 'round' },
    trails.flatMap(({ trackId, label, points }) => {
      const color = categoryColor(typeof trackId === 'number' ? Math.max(0, Math.trunc(trackId)) : Math.max(0, label))
      // A few pieces, each of one opacity: a stroke cannot fade along its path.
      const pieces = Math.min(8, points.length - 1)
      return Array.from({ length: Math.max(0, pieces) }, (_, i) => {
        const from = Math.floor((i * (points.length - 1)) / pieces)
        const to = Math.floor(((i + 1) * (points.length - 1)) / pieces)
        const part = points.slice(from, to + 1).map(([x, y]) => [x * scale, y * scale] as const)
        return polyline(part, { stroke: color, 'stroke-width': stroke, 'stroke-opacity': (i + 1) / pieces })
      })
    }),
  )
}

/** The line, a tick on the side that is in, and how many went in and out. */
export function drawCountedLine({ start, end, inCount, outCount }: DrawnLine, font: TextFont, drawing: TrackingDrawing): string {
  const { stroke, text } = unitsOf(drawing)
  const { scale } = drawing
  const [x1, y1, x2, y2] = [start.x * scale, start.y * scale, end.x * scale, end.y * scale]
  const length = Math.max(1e-9, Math.hypot(x2 - x1, y2 - y1))
  const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2]
  // Left of the direction, as seen: the side that is in.
  const [nx, ny] = [(y2 - y1) / length, -(x2 - x1) / length]
  const mark = { stroke: lineColor, 'stroke-width': stroke }
  return group({}, [
    line(x1, y1, x2, y2, { ...mark, 'stroke-linecap': 'round' }),
    ...[
      [x1, y1],
      [x2, y2],
    ].map(([x, y]) => circle(x!, y!, stroke * 1.6, { fill: lineColor })),
    line(mx, my, mx + nx * text * 0.9, my + ny * text * 0.9, mark),
    tag(`in ${inCount}   out ${outCount}`, mx - nx * text * 1.3, my - ny * text * 1.3, lineColor, font, text, drawing),
  ])
}

/** The outline, tinted: it lies below what is in it. */
export function drawZone({ polygon }: DrawnZone, drawing: TrackingDrawing): string {
  const { stroke } = unitsOf(drawing)
  return element('path', {
    d: outlinePath(polygon, drawing.scale),
    fill: zoneColor,
    'fill-opacity': 0.12,
    'fill-rule': 'evenodd',
    stroke: zoneColor,
    'stroke-width': stroke,
    'stroke-linejoin': 'round',
  })
}

/** How many are inside the zone and have been, at its upper border. */
export function drawZoneCount({ polygon, count, total }: DrawnZone, font: TextFont, drawing: TrackingDrawing): string {
  const { text } = unitsOf(drawing)
  const { x1, x2, y1 } = boundsOf([polygon]) ?? { x1: 0, x2: 0, y1: 0 }
  const words = total > 0 ? `${count} inside, ${total} so far` : `${count} inside`
  return tag(words, ((x1 + x2) / 2) * drawing.scale, y1 * drawing.scale, zoneColor, font, text, drawing)
}

/** Words on a dark ground around a point, kept within the picture. */
function tag(words: string, x: number, y: number, color: string, font: TextFont, size: number, { width, height }: TrackingDrawing): string {
  const [tagWidth, tagHeight] = [font.width(words, size, true) + 0.7 * size, 1.5 * size]
  const left = Math.max(0, Math.min(x - tagWidth / 2, width - tagWidth))
  const top = Math.max(0, Math.min(y - tagHeight / 2, height - tagHeight))
  return (
    rect(left, top, tagWidth, tagHeight, { fill: tagColor, 'fill-opacity': 0.75, rx: size / 5 }) +
    font.draw(words, left + 0.35 * size, top + tagHeight / 2, { size, color, bold: true, baseline: 'middle' })
  )
}
