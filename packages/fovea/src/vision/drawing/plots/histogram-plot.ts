// How values are spread, in groups that lie over one another: scores of sound and of odd pictures, errors of counts.

import { FoveaError } from '../../../util/errors.ts'
import { categoryColor, ink } from '../colors.ts'
import { line, rect, svgDocument } from '../svg.ts'
import type { TextFont } from '../text.ts'
import { drawAxes, drawTitle, linearScale, niceTicks } from './axes.ts'

export interface HistogramPlot {
  readonly title: string
  readonly subtitle?: string
  readonly xTitle: string
  readonly groups: readonly { readonly name: string; readonly values: readonly number[] }[]
  /** A vertical line, such as a threshold. */
  readonly mark?: { readonly x: number; readonly text: string }
}

const bins = 32

/** 640 x 440 pixels. Each group is drawn as parts of itself, so that a rare one is seen too. @throws FoveaError DRAWING_INVALID without finite values */
export function drawHistogram({ title, subtitle, xTitle, groups, mark }: HistogramPlot, font: TextFont): string {
  const [width, height] = [640, 440]
  const all = groups.flatMap(({ values }) => values)
  if (all.length === 0 || !all.every(Number.isFinite))
    throw new FoveaError('DRAWING_INVALID', {
      field: title,
      expected: 'finite values',
      found: `${all.find((value) => !Number.isFinite(value)) ?? 'none'}`,
    })
  const [least, most] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))]
  const ticks = niceTicks(least, most, 6)
  const [low, high] = [ticks[0]!, ticks.at(-1)!]
  const parts = groups.map(({ values }) => {
    const counts = new Array<number>(bins).fill(0)
    for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))]!++
    return counts.map((count) => count / Math.max(1, values.length))
  })
  const yTicks = niceTicks(0, Math.max(...parts.flat()), 5)
  const box = { left: 72, top: 92, width: width - 72 - 24, height: height - 92 - 60 }
  const x = linearScale(low, high, box.left, box.left + box.width)
  const y = linearScale(0, yTicks.at(-1)!, box.top + box.height, box.top)
  const drawn = [
    ...drawTitle(title, subtitle, 20, 18, font),
    ...drawAxes(
      box,
      { ticks, scale: x, title: xTitle },
      { ticks: yTicks, scale: y, title: 'part of the group', text: (value) => `${Number((100 * value).toPrecision(3))} %` },
      font,
    ),
  ]
  const wide = box.width / bins
  let legend = 20
  for (const [g, { name }] of groups.entries()) {
    const color = categoryColor(g)
    for (const [bin, part] of parts[g]!.entries())
      if (part > 0) drawn.push(rect(box.left + bin * wide + 0.5, y(part), wide - 1, y(0) - y(part), { fill: color, 'fill-opacity': 0.6 }))
    drawn.push(rect(legend, 68, 12, 12, { fill: color, 'fill-opacity': 0.75, rx: 2 }))
    drawn.push(font.draw(name, legend + 18, 74, { size: 12, color: ink.text, baseline: 'middle' }))
    legend += 18 + font.width(name, 12) + 22
  }
  if (mark !== undefined && mark.x >= low && mark.x <= high) {
    const at = x(mark.x)
    const half = font.width(mark.text, 11) / 2 + 7
    const middle = Math.min(box.left + box.width - half, Math.max(box.left + half, at))
    drawn.push(
      line(at, box.top, at, box.top + box.height, { stroke: ink.title, 'stroke-width': 1.4, 'stroke-dasharray': '4 3' }),
      rect(middle - half, box.top - 9, half * 2, 18, { fill: '#f3f4f6', rx: 9 }),
      font.draw(mark.text, middle, box.top, { size: 11, color: ink.text, anchor: 'middle', baseline: 'middle' }),
    )
  }
  return svgDocument(width, height, drawn, ink.paper)
}
