// A picture sheet of what a transform does to samples, their annotations drawn over them.

import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import { said } from '../util/said.ts'
import { drawAnnotations } from '../vision/drawing/annotations.ts'
import type { SheetOptions } from '../vision/drawing/plots/picture-sheet.ts'
import type { TextFont } from '../vision/drawing/text.ts'
import type { AnnotationRule } from '../vision/geometry/move-annotations.ts'
import type { Image } from '../vision/image.ts'
import { drawSheet } from './draw-prediction.ts'
import type { Transform } from './transforms/compose.ts'
import { type AnnotatedImage, transformSample } from './transforms/sample.ts'

export interface TransformSheetOptions {
  /** How often each sample is transformed. Default 5. */
  readonly variants?: number
  /** Default 0. */
  readonly seed?: number
  readonly rule?: AnnotationRule
}

/** More would be no sheet that anybody looks at. */
const mostVariants = 50

export interface TransformSheetCell extends AnnotatedImage {
  readonly caption: string
}

/**
 * The cells of the sheet, row by row: for each sample itself, then `variants` transformed ones. Variant v of sample i is drawn from
 * (`seed`, i, v) and does not depend on the others.
 * @throws DATA_OPTION_INVALID for fewer than 1 or more than 50 variants
 */
export function layOutTransforms(
  samples: readonly AnnotatedImage[],
  transform: Transform,
  options: TransformSheetOptions = {},
): TransformSheetCell[] {
  const fail = (field: string, expected: string, found: unknown) =>
    new FoveaError('DATA_OPTION_INVALID', { field, expected, found: said(found) })
  if (!Array.isArray(samples)) throw fail('samples', 'a list of images with annotations', samples)
  if (typeof options !== 'object' || options === null) throw fail('options', 'an object', options)
  const { variants = 5, seed = 0, rule = {} } = options
  if (!Number.isFinite(seed)) throw fail('seed', 'a number', seed)
  if (!Number.isSafeInteger(variants) || variants < 1 || variants > mostVariants)
    throw fail('variants', `a whole number from 1 to ${mostVariants}`, variants)
  return samples.flatMap((sample, i) => {
    const changed = Array.from({ length: variants }, (_, v) => transformSample(sample, transform, new Random(seed, 'preview', i, v), rule))
    return [sample, ...changed].map((cell, v) => ({ ...cell, caption: captionOf(cell, sample, v) }))
  })
}

function captionOf({ image, annotations }: AnnotatedImage, before: AnnotatedImage, variant: number): string {
  const size = `${image.width} x ${image.height}`
  const kept = before.annotations.length === 0 ? '' : `, ${annotations.length} of ${before.annotations.length}`
  return variant === 0 ? `${size}, as it is` : `${size}${kept}`
}

/** The sheet as a picture: one row for each sample, captions with size and how many annotations are left. */
export async function drawTransforms(
  samples: readonly AnnotatedImage[],
  transform: Transform,
  options: TransformSheetOptions & Omit<SheetOptions, 'columns'> & { readonly font?: TextFont } = {},
): Promise<Image> {
  const cells = layOutTransforms(samples, transform, options)
  const { side = 192 } = options
  const pictures = cells.map(({ image, annotations, caption }) => {
    const overlay = drawAnnotations(annotations, side / Math.max(image.width, image.height))
    return { image, caption, overlay }
  })
  return drawSheet(pictures, { ...options, side, columns: cells.length / Math.max(1, samples.length) })
}
