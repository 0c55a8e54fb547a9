import { expect, test } from 'vitest'
import { AnomalyMap } from '../vision/anomaly.ts'
import { Detections } from '../vision/detections.ts'
import { createImage, type Image } from '../vision/image.ts'
import { Segmentation } from '../vision/segmentation.ts'
import type { Answer } from './answer-text.ts'
import type { Classification, MultiAnswer } from './answers.ts'
import { type DrawAnswerOptions, drawAnswer, type PictureTruth } from './draw-answer.ts'
import type { Count } from './heads/count.ts'

const grey: Image = createImage(480, 320, 3, new Uint8Array(480 * 320 * 3).fill(128))
const classes = ['nut', 'bolt']

/** Pixels of a part of a picture that are not grey, which the plain one is. */
function colored({ width, data }: Image, x1: number, y1: number, x2: number, y2: number): number {
  let count = 0
  for (let y = y1; y < y2; y++)
    for (let x = x1; x < x2; x++) {
      const at = 3 * (y * width + x)
      if (Math.max(...data.subarray(at, at + 3)) - Math.min(...data.subarray(at, at + 3)) > 24) count++
    }
  return count
}

/** The two panels lie side by side under a band of titles. */
function panels(drawn: Image) {
  const band = drawn.height - 320
  const right = drawn.width - 480
  expect([band > 0, right > 480]).toEqual([true, true])
  const part = (left: number) => (x1: number, y1: number, x2: number, y2: number) =>
    colored(drawn, left + x1, band + y1, left + x2, band + y2)
  return { found: part(0), truth: part(right) }
}

const thing = { label: 0, name: 'nut', score: 0.9, box: { x1: 40, y1: 60, x2: 120, y2: 140 } }

test('boxes beside those that are there', async () => {
  const answer = new Detections([thing], { width: 480, height: 320, labels: classes })
  const truth: PictureTruth = { classes, annotations: [{ label: 1, box: { x1: 300, y1: 200, x2: 400, y2: 280 } }] }
  const { found, truth: known } = panels(await drawAnswer(grey, answer, { truth }))
  expect(found(30, 40, 130, 150)).toBeGreaterThan(200)
  expect(found(280, 180, 420, 300)).toBe(0)
  expect(known(30, 40, 130, 150)).toBe(0)
  expect(known(280, 180, 420, 300)).toBeGreaterThan(200)
  const alone = await drawAnswer(grey, answer)
  expect([alone.width, alone.height]).toEqual([480, 320])
})

test('a density over the picture, and points on the plain one', async () => {
  const data = new Float32Array(6)
  data[0] = 2
  const answer: Count = { task: 'count', count: 2, counts: { nut: 2 }, density: { width: 3, height: 2, data } }
  const points = [100, 300].map((x) => ({ label: 0, keypoints: [{ x, y: 250, visibility: 2 as const }] }))
  const { found, truth } = panels(await drawAnswer(grey, answer, { truth: { classes, annotations: points } }))
  expect(found(0, 0, 100, 100)).toBeGreaterThan(1000)
  expect(truth(0, 0, 480, 200)).toBe(0)
  for (const x of [100, 300]) expect(truth(x - 12, 238, x + 12, 262)).toBeGreaterThan(10)
})

test('a count alone stands in the picture', async () => {
  const nothing = { width: 3, height: 2, data: new Float32Array(6) }
  const draw = (count: number) => drawAnswer(grey, { task: 'count', count, counts: { nut: count }, density: nothing })
  const [few, many] = [await draw(2), await draw(34)]
  const differing = few.data.reduce((sum, value, i) => sum + Number(value !== many.data[i]), 0)
  expect(differing).toBeGreaterThan(30)
})

test('things as high as the picture keep their names', async () => {
  for (const [y1, y2] of [
    [0, 320],
    [0, 312],
    [2, 320],
  ] as const) {
    const thing = { label: 0, score: 0.9, box: { x1: 100, y1, x2: 300, y2 } }
    const draw = (labels: string[]) => drawAnswer(grey, new Detections([thing], { labels, width: 480, height: 320 }))
    const [one, other] = [await draw(['nut']), await draw(['locomotive'])]
    expect(one.data.some((value, i) => value !== other.data[i])).toBe(true)
  }
})

