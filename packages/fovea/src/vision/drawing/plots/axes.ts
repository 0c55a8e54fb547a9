// What plots share: ticks at round numbers, scales, a frame with grid and titles.

import { ink } from '../colors.ts'
import { line } from '../svg.ts'
import type { TextFont } from '../text.ts'

/** Round values (1, 2 or 5 times a power of ten) that cover low to high in about `count` steps (Heckbert 1990). */
export function niceTicks(low: number, high: number, count = 5): number[] {
  if (!(Number.isFinite(low) && Number.isFinite(high))) return [0, 1]
  if (high <= low) return niceTicks(low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2, count)
  const span = high - low
  const raw = span / Math.max(1, count)
  const power = 10 ** Math.floor(Math.log10(raw))
  const part = raw / power
  const step = (part < 1.5 ? 1 : part < 3 ? 2 : part < 7 ? 5 : 10) * power
  const first = Math.floor(low / step + 1e-9)
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9))
  // Through decimals, so that 0.1 + 0.2 reads 0.3.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** A tick's text with just the decimals that its neighbours need. */
export function tickText(value: number, ticks: readonly number[]): string {
  const step = ticks.length > 1 ? Math.abs(ticks[1]! - ticks[0]!) : Math.abs(value)
  if (value !== 0 && (Math.abs(value) >= 1e6 || step < 1e-5)) return value.toExponential(1).replace('e+', 'e')
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step || 1) + 1e-9)))
}

export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export type Scale = (value: number) => number

/** A linear map from values to pixels. */
export function linearScale(low: number, high: number, from: number, to: number): Scale {
  const factor = (to - from) / (high - low || 1)
  return (value) => from + (value - low) * factor
}

export interface AxisSpec {
  readonly ticks: readonly number[]
  readonly scale: Scale
  readonly title?: string | undefined
  readonly text?: (value: number) => string
}

/** Grid lines, tick texts and axis titles around a box. */
export function drawAxes(box: Box, x: AxisSpec, y: AxisSpec, font: TextFont): string[] {
  const { left, top, width, height } = box
  const bottom = top + height
  const drawn: string[] = []
  const xText = x.text ?? ((value: number) => tickText(value, x.ticks))
  const yText = y.text ?? ((value: number) => tickText(value, y.ticks))
  for (const tick of y.ticks) {
    const at = y.scale(tick)
    drawn.push(line(left, at, left + width, at, { stroke: ink.grid, 'stroke-width': 1 }))
    drawn.push(font.draw(yText(tick), left - 8, at, { size: 11, color: ink.faint, anchor: 'end', baseline: 'middle' }))
  }
  for (const tick of x.ticks) {
    const at = x.scale(tick)
    drawn.push(line(at, bottom, at, bottom + 4, { stroke: ink.axis, 'stroke-width': 1 }))
    drawn.push(font.draw(xText(tick), at, bottom + 9, { size: 11, color: ink.faint, anchor: 'middle', baseline: 'top' }))
  }
  drawn.push(line(left, bottom, left + width, bottom, { stroke: ink.axis, 'stroke-width': 1 }))
  if (x.title !== undefined)
    drawn.push(font.draw(x.title, left + width / 2, bottom + 30, { size: 12, color: ink.text, anchor: 'middle', baseline: 'top' }))
  if (y.title !== undefined) {
    const widest = Math.max(...y.ticks.map((tick) => font.width(yText(tick), 11)))
    drawn.push(font.draw(y.title, left - widest - 20, top + height / 2, { size: 12, color: ink.text, anchor: 'middle', rotate: -90 }))
  }
  return drawn
}

/** The title of a plot, and a line in small print below it. */
export function drawTitle(title: string, subtitle: string | undefined, x: number, y: number, font: TextFont): string[] {
  return [
    font.draw(title, x, y, { size: 15, color: ink.title, bold: true, baseline: 'top' }),
    subtitle === undefined ? '' : font.draw(subtitle, x, y + 20, { size: 11.5, color: ink.faint, baseline: 'top' }),
  ]
}
