// Boxes, run lengths and outlines: against pycocotools' own results, and by their laws.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  boxArea,
  boxIoU,
  boxIoUs,
  clipBox,
  fromCentreSize,
  fromCornerSize,
  toAbsolute,
  toCentreSize,
  toCornerSize,
  toRelative,
} from './boxes.ts'
import { boxMask, polygonMask, polygonsMask } from './polygon-mask.ts'
import { fromRunLengthText, toRunLengthText } from './run-length-text.ts'
import { decodeMask, encodeMask, encodeRegion, maskArea, maskBounds, maskIoU, mergeMasks } from './run-lengths.ts'

interface Golden {
  polygons: { width: number; height: number; polygon: number[]; counts: string; area: number; bbox: number[] }[]
  pairs: { width: number; height: number; a: string; b: string; iou: number; crowd: number; union: string; both: string }[]
  pixels: { width: number; height: number; pixels?: string; ones?: number[]; counts: string }[]
  boxes: { a: [number, number, number, number]; b: [number, number, number, number]; iou: number; crowd: number }[]
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../../test/golden/coco-masks.json'), 'utf8')) as Golden

describe('as pycocotools', () => {
  test('outlines to masks', () => {
    for (const one of golden.polygons) {
      const mask = polygonMask(one.polygon, one.width, one.height)
      const bounds = maskBounds(mask)
      const bbox = bounds === undefined ? [0, 0, 0, 0] : [...toCornerSize(bounds)]
      expect({ ...one, counts: toRunLengthText(mask), area: maskArea(mask), bbox }).toEqual(one)
    }
  })

  test('overlap, crowds, unions and intersections of masks', () => {
    for (const { width, height, ...one } of golden.pairs) {
      const [a, b] = [fromRunLengthText(one.a, width, height), fromRunLengthText(one.b, width, height)]
      expect(maskIoU(a, b)).toBe(one.iou)
      expect(maskIoU(a, b, { crowd: true })).toBe(one.crowd)
      expect(toRunLengthText(mergeMasks([a, b]))).toBe(one.union)
      expect(toRunLengthText(mergeMasks([a, b], { intersect: true }))).toBe(one.both)
    }
  })

  test('pixels to text and back', () => {
    for (const { width, height, pixels, ones, counts } of golden.pixels) {
      const rows = new Uint8Array(width * height)
      if (pixels !== undefined) rows.set(Array.from(pixels, Number))
      for (const at of ones ?? []) rows[(at % height) * width + Math.floor(at / height)] = 1
      expect(toRunLengthText(encodeMask(rows, width, height))).toBe(counts)
      expect(Buffer.compare(decodeMask(fromRunLengthText(counts, width, height)), rows)).toBe(0)
    }
  })

  test('overlap of boxes', () => {
    for (const one of golden.boxes) {
      const [a, b] = [fromCornerSize(one.a), fromCornerSize(one.b)]
      expect(boxIoU(a, b)).toBeCloseTo(one.iou, 12)
      expect(boxIoU(a, b, { crowd: true })).toBeCloseTo(one.crowd, 12)
      expect(boxIoUs([a, b], [b], [true])[0]).toBe(boxIoU(a, b, { crowd: true }))
    }
  })
})

const size = fc.record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) })
const sheet = size.chain(({ width, height }) =>
  fc.record({
    width: fc.constant(width),
    height: fc.constant(height),
    a: fc.uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height }),
    b: fc.uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height }),
  }),
)

