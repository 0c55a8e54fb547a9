// Horizontal bars with names: class counts, F1 per class, milliseconds per operator.

import { FoveaError } from '../../../util/errors.ts'
import { maxOf } from '../../../util/extremes.ts'
import { categoryColor, ink } from '../colors.ts'
import { line, rect, svgDocument } from '../svg.ts'
import type { TextFont } from '../text.ts'
import { drawTitle, linearScale, niceTicks, tickText } from './axes.ts'

export interface BarChart {
  readonly title: string
  readonly subtitle?: string
  readonly bars: readonly { readonly label: string; readonly value: number; readonly color?: string }[]
  /** The text at the end of a bar. Default the value, all with as many digits after the point as one needs, at most three. */
  readonly text?: (value: number) => string
  /** End of the axis. Default by the values. */
  readonly high?: number
}

/** One row a bar, 640 pixels wide by default; the height follows. Values must be 0 or more. */
export function drawBarChart({ title, subtitle, bars, text, high }: BarChart, font: TextFont, width = 640): string {
  const bad = bars.find(({ value }) => !(Number.isFinite(value) && value >= 0))
  if (bars.length === 0 || bad !== undefined) {
    throw new FoveaError('DRAWING_INVALID', {
      field: bad?.label ?? title,
      expected: 'values of 0 or more',
      found: String(bad?.value ?? 'none'),
    })
  }
  const write = text ?? sameDecimals(bars.map(({ value }) => value))
  const row = bars.length > 40 ? 16 : bars.length > 16 ? 20 : 28
  const size = Math.min(12, row * 0.6)
  const labels = bars.map(({ label }) => font.fit(label, size, width * 0.35))
  const left = 20 + maxOf(labels.map((label) => font.width(label, size))) + 12
  const room = maxOf(bars.map(({ value }) => font.width(write(value), size))) + 28
  const top = subtitle === undefined ? 56 : 76
  const bottom = top + bars.length * row
  const ticks = niceTicks(
    0,
    high ??
      maxOf(
        bars.map(({ value }) => value),
        1e-12,
      ),
    Math.round(width / 120),
  ).filter((tick) => high === undefined || tick <= high)
  const x = linearScale(0, high ?? ticks.at(-1)!, left, width - room)
  const drawn = drawTitle(title, subtitle, 20, 18, font)
  for (const tick of ticks) {
    drawn.push(line(x(tick), top - 4, x(tick), bottom + 2, { stroke: tick === 0 ? ink.axis : ink.grid, 'stroke-width': 1 }))
    drawn.push(font.draw(tickText(tick, ticks), x(tick), bottom + 10, { size: 11, color: ink.faint, anchor: 'middle', baseline: 'top' }))
  }
  bars.forEach(({ value, color }, i) => {
    const y = top + i * row
    drawn.push(rect(left, y + row * 0.16, x(value) - left, row * 0.68, { fill: color ?? categoryColor(0), rx: 2 }))
    drawn.push(font.draw(labels[i]!, left - 10, y + row / 2, { size, color: ink.text, anchor: 'end', baseline: 'middle' }))
    drawn.push(font.draw(write(value), x(value) + 7, y + row / 2, { size, color: ink.text, baseline: 'middle' }))
  })
  return svgDocument(width, bottom + 36, drawn, ink.paper)
}

function sameDecimals(values: readonly number[]): (value: number) => string {
  const digits = maxOf(values.map((value) => String(Number(value.toFixed(3))).split('.')[1]?.length ?? 0))
  return (value) => value.toFixed(digits)
}
