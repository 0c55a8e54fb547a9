import { expect, test } from 'vitest'
import type { LabelledSet } from '../../vision/labelled-set.ts'
import { splitDataset } from './split.ts'

const set = (count: number, group?: (i: number) => string): LabelledSet => ({
  classes: [{ name: 'often' }, { name: 'seldom' }],
  pictures: Array.from({ length: count }, (_, i) => ({
    name: `${i}.jpg`,
    ...(group === undefined ? {} : { group: group(i) }),
    labels: [i % 10 === 0 ? 1 : 0],
    annotations: [],
    captions: [],
  })),
})
const countsOf = ({ pictures }: LabelledSet, split: string | undefined) =>
  [0, 1].map((label) => pictures.filter((picture) => picture.split === split && picture.labels.includes(label)).length)

test('gives every split the same mixture of classes', () => {
  const parted = splitDataset(set(200), { parts: { train: 0.7, val: 0.2, test: 0.1 } })
  expect(['train', 'val', 'test'].map((split) => countsOf(parted, split))).toEqual([
    [126, 14],
    [36, 4],
    [18, 2],
  ])
})

test('never parts a group, and comes near the parts all the same', () => {
  const parted = splitDataset(
    set(300, (i) => `camera ${i % 23}`),
    { parts: { train: 0.8, val: 0.2 } },
  )
  const groups = Map.groupBy(parted.pictures, ({ group }) => group)
  for (const members of groups.values()) expect(new Set(members.map(({ split }) => split)).size).toBe(1)
  const val = parted.pictures.filter(({ split }) => split === 'val').length
  expect(val).toBeGreaterThan(40)
  expect(val).toBeLessThan(80)
})

test('depends on the seed alone, not on the order of the pictures', () => {
  const { classes, pictures } = set(50)
  const val = (list: LabelledSet['pictures'], seed: number) =>
    splitDataset({ classes, pictures: list }, { parts: { train: 0.5, val: 0.5 }, seed })
      .pictures.flatMap(({ name, split }) => (split === 'val' ? name : []))
      .sort()
  expect(val(pictures.toReversed(), 3)).toEqual(val(pictures, 3))
  expect(val(pictures, 4)).not.toEqual(val(pictures, 3))
})

test('leaves out what no part asks for, and refuses parts that cannot be', () => {
  const { pictures } = splitDataset(set(100), { parts: { train: 0.5 } })
  expect(pictures.filter(({ split }) => split === undefined)).toHaveLength(50)
  const bad: Record<string, number>[] = [{}, { a: 0 }, { a: 0.8, b: 0.3 }, { a: Number.NaN }]
  for (const parts of bad) expect(() => splitDataset(set(10), { parts })).toThrow(/DATASET_SPLIT/)
  expect(() => splitDataset(set(1), { parts: { a: 0.5, b: 0.5 } })).toThrow(/DATASET_SPLIT/)
})
