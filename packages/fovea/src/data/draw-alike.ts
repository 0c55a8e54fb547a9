// A picture sheet of pictures that look alike, pair by pair.

import type { SheetOptions } from '../vision/drawing/plots/picture-sheet.ts'
import type { TextFont } from '../vision/drawing/text.ts'
import { createImage, type Image } from '../vision/image.ts'
import { loadImage } from './decode.ts'
import { drawSheet } from './draw-prediction.ts'
import type { AlikePictures } from './formats/validate.ts'

/** So many pairs are drawn. */
const maxPairs = 60

/**
 * Each pair side by side, those in two splits first and framed in red; at most 60.
 * @throws DRAWING_INVALID where there are none
 */
export async function drawAlike(
  pairs: readonly AlikePictures[],
  options: SheetOptions & { readonly font?: TextFont } = {},
): Promise<Image> {
  const shown = pairs.slice(0, maxPairs)
  const pictures = await Promise.all(
    shown.map(({ paths, file, other, bits, inTwoSplits }) =>
      Promise.all(
        [other, file].map(async (caption, i) => ({
          image: await loadImage(paths[1 - i]!, { shrinkFor: [192, 192] }).catch(() => createImage(8, 8, 3)),
          caption,
          note: i === 0 ? '' : `${bits} of 64 bits differ`,
          ...(inTwoSplits ? { tone: 'bad' as const } : {}),
        })),
      ),
    ),
  )
  return drawSheet(pictures.flat(), { columns: pictures.length > 6 ? 6 : 2, side: 160, ...options })
}
