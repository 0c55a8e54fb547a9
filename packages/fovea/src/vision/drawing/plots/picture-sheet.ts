// A contact sheet: thumbnails in a grid, each with its caption.

import { FoveaError } from '../../../util/errors.ts'
import { ink } from '../colors.ts'
import { element, picture, rect, svgDocument } from '../svg.ts'
import type { TextFont } from '../text.ts'
import { drawTitle } from './axes.ts'

export interface SheetPicture {
  /** A `data:` URL. */
  readonly href: string
  readonly width: number
  readonly height: number
  readonly caption?: string
  /** A second line in small print. */
  readonly note?: string
  /** Draws a frame: green for right, red for wrong. */
  readonly tone?: 'good' | 'bad'
  /** SVG to lie over the thumbnail, in its pixels; what reaches beyond the picture is cut off. */
  readonly overlay?: string
}

export interface SheetOptions {
  readonly title?: string
  readonly subtitle?: string
  /** Default as many as make the sheet about 4:3, at most 8. */
  readonly columns?: number
  /** Side of a thumbnail in pixels. Default 128. */
  readonly side?: number
}

/** Pictures keep their aspect ratio and are centred in their cells. */
export function drawPictureSheet(pictures: readonly SheetPicture[], font: TextFont, options: SheetOptions = {}): string {
  if (pictures.length === 0) throw new FoveaError('DRAWING_INVALID', { field: 'pictures', expected: 'at least one', found: 'none' })
  const { title, subtitle, side = 128 } = options
  const columns = Math.max(1, options.columns ?? Math.min(8, Math.ceil(Math.sqrt(pictures.length * 1.4))))
  const rows = Math.ceil(pictures.length / columns)
  const lines = pictures.some(({ note }) => note !== undefined) ? 2 : pictures.some(({ caption }) => caption !== undefined) ? 1 : 0
  const [gap, caption] = [14, [0, 20, 35][lines]!]
  const top = title === undefined ? gap : subtitle === undefined ? 54 : 74
  const width = Math.max(columns * (side + gap) + gap, title === undefined ? 0 : font.width(title, 15, true) + 40)
  const drawn = title === undefined ? [] : drawTitle(title, subtitle, gap, 18, font)
  pictures.forEach((item, i) => {
    const x = gap + (i % columns) * (side + gap)
    const y = top + Math.floor(i / columns) * (side + caption + gap)
    const scale = side / Math.max(item.width, item.height)
    const [w, h] = [item.width * scale, item.height * scale]
    drawn.push(rect(x, y, side, side, { fill: '#f3f4f6' }), picture(item.href, x + (side - w) / 2, y + (side - h) / 2, w, h))
    if (item.overlay !== undefined)
      drawn.push(element('svg', { x: x + (side - w) / 2, y: y + (side - h) / 2, width: w, height: h, overflow: 'hidden' }, item.overlay))
    if (item.tone !== undefined)
      drawn.push(rect(x + 1.25, y + 1.25, side - 2.5, side - 2.5, { fill: 'none', stroke: ink[item.tone], 'stroke-width': 2.5 }))
    const size = side < 96 ? 10 : 11.5
    if (item.caption !== undefined) {
      const color = item.tone === undefined ? ink.text : ink[item.tone]
      drawn.push(font.draw(font.fit(item.caption, size, side), x, y + side + 7, { size, color, baseline: 'top' }))
    }
    if (item.note !== undefined)
      drawn.push(
        font.draw(font.fit(item.note, size * 0.88, side), x, y + side + 22, { size: size * 0.88, color: ink.faint, baseline: 'top' }),
      )
  })
  return svgDocument(width, top + rows * (side + caption + gap), drawn, ink.paper)
}
