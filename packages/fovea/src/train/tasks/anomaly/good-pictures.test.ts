import { expect, test } from 'vitest'
import type { ImageDataset } from '../../../data/dataset.ts'
import { partGood } from './good-pictures.ts'

const set = (classes: readonly string[], ...labels: readonly number[]): ImageDataset => ({
  classes,
  samples: labels.map((label, i) => ({ path: `${i}:${label}`, label })),
})
const labelsOf = (dataset: ImageDataset | undefined) => dataset?.samples.map(({ label }) => label)

test('good pictures of train are learnt from; the test split is measured on', () => {
  const classes = ['crack', 'good']
  const { good, held, className } = partGood({ classes, splits: { train: set(classes, 1, 1, 0), test: set(classes, 0, 1) } })
  expect([labelsOf(good), labelsOf(held), className]).toEqual([[1, 1], [0, 1], 'good'])
})

test('without a test split it is measured on the validation and on what is odd in train', () => {
  const classes = ['Normal', 'rust']
  const { good, held } = partGood({ classes, splits: { train: set(classes, 0, 1, 0), val: set(classes, 0, 1) } })
  expect([labelsOf(good), labelsOf(held)]).toEqual([
    [0, 0],
    [0, 1, 1],
  ])
})

test('any class may be the good one; of one class, or of none, all are good', () => {
  const classes = ['3', '8']
  expect(labelsOf(partGood({ classes, splits: { train: set(classes, 0, 1, 1) } }, '8').good)).toEqual([1, 1])
  expect(partGood({ classes: ['bolt'], splits: { train: set(['bolt'], 0, 0) } })).toMatchObject({ className: 'bolt', held: undefined })
  const marked = { path: 'marked', label: -1, annotations: [{ label: 0, box: { x1: 0, y1: 0, x2: 1, y2: 1 } }] }
  const plain = { classes: [], samples: [...set([], -1, -1).samples, marked] }
  const { good, held, className } = partGood({ classes: [], splits: { train: plain } })
  expect([good.samples.length, held?.samples.length, className]).toEqual([2, 1, undefined])
})

test('what is good must be clear', () => {
  const classes = ['a', 'b']
  const splits = { train: set(classes, 0, 1) }
  for (const wanted of [undefined, 'c']) expect(() => partGood({ classes, splits }, wanted)).toThrowError(/one of the classes a, b/)
  expect(() => partGood({ classes: ['good', 'odd'], splits: { train: set(['good', 'odd'], 1, 1) } })).toThrowError(/good pictures/)
})
