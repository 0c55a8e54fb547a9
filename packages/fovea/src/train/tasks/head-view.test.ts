import { describe, expect, test } from 'vitest'
import { type ImageDataset, presentClasses } from '../../data/dataset.ts'
import { mixDatasets } from '../../data/mix.ts'
import type { Batch } from '../../data/vision-data-loader.ts'
import { HeadView } from './head-view.ts'

const box = { x1: 0, y1: 0, x2: 1, y2: 1 }
const map = (data: number[]) => ({ width: data.length, height: 1, data: Int32Array.from(data), unknown: 255 })

/** Boxes of nuts and bolts, and pictures that are good or bad. */
const boxes: ImageDataset = {
  classes: ['nut', 'bolt'],
  samples: [
    {
      path: 'a',
      label: -1,
      annotations: [
        { label: 0, box },
        { label: 1, box },
      ],
      labelMap: map([0, 1, 2, 255]),
    },
    { path: 'b', label: -1, annotations: [] },
  ],
}
const states: ImageDataset = {
  classes: ['bad', 'bolt', 'good'],
  samples: [
    { path: 'c', label: 2, labels: [2, 1] },
    { path: 'd', label: 0, annotations: [{ label: 1, box }] },
  ],
}

/** The batch that holds all samples as they are. */
function batchOf({ samples }: ImageDataset): Batch {
  return {
    labels: Int32Array.from(samples, ({ label }) => label),
    indices: Int32Array.from(samples.keys()),
    annotations: samples.map(({ annotations = [] }) => annotations),
    labelMaps: samples.map(({ labelMap }) => labelMap),
  } as unknown as Batch
}

describe('mixDatasets', () => {
  test('joins classes by their names, and says of what each picture tells', () => {
    const { classes, samples } = mixDatasets([boxes, states])
    expect(classes).toEqual(['nut', 'bolt', 'bad', 'good'])
    expect(samples.map(({ path, label, covers }) => [path, label, covers])).toEqual([
      ['a', -1, [0, 1]],
      ['b', -1, [0, 1]],
      ['c', 3, [2, 1, 3]],
      ['d', 2, [2, 1, 3]],
    ])
    expect(samples.map(({ annotations }) => annotations?.map(({ label }) => label))).toEqual([[0, 1], [], undefined, [1]])
    expect(mixDatasets([boxes])).toBe(boxes)
    expect(() => mixDatasets([])).toThrow(expect.objectContaining({ code: 'DATA_OPTION_INVALID' }))
  })
})

describe('HeadView', () => {
  test('is the data set itself where labels are its classes', () => {
    const view = new HeadView(boxes, ['nut', 'bolt', 'background'])
    const batch = batchOf(boxes)
    expect(view.dataset).toBe(boxes)
    expect(view.batch(batch)).toBe(batch)
  })

  test('finds classes by their names, whatever their order, and leaves out others', () => {
    const turned = new HeadView(boxes, ['bolt', 'nut'])
    expect(turned.dataset.samples[0]!.annotations!.map(({ label }) => label)).toEqual([1, 0])
    expect(turned.batch(batchOf(boxes)).annotations[0]!.map(({ label }) => label)).toEqual([1, 0])
    const one = new HeadView(boxes, ['bolt', 'background'])
    expect(one.dataset.samples.map(({ annotations }) => annotations)).toEqual([[{ label: 0, box }], []])
    // What is no bolt is background; what is not known stays so.
    expect([...one.batch(batchOf(boxes)).labelMaps[0]!.data]).toEqual([1, 0, 1, 255])
  })

  test('things of no known class stay unknown', () => {
    const unknown = {
      classes: ['nut', 'bolt'],
      samples: [
        {
          path: 'a',
          label: -1,
          annotations: [
            { label: -1, box },
            { label: 0, box },
          ],
        },
      ],
    }
    expect(new HeadView(unknown, ['bolt']).dataset.samples[0]!.annotations!.map(({ label }) => label)).toEqual([-1])
  })

  test('of a mix a head sees what tells of all its classes', () => {
    const mixed = mixDatasets([boxes, states])
    const detect = new HeadView(mixed, ['nut', 'bolt'])
    expect(detect.dataset.samples.map(({ annotations }) => annotations?.length)).toEqual([2, 0, undefined, undefined])
    expect(detect.batch(batchOf(mixed)).annotations.map((list) => list.length)).toEqual([2, 0, 0, 0])
    const classify = new HeadView(mixed, ['good', 'bad'])
    expect(classify.dataset.samples.map(({ label }) => label)).toEqual([-1, -1, 0, 1])
    expect([...classify.batch(batchOf(mixed)).labels]).toEqual([-1, -1, 0, 1])
    expect(mixed.samples.map(({ labels }) => labels)).toEqual([undefined, undefined, [3, 1], undefined])
    expect(classify.dataset.samples[2]!.labels).toEqual([0])
    expect(detect.dataset.samples[2]!.labels).toBeUndefined()
    // Of the first data set nobody knows whether its pictures are bad; of the second everybody knows that its second picture is not good.
    const good = new HeadView(mixed, ['good'])
    expect(good.dataset.samples.map(presentClasses)).toEqual([undefined, undefined, [0], []])
    const both = new HeadView(mixed, ['nut', 'good'])
    expect(both.dataset.samples.map((sample) => [sample.label, presentClasses(sample)])).toEqual(Array(4).fill([-1, undefined]))
    const bolts = new HeadView(mixed, ['bolt'])
    expect(bolts.dataset.samples.map(({ annotations }) => annotations?.length)).toEqual([1, 0, undefined, 1])
  })
})
