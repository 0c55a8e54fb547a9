// Masks as run lengths down the columns, with the arithmetic of COCO's mask API (pycocotools, maskApi.c): equal counts, areas and IoUs.

import { FoveaError } from '../util/errors.ts'
import { said } from '../util/said.ts'
import type { Box, RunLengths } from './annotation.ts'
import type { OverlapOptions } from './boxes.ts'

/** The longest side of a mask. */
const maxSide = 2 ** 20

/** The most pixels that a mask is unpacked to. */
const maxPixels = 2 ** 30

/** The same mask, its counts checked. @throws FoveaError MASK_INVALID where they do not fill the picture, or are not whole numbers of 0 and more. */
export function checkRunLengths(mask: RunLengths): RunLengths {
  const { width, height, counts } = Object(mask) as Partial<RunLengths>
  if (!(Array.isArray(counts) || ArrayBuffer.isView(counts)) || typeof width !== 'number' || typeof height !== 'number')
    throw new FoveaError('MASK_INVALID', { field: 'mask', expected: 'an object of width, height and counts', found: said(mask) })
  checkSize(width, height)
  let sum = 0
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!
    if (!(Number.isSafeInteger(count) && count >= 0))
      throw new FoveaError('MASK_INVALID', { field: `counts[${i}]`, expected: 'a whole number, 0 or more', found: String(count) })
    sum += count
  }
  if (sum !== width * height)
    throw new FoveaError('MASK_INVALID', { field: 'counts', expected: `a sum of ${width}x${height}`, found: String(sum) })
  return mask
}

/**
 * Runs of a mask given pixel by pixel, row by row; what is not 0 belongs to it.
 *
 * @throws FoveaError MASK_INVALID where `pixels` are not width times height
 */
export function encodeMask(pixels: ArrayLike<number>, width: number, height: number): RunLengths {
  checkSize(width, height)
  if (pixels?.length !== width * height)
    throw new FoveaError('MASK_INVALID', { field: 'pixels', expected: `${width}x${height}`, found: said(pixels?.length) })
  const counts: number[] = []
  let on = false
  let run = 0
  for (let x = 0; x < width; x++)
    for (let at = x; at < pixels.length; at += width) {
      if ((pixels[at] !== 0) !== on) {
        counts.push(run)
        run = 0
        on = !on
      }
      run++
    }
  counts.push(run)
  return { width, height, counts }
}

/**
 * The pixels of one number as a mask: what `encodeMask` gives, with a look at the pixels of `box` alone. A picture may have thousands of regions.
 *
 * @param labels row by row, in the size of the picture
 * @param box in whole pixels inside the picture; holds all pixels of the number
 */
export function encodeRegion(labels: ArrayLike<number>, region: number, box: Box, width: number, height: number): RunLengths {
  const counts: number[] = []
  let [from, to, written] = [0, 0, 0]
  const close = () => {
    if (to === from) return
    counts.push(from - written, to - from)
    written = to
  }
  for (let x = box.x1; x < box.x2; x++)
    for (let y = box.y1; y < box.y2; y++) {
      if (labels[y * width + x] !== region) continue
      const at = x * height + y
      if (at !== to || to === from) {
        close()
        from = at
      }
      to = at + 1
    }
  close()
  if (written < width * height) counts.push(width * height - written)
  return { width, height, counts }
}

/** Pixels of a mask, row by row, 0 or 1. @throws FoveaError MASK_INVALID for counts that do not fill it, or more than 2^30 pixels */
export function decodeMask(mask: RunLengths): Uint8Array {
  const { width, height } = checkRunLengths(mask)
  if (width * height > maxPixels)
    throw new FoveaError('MASK_INVALID', { field: 'size', expected: `${maxPixels} pixels at most`, found: `${width}x${height}` })
  const pixels = new Uint8Array(width * height)
  visitRuns(mask, (x, top, bottom) => {
    for (let y = top; y < bottom; y++) pixels[y * width + x] = 1
  })
  return pixels
}

/**
 * Calls `visit` for each run of 1 within one column: pixels `top` to `bottom` - 1 of column `x`.
 * @throws FoveaError MASK_INVALID
 */
export function visitRuns(mask: RunLengths, visit: (x: number, top: number, bottom: number) => void): void {
  const { height, counts } = checkRunLengths(mask)
  let at = 0
  for (let i = 0; i < counts.length; i++) {
    const end = at + counts[i]!
    if (i % 2 === 1)
      for (let start = at; start < end; ) {
        const x = Math.floor(start / height)
        const stop = Math.min(end, (x + 1) * height)
        visit(x, start - x * height, stop - x * height)
        start = stop
      }
    at = end
  }
}

/** Number of pixels of the mask. @throws FoveaError MASK_INVALID */
export function maskArea(mask: RunLengths): number {
  return areaOf(checkRunLengths(mask))
}

function areaOf({ counts }: RunLengths): number {
  let area = 0
  for (let i = 1; i < counts.length; i += 2) area += counts[i]!
  return area
}

