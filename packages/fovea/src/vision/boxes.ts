// Boxes along the axes: area, overlap, clipping, and the other ways of writing them.

import type { Box } from './annotation.ts'

/** Pixels; 0 for a box whose corners are the wrong way round. */
export function boxArea(box: Box): number {
  const [, , width, height] = toCornerSize(box)
  return Math.max(0, width) * Math.max(0, height)
}

/** Pixels that both cover. */
export function boxIntersection(a: Box, b: Box): number {
  return Math.max(0, Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)) * Math.max(0, Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1))
}

export interface OverlapOptions {
  /** The truth is a crowd: what counts is the part of the detection that lies in it, as COCO has it. @default false */
  readonly crowd?: boolean
}

/**
 * Intersection over union, 0 to 1: Jaccard's index of two boxes, 0 where they do not meet.
 *
 * @param found The detection; only with `crowd` does it matter which is which.
 */
export function boxIoU(found: Box, truth: Box, { crowd = false }: OverlapOptions = {}): number {
  const both = boxIntersection(found, truth)
  if (both <= 0) return 0
  return both / (crowd ? boxArea(found) : boxArea(found) + boxArea(truth) - both)
}

/**
 * `boxIoU` of every detection with every truth, as a row-major [found, truths] array. With `crowd`, one flag a truth.
 */
export function boxIoUs(found: readonly Box[], truths: readonly Box[], crowd?: readonly boolean[]): Float64Array {
  const out = new Float64Array(found.length * truths.length)
  for (const [row, box] of found.entries())
    for (const [column, truth] of truths.entries())
      out[row * truths.length + column] = boxIoU(box, truth, { crowd: crowd?.[column] ?? false })
  return out
}

/** The part inside a picture; undefined where nothing of it is. */
export function clipBox(box: Box, { width, height }: { readonly width: number; readonly height: number }): Box | undefined {
  const clipped = { x1: Math.max(0, box.x1), y1: Math.max(0, box.y1), x2: Math.min(width, box.x2), y2: Math.min(height, box.y2) }
  return clipped.x2 > clipped.x1 && clipped.y2 > clipped.y1 ? clipped : undefined
}

/** Left, top, width, height: COCO's `bbox`. */
export type CornerSize = readonly [x: number, y: number, width: number, height: number]

/** Centre, width, height: YOLO's order, in whichever unit. */
export type CentreSize = readonly [x: number, y: number, width: number, height: number]

/** Width and height are kept where the corners do not give them back to the last bit, as of most decimals. */
export function fromCornerSize([x, y, width, height]: CornerSize): Box {
  const [x2, y2] = [x + width, y + height]
  const exact = Object.is(x2 - x, width) && Object.is(y2 - y, height)
  return { x1: x, y1: y, x2, y2, ...(exact ? {} : { statedSize: [width, height] }) }
}

/** Width and height as they were stated, else as the corners have them. */
export function toCornerSize({ x1, y1, x2, y2, statedSize }: Box): CornerSize {
  const [width, height] = statedSize ?? [0, 0]
  // Whoever moved a corner may have left the sizes as they were.
  if (statedSize !== undefined && x1 + width === x2 && y1 + height === y2) return [x1, y1, width, height]
  return [x1, y1, x2 - x1, y2 - y1]
}

export function fromCentreSize([x, y, width, height]: CentreSize): Box {
  return { x1: x - width / 2, y1: y - height / 2, x2: x + width / 2, y2: y + height / 2 }
}

export function toCentreSize({ x1, y1, x2, y2 }: Box): CentreSize {
  return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
}

/** From pixels to parts of the picture's width and height. */
export function toRelative(box: Box, { width, height }: { readonly width: number; readonly height: number }): Box {
  return { x1: box.x1 / width, y1: box.y1 / height, x2: box.x2 / width, y2: box.y2 / height }
}

/** From parts of the picture's width and height to pixels. */
export function toAbsolute(box: Box, { width, height }: { readonly width: number; readonly height: number }): Box {
  return { x1: box.x1 * width, y1: box.y1 * height, x2: box.x2 * width, y2: box.y2 * height }
}
