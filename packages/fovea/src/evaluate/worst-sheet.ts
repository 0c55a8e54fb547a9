// The worst pictures as pictures: truth and answer drawn over them.

import { loadImage } from '../data/decode.ts'
import { drawSheet } from '../data/draw-prediction.ts'
import { drawOver, encodeJpeg } from '../data/encode.ts'
import { loadFont } from '../data/font.ts'
import { drawOutcomes } from '../vision/drawing/outcomes.ts'
import { svgDocument } from '../vision/drawing/svg.ts'
import type { TextFont } from '../vision/drawing/text.ts'
import { type Image, toRgb } from '../vision/image.ts'
import { resizeImage } from '../vision/resize.ts'
import type { VisionEvaluation } from './evaluation.ts'
import type { WorstPicture } from './worst.ts'

export interface WorstSheetOptions {
  /** The most pictures. @default 24 */
  readonly count?: number
  /** Side of a thumbnail. @default 176 */
  readonly side?: number
}

interface Loaded {
  readonly worst: WorstPicture
  readonly image: Image
}

/** Those that can still be read, in their order. */
async function loadWorst(worst: readonly WorstPicture[], count: number): Promise<Loaded[]> {
  const loaded: Loaded[] = []
  for (const one of worst) {
    if (loaded.length === count) break
    const image = one.image ?? (one.file === undefined ? undefined : await loadImage(one.file).catch(() => undefined))
    if (image !== undefined) loaded.push({ worst: one, image })
  }
  return loaded
}

/**
 * A sheet of the most wrong pictures, and of no other: things that were found are green, what is not there red, missed ones yellow. Where none
 * is wrong, the hardest of the right ones, and the title says so. Undefined where there are none.
 */
export async function drawWorst(
  evaluation: VisionEvaluation,
  { count = 24, side = 176 }: WorstSheetOptions = {},
): Promise<Image | undefined> {
  const isWrong = evaluation.worst.some(({ isMistake }) => isMistake)
  const loaded = await loadWorst(
    evaluation.worst.filter(({ isMistake }) => isMistake === isWrong),
    count,
  )
  if (loaded.length === 0) return undefined
  const tones = new Set(loaded.flatMap(({ worst }) => worst.marks.map(({ tone }) => tone)))
  const keys = [
    ['found', 'green: found'],
    ['wrong', evaluation.task === 'segment' ? 'red: wrong pixels' : 'red: not there, or of another class'],
    ['missed', evaluation.task === 'anomaly' ? 'yellow: anomalous by the truth' : 'yellow: missed'],
  ] as const
  const legend = keys.flatMap(([tone, text]) => (tones.has(tone) ? [text] : [])).join(', ')
  const font = await loadFont()
  const pictures = loaded.map(({ worst, image }) => {
    const { scale, width, height } = fitted(image, side)
    return {
      image,
      caption: worst.caption,
      note: worst.note,
      tone: worst.isMistake ? ('bad' as const) : ('good' as const),
      overlay: drawOutcomes(worst.marks, scale, { width, height }, font),
    }
  })
  const title = isWrong ? 'Most wrong pictures' : 'No picture is wrong; the hardest right ones'
  return drawSheet(pictures, { title, ...(legend === '' ? {} : { subtitle: legend }), side, font })
}

export interface Thumbnail {
  readonly worst: WorstPicture
  readonly jpeg: Uint8Array
  readonly width: number
  readonly height: number
}

/** The worst pictures one by one as JPEG, for a report: few and small, so that the report stays so. */
export async function worstThumbnails(worst: readonly WorstPicture[], count: number, side: number, font: TextFont): Promise<Thumbnail[]> {
  const thumbnails: Thumbnail[] = []
  for (const { worst: one, image } of await loadWorst(worst, count)) {
    const { scale, width, height } = fitted(image, side)
    const small = resizeImage(toRgb(image), height, width, Math.max(image.width, image.height) < 48 ? 'nearest' : 'lanczos3')
    const overlay = svgDocument(width, height, [drawOutcomes(one.marks, scale, { width, height }, font)])
    const drawn = one.marks.length === 0 ? small : await drawOver(small, overlay)
    thumbnails.push({ worst: one, jpeg: await encodeJpeg(drawn, 82), width, height })
  }
  return thumbnails
}

function fitted({ width, height }: Image, side: number): { scale: number; width: number; height: number } {
  const scale = side / Math.max(width, height)
  return { scale, width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
