// A prediction as a picture: the image with its label, and where the model looked.

import { imageDataUrl, renderSvg } from '../data/encode.ts'
import { loadFont } from '../data/font.ts'
import { overlayHeatmap } from '../vision/drawing/heatmap.ts'
import { drawLabel, labelLayout } from '../vision/drawing/label.ts'
import { type Image, toRgb } from '../vision/image.ts'
import { resizeImage } from '../vision/resize.ts'
import type { Classification, Explanation } from './vision-model.ts'

export interface DrawOptions {
  /** Lays the Grad-CAM heat map over the picture. */
  readonly explanation?: Explanation
  /** How many guesses are written. @default 1; 3 where the best is under 60 % */
  readonly guesses?: number
}

/** Draws the picture with a caption band below it. */
export async function drawPrediction(image: Image, result: Classification, options: DrawOptions = {}): Promise<Image> {
  const guesses = result.top.slice(0, options.guesses ?? (result.probability < 0.6 ? 3 : 1))
  const layout = labelLayout(image.width, image.height, guesses.length)
  const shown = resizeImage(toRgb(image), layout.height, layout.width, image.width < layout.width ? 'bicubic' : 'bilinear')
  const { explanation } = options
  const picture = explanation === undefined ? shown : overlayHeatmap(shown, explanation.heatmap, explanation.height, explanation.width)
  return renderSvg(drawLabel(await imageDataUrl(picture), layout, guesses, await loadFont()))
}
