// What heads are taught of pictures of which not all is known.

import { expect, test } from 'vitest'
import type { ImageDataset, Sample } from '../../data/dataset.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import type { CountHead, DetectHead, SegmentHead } from '../../model/heads/head.ts'
import type { Annotation } from '../../vision/annotation.ts'
import { countTraining } from './count.ts'
import { detectTraining } from './detect.ts'
import type { HeadContext, HeadTraining } from './head-training.ts'
import { segmentTraining } from './segment.ts'

const box = (x1: number, y1: number, x2: number, y2: number, more: Partial<Annotation> = {}): Annotation => ({
  label: 0,
  box: { x1, y1, x2, y2 },
  ...more,
})
const outline: Annotation = { label: 0, polygons: [[0, 0, 8, 0, 8, 8, 0, 8]] }
const point: Annotation = { label: 0, keypoints: [{ x: 12, y: 12, visibility: 2 }] }

const dataset = (...annotations: (readonly Annotation[] | undefined)[]): ImageDataset => ({
  classes: ['nut'],
  samples: annotations.map((marked, i): Sample => ({ path: `${i}`, label: -1, ...(marked && { annotations: marked }) })),
})

/** What the batch of all samples teaches, by the last word of the input's name. */
function taught(
  make: (context: HeadContext) => HeadTraining,
  train: ImageDataset,
  joined = 1,
  more: Partial<HeadContext> = {},
): Record<string, number[]> {
  const { samples } = train
  const training = make({ train, batchSize: samples.length, imageSize: [16, 16], joined, ...more })
  const batch = {
    indices: Int32Array.from(samples.keys()),
    annotations: samples.map(({ annotations = [] }) => annotations),
    labelMaps: samples.map(() => undefined),
  } as unknown as Batch
  return Object.fromEntries(
    Object.entries(training.targets(batch)).map(([name, { data }]) => [name.slice(name.lastIndexOf('_') + 1), Array.from(data, Number)]),
  )
}

const detect = (context: HeadContext) =>
  detectTraining(
    {
      task: 'detect',
      name: 'detect',
      labels: ['nut'],
      scores: { classes: 'c', sides: 's', bins: 4, levels: [8, 16].map((stride) => ({ value: `l${stride}`, stride })) },
    } as unknown as DetectHead,
    context,
  )
const segment = (context: HeadContext) =>
  segmentTraining(
    { task: 'segment', name: 'segment', labels: ['nut', 'background'], scores: { logits: 'l' } } as unknown as SegmentHead,
    context,
  )
const count = (context: HeadContext) =>
  countTraining({ task: 'count', name: 'count', labels: ['nut'], scores: { density: 'd', stride: 8 } } as unknown as CountHead, context)

test('a detector learns neither of pictures with points nor inside of what is ignored', () => {
  const { known, labels } = taught(
    detect,
    dataset(
      [box(0, 0, 8, 8)],
      [box(0, 0, 8, 8), point],
      [box(8, 8, 16, 16, { isCrowd: true })],
      [box(5, 0, 13, 16, { isDifficult: true }), box(0, 0, 4, 4)],
      [box(2, 2, 14, 14, { label: -1 })],
      undefined,
    ),
  )
  // Four points at a stride of 8, in rows, then one at 16.
  expect(known).toEqual(
    [
      [1, 1, 1, 1, 1],
      [0, 0, 0, 0, 0],
      [1, 1, 1, 0, 0],
      [1, 0, 1, 0, 0],
      [0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0],
    ].flat(),
  )
  expect(labels).toEqual([0, 0, -1, 0, -1, -1])
  expect(taught(detect, dataset([box(0, 0, 8, 8)], [])).known).toBeUndefined()
  expect(() => taught(detect, dataset([box(0, 0, 8, 8)], [point]), 4)).toThrow(expect.objectContaining({ code: 'TRAIN_OPTION' }))
})

test('of things that a window cut off only the pixels are learnt', () => {
  const cut = { isCutOff: true } as const
  const windows = dataset([box(0, 0, 8, 8), { ...outline, ...cut, polygons: [[8, 8, 16, 8, 16, 16, 8, 16]] }])
  // Training data hold whole things: that some will be cut off is told by the context.
  const { known, labels } = taught(detect, windows, 1, { cropped: true })
  expect([known, labels]).toEqual([[1, 1, 1, 0, 0], [0]])
  const { map, weights } = taught(segment, windows)
  expect([map![12 * 16 + 12], weights![12 * 16 + 12]]).toEqual([0, 1])
  const { density } = taught(count, windows)
  expect(density!.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5)
})

test('a segmenter learns nothing of pixels in boxes, or beside points', () => {
  const { weights, map } = taught(segment, dataset([outline], [outline, box(4, 4, 12, 12)], [outline, point]))
  const at = (picture: number, x: number, y: number) => {
    const place = picture * 256 + y * 16 + x
    return weights![place] === 0 ? 'unknown' : map![place] === 0 ? 'nut' : 'background'
  }
  expect([at(0, 2, 2), at(0, 10, 10), at(0, 14, 14)]).toEqual(['nut', 'background', 'background'])
  expect([at(1, 2, 2), at(1, 6, 6), at(1, 10, 10), at(1, 14, 14)]).toEqual(['nut', 'nut', 'unknown', 'background'])
  expect([at(2, 2, 2), at(2, 10, 10), at(2, 14, 14)]).toEqual(['nut', 'unknown', 'unknown'])
})

test('a counter learns nothing of pictures with crowds', () => {
  const { known, density } = taught(count, dataset([point, box(0, 0, 4, 4)], [point, box(0, 0, 9, 9, { isCrowd: true })], []))
  expect(known).toEqual([1, 0, 1])
  expect(density!.slice(0, 4).reduce((sum, value) => sum + value, 0)).toBeCloseTo(2, 5)
  expect(() => taught(count, dataset([point], [box(0, 0, 9, 9, { isCrowd: true })]), 4)).toThrow(
    expect.objectContaining({ code: 'TRAIN_OPTION' }),
  )
})
