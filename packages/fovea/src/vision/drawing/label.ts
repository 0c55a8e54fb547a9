// A picture with what the model says about it, in a band below: nothing of the picture is hidden.

import { ink } from './colors.ts'
import { picture, rect, svgDocument } from './svg.ts'
import type { TextFont } from './text.ts'

export interface LabelPart {
  readonly label: string
  /** 0 to 1. */
  readonly probability: number
}

export interface LabelLayout {
  /** The size at which the picture is shown: small ones are enlarged, very large ones reduced. */
  readonly width: number
  readonly height: number
  readonly bandHeight: number
}

/** How a picture of this size is shown. Height of the band by the number of lines. */
export function labelLayout(width: number, height: number, lines = 1): LabelLayout {
  const side = Math.max(width, height)
  const scale = side < 320 ? 320 / side : side > 1600 ? 1600 / side : 1
  const shownWidth = Math.max(1, Math.round(width * scale))
  const unit = unitOf(shownWidth)
  return {
    width: shownWidth,
    height: Math.max(1, Math.round(height * scale)),
    bandHeight: Math.round(unit * (lines > 1 ? 3.55 + 1.55 * (lines - 1) : 3.3)),
  }
}

/**
 * The drawing of a prediction: the picture (`href`, already resized to the layout), below it the first guess with its
 * probability as a bar, and the next guesses in small print.
 *
 * @param parts the guesses, best first; the number of lines is theirs
 * @param tone colour of the bar. @default a blue
 */
export function drawLabel(href: string, layout: LabelLayout, parts: readonly LabelPart[], font: TextFont, tone = '#2f81f7'): string {
  const { width, height, bandHeight } = layout
  const unit = unitOf(width)
  const pad = unit * 0.8
  const total = height + bandHeight
  const drawn = [picture(href, 0, 0, width, height), rect(0, height, width, bandHeight, { fill: '#0f172a' })]
  parts.forEach(({ label, probability }, i) => {
    const first = i === 0
    const size = first ? unit * 1.05 : unit * 0.72
    const y = height + (first ? unit * 1.15 : unit * (2 + 1.55 * i))
    const percent = percentText(probability)
    const percentWidth = font.width(percent, size, first)
    const name = font.fit(label, size, width - 2 * pad - percentWidth - unit * 0.6, first)
    drawn.push(font.draw(name, pad, y, { size, color: first ? '#f8fafc' : '#cbd5e1', bold: first, baseline: 'middle' }))
    drawn.push(
      font.draw(percent, width - pad, y, { size, color: first ? '#f8fafc' : '#94a3b8', bold: first, anchor: 'end', baseline: 'middle' }),
    )
    const [barY, barHeight] = [y + size * (first ? 0.92 : 0.72), unit * (first ? 0.34 : 0.18)]
    const length = width - 2 * pad
    const value = Math.min(1, Math.max(0, probability)) * length
    drawn.push(rect(pad, barY, length, barHeight, { fill: '#334155', rx: barHeight / 2 }))
    if (value > 0) drawn.push(rect(pad, barY, Math.max(value, barHeight), barHeight, { fill: first ? tone : '#64748b', rx: barHeight / 2 }))
  })
  return svgDocument(width, total, drawn, ink.paper)
}

/** "97.3 %"; nothing is called certain or impossible that is not. */
export function percentText(probability: number): string {
  if (!Number.isFinite(probability)) return '–'
  if (probability < 1 && probability > 0.999) return '> 99.9 %'
  if (probability > 0 && probability < 0.001) return '< 0.1 %'
  return `${(probability * 100).toFixed(1)} %`
}

/** The text size that a width carries: 18 px at 320 to 38 at 1600. */
function unitOf(width: number): number {
  return Math.min(38, Math.max(13, 10 + width * 0.0225))
}
