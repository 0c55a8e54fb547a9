// Detections over their picture: boxes, outlines and masks in the colour of their class, each with its name and score.

import { type Annotation, type Box, hasExtent } from '../annotation.ts'
import { boxOf } from '../metrics/detections.ts'
import { maskPath, outlinePath } from './annotations.ts'
import { categoryColor, readableOn } from './colors.ts'
import { circle, element, group, rect } from './svg.ts'
import type { TextFont } from './text.ts'

/** What is drawn: a detection, or a thing that was marked by hand, which has no score. */
export interface DrawnThing extends Annotation {
  readonly score?: number
  readonly name?: string
}

export interface DetectionDrawing {
  /** Size at which the picture is shown. */
  readonly width: number
  readonly height: number
  /** From pixels of the picture to those of the drawing. */
  readonly scale: number
  /** @default true */
  readonly withNames?: boolean
  /** Whether things of one class have one colour, or those of one track. @default 'class' */
  readonly colorBy?: 'class' | 'track'
}

/** By class; by track where it has a number and that is asked for. */
function colorOf({ label, attributes }: DrawnThing, colorBy: DetectionDrawing['colorBy']): string {
  const track = attributes?.trackId
  return categoryColor(colorBy === 'track' && typeof track === 'number' ? Math.max(0, Math.trunc(track)) : Math.max(0, label))
}

/** Widths of lines and letters grow with the picture, so that they can be seen at any size. */
function unitsOf({ width, height }: DetectionDrawing): { line: number; text: number } {
  const side = Math.max(width, height)
  return { line: Math.max(1.5, side / 400), text: Math.min(30, Math.max(10, side / 52)) }
}

/**
 * A group over the whole picture. Weak detections lie below strong ones; a name stands on its box, within it where there is no room above,
 * and never outside of the picture. Where many things are close, names are left to those that have room.
 */
export function drawDetections(things: readonly DrawnThing[], font: TextFont, drawing: DetectionDrawing): string {
  const { line, text } = unitsOf(drawing)
  const order = [...things].sort((a, b) => (a.score ?? 1) - (b.score ?? 1))
  const shapes = order.map((thing) => drawShape(thing, colorOf(thing, drawing.colorBy), drawing.scale, line))
  if (drawing.withNames === false) return group({}, shapes)
  const taken: Box[] = []
  // The best are named first.
  const names = order.toReversed().map((thing) => drawName(thing, font, { ...drawing, line, text, taken }))
  return group({}, [...shapes, ...names.toReversed()])
}

function drawShape(thing: DrawnThing, color: string, scale: number, line: number): string {
  const { box, polygons = [], mask, orientedBox, keypoints = [] } = thing
  const stroke = { stroke: color, 'stroke-width': line, 'stroke-linejoin': 'round', fill: 'none' }
  const hasShape = mask !== undefined || polygons.length > 0 || orientedBox !== undefined
  return [
    mask === undefined ? '' : element('path', { d: maskPath(mask, scale), fill: color, 'fill-opacity': 0.45 }),
    ...polygons.map((polygon) => element('path', { d: outlinePath(polygon, scale), ...stroke, fill: color, 'fill-opacity': 0.25 })),
    orientedBox === undefined ? '' : element('path', { d: outlinePath(orientedBox, scale), ...stroke }),
    box === undefined || orientedBox !== undefined
      ? ''
      : rect(box.x1 * scale, box.y1 * scale, (box.x2 - box.x1) * scale, (box.y2 - box.y1) * scale, {
          ...stroke,
          rx: line,
          ...(hasShape && { 'stroke-opacity': 0.7, 'stroke-width': line * 0.6 }),
        }),
    ...keypoints.map(({ x, y, visibility }) =>
      visibility === 0 ? '' : circle(x * scale, y * scale, 2 * line, { fill: color, stroke: '#ffffff', 'stroke-width': 0.6 * line }),
    ),
  ].join('')
}

interface NameDrawing extends DetectionDrawing {
  readonly line: number
  readonly text: number
  /** Places of names so far. */
  readonly taken: Box[]
}

function drawName(thing: DrawnThing, font: TextFont, { width, height, scale, line, text, taken, colorBy }: NameDrawing): string {
  const { name, score } = thing
  const track = thing.attributes?.trackId
  const words = [track === undefined ? '' : `#${track}`, name ?? '', score === undefined ? '' : score.toFixed(2)].filter(
    (word) => word !== '',
  )
  // A point alone has no box to stand on, and many of them would hide each other.
  if (words.length === 0 || !hasExtent(thing)) return ''
  const shown = font.fit(words.join(' '), text, width)
  const [tagWidth, tagHeight] = [font.width(shown, text) + 0.6 * text, 1.35 * text]
  const box = boxOf(thing, 'thing')
  const left = Math.max(0, Math.min(box.x1 * scale - line / 2, width - tagWidth))
  const [top, bottom] = [box.y1 * scale, box.y2 * scale]
  // On the box, in it, under it, in it at the other end: a box as large as the picture has room inside alone.
  const tops = [top - tagHeight + line / 2, Math.max(0, top - line / 2), bottom - line / 2, Math.min(height, bottom + line / 2) - tagHeight]
  const places = tops.map((y1) => ({ x1: left, y1, x2: left + tagWidth, y2: y1 + tagHeight }))
  const place = places.find((one) => one.y1 >= 0 && one.y2 <= height && !taken.some((other) => meet(one, other)))
  if (place === undefined) return ''
  taken.push(place)
  const color = colorOf(thing, colorBy)
  return (
    rect(place.x1, place.y1, tagWidth, tagHeight, { fill: color, rx: line }) +
    font.draw(shown, place.x1 + 0.3 * text, place.y1 + tagHeight / 2, { size: text, color: readableOn(color), baseline: 'middle' })
  )
}

function meet(a: Box, b: Box): boolean {
  return a.x1 < b.x2 && b.x1 < a.x2 && a.y1 < b.y2 && b.y1 < a.y2
}