describe('laws', () => {
  test('packing loses nothing, and overlaps are those of the pixels', () => {
    fc.assert(
      fc.property(sheet, ({ width, height, a, b }) => {
        const [one, other] = [encodeMask(a, width, height), encodeMask(b, width, height)]
        expect(decodeMask(one)).toEqual(a)
        expect(fromRunLengthText(toRunLengthText(one), width, height)).toEqual(one)
        const union = a.map((value, i) => value | b[i]!)
        const both = a.map((value, i) => value & b[i]!)
        expect(mergeMasks([one, other])).toEqual(encodeMask(union, width, height))
        expect(mergeMasks([one, other], { intersect: true })).toEqual(encodeMask(both, width, height))
        const area = (pixels: Uint8Array) => pixels.reduce((sum, value) => sum + value, 0)
        expect(maskIoU(one, other)).toBe(area(both) === 0 ? 0 : area(both) / area(union))
        expect(maskIoU(other, one)).toBe(maskIoU(one, other))
      }),
    )
  })

  test('runs of no length change nothing', () => {
    const plain = { width: 3, height: 4, counts: [1, 4, 2, 3, 2] }
    const split = { width: 3, height: 4, counts: [1, 2, 0, 2, 2, 0, 0, 3, 2, 0] }
    expect(decodeMask(split)).toEqual(decodeMask(plain))
    expect(maskIoU(split, plain)).toBe(1)
    expect(mergeMasks([split, split])).toEqual(plain)
    expect(maskBounds(split)).toEqual(maskBounds(plain))
  })

  test('the order and direction of corners do not matter', () => {
    const coordinate = fc.integer({ min: -20, max: 70 }).map((value) => value / 4)
    fc.assert(
      fc.property(fc.array(fc.tuple(coordinate, coordinate), { minLength: 3, maxLength: 8 }), fc.nat(), (corners, turn) => {
        const at = turn % corners.length
        const turned = [...corners.slice(at), ...corners.slice(0, at)].reverse()
        expect(polygonMask(turned.flat(), 13, 12)).toEqual(polygonMask(corners.flat(), 13, 12))
      }),
    )
  })

  test('far away corners take no longer', () => {
    const far = 1e12
    expect(maskArea(polygonMask([-far, -far, far, -far, far, far, -far, far], 30, 20))).toBe(600)
    expect(maskArea(boxMask({ x1: 2, y1: 3, x2: 7, y2: 9 }, 30, 20))).toBe(30)
    expect(polygonsMask([], 3, 2)).toEqual({ width: 3, height: 2, counts: [6] })
    expect(
      maskArea(
        polygonsMask(
          [
            [0, 0, 4, 0, 4, 4, 0, 4],
            [2, 2, 6, 2, 6, 6, 2, 6],
          ],
          8,
          8,
        ),
      ),
    ).toBe(28)
  })

  test('width and height come back to the last bit, but not those of a box that was moved', () => {
    const number = fc.double({ min: -1e4, max: 1e4, noNaN: true })
    const side = fc.double({ min: 0, max: 1e4, noNaN: true })
    fc.assert(
      fc.property(fc.tuple(number, number, side, side), (corner) => {
        expect(toCornerSize(fromCornerSize(corner))).toEqual(corner)
        expect(boxArea(fromCornerSize(corner))).toBe(corner[2] * corner[3])
      }),
    )
    const box = fromCornerSize([0.1, 0.1, 0.7, 0.2])
    expect(box.statedSize).toEqual([0.7, 0.2])
    expect(toCornerSize({ ...box, x2: 5.1 })).toEqual([0.1, 0.1, 5, box.y2 - box.y1])
  })

  test('boxes', () => {
    const box = { x1: 1, y1: 2, x2: 4, y2: 8 }
    const picture = { width: 10, height: 20 }
    expect(boxArea(box)).toBe(18)
    expect(boxArea({ x1: 4, y1: 4, x2: 1, y2: 1 })).toBe(0)
    expect(boxIoU(box, box)).toBe(1)
    expect(boxIoU(box, { x1: 4, y1: 2, x2: 9, y2: 8 })).toBe(0)
    expect(fromCornerSize(toCornerSize(box))).toEqual(box)
    expect(fromCornerSize([1, 2, 3, 6])).toEqual(box)
    expect(fromCentreSize(toCentreSize(box))).toEqual(box)
    expect(toAbsolute(toRelative(box, picture), picture)).toEqual(box)
    expect(clipBox({ x1: -3, y1: 5, x2: 40, y2: 40 }, picture)).toEqual({ x1: 0, y1: 5, x2: 10, y2: 20 })
    expect(clipBox({ x1: 11, y1: 5, x2: 40, y2: 40 }, picture)).toBeUndefined()
  })
})

test('refuses what is not well formed', () => {
  expect(() => fromRunLengthText('0z', 2, 2)).toThrowError(/MASK_INVALID/)
  expect(() => fromRunLengthText('P', 2, 2)).toThrowError(/the end of the text/)
  expect(() => fromRunLengthText('o'.repeat(40), 2, 2)).toThrowError(/MASK_INVALID/)
  expect(() => fromRunLengthText('3', 2, 2)).toThrowError(/sum of 2x2/)
  expect(() => decodeMask({ width: 2, height: 2, counts: [-1, 5] })).toThrowError(/counts\[0\]/)
  expect(() => decodeMask({ width: 2 ** 20, height: 2 ** 20, counts: [2 ** 40] })).toThrowError(/pixels at most/)
  expect(() => encodeMask([1, 0, 1], 2, 2)).toThrowError(/MASK_INVALID/)
  expect(() => polygonMask([1, 2, 3], 5, 5)).toThrowError(/MASK_INVALID/)
  expect(() => polygonMask([1, 2, 3, Number.NaN, 5, 6], 5, 5)).toThrowError(/polygon\[3\]/)
  expect(() => maskIoU({ width: 2, height: 3, counts: [6] }, { width: 3, height: 2, counts: [6] })).toThrowError(/MASK_INVALID/)
  expect(() => mergeMasks([])).toThrowError(/MASK_INVALID/)
})

test('a region is encoded from its box as from the whole picture', () => {
  const pictures = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 })).chain(([width, height]) =>
    fc.record({
      width: fc.constant(width),
      height: fc.constant(height),
      labels: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: width * height, maxLength: width * height }),
    }),
  )
  fc.assert(
    fc.property(pictures, ({ width, height, labels }) => {
      for (const region of [1, 2]) {
        const pixels = labels.map((label) => (label === region ? 1 : 0))
        const [xs, ys] = [[] as number[], [] as number[]]
        for (const [at, on] of pixels.entries())
          if (on) {
            xs.push(at % width)
            ys.push(Math.floor(at / width))
          }
        const box = { x1: Math.min(...xs), y1: Math.min(...ys), x2: Math.max(...xs) + 1, y2: Math.max(...ys) + 1 }
        expect(encodeRegion(labels, region, box, width, height)).toEqual(encodeMask(pixels, width, height))
      }
    }),
  )
})