/** The smallest box around the mask; undefined for one without pixels. @throws FoveaError MASK_INVALID */
export function maskBounds(mask: RunLengths): Box | undefined {
  const { height, counts } = checkRunLengths(mask)
  let [x1, y1, x2, y2] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0]
  let at = 0
  for (let i = 0; i < counts.length; i++) {
    const end = at + counts[i]!
    if (i % 2 === 1 && end > at) {
      const [first, last] = [Math.floor(at / height), Math.floor((end - 1) / height)]
      x1 = Math.min(x1, first)
      x2 = Math.max(x2, last + 1)
      y1 = Math.min(y1, first < last ? 0 : at - first * height)
      y2 = Math.max(y2, first < last ? height : end - first * height)
    }
    at = end
  }
  return x2 === 0 ? undefined : { x1, y1, x2, y2 }
}

/** Pixels that lie in both, by walking both lists of runs once. @throws FoveaError MASK_INVALID for masks of different sizes */
export function maskIntersection(a: RunLengths, b: RunLengths): number {
  checkSameSize(a, b)
  let [both, at, endA, endB, i, j] = [0, 0, a.counts[0] ?? 0, b.counts[0] ?? 0, 0, 0]
  while (i < a.counts.length && j < b.counts.length) {
    const next = Math.min(endA, endB)
    if (endA !== next && endB !== next) throw noNumbers()
    if (i % 2 === 1 && j % 2 === 1) both += next - at
    at = next
    if (endA === next) endA += a.counts[++i] ?? 0
    if (endB === next) endB += b.counts[++j] ?? 0
  }
  return both
}

/**
 * Intersection over union of two masks, 0 to 1; 0 where they do not meet.
 *
 * @param found The detection; only with `crowd` does it matter which is which: then the part of the detection that lies in the crowd.
 * @throws FoveaError MASK_INVALID for masks of different sizes
 */
export function maskIoU(found: RunLengths, truth: RunLengths, { crowd = false }: OverlapOptions = {}): number {
  const both = maskIntersection(found, truth)
  if (both === 0) return 0
  return both / (crowd ? areaOf(found) : areaOf(found) + areaOf(truth) - both)
}

/**
 * One mask of several: what lies in any of them, or with `intersect` in all of them.
 *
 * @throws FoveaError MASK_INVALID for none, or for masks of different sizes
 */
export function mergeMasks(masks: readonly RunLengths[], { intersect = false }: { readonly intersect?: boolean } = {}): RunLengths {
  const [first, ...rest] = Array.isArray(masks) ? (masks as readonly RunLengths[]) : []
  if (first === undefined) throw new FoveaError('MASK_INVALID', { field: 'masks', expected: 'at least one', found: 'none' })
  for (const mask of masks) checkRunLengths(mask)
  return rest.reduce((a, b) => mergeTwo(a, b, intersect), first)
}

function mergeTwo(a: RunLengths, b: RunLengths, intersect: boolean): RunLengths {
  checkSameSize(a, b)
  const counts: number[] = []
  let [begin, endA, endB, i, j] = [0, a.counts[0] ?? 0, b.counts[0] ?? 0, 0, 0]
  let on = false
  while (i < a.counts.length && j < b.counts.length) {
    const next = Math.min(endA, endB)
    // Runs of no length are stepped over together with the one before.
    while (endA === next && i < a.counts.length) endA += a.counts[++i] ?? 0
    while (endB === next && j < b.counts.length) endB += b.counts[++j] ?? 0
    const ended = i >= a.counts.length || j >= b.counts.length
    const value = intersect ? i % 2 === 1 && j % 2 === 1 : i % 2 === 1 || j % 2 === 1
    if (value === on && !ended) continue
    counts.push(next - begin)
    begin = next
    on = value
  }
  return { width: a.width, height: a.height, counts }
}

/** Walking on would never end. */
function noNumbers(): FoveaError {
  return new FoveaError('MASK_INVALID', { field: 'counts', expected: 'whole numbers of 0 and more', found: 'something else' })
}

/** @throws FoveaError MASK_INVALID unless both masks are of one size. */
function checkSameSize(a: RunLengths, b: RunLengths): void {
  for (const mask of [a, b]) if (!Array.isArray(mask?.counts) && !ArrayBuffer.isView(mask?.counts)) checkRunLengths(mask)
  if (a.width === b.width && a.height === b.height) return
  throw new FoveaError('MASK_INVALID', { field: 'size', expected: `${a.width}x${a.height}`, found: `${b.width}x${b.height}` })
}

/** @throws FoveaError MASK_INVALID unless a mask may have this size: sides of 2^20 pixels at most. */
export function checkSize(width: number, height: number): void {
  for (const [field, value] of Object.entries({ width, height }))
    if (!(Number.isInteger(value) && value >= 0 && value <= maxSide))
      throw new FoveaError('MASK_INVALID', { field, expected: `a whole number from 0 to ${maxSide}`, found: said(value) })
}
