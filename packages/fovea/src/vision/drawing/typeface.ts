// Outlines of letters, read from a font file.

import * as opentype from 'opentype.js'
import { FoveaError } from '../../util/errors.ts'

/** A letter, in units of the em: 1 is the font size, y grows downwards from the baseline. */
export interface Glyph {
  readonly advance: number
  readonly commands: readonly PathCommand[]
}

/** A letter of path data (M, L, Q, C, Z) and its coordinates, x and y in turn. */
export interface PathCommand {
  readonly type: string
  readonly points: readonly number[]
}

export interface Typeface {
  /** Height above and depth below the baseline, in ems, both positive. */
  readonly ascent: number
  readonly descent: number
  /** Undefined where the font lacks the character. */
  glyph(character: string): Glyph | undefined
}

/**
 * Reads a TrueType, OpenType or WOFF 1 font.
 * @throws DRAWING_INVALID where it is none
 */
export function parseTypeface(bytes: Uint8Array, file?: string): Typeface {
  const font = parse(bytes, file)
  const em = font.unitsPerEm
  const glyphs = new Map<string, Glyph | undefined>()
  const read = (character: string): Glyph | undefined => {
    const glyph = font.charToGlyph(character)
    // Glyph 0 stands for every missing character.
    if (glyph.index === 0) return undefined
    const commands = glyph.path.commands.map(({ type, ...p }) => {
      const points = [p.x1, p.y1, p.x2, p.y2, p.x, p.y].filter((value) => value !== undefined)
      return { type, points: points.map((value, i) => (i % 2 === 0 ? value / em : -value / em)) }
    })
    return { advance: (glyph.advanceWidth ?? 0) / em, commands }
  }
  return {
    ascent: font.ascender / em,
    descent: -font.descender / em,
    glyph: (character) => {
      if (!glyphs.has(character)) glyphs.set(character, read(character))
      return glyphs.get(character)
    },
  }
}

function parse(bytes: Uint8Array, file: string | undefined) {
  // Node sees the package as CommonJS and wraps it, bundlers take its module form.
  const library = (opentype as { readonly default?: typeof opentype }).default ?? opentype
  try {
    return library.parse(Uint8Array.from(bytes).buffer)
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error)
    throw new FoveaError('DRAWING_INVALID', { expected: 'a TrueType, OpenType or WOFF font', found, file, cause: error })
  }
}
