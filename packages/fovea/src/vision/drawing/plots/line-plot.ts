// Curves over epochs or steps, and the two panels that a training is judged by.

import { FoveaError } from '../../../util/errors.ts'
import { maxOf, minOf } from '../../../util/extremes.ts'
import { categoryColor, ink } from '../colors.ts'
import { circle, line, polyline, rect, svgDocument } from '../svg.ts'
import type { TextFont } from '../text.ts'
import { type Box, drawAxes, drawTitle, linearScale, niceTicks, type Scale } from './axes.ts'

export interface Series {
  readonly name: string
  /** Points; those whose y is undefined or not finite leave a gap. */
  readonly points: readonly { readonly x: number; readonly y: number | undefined }[]
  /** Default a colour of the palette. */
  readonly color?: string
  readonly dashed?: boolean
}

export interface LinePlot {
  readonly title: string
  readonly subtitle?: string
  readonly xTitle?: string
  readonly yTitle?: string
  readonly series: readonly Series[]
  /** A vertical line with a text, such as the best epoch; a dot is put where it meets `series`. */
  readonly mark?: { readonly x: number; readonly text: string; readonly series?: string }
  /** Fixes an end of the y axis. */
  readonly yLow?: number
  readonly yHigh?: number
  /** Writes y as per cent. */
  readonly percent?: boolean
}

/** One plot in pixels, default 720 x 440. */
export function drawLinePlot(plot: LinePlot, font: TextFont, width = 720, height = 440): string {
  return svgDocument(width, height, drawLinePanel(plot, { left: 0, top: 0, width, height }, font), ink.paper)
}

/** The parts of a plot, inside a box that holds titles and legend too. */
export function drawLinePanel(plot: LinePlot, outer: Box, font: TextFont): string[] {
  const seen = plot.series.flatMap(({ points }) => points).filter(isDrawn)
  if (seen.length === 0)
    throw new FoveaError('DRAWING_INVALID', { field: plot.title, expected: 'at least one finite point', found: 'none' })
  const [xs, ys] = [seen.map(({ x }) => x), seen.map(({ y }) => y)]
  const yTicks = niceTicks(plot.yLow ?? minOf(ys), plot.yHigh ?? maxOf(ys), Math.max(2, Math.round(outer.height / 80)))
  // Never more than the fixed end: an accuracy of 104 % would be odd.
  const [yLow, yHigh] = [plot.yLow ?? yTicks[0]!, plot.yHigh ?? yTicks.at(-1)!]
  const [xLow, xHigh] = [minOf(xs), maxOf(xs)]
  const whole = xs.every(Number.isInteger)
  const xTicks = niceTicks(xLow, xHigh, Math.max(2, Math.round(outer.width / 90))).filter(
    (x) => x >= xLow && x <= xHigh && (!whole || Number.isInteger(x)),
  )

  const box = { left: outer.left + 68, top: outer.top + 82, width: outer.width - 68 - 24, height: outer.height - 82 - 58 }
  const spread = xHigh > xLow ? 0 : 0.5
  const x = linearScale(xLow - spread, xHigh + spread, box.left, box.left + box.width)
  const y = linearScale(yLow, yHigh, box.top + box.height, box.top)
  const text = plot.percent ? (value: number) => `${Number((value * 100).toPrecision(6))} %` : undefined
  const ySpec = { ticks: yTicks.filter((tick) => tick >= yLow - 1e-9 && tick <= yHigh + 1e-9), scale: y, title: plot.yTitle }
  return [
    ...drawTitle(plot.title, plot.subtitle, outer.left + 20, outer.top + 18, font),
    ...drawAxes(box, { ticks: xTicks, scale: x, title: plot.xTitle }, text === undefined ? ySpec : { ...ySpec, text }, font),
    ...drawMark(plot, box, x, y, font),
    ...plot.series.flatMap((series, i) => drawSeries(series, series.color ?? categoryColor(i), x, y)),
    ...drawLegend(plot.series, outer.left + 20, outer.top + 62, font),
  ]
}

function isDrawn<T extends { readonly x: number; readonly y: number | undefined }>(point: T): point is T & { readonly y: number } {
  return point.y !== undefined && Number.isFinite(point.y) && Number.isFinite(point.x)
}

