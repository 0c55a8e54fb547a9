// The font that pictures are written with: Inter, bundled under the SIL Open Font License (assets/fonts/OFL.txt).

import { fileURLToPath } from 'node:url'
import { TextFont } from '../vision/drawing/text.ts'
import { parseTypeface } from '../vision/drawing/typeface.ts'
import { readFileBytes } from './source.ts'
import { systemHas } from './system-fonts.ts'

const regular = ['inter-latin-400-normal', 'inter-latin-ext-400-normal', 'inter-greek-400-normal', 'inter-cyrillic-400-normal']
const bold = ['inter-latin-600-normal']

let loaded: Promise<TextFont> | undefined

/**
 * Latin, Greek and Cyrillic; read once, then kept. Other scripts are drawn by the fonts of this machine where it has some for them, else written
 * as escapes: right for what becomes pixels here.
 */
export function loadFont(): Promise<TextFont> {
  loaded ??= read()
  return loaded
}

/** As `loadFont`, for drawings that go out as SVG: a browser has fonts for all scripts, or shows that it has none. */
export async function loadWebFont(): Promise<TextFont> {
  return (await loadFont()).for(() => true)
}

async function read(): Promise<TextFont> {
  const faces = (names: readonly string[]) =>
    Promise.all(
      names.map(async (name) => {
        // Two folders up from src/data and from dist/data alike.
        const file = fileURLToPath(new URL(`../../assets/fonts/${name}.woff`, import.meta.url))
        return parseTypeface(await readFileBytes(file), file)
      }),
    )
  return new TextFont(await faces(regular), await faces(bold), systemHas)
}
