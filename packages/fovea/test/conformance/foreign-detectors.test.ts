// A detector of another tool, decoded in the graph: the same boxes as plain loops over its own output give, on its own sample picture.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadImage } from '../../src/data/decode.ts'
import { flipHorizontal } from '../../src/data/transforms/flip.ts'
import { decodeModel } from '../../src/graph/codec/decode.ts'
import { Tensor } from '../../src/graph/tensor.ts'
import { DeepSeekVision } from '../../src/model/vision-model.ts'
import { openSession } from '../../src/runtime/session.ts'
import type { Detection } from '../../src/vision/annotation.ts'
import { boxIoU } from '../../src/vision/boxes.ts'
import { createImage } from '../../src/vision/image.ts'
import { nonMaxSuppression } from '../../src/vision/nms.ts'
import { resizeImage } from '../../src/vision/resize.ts'
import { describeWithData } from '../shared-data.ts'

const confidence = 0.35

/** As the model's author decodes its map: the likeliest class of each cell, then suppression across classes. */
function decoded(output: Float32Array, classes: number, cells: number, width: number, height: number): Detection[] {
  const at = (channel: number, cell: number) => output[channel * cells * cells + cell]!
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
  const found = Array.from({ length: cells * cells }, (_, cell): Detection => {
    const scores = Array.from({ length: classes }, (_, c) => at(5 + c, cell))
    const label = scores.indexOf(scores.reduce((a, b) => Math.max(a, b)))
    const [cx, cy] = [((cell % cells) + Math.tanh(at(1, cell))) / cells, (Math.floor(cell / cells) + Math.tanh(at(2, cell))) / cells]
    const [w, h] = [sigmoid(at(3, cell)), sigmoid(at(4, cell))]
    const box = { x1: (cx - w / 2) * width, y1: (cy - h / 2) * height, x2: (cx + w / 2) * width, y2: (cy + h / 2) * height }
    return { label, score: at(0, cell) ** 0.6 * scores[label]! ** 0.4, box }
  })
  const kept = nonMaxSuppression(
    found.filter(({ score }) => score >= confidence),
    { iou: 0.45, byClass: false },
  )
  return kept.toSorted((a, b) => b.score - a.score)
}

describeWithData('FastestDet', 'models', (folder) => {
  const file = join(folder, 'fastestdet', 'FastestDet.onnx')
  const picture = join(folder, 'fastestdet', '3.jpg')
  const labels = readFileSync(join(folder, 'fastestdet', 'coco.names'), 'utf8')
    .trim()
    .split('\n')

  test('finds the players and the ball, as plain loops over its output do', async () => {
    const image = await loadImage(picture)
    const model = await DeepSeekVision.load(file, { task: 'detect', detector: 'fastestdet', labels })
    const session = await openSession(decodeModel(readFileSync(file)), { worker: false, threads: 1 })
    try {
      expect(model.metadata.preprocessing).toMatchObject({ color: 'bgr', scale: 'unit', resize: 'squash' })
      const found = await model.predict(image, { confidence })
      const { data } = resizeImage(image, 352, 352)
      const plane = 352 * 352
      const pixels = Float32Array.from({ length: 3 * plane }, (_, i) => data[(i % plane) * 3 + 2 - Math.floor(i / plane)]! / 255)
      const results = await session.run({ 'input.1': Tensor.float32([1, 3, 352, 352], pixels) })
      const wanted = decoded(results['758']!.data as Float32Array, labels.length, 22, image.width, image.height)
      expect(found.detections.map(({ label }) => label)).toEqual(wanted.map(({ label }) => label))
      for (const [i, { score, box }] of wanted.entries()) {
        expect(found.detections[i]!.score).toBeCloseTo(score, 3)
        const clipped = {
          x1: Math.max(0, box!.x1),
          y1: Math.max(0, box!.y1),
          x2: Math.min(image.width, box!.x2),
          y2: Math.min(image.height, box!.y2),
        }
        for (const side of ['x1', 'y1', 'x2', 'y2'] as const)
          expect(Math.abs(found.detections[i]!.box![side] - clipped[side])).toBeLessThan(0.5)
      }
      const names = found.counts()
      expect(names.person).toBeGreaterThanOrEqual(4)
      expect(names['sports ball']).toBe(1)
      // Several pictures at once give what each gives alone.
      const [, again] = await model.predict([image, image], { confidence })
      expect(again).toEqual(found)
    } finally {
      await model.close()
      await session.close()
    }
  })

  test('tiles give what each part gives alone, and the mirror image the mirrored answer', async () => {
    const image = await loadImage(picture)
    const { width, height } = image
    const model = await DeepSeekVision.load(file, { task: 'detect', detector: 'fastestdet', labels })
    try {
      const alone = await model.predict(image, { confidence })
      const sheet = createImage(2 * width, 2 * height, 3)
      for (const [left, top] of [
        [0, 0],
        [width, 0],
        [0, height],
        [width, height],
      ] as const)
        for (let y = 0; y < height; y++)
          sheet.data.set(image.data.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((top + y) * 2 * width + left))
      const found = await model.predict(sheet, { confidence, tiles: { size: [height, width], overlap: 0, whole: false } })
      const inner = alone.filter(({ box }) => box!.x1 > 6 && box!.y1 > 6 && box!.x2 < width - 6 && box!.y2 < height - 6)
      expect(inner.length).toBeGreaterThan(3)
      for (const { label, score, box } of inner)
        for (const [left, top] of [
          [0, 0],
          [width, 0],
          [0, height],
          [width, height],
        ] as const) {
          const there = { x1: box!.x1 + left, y1: box!.y1 + top, x2: box!.x2 + left, y2: box!.y2 + top }
          const same = found.filter((one) => one.label === label && Math.abs(one.score - score) < 1e-4 && boxIoU(one.box!, there) > 0.999)
          expect(same.length, `${label} at ${left}, ${top}`).toBe(1)
        }
      const both = await model.predict(image, { confidence, flip: true })
      const mirrored = await model.predict(flipHorizontal(image), { confidence, flip: true })
      expect(mirrored.length).toBe(both.length)
      for (const [i, { label, score, box }] of both.detections.entries()) {
        const other = mirrored.detections[i]!
        expect([other.label, other.score]).toEqual([label, expect.closeTo(score, 5)])
        expect(other.box!.x1).toBeCloseTo(width - box!.x2, 2)
      }
      await expect(model.predict(image, { tiles: { size: 0 } })).rejects.toMatchObject({ code: 'METRIC_INVALID' })
      await expect(model.predict(image, { tiles: 3 as unknown as true })).rejects.toMatchObject({ code: 'MODEL_OPTION' })
    } finally {
      await model.close()
    }
  })

  test('another layout is refused with what its outputs are', async () => {
    await expect(DeepSeekVision.load(file, { detector: 'ultralytics' })).rejects.toMatchObject({
      code: 'MODEL_NOT_DETECTOR',
      details: { expected: expect.stringContaining('4 + classes'), found: expect.stringContaining('758') },
    })
    await expect(DeepSeekVision.load(file, { task: 'detect' })).rejects.toMatchObject({ code: 'MODEL_NOT_DETECTOR' })
    await expect(DeepSeekVision.load(file, { detector: 'yolo' as 'yolox' })).rejects.toMatchObject({ code: 'MODEL_OPTION' })
  })
})