function drawSeries({ points, dashed }: Series, color: string, x: Scale, y: Scale): string[] {
  const runs: (readonly [number, number])[][] = [[]]
  for (const point of points) {
    if (isDrawn(point)) runs.at(-1)!.push([x(point.x), y(point.y)])
    else if (runs.at(-1)!.length > 0) runs.push([])
  }
  const style = { stroke: color, 'stroke-width': 2.2, 'stroke-dasharray': dashed ? '6 4' : undefined }
  return runs.flatMap((run) => {
    if (run.length === 0) return []
    return run.length === 1 ? [circle(run[0]![0], run[0]![1], 3, { fill: color })] : [polyline(run, style)]
  })
}

function drawMark({ mark, series }: LinePlot, box: Box, x: Scale, y: Scale, font: TextFont): string[] {
  if (mark === undefined) return []
  const at = x(mark.x)
  const half = font.width(mark.text, 11) / 2 + 6
  const middle = Math.min(box.left + box.width - half, Math.max(box.left + half, at))
  const index = series.findIndex(({ name }) => name === mark.series)
  const point = series[index]?.points.find((candidate) => candidate.x === mark.x)
  const dot =
    point === undefined || !isDrawn(point)
      ? ''
      : circle(at, y(point.y), 4.5, { fill: ink.paper, stroke: series[index]!.color ?? categoryColor(index), 'stroke-width': 2.4 })
  return [
    line(at, box.top, at, box.top + box.height, { stroke: ink.axis, 'stroke-width': 1.2, 'stroke-dasharray': '3 3' }),
    rect(middle - half, box.top - 9, half * 2, 18, { fill: '#f3f4f6', rx: 9 }),
    font.draw(mark.text, middle, box.top, { size: 11, color: ink.text, anchor: 'middle', baseline: 'middle' }),
    dot,
  ]
}

function drawLegend(series: readonly Series[], left: number, y: number, font: TextFont): string[] {
  let at = left
  return series.flatMap(({ name, color, dashed }, i) => {
    const start = at
    at += 28 + font.width(name, 12) + 20
    const stroke = { stroke: color ?? categoryColor(i), 'stroke-width': 2.6, 'stroke-dasharray': dashed ? '5 3' : undefined }
    return [line(start, y, start + 20, y, stroke), font.draw(name, start + 27, y, { size: 12, color: ink.text, baseline: 'middle' })]
  })
}

export interface HistoryPoint {
  readonly epoch: number
  readonly loss?: number | undefined
  readonly accuracy?: number | undefined
  readonly validationLoss?: number | undefined
  readonly validationAccuracy?: number | undefined
}

/** Loss and accuracy of a training side by side, the best epoch marked; epochs are counted from 1 in the picture. 1120 x 420 pixels. */
export function drawHistory(
  history: readonly HistoryPoint[],
  font: TextFont,
  options: { readonly bestEpoch?: number; readonly subtitle?: string } = {},
): string {
  const [width, height] = [1120, 420]
  const curve = (name: string, key: keyof HistoryPoint, color: number, dashed = false): Series => ({
    name,
    points: history.map((point) => ({ x: point.epoch + 1, y: point[key] })),
    color: categoryColor(color),
    dashed,
  })
  const some = (series: readonly Series[]) => series.filter(({ points }) => points.some(isDrawn))
  const mark = (series: string) =>
    options.bestEpoch === undefined ? {} : { mark: { x: options.bestEpoch + 1, text: `best epoch ${options.bestEpoch + 1}`, series } }
  const loss = some([curve('training', 'loss', 0), curve('validation', 'validationLoss', 1)])
  const accuracy = some([curve('training', 'accuracy', 0), curve('validation', 'validationAccuracy', 1)])
  const subtitle = options.subtitle === undefined ? {} : { subtitle: options.subtitle }
  const panels: LinePlot[] = []
  if (loss.length > 0) panels.push({ title: 'Loss', ...subtitle, xTitle: 'epoch', series: loss, ...mark('validation'), yLow: 0 })
  if (accuracy.length > 0) {
    const low = minOf(accuracy.flatMap(({ points }) => points.filter(isDrawn).map(({ y }) => y)))
    panels.push({
      title: 'Accuracy',
      ...subtitle,
      xTitle: 'epoch',
      series: accuracy,
      ...mark('validation'),
      yLow: Math.floor(low * 10) / 10,
      yHigh: 1,
      percent: true,
    })
  }
  if (panels.length === 0)
    throw new FoveaError('DRAWING_INVALID', { field: 'history', expected: 'at least one epoch with a loss', found: 'none' })
  const part = width / 2
  const drawn = panels.flatMap((panel, i) => drawLinePanel(panel, { left: i * part, top: 0, width: part, height }, font))
  return svgDocument(panels.length * part, height, drawn, ink.paper)
}
