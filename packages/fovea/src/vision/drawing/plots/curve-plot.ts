// Curves between parts of a whole: precision over recall, ROC, F1 over confidence. Both axes go from 0 to 1.

import { FoveaError } from '../../../util/errors.ts'
import { categoryColor, ink } from '../colors.ts'
import { circle, line, polyline, rect, svgDocument } from '../svg.ts'
import type { TextFont } from '../text.ts'
import { drawAxes, drawTitle, linearScale } from './axes.ts'

export interface Curve {
  readonly name: string
  /** What stands behind the name, such as the area below. */
  readonly value?: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
  /** The curve of all, drawn strong and dark. */
  readonly isMain?: boolean
}

export interface CurvePlot {
  readonly title: string
  readonly subtitle?: string
  readonly xTitle: string
  readonly yTitle: string
  /** In the order of the legend; beyond eight, those in the middle are drawn in grey and not named. */
  readonly curves: readonly Curve[]
  /** What chance would give: the line from corner to corner. */
  readonly diagonal?: boolean
  readonly mark?: { readonly x: number; readonly y: number; readonly text: string }
}

const namedCurves = 8
const tenths = [0, 0.2, 0.4, 0.6, 0.8, 1]
const grey = '#b8c0cc'

/** 640 x 440 pixels, the legend at the right. @throws FoveaError DRAWING_INVALID for no curve with a finite point */
export function drawCurves(plot: CurvePlot, font: TextFont): string {
  const { title, subtitle, xTitle, yTitle, diagonal, mark } = plot
  const [width, height] = [640, 440]
  const finite = ({ x, y }: { x: number; y: number }) => Number.isFinite(x) && Number.isFinite(y)
  const curves = plot.curves.map((curve) => ({ ...curve, points: curve.points.filter(finite) })).filter(({ points }) => points.length > 0)
  if (curves.length === 0) throw new FoveaError('DRAWING_INVALID', { field: title, expected: 'at least one finite point', found: 'none' })
  const box = { left: 72, top: subtitle === undefined ? 58 : 72, width: 374, height: subtitle === undefined ? 318 : 304 }
  const x = linearScale(0, 1, box.left, box.left + box.width)
  const y = linearScale(0, 1, box.top + box.height, box.top)
  const percent = (value: number) => `${Math.round(100 * value)} %`

  const main = curves.filter(({ isMain }) => isMain)
  const others = curves.filter(({ isMain }) => !isMain)
  const half = others.length <= namedCurves ? others.length : namedCurves / 2
  const isNamed = (i: number) => others.length <= namedCurves || i < half || i >= others.length - half
  const styled = others.map((curve, i) => ({
    curve,
    named: isNamed(i),
    color: isNamed(i) ? categoryColor(i < half ? i : i - others.length + namedCurves) : grey,
  }))
  const draw = ({ points }: Curve, color: string, strength: number) => {
    const path = points.map((point) => [x(point.x), y(point.y)] as const)
    return path.length === 1
      ? circle(path[0]![0], path[0]![1], strength + 1, { fill: color })
      : polyline(path, { stroke: color, 'stroke-width': strength })
  }
  const drawn = [
    ...drawTitle(title, subtitle, 20, 18, font),
    ...drawAxes(
      box,
      { ticks: tenths, scale: x, title: xTitle, text: percent },
      { ticks: tenths, scale: y, title: yTitle, text: percent },
      font,
    ),
    diagonal ? line(x(0), y(0), x(1), y(1), { stroke: ink.axis, 'stroke-width': 1.2, 'stroke-dasharray': '5 4' }) : '',
    ...styled.filter(({ named }) => !named).map(({ curve }) => draw(curve, grey, 1)),
    ...styled.filter(({ named }) => named).map(({ curve, color }) => draw(curve, color, 1.8)),
    ...main.map((curve) => draw(curve, ink.title, 3)),
  ]
  const legend = { left: box.left + box.width + 24, right: width - 14 }
  const row = (i: number, name: string, value: string, color: string, bold = false) => {
    const at = box.top + 6 + i * 21
    const room = legend.right - legend.left - 24 - (value === '' ? 0 : font.width(value, 11, bold) + 8)
    return [
      line(legend.left, at, legend.left + 16, at, { stroke: color, 'stroke-width': bold ? 3 : 2.4 }),
      font.draw(font.fit(name, 11.5, room, bold), legend.left + 23, at, { size: 11.5, color: ink.text, bold, baseline: 'middle' }),
      font.draw(value, legend.right, at, { size: 11, color: ink.text, bold, anchor: 'end', baseline: 'middle' }),
    ]
  }
  const rows = [
    ...main.map((curve) => [curve.name, curve.value ?? '', ink.title, true] as const),
    ...styled.flatMap(({ curve, named, color }, i) => {
      const more = i === half && !named ? [[`${others.length - namedCurves} more`, '', grey, false] as const] : []
      return named ? [[curve.name, curve.value ?? '', color, false] as const] : more
    }),
  ]
  for (const [i, [name, value, color, bold]] of rows.entries()) drawn.push(...row(i, name, value, color, bold))
  if (mark !== undefined) {
    const [atX, atY] = [x(mark.x), y(mark.y)]
    const half = font.width(mark.text, 11) / 2 + 7
    const middle = Math.min(box.left + box.width - half, Math.max(box.left + half, atX))
    const below = mark.y > 0.5 ? atY + 20 : atY - 20
    drawn.push(
      rect(middle - half, below - 9, 2 * half, 18, { fill: '#f3f4f6', rx: 9 }),
      font.draw(mark.text, middle, below, { size: 11, color: ink.title, anchor: 'middle', baseline: 'middle' }),
      circle(atX, atY, 5, { fill: ink.paper, stroke: ink.title, 'stroke-width': 2.4 }),
    )
  }
  return svgDocument(width, height, drawn, ink.paper)
}
