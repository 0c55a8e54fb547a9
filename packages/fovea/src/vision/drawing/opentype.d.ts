// The part of opentype.js that is used here; the package brings no types.

declare module 'opentype.js' {
  interface PathCommand {
    readonly type: 'M' | 'L' | 'C' | 'Q' | 'Z'
    readonly x?: number
    readonly y?: number
    readonly x1?: number
    readonly y1?: number
    readonly x2?: number
    readonly y2?: number
  }

  interface Glyph {
    readonly index: number
    readonly advanceWidth?: number
    readonly path: { readonly commands: readonly PathCommand[] }
  }

  interface Font {
    readonly unitsPerEm: number
    readonly ascender: number
    readonly descender: number
    charToGlyph(character: string): Glyph
  }

  export function parse(bytes: ArrayBuffer): Font
}
