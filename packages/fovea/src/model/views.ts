// One answer about a picture from several looks at it: in tiles, mirrored, or both.

import { flipHorizontal } from '../data/transforms/flip.ts'
import { FoveaError } from '../util/errors.ts'
import type { Detection } from '../vision/annotation.ts'
import { fuseBoxes } from '../vision/box-fusion.ts'
import { DensityMap } from '../vision/density.ts'
import { Detections } from '../vision/detections.ts'
import { cropImage, type Image } from '../vision/image.ts'
import { boxOf } from '../vision/metrics/detections.ts'
import { mirrorMask, shiftMask } from '../vision/move-mask.ts'
import { mergeTiles, type Tile, type TileDetections, type TileOptions, tilesOf } from '../vision/tiles.ts'
import { type Classification, classification, type HeadAnswer } from './answers.ts'
import type { Count } from './heads/count.ts'
import type { ModelMetadata } from './metadata.ts'

/** Looks at a picture beside the plain one. */
export interface ViewOptions {
  /**
   * Of a detector: looks at parts of the picture, so that small things in large pictures are seen at their size. `true` takes tiles of the size
   * that the model sees.
   */
  readonly tiles?: boolean | TilesAsked
  /** Looks at the mirror image too, and answers with the mean: surer, and twice the time. Not for segmentation. @default false */
  readonly flip?: boolean
}

export interface TilesAsked extends Partial<TileOptions> {
  /** Looks at the picture as a whole too, which finds what is larger than a tile. @default true */
  readonly whole?: boolean
}

/** True where more than one look is asked for. @throws FoveaError MODEL_OPTION where the model cannot */
export function asksForViews({ task, name }: Pick<ModelMetadata, 'task' | 'name'>, { tiles = false, flip = false }: ViewOptions): boolean {
  if (typeof flip !== 'boolean') throw new FoveaError('MODEL_OPTION', { field: 'flip', expected: 'true or false', found: String(flip) })
  if (typeof tiles !== 'boolean' && (typeof tiles !== 'object' || tiles === null))
    throw new FoveaError('MODEL_OPTION', { field: 'tiles', expected: 'true, false, or { size, overlap, whole }', found: String(tiles) })
  if (typeof tiles === 'object') checkTiles(tiles)
  const fail = (field: string, expected: string): never => {
    throw new FoveaError('MODEL_OPTION', { field, file: name, expected, found: `one for ${task}` })
  }
  if (tiles !== false && task !== 'detect') fail('tiles', 'a model that detects')
  if (flip && task !== 'detect' && task !== 'classify' && task !== 'count') fail('flip', 'a model that detects, classifies or counts')
  return tiles !== false || flip
}

/** A misspelt option would be taken for one that did something. */
function checkTiles(tiles: TilesAsked): void {
  const fail = (field: string, expected: string, found: unknown): never => {
    throw new FoveaError('MODEL_OPTION', { field, expected, found: String(found) })
  }
  if (Array.isArray(tiles)) fail('tiles', '{ size, overlap, whole }', 'a list')
  const { size, overlap = 0, whole = true, ...others } = tiles
  const [strange] = Object.keys(others)
  if (strange !== undefined) fail('tiles', 'size, overlap, whole', strange)
  if (typeof whole !== 'boolean') fail('tiles.whole', 'true or false', whole)
  if (typeof overlap !== 'number') fail('tiles.overlap', '0 to 0.9', overlap)
  if (size !== undefined && typeof size !== 'number' && !(Array.isArray(size) && size.length === 2))
    fail('tiles.size', 'a number, or [height, width]', size)
}

export interface ViewRun {
  /** What the model sees of a picture, in pixels; of tiles without a size. */
  readonly size: readonly [height: number, width: number] | undefined
  readonly labels: readonly string[]
  readonly topK: number
  /** Of a classifier: below this probability it does not know. */
  readonly reject: number | undefined
  /** The overlap that doubles are left out from, and the least score and greatest number that were asked for. */
  readonly iou: number
  /** True where boxes of different classes leave each other alone. */
  readonly byClass: boolean
  readonly limit: number
  readonly confidence: (label: number) => number
  /** Answers plainly about pictures; of a detector that looks twice with all that is found, since the mean of two scores decides. */
  readonly answer: (images: readonly Image[]) => Promise<readonly HeadAnswer[]>
}