test('pixels of a map in the place of what is marked, the background left out', async () => {
  const labels = ['nut', 'bolt', 'background']
  const pixels = new Uint8Array(480 * 320).fill(2)
  const answer = new Segmentation(pixels.fill(0, 0, 480 * 40), 480, 320, labels)
  const known = Int32Array.from(pixels, (_, i) => (i < 480 * 300 ? 2 : 1))
  const truth: PictureTruth = {
    classes: labels,
    annotations: [{ label: 0, polygons: [[200, 100, 260, 100, 260, 160]] }],
    labelMap: { width: 480, height: 320, data: known, unknown: -1 },
  }
  const drawn = panels(await drawAnswer(grey, answer, { truth }))
  expect(drawn.found(0, 0, 480, 30)).toBeGreaterThan(12_000)
  expect(drawn.found(0, 60, 480, 320)).toBe(0)
  expect(drawn.truth(0, 60, 480, 270)).toBe(0)
  expect(drawn.truth(0, 305, 480, 320)).toBeGreaterThan(6000)
})

test('classes are told in the title of the truth', async () => {
  const map = { width: 2, height: 2, data: Float32Array.of(0, 0, 0, 1) }
  const answer = new AnomalyMap({ score: 1, threshold: 2, map, pixelThreshold: 2, width: 480, height: 320 })
  const title = async (labels: readonly number[]) => {
    const drawn = await drawAnswer(grey, answer, { truth: { classes, labels } })
    return Buffer.from(drawn.data.subarray(0, 3 * drawn.width * (drawn.height - 320))).toString('base64')
  }
  expect(await title([0])).not.toBe(await title([1]))
  expect(await title([])).not.toBe(await title([1]))
})

test('where the model looked lies over the picture alone, not over the truth', async () => {
  const answer = {
    task: 'classify',
    label: 'nut',
    index: 0,
    probability: 1,
    top: [{ label: 'nut', index: 0, probability: 1 }],
  } as Classification
  const explanation = { label: 'nut', width: 2, height: 2, heatmap: Float32Array.of(1, 1, 1, 1) }
  const drawn = await drawAnswer(grey, answer, { explanation, truth: { classes, labels: [0] } })
  // The class stands below, and the whole may be enlarged for it.
  const [width, top, bottom] = [drawn.width, Math.round(0.15 * drawn.height), Math.round(0.6 * drawn.height)]
  expect(colored(drawn, 0, top, Math.floor(0.48 * width), bottom)).toBeGreaterThan(0.4 * width * (bottom - top))
  expect(colored(drawn, Math.ceil(0.52 * width), top, width, bottom)).toBe(0)
})

test('of several heads one, or all; one class has one colour on both sides', async () => {
  const found = new Detections([thing], { width: 480, height: 320, labels: classes })
  const other = new Detections([{ label: 0, score: 0.8, box: { x1: 300, y1: 200, x2: 400, y2: 280 } }], {
    width: 480,
    height: 320,
    labels: ['washer'],
  })
  const answer = { task: 'multi', heads: { nuts: found, washers: other } } as MultiAnswer
  const all = await drawAnswer(grey, answer)
  const one = await drawAnswer(grey, answer, { head: 'nuts' })
  expect([colored(all, 280, 180, 420, 300) > 100, colored(one, 280, 180, 420, 300), colored(one, 30, 40, 130, 150) > 100]).toEqual([
    true,
    0,
    true,
  ])
  await expect(drawAnswer(grey, answer, { head: 'bolts' })).rejects.toMatchObject({ code: 'DRAWING_INVALID' })
  // The truth counts nuts as class 1.
  const beside = await drawAnswer(grey, found, { truth: { classes: ['bolt', 'nut'], annotations: [{ label: 1, box: thing.box }] } })
  const band = beside.height - 320
  const at = (left: number) => [
    ...beside.data.subarray(3 * ((band + 100) * beside.width + left + 40), 3 * ((band + 100) * beside.width + left + 41)),
  ]
  expect(at(0)).toEqual(at(beside.width - 480))
})

test.each([
  ['answer', null, {}],
  ['answer', {}, {}],
  ['truth.classes', undefined, { truth: {} as PictureTruth }],
  ['truth.labelMap', undefined, { truth: { classes, labelMap: { width: 2, height: 2, data: new Uint8Array(4), unknown: 255 } } }],
])('%s: what is refused', async (field, given, options: DrawAnswerOptions) => {
  const answer = given === undefined ? new Detections([thing], { width: 480, height: 320, labels: classes }) : (given as Answer)
  const details = expect.objectContaining({ field })
  await expect(drawAnswer(grey, answer, options)).rejects.toMatchObject({ code: 'DRAWING_INVALID', details })
})

test('a picture that is none is refused', async () => {
  const answer = new Detections([thing], { width: 480, height: 320, labels: classes })
  await expect(drawAnswer({ ...grey, width: 3 }, answer)).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
})
