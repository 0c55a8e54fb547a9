// Text as SVG paths: a picture must look the same on a machine without a single font. Scripts that the fonts lack are left to the viewer's.

import { element, escapeText, number } from './svg.ts'
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

/** Whether whoever shows the drawing has a font for a character that ours lack. */
export type ViewerFonts = (character: string) => boolean

interface PlacedGlyph {
  readonly glyph: Glyph
  /** From the start of the text, in ems. */
  readonly x: number
}

interface PlacedText {
  /** What is drawn: the text with escapes. */
  readonly text: string
  readonly placed: readonly PlacedGlyph[]
  /** In ems; a good guess where the viewer's fonts draw. */
  readonly advance: number
  /** Some of it is drawn by the viewer's fonts, and then all of it, since letters of one text hang together. */
  readonly isViewers: boolean
}

/** A box, for escapes in fonts without Latin letters. */
const missing: Glyph = {
  advance: 0.62,
  // The inner rectangle runs the other way round, so that it is a hole.
  commands: [...box(0.08, 0, 0.54, -0.7), ...box(0.48, -0.06, 0.14, -0.64)],
}

/** No character of a line of text: these break XML, or turn the direction of what stands around them. */
const unprintable = /[\p{Cc}\p{Cs}\p{Cn}\p{Co}\p{Zl}\p{Zp}\p{Bidi_Control}]/u
/** As wide as high: ideographs, kana, hangul, full-width forms, emoji. */
const wide = /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{scx=Bopo}\p{Emoji_Presentation}\uff01-\uff60]/u

/** Fonts in the order in which a character is looked for. */
export class TextFont {
  readonly #regular: readonly Typeface[]
  readonly #bold: readonly Typeface[]
  readonly #viewer: ViewerFonts

  /**
   * Bold text falls back to the regular fonts. A text with characters that none of them has becomes a `<text>` element where the viewer has them;
   * else they are written as escapes, `\u6f22`. @param viewer By default nobody has any.
   */
  constructor(regular: readonly Typeface[], bold: readonly Typeface[] = [], viewer: ViewerFonts = () => false) {
    this.#regular = regular
    this.#bold = [...bold, ...regular]
    this.#viewer = viewer
  }

  /** The same fonts for another viewer. */
  for(viewer: ViewerFonts): TextFont {
    return new TextFont(this.#regular, this.#bold, viewer)
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

  /** A `<path>` element that draws the text, or a `<text>` where the viewer's fonts must; nothing for an empty one. */
  draw(
    text: string,
    x: number,
    y: number,
    { size, color = '#111827', bold = false, anchor = 'start', baseline = 'baseline', rotate }: TextStyle,
  ): string {
    const { text: shown, placed, advance, isViewers } = this.#place(text, bold)
    const transform = rotate === undefined ? undefined : `rotate(${number(rotate)} ${number(x)} ${number(y)})`
    const left = x - (anchor === 'middle' ? advance / 2 : anchor === 'end' ? advance : 0) * size
    // Capitals are about 0.73 em high.
    const base = y + (baseline === 'middle' ? 0.365 : baseline === 'top' ? 0.73 : 0) * size
    if (isViewers) {
      const style = { 'font-size': size, 'font-family': 'Inter, system-ui, sans-serif', 'font-weight': bold ? 600 : undefined }
      // The viewer knows how wide it is.
      return element('text', { x, y: base, fill: color, 'text-anchor': anchor, ...style, transform }, escapeText(shown))
    }
    const data = placed.map(({ glyph, x: offset }) => pathData(glyph, left + offset * size, base, size)).join('')
    if (data === '') return ''
    return element('path', { d: data, fill: color, transform })
  }

  #place(given: string, bold: boolean): PlacedText {
    const faces = bold ? this.#bold : this.#regular
    const glyphOf = (character: string) => faces.find((face) => face.glyph(character) !== undefined)?.glyph(character)
    const placed: PlacedGlyph[] = []
    let [text, x, isViewers] = ['', 0, false]
    const put = (character: string, glyph: Glyph): void => {
      text += character
      placed.push({ glyph, x })
      x += glyph.advance
    }
    for (const character of given.normalize('NFC')) {
      const glyph = unprintable.test(character) ? undefined : glyphOf(character)
      if (glyph !== undefined) put(character, glyph)
      else if (!unprintable.test(character) && this.#viewer(character)) {
        isViewers = true
        put(character, { advance: /\p{M}/u.test(character) ? 0 : wide.test(character) ? 1 : missing.advance, commands: [] })
      } else for (const sign of escapeOf(character)) put(sign, glyphOf(sign) ?? missing)
    }
    return { text, placed, advance: x, isViewers }
  }
}

/** As in source code: `\u6f22`, `\u{1f600}`. */
function escapeOf(character: string): string {
  const digits = character.codePointAt(0)!.toString(16)
  return digits.length > 4 ? `\\u{${digits}}` : `\\u${digits.padStart(4, '0')}`
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
