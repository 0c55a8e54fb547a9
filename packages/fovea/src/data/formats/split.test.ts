import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LabelledSet } from '../../vision/labelled-set.ts'
import { equalPictures } from './equal-pictures.ts'
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

test('no part is empty where there are as many groups as parts, however small its share', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 25 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 3, maxLength: 3 }),
      (count, weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        const parts = Object.fromEntries(weights.map((weight, i) => [`part ${i}`, weight / total]))
        const { pictures } = splitDataset(set(count), { parts })
        expect(new Set(pictures.map(({ split }) => split)).size).toBe(3)
        expect(pictures).toHaveLength(count)
      },
    ),
  )
  const { pictures } = splitDataset(set(10), { parts: { train: 0.97, val: 0.03 } })
  expect(pictures.filter(({ split }) => split === 'val')).toHaveLength(1)
  // What no part asks for is spared first, and may be empty itself.
  const rest = splitDataset(set(2), { parts: { train: 0.3, val: 0.1 } }).pictures
  expect(rest.map(({ split }) => split).sort()).toEqual(['train', 'val'])
})

test('equal pictures stay together, and with them the groups that they are of', () => {
  // 0 and 9 are the same picture, of groups that are thereby one; 1 and 5 are alone in theirs.
  const whole = set(12, (i) => `camera ${i % 6}`)
  const equal: Record<string, string> = { '0.jpg': 'x', '9.jpg': 'x', '1.jpg': 'y', '5.jpg': 'y' }
  for (let seed = 0; seed < 20; seed++) {
    const { pictures } = splitDataset(whole, { parts: { train: 0.5, val: 0.5 }, equalBy: ({ name }) => equal[name], seed })
    const splitOf = (i: number) => pictures[i]!.split
    expect(new Set([0, 6, 3, 9].map(splitOf)).size).toBe(1)
    expect(new Set([1, 7, 5, 11].map(splitOf)).size).toBe(1)
  }
  expect(() => splitDataset(set(5), { parts: { a: 0.5, b: 0.5 }, equalBy: () => 'same' })).toThrow(/DATASET_SPLIT/)
})

test('pictures of equal bytes are found, whatever their names; sizes alone tell nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fovea-equal-'))
  try {
    const contents = { 'a.png': 'one', 'b.png': 'two', 'c.png': 'one', 'd.png': 'three', 'e.png': '' }
    for (const [name, text] of Object.entries(contents)) await writeFile(join(folder, name), text)
    const pictures = [...Object.keys(contents), 'gone.png', undefined].map((name) => ({
      name: name ?? 'nowhere',
      ...(name === undefined ? {} : { file: join(folder, name) }),
      labels: [],
      annotations: [],
      captions: [],
    }))
    const keys = pictures.map(await equalPictures(pictures))
    expect(keys[0]).toBeDefined()
    expect(keys).toEqual([keys[0], undefined, keys[0], undefined, undefined, undefined, undefined])
    await expect(equalPictures(pictures, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
