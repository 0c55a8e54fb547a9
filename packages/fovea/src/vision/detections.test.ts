import { describe, expect, test } from 'vitest'
import { fromCornerSize } from './boxes.ts'
import { Detections } from './detections.ts'
import { fromRunLengthText, toRunLengthText } from './run-length-text.ts'
import { encodeMask } from './run-lengths.ts'

const labels = ['cat', 'dog']
const cat = { label: 0, score: 0.9, box: { x1: 10, y1: 20, x2: 30, y2: 60 }, attributes: { trackId: 7 } }
const dog = {
  label: 1,
  score: 0.4,
  box: { x1: 0, y1: 0, x2: 10, y2: 10 },
  polygons: [
    [0, 0, 10, 0, 10, 10],
    [1, 1, 2, 1, 2, 2, 1, 2],
  ],
}
const found = new Detections([cat, dog], { labels, width: 100, height: 80 })

test('choosing gives new detections, and leaves the old', () => {
  expect([found.length, found.above(0.5).length, found.ofClass('dog').length, found.ofArea(200).length]).toEqual([2, 1, 1, 1])
  expect([...found].map(({ name }) => name)).toEqual(labels)
  expect(found.counts()).toEqual({ cat: 1, dog: 1 })
  expect([...found.overlaps([{ x1: 10, y1: 20, x2: 30, y2: 40 }])]).toEqual([0.5, 0])
  const doubled = new Detections([cat, { ...cat, score: 0.8 }, dog], { labels, width: 100, height: 80 })
  expect(doubled.suppress({ iou: 0.5 }).length).toBe(2)
})

test('a thing with a mask alone has the box around it', () => {
  const pixels = new Uint8Array(12)
  pixels[5] = 1
  const one = new Detections([{ label: 0, score: 1, mask: encodeMask(pixels, 4, 3) }], { labels, width: 4, height: 3 })
  expect(one.toUltralytics()[0]!.box).toEqual({ x1: 1, y1: 1, x2: 2, y2: 2 })
})

test('the outline of a mask is written, and its run lengths for COCO', () => {
  const mask = encodeMask([0, 1, 1, 0, 0, 1, 1, 0], 4, 2)
  const masked = new Detections([{ label: 0, score: 0.5, box: { x1: 1, y1: 0, x2: 3, y2: 2 }, mask }], { labels, width: 4, height: 2 })
  const { x, y } = masked.toUltralytics()[0]!.segments!
  expect([Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)]).toEqual([1, 3, 0, 2])
  const { segmentation } = masked.toCoco(1)[0]!
  expect([segmentation!.size, fromRunLengthText(segmentation!.counts, 4, 2)]).toEqual([[2, 4], mask])
  expect(found.toCoco(1)[0]!.segmentation).toBeUndefined()
})

test('a width that is stated is written for COCO to the last bit, and for nobody else', () => {
  const one = new Detections([{ label: 0, score: 1, box: fromCornerSize([0.1, 0.2, 0.7, 0.1]) }], { labels, width: 9, height: 9 })
  expect(one.toCoco(1)[0]!.bbox).toEqual([0.1, 0.2, 0.7, 0.1])
  expect(Object.keys(one.toUltralytics()[0]!.box)).toEqual(['x1', 'y1', 'x2', 'y2'])
})

test('a label beyond the names is refused', () => {
  expect(() => new Detections([{ ...cat, label: 2 }], { labels, width: 1, height: 1 })).toThrowError(
    expect.objectContaining({
      code: 'METRIC_INVALID',
      details: expect.objectContaining({ field: 'detections[0].label', expected: '0 to 1' }),
    }),
  )
})

describe('the JSON that people parse', () => {
  test('Roboflow: x and y are the middle', () => {
    expect(found.toRoboflow({ inferenceId: 'a', time: 0.5 })).toEqual({
      inference_id: 'a',
      time: 0.5,
      image: { width: 100, height: 80 },
      predictions: [
        { x: 20, y: 40, width: 20, height: 40, confidence: 0.9, class: 'cat', class_id: 0, detection_id: 'a-0', tracker_id: 7 },
        {
          x: 5,
          y: 5,
          width: 10,
          height: 10,
          confidence: 0.4,
          class: 'dog',
          class_id: 1,
          detection_id: 'a-1',
          // The largest part.
          points: [
            { x: 0, y: 0 },
            { x: 10, y: 0 },
            { x: 10, y: 10 },
          ],
        },
      ],
    })
  })

  test('Ultralytics, transformers.js, COCO', () => {
    expect(found.toUltralytics()).toEqual([
      { name: 'cat', class: 0, confidence: 0.9, box: cat.box, track_id: 7 },
      { name: 'dog', class: 1, confidence: 0.4, box: dog.box, segments: { x: [0, 10, 10], y: [0, 0, 10] } },
    ])
    expect(found.toTransformers()[0]).toEqual({ score: 0.9, label: 'cat', box: { xmin: 10, ymin: 20, xmax: 30, ymax: 60 } })
    expect(found.toCoco(17, [18, 90])).toEqual([
      { image_id: 17, category_id: 18, bbox: [10, 20, 20, 40], score: 0.9 },
      { image_id: 17, category_id: 90, bbox: [0, 0, 10, 10], score: 0.4 },
    ])
    expect(JSON.parse(JSON.stringify(found))).toMatchObject({
      task: 'detect',
      image: { width: 100, height: 80 },
      detections: [{ name: 'cat' }, {}],
    })
    const mask = { width: 100, height: 80, counts: [4, 2, 7994] }
    const masked = new Detections([{ label: 0, score: 1, mask }], { labels, width: 100, height: 80 })
    const [plain] = JSON.parse(JSON.stringify(masked)).detections
    expect([plain.mask, plain.mask]).toEqual([{ size: [80, 100], counts: toRunLengthText(mask) }, masked.toCoco(1)[0]!.segmentation])
    expect(() => found.toCoco(1, [7])).toThrow(expect.objectContaining({ code: 'METRIC_INVALID' }))
    expect(found.toRoboflow().inference_id).not.toBe(found.toRoboflow().inference_id)
  })
})
