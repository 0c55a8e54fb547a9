// The font that pictures are written with: Inter, bundled under the SIL Open Font License (assets/fonts/OFL.txt).

import { fileURLToPath } from 'node:url'
import { TextFont } from '../vision/drawing/text.ts'
import { parseTypeface } from '../vision/drawing/typeface.ts'
import { readFileBytes } from './source.ts'

const regular = ['inter-latin-400-normal', 'inter-latin-ext-400-normal', 'inter-greek-400-normal', 'inter-cyrillic-400-normal']
const bold = ['inter-latin-600-normal']

let loaded: Promise<TextFont> | undefined

/** Latin, Greek and Cyrillic; read once, then kept. Characters beyond those are drawn as boxes. */
export function loadFont(): Promise<TextFont> {
  loaded ??= read()
  return loaded
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
  return new TextFont(await faces(regular), await faces(bold))
}
