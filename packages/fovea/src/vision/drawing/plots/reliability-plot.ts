// A reliability diagram: accuracy against confidence, bin by bin (Guo et al. 2017, figure 1), with the number of samples below.

import { maxOf } from '../../../util/extremes.ts'
import type { Calibration } from '../../metrics/calibration.ts'
import { ink } from '../colors.ts'
import { line, rect, svgDocument } from '../svg.ts'
import type { TextFont } from '../text.ts'
import { drawAxes, drawTitle, linearScale } from './axes.ts'

/** 520 x 560 pixels. Blue is what was right; the red part is what confidence promised beyond it, the hollow one what it left unsaid. */
export function drawReliability({ bins, expectedCalibrationError }: Calibration, font: TextFont, title = 'Reliability'): string {
  const [width, height] = [520, 560]
  const box = { left: 72, top: 92, width: width - 72 - 24, height: 300 }
  const counts = { left: box.left, top: box.top + box.height + 26, width: box.width, height: 66 }
  const x = linearScale(0, 1, box.left, box.left + box.width)
  const y = linearScale(0, 1, box.top + box.height, box.top)
  const most = maxOf(
    bins.map(({ count }) => count),
    1,
  )
  const total = bins.reduce((sum, { count }) => sum + count, 0)
  const tall = linearScale(0, most, counts.top + counts.height, counts.top)
  const tenths = [0, 0.2, 0.4, 0.6, 0.8, 1]
  const percent = (value: number) => `${Math.round(value * 100)} %`
  const drawn = [
    ...drawTitle(
      title,
      `Expected calibration error ${(expectedCalibrationError * 100).toFixed(2)} %, ${total.toLocaleString('en')} samples`,
      20,
      18,
      font,
    ),
    ...legend(20, 70, font),
    ...drawAxes(box, { ticks: [], scale: x }, { ticks: tenths, scale: y, title: 'accuracy', text: percent }, font),
    ...drawAxes(
      counts,
      { ticks: tenths, scale: x, title: 'confidence', text: percent },
      { ticks: [0, most], scale: tall, title: 'samples' },
      font,
    ),
  ]
  for (const { low, high, count, accuracy, confidence } of bins) {
    if (count === 0) continue
    const [left, wide] = [x(low) + 1, x(high) - x(low) - 2]
    drawn.push(rect(left, tall(count), wide, tall(0) - tall(count), { fill: '#9ca3af' }))
    drawn.push(rect(left, y(accuracy), wide, y(0) - y(accuracy), { fill: '#0072b2' }))
    const [top, bottom] = [y(Math.max(accuracy, confidence)), y(Math.min(accuracy, confidence))]
    const over = confidence > accuracy
    drawn.push(
      rect(left, top, wide, bottom - top, {
        fill: over ? '#d55e00' : '#ffffff',
        'fill-opacity': over ? 0.45 : 0.55,
        stroke: over ? '#d55e00' : '#0072b2',
        'stroke-width': 1,
      }),
    )
  }
  drawn.push(line(x(0), y(0), x(1), y(1), { stroke: ink.text, 'stroke-width': 1.3, 'stroke-dasharray': '5 4' }))
  return svgDocument(width, height, drawn, ink.paper)
}

function legend(left: number, y: number, font: TextFont): string[] {
  let at = left
  const entries: [string, Record<string, string | number>][] = [
    ['right', { fill: '#0072b2' }],
    ['overconfident', { fill: '#d55e00', 'fill-opacity': 0.45, stroke: '#d55e00' }],
    ['underconfident', { fill: '#0072b2', 'fill-opacity': 0.4, stroke: '#0072b2' }],
  ]
  return entries.flatMap(([name, style]) => {
    const start = at
    at += 18 + font.width(name, 12) + 20
    return [rect(start, y - 6, 12, 12, style), font.draw(name, start + 18, y, { size: 12, color: ink.text, baseline: 'middle' })]
  })
}
