// Pictures that need pixels and drawing together: a labelled prediction, a contact sheet.

import { drawLabel, type LabelPart, labelLayout } from '../vision/drawing/label.ts'
import { drawPictureSheet, type SheetOptions, type SheetPicture } from '../vision/drawing/plots/picture-sheet.ts'
import type { TextFont } from '../vision/drawing/text.ts'
import { type Image, toRgb, verifyImage } from '../vision/image.ts'
import type { Interpolation } from '../vision/preprocessing.ts'
import { resizeImage } from '../vision/resize.ts'
import { imageDataUrl, renderSvg } from './encode.ts'
import { loadFont } from './font.ts'

/** The picture with a band below that states the guesses, best first. Small pictures are enlarged so that the text can be read. */
export async function drawPrediction(
  image: Image,
  parts: readonly LabelPart[],
  options: { readonly tone?: string; readonly font?: TextFont } = {},
): Promise<Image> {
  verifyImage(image)
  const layout = labelLayout(image.width, image.height, parts.length)
  const shown = resizeImage(toRgb(image), layout.height, layout.width, enlargement(image))
  const svg = drawLabel(await imageDataUrl(shown), layout, parts, options.font ?? (await loadFont()), options.tone)
  return toRgb(await renderSvg(svg))
}

/** A contact sheet of pictures; each is reduced to the thumbnail's size first. */
export async function drawSheet(
  pictures: readonly (Omit<SheetPicture, 'href' | 'width' | 'height'> & { readonly image: Image })[],
  options: SheetOptions & { readonly font?: TextFont } = {},
): Promise<Image> {
  const { side = 128, font = await loadFont() } = options
  const items = await Promise.all(
    pictures.map(async ({ image, ...rest }) => {
      verifyImage(image)
      const scale = side / Math.max(image.width, image.height)
      const [width, height] = [Math.max(1, Math.round(image.width * scale)), Math.max(1, Math.round(image.height * scale))]
      const thumbnail = resizeImage(toRgb(image), height, width, enlargement(image))
      return { ...rest, href: await imageDataUrl(thumbnail), width, height }
    }),
  )
  return toRgb(await renderSvg(drawPictureSheet(items, font, { ...options, side })))
}

/** Icons and digits are shown as the pixels they are; anything larger looks better smooth. */
function enlargement({ width, height }: Image): Interpolation {
  return Math.max(width, height) < 48 ? 'nearest' : 'lanczos3'
}
