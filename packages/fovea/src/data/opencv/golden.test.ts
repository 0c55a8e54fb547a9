// The same functions in OpenCV for Python (bench/peers/opencv_golden.py): other builds round and vectorise differently, so a few values may be off by one.

import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { grayPicture } from '../../../test/drawn-pictures.ts'
import { createImage } from '../../vision/image.ts'
import { createCv } from './cv.ts'
import type { CvPipeline } from './pipeline.ts'

interface Golden {
  readonly width: number
  readonly height: number
  readonly images: Readonly<Record<string, { readonly width: number; readonly height: number; readonly data: string }>>
  readonly outlines: readonly {
    readonly area: number
    readonly perimeter: number
    readonly box: readonly number[]
    readonly hu: readonly number[]
  }[]
  readonly qr: { readonly text: string; readonly size: number; readonly data: string }
}

const golden = JSON.parse(readFileSync(new URL('../../../test/golden/opencv.json', import.meta.url), 'utf8')) as Golden
const cv = createCv()
afterAll(() => cv.close())

const { width, height } = golden
const gray = grayPicture(width, height, (x, y) => (x * 5 + y * 3 + ((x * y) % 23) * 7) % 251)
const color = createImage(width, height, 3)
for (const [i, value] of gray.data.entries()) color.data.set([value, 255 - value, (value * 7) % 256], 3 * i)

const camera = { matrix: [30, 0, 14, 0, 31, 10, 0, 0, 1], distortion: [0.1, -0.02, 0.001, 0.002] }

/** By name: the pipeline, the most that a value may be off, and the share of values that may be off at all. */
const cases: Readonly<Record<string, readonly [pipeline: () => CvPipeline, most: number, share: number]>> = {
  gray: [() => cv(color).gray(), 0, 0],
  hsv: [() => cv(color).convertColor('rgb', 'hsv'), 1, 0.01],
  lab: [() => cv(color).convertColor('rgb', 'lab'), 1, 0.02],
  gaussianBlur: [() => cv(color).gaussianBlur(5), 1, 0.01],
  medianBlur: [() => cv(color).medianBlur(5), 0, 0],
  // Python's vector code cuts off where the definition rounds; steps.test.ts holds ours to the definition.
  bilateralFilter: [() => cv(gray).bilateralFilter(5), 1, 0.5],
  clahe: [() => cv(gray).clahe(), 1, 0.02],
  canny: [() => cv(gray).canny(300, 500), 0, 0],
  otsu: [() => cv(gray).threshold('otsu'), 0, 0],
  triangle: [() => cv(gray).threshold('triangle'), 0, 0],
  adaptiveThreshold: [() => cv(gray).adaptiveThreshold(7, { offset: 3 }), 0, 0],
  closing: [() => cv(gray).morphology('close', 5, { shape: 'ellipse' }), 0, 0],
  resizeCubic: [() => cv(gray).resize(40, 33, 'cubic'), 1, 0.1],
  undistort: [() => cv(gray).undistort(camera), 1, 0.03],
}

test('every stored picture has a case', () => {
  expect(Object.keys(cases)).toEqual(Object.keys(golden.images))
})

test.each(Object.keys(cases))('%s', async (name) => {
  const [pipeline, most, share] = cases[name]!
  const stored = golden.images[name]!
  const expected = Buffer.from(stored.data, 'base64')
  const image = await pipeline().image()
  expect([image.width, image.height, image.data.length]).toEqual([stored.width, stored.height, expected.length])
  const off = [...image.data].map((value, i) => Math.abs(value - expected[i]!))
  expect(Math.max(...off)).toBeLessThanOrEqual(most)
  expect(off.filter((value) => value > 0).length / off.length).toBeLessThanOrEqual(share)
})

test('contours with their areas, perimeters, boxes and Hu moments', async () => {
  const contours = await cv(gray).threshold('otsu').contours()
  expect(contours.length).toBe(golden.outlines.length)
  for (const { area, perimeter, box, hu } of golden.outlines) {
    const [x, y, w, h] = box as [number, number, number, number]
    const same = contours.find(
      (contour) =>
        contour.area === area && contour.box.x1 === x && contour.box.y1 === y && contour.box.x2 === x + w && contour.box.y2 === y + h,
    )
    expect(same?.perimeter).toBeCloseTo(perimeter, 4)
    if (area > 0) for (const [i, value] of hu.entries()) expect(same!.moments.hu[i]).toBeCloseTo(value, 9)
  }
})

test('a QR code is read, with its corners', async () => {
  const { size, data, text } = golden.qr
  const bits = Buffer.from(data, 'base64')
  const page = grayPicture(8 * (size + 8), 8 * (size + 8), (x, y) => {
    const [u, v] = [(x >> 3) - 4, (y >> 3) - 4]
    return u >= 0 && v >= 0 && u < size && v < size ? bits[v * size + u]! : 255
  })
  const [code, ...others] = await cv(page).qrCodes()
  expect([code!.text, others.length, code!.polygon.length]).toEqual([text, 0, 8])
  // The encoder draws a white rim of one or two modules of its own; the corners lie within.
  for (const value of code!.polygon) expect(value > 32 && value < 8 * (size + 4)).toBe(true)
})
