// Text as SVG paths: a picture must look the same on a machine without a single font.

import { element, number } from './svg.ts'
import type { Glyph, Typeface } from './typeface.ts'

export interface TextStyle {
  /** Font size in pixels. */
  readonly size: number
  readonly color?: string
  readonly bold?: boolean
  /** Which end of the text x is. Default start. */
  readonly anchor?: 'start' | 'middle' | 'end'
  /** Which height of the text y is. Default baseline; `middle` is the middle of capital letters. */
  readonly baseline?: 'baseline' | 'middle' | 'top'
  /** Turns the text about (x, y), in degrees clockwise. */
  readonly rotate?: number
}

interface PlacedGlyph {
  readonly glyph: Glyph
  /** From the start of the text, in ems. */
  readonly x: number
}

/** A box, for characters that no font has. */
const missing: Glyph = {
  advance: 0.62,
  // The inner rectangle runs the other way round, so that it is a hole.
  commands: [...box(0.08, 0, 0.54, -0.7), ...box(0.48, -0.06, 0.14, -0.64)],
}

/** Fonts in the order in which a character is looked for. */
export class TextFont {
  readonly #regular: readonly Typeface[]
  readonly #bold: readonly Typeface[]

  /** Bold text falls back to the regular fonts. */
  constructor(regular: readonly Typeface[], bold: readonly Typeface[] = []) {
    this.#regular = regular
    this.#bold = [...bold, ...regular]
  }

  /** Width of a line of text in pixels. */
  width(text: string, size: number, bold = false): number {
    const { advance } = this.#place(text, bold)
    return advance * size
  }

  /** The text, cut and ended by "…" so that it fits. */
  fit(text: string, size: number, maxWidth: number, bold = false): string {
    if (this.width(text, size, bold) <= maxWidth) return text
    const characters = [...text]
    while (characters.length > 1) {
      characters.pop()
      const cut = `${characters.join('').trimEnd()}…`
      if (this.width(cut, size, bold) <= maxWidth) return cut
    }
    return '…'
  }

  /** A `<path>` element that draws the text; nothing for an empty one. */
  draw(
    text: string,
    x: number,
    y: number,
    { size, color = '#111827', bold = false, anchor = 'start', baseline = 'baseline', rotate }: TextStyle,
  ): string {
    const { placed, advance } = this.#place(text, bold)
    const left = x - (anchor === 'middle' ? advance / 2 : anchor === 'end' ? advance : 0) * size
    // Capitals are about 0.73 em high.
    const base = y + (baseline === 'middle' ? 0.365 : baseline === 'top' ? 0.73 : 0) * size
    const data = placed.map(({ glyph, x: offset }) => pathData(glyph, left + offset * size, base, size)).join('')
    if (data === '') return ''
    return element('path', {
      d: data,
      fill: color,
      transform: rotate === undefined ? undefined : `rotate(${number(rotate)} ${number(x)} ${number(y)})`,
    })
  }

  #place(text: string, bold: boolean): { placed: PlacedGlyph[]; advance: number } {
    const faces = bold ? this.#bold : this.#regular
    const placed: PlacedGlyph[] = []
    let x = 0
    for (const character of text.normalize('NFC')) {
      const glyph = faces.find((face) => face.glyph(character) !== undefined)?.glyph(character) ?? missing
      placed.push({ glyph, x })
      x += glyph.advance
    }
    return { placed, advance: x }
  }
}

function pathData({ commands }: Glyph, x: number, y: number, size: number): string {
  return commands
    .map(({ type, points }) => type + points.map((value, i) => number(value * size + (i % 2 === 0 ? x : y))).join(' '))
    .join('')
}

function box(x0: number, y0: number, x1: number, y1: number) {
  return [
    { type: 'M', points: [x0, y0] },
    { type: 'L', points: [x1, y0] },
    { type: 'L', points: [x1, y1] },
    { type: 'L', points: [x0, y1] },
    { type: 'Z', points: [] },
  ]
}