/** @throws FoveaError METRIC_INVALID for tiles that cannot be, and as `answer` */
export async function answerByViews(image: Image, { tiles = false, flip = false }: ViewOptions, run: ViewRun): Promise<HeadAnswer> {
  if (tiles === false) return answerTwice(image, run)
  const { whole = true, ...asked } = tiles === true ? {} : tiles
  const { width, height } = image
  const all: Tile = { left: 0, top: 0, width, height }
  const parts = tilesOf(width, height, { ...asked, size: asked.size ?? run.size ?? [640, 640] })
  const looks = parts.length === 1 || whole ? [all, ...(parts.length === 1 ? [] : parts)] : parts
  const found: TileDetections[] = []
  // One after another: a large picture has many tiles, and each is a copy.
  for (const tile of looks) {
    const part = cropImage(image, tile.left, tile.top, tile.width, tile.height)
    const answer = flip ? await answerTwice(part, run) : (await run.answer([part]))[0]!
    const { detections } = answer as Detections
    found.push({ tile, detections: detections.map((detection) => moved(detection, tile, image)) })
  }
  const merged = mergeTiles(found, image, { iou: run.iou, byClass: run.byClass, limit: run.limit })
  return new Detections(merged, { labels: run.labels, width, height })
}

function moved(detection: Detection, { left, top }: Tile, picture: Image): Detection {
  const { x1, y1, x2, y2 } = boxOf(detection, 'detection')
  const { mask } = detection
  const box = { x1: x1 + left, y1: y1 + top, x2: x2 + left, y2: y2 + top }
  return { ...detection, box, ...(mask && { mask: shiftMask(mask, left, top, picture) }) }
}

/** Boxes of two looks that overlap by more than this are of the same thing (Solovyev 2019). */
const sameThing = 0.55

/** The mean of the answers about the picture and its mirror image. */
async function answerTwice(image: Image, run: ViewRun): Promise<HeadAnswer> {
  const [plain, mirrored] = (await run.answer([image, flipHorizontal(image)])) as [HeadAnswer, HeadAnswer]
  switch (plain.task) {
    case 'classify':
      return meanOfClasses(plain, mirrored as Classification, run)
    case 'count':
      return meanOfCounts(plain, mirrored as Count)
    case 'detect': {
      const turned = (mirrored as Detections).detections.map((detection) => mirror(detection, image.width))
      // An overlap of 1 asks for all that was found.
      const joined =
        run.iou < 1
          ? fuseBoxes([plain.detections, turned], { iou: Math.min(run.iou, sameThing), byClass: run.byClass })
          : sorted([...plain.detections, ...turned])
      const fused = joined.filter(({ label, score }) => score >= run.confidence(label))
      return new Detections(fused.slice(0, run.limit), { labels: run.labels, width: image.width, height: image.height })
    }
    default:
      throw new FoveaError('MODEL_OPTION', { field: 'flip', expected: 'a model that detects, classifies or counts', found: plain.task })
  }
}

function sorted(detections: Detection[]): Detection[] {
  return detections.sort((a, b) => b.score - a.score)
}

function mirror(detection: Detection, width: number): Detection {
  const { x1, y1, x2, y2 } = boxOf(detection, 'detection')
  const { mask } = detection
  return { ...detection, box: { x1: width - x2, y1, x2: width - x1, y2 }, ...(mask && { mask: mirrorMask(mask) }) }
}

function meanOfClasses(a: Classification, b: Classification, { labels, topK, reject }: ViewRun): Classification {
  const sums = new Float32Array(labels.length)
  for (const { top } of [a, b]) for (const { index, probability } of top) sums[index] = sums[index]! + probability / 2
  return classification(labels, sums, topK, reject)
}

function meanOfCounts(a: Count, b: Count): Count {
  const { width, height } = a.density
  const data = a.density.data.map((value, i) => {
    const at = i - (i % width) + (width - 1 - (i % width))
    return (value + b.density.data[at]!) / 2
  })
  const counts = Object.fromEntries(Object.entries(a.counts).map(([name, count]) => [name, (count + b.counts[name]!) / 2]))
  return { ...a, count: (a.count + b.count) / 2, counts, density: new DensityMap(width, height, data) }
}
