// What a model made of a picture, to lie over it: found things green, what is not there red, missed ones yellow.

import type { Annotation } from '../annotation.ts'
import { boxPolygon } from '../geometry/polygon.ts'
import { maskPath, outlinePath } from './annotations.ts'
import { readableOn } from './colors.ts'
import { element, group, rect } from './svg.ts'
import type { TextFont } from './text.ts'

export type OutcomeTone = 'found' | 'wrong' | 'missed'

export const outcomeColors: Readonly<Record<OutcomeTone, string>> = { found: '#22c55e', wrong: '#ef4444', missed: '#facc15' }

export interface OutcomeShape {
  readonly tone: OutcomeTone
  readonly shape: Annotation
  readonly text?: string
}

/** Shapes in the coordinates of the picture times `scale`, with their texts where those fit; lines keep their width, on a dark edge that shows on any picture. */
export function drawOutcomes(
  marks: readonly OutcomeShape[],
  scale: number,
  size: { readonly width: number; readonly height: number },
  font: TextFont,
): string {
  const shapes = marks.map(({ tone, shape }) => drawShape(shape, scale, outcomeColors[tone], tone))
  // Texts last, so that no line crosses them; where one would cover another it is left out.
  const taken: { x: number; y: number; width: number }[] = []
  const texts = marks.map(({ tone, shape, text }) => {
    const box = shape.box
    if (text === undefined || box === undefined) return ''
    const textSize = 9.5
    const wide = font.width(text, textSize) + 6
    const x = Math.max(0, Math.min(size.width - wide, box.x1 * scale))
    const y = Math.max(0, Math.min(size.height - 13, box.y1 * scale - 13))
    if (wide > size.width || taken.some((one) => Math.abs(one.y - y) < 13 && one.x < x + wide && x < one.x + one.width)) return ''
    taken.push({ x, y, width: wide })
    const color = outcomeColors[tone]
    return (
      rect(x, y, wide, 13, { fill: color, rx: 2 }) +
      font.draw(text, x + 3, y + 6.5, { size: textSize, color: readableOn(color), baseline: 'middle' })
    )
  })
  return group({}, [...shapes, ...texts])
}

function drawShape({ box, orientedBox, polygons = [], mask }: Annotation, scale: number, color: string, tone: OutcomeTone): string {
  const outlines = [
    ...polygons,
    ...(polygons.length === 0 && mask === undefined && box !== undefined ? [boxPolygon(box)] : []),
    ...(orientedBox ? [orientedBox] : []),
  ]
  const dash = tone === 'missed' ? '5 3' : undefined
  return [
    mask === undefined ? '' : element('path', { d: maskPath(mask, scale), fill: color, 'fill-opacity': 0.5 }),
    ...outlines.map((polygon) => {
      const d = outlinePath(polygon, scale)
      const line = { d, fill: 'none', 'stroke-linejoin': 'round' }
      return (
        element('path', { ...line, stroke: '#0f172a', 'stroke-opacity': 0.55, 'stroke-width': 4 }) +
        element('path', { ...line, stroke: color, 'stroke-width': 2, 'stroke-dasharray': dash })
      )
    }),
  ].join('')
}
