// A prediction as a picture: the image with its label, and where the model looked.

import { drawPrediction as drawGuesses } from '../data/draw-prediction.ts'
import { overlayHeatmap } from '../vision/drawing/heatmap.ts'
import { labelLayout } from '../vision/drawing/label.ts'
import { type Image, toRgb, verifyImage } from '../vision/image.ts'
import { resizeImage } from '../vision/resize.ts'
import type { Classification } from './answers.ts'
import type { Explanation } from './vision-model.ts'

export interface DrawOptions {
  /** Lays the Grad-CAM heat map over the picture. */
  readonly explanation?: Explanation
  /** How many guesses are written. @default 1; 3 where the best is under 60 % */
  readonly guesses?: number
}

/** Draws the picture with a caption band below it. @throws FoveaError IMAGE_INVALID where the image is not well formed */
export async function drawPrediction(image: Image, result: Classification, options: DrawOptions = {}): Promise<Image> {
  verifyImage(image)
  const best = result.top.slice(0, options.guesses ?? (result.probability < 0.6 ? 3 : 1))
  const guesses = result.rejected ? best.map((guess, i) => (i === 0 ? { ...guess, label: `Don't know: ${guess.label}?` } : guess)) : best
  const { explanation } = options
  if (explanation === undefined) return drawGuesses(image, guesses)
  // Enlarged before the heat goes over it, which stays smooth then.
  const { width, height } = labelLayout(image.width, image.height)
  const shown = resizeImage(toRgb(image), height, width, 'bicubic')
  return drawGuesses(overlayHeatmap(shown, explanation.heatmap, explanation.height, explanation.width), guesses)
}
