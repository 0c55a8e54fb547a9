import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MultilabelRecorder, MultilabelRecords } from './multilabel.ts'
import type { EvaluationSample } from './records.ts'

const labels = ['a', 'b', 'c']
const sampleOf = (present: number[], annotations: EvaluationSample['annotations'] = []): EvaluationSample => ({
  name: 'x.png',
  labels: present,
  annotations,
  captions: [],
})
const recorded = (...cases: [number[], number[]][]) => {
  const recorder = new MultilabelRecorder(labels)
  for (const [present, probabilities] of cases) recorder.add(sampleOf(present), { task: 'multilabel', probabilities })
  return recorder.finish()
}
const named = (records: MultilabelRecords, values = records.compute()) =>
  Object.fromEntries(records.figures.map(({ name }, i) => [name, values[i]!]))

test('figures by hand', () => {
  const records = recorded(
    [
      [0, 1],
      [0.9, 0.6, 0.1],
    ],
    [[0], [0.8, 0.7, 0.2]],
    [[], [0.3, 0.4, 0.1]],
    [[2], [0.1, 0.2, 0.4]],
  )
  const { precision, recall, f1, microF1, exactMatch, hammingLoss, averagePrecision } = named(records)
  // a: 2 found, 2 right, 2 there. b: 2 found, 1 right, 1 there. c: none found, 1 there.
  expect(precision).toBeCloseTo((1 + 0.5 + 0) / 3, 12)
  expect(recall).toBeCloseTo((1 + 1 + 0) / 3, 12)
  expect(f1).toBeCloseTo((1 + 2 / 3 + 0) / 3, 12)
  expect(microF1).toBeCloseTo((2 * 3) / (4 + 4), 12)
  expect(exactMatch).toBe(0.5)
  expect(hammingLoss).toBeCloseTo(2 / 12, 12)
  // b: the true one is second.
  expect(averagePrecision).toBeCloseTo((1 + 0.5 + 1) / 3, 12)
  expect(records.supports).toEqual([2, 1, 1])
  expect(records.proportion(5)).toEqual({ hits: 2, cases: 4 })
  expect(records.proportion(records.figures.length)).toEqual({ hits: 2, cases: 2 })
  expect(records.proportion(records.figures.length + 10)).toBeUndefined()
})

test('what is told goes before the usual threshold', () => {
  const recorder = new MultilabelRecorder(labels)
  const outcome = recorder.add(sampleOf([1]), { task: 'multilabel', probabilities: [0.6, 0.3, 0.1], present: [{ index: 1 }] })
  expect(outcome).toMatchObject({ isMistake: false, caption: 'b' })
  expect(recorder.add(sampleOf([1]), { task: 'multilabel', probabilities: [0.6, 0.3, 0.1] })).toMatchObject({
    isMistake: true,
    note: 'misses b; says a',
  })
  expect(recorder.add(sampleOf([]), { task: 'multilabel', probabilities: [0.1, 0.3, 0.1] })).toMatchObject({
    isMistake: false,
    caption: 'nothing',
  })
})

test('without classes of its own a picture shows those of what is marked in it', () => {
  const recorder = new MultilabelRecorder(labels)
  const box = { x1: 0, y1: 0, x2: 1, y2: 1 }
  recorder.add(
    sampleOf(
      [],
      [
        { label: 2, box },
        { label: 2, box },
        { label: -1, box },
      ],
    ),
    { task: 'multilabel', probabilities: [0, 0, 1] },
  )
  expect([...recorder.finish().truths[0]!]).toEqual([0, 0, 1])
})

test('law: a weight is as many copies', () => {
  const row = fc.record({
    truth: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 3, maxLength: 3 }),
    scores: fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 3, maxLength: 3 }),
    weight: fc.integer({ min: 0, max: 3 }),
  })
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), (rows) => {
      const make = (list: typeof rows) => {
        const records = new MultilabelRecords(labels)
        for (const { truth, scores } of list) {
          const probabilities = scores.map((score) => score / 8)
          records.push(
            'x',
            Uint8Array.from(truth),
            Uint8Array.from(probabilities, (p) => (p >= 0.5 ? 1 : 0)),
            probabilities,
          )
        }
        return records
      }
      const copies = rows.flatMap((one) => Array.from({ length: one.weight }, () => one))
      if (copies.length === 0) return
      const [weighted, plain] = [make(rows).compute(rows.map(({ weight }) => weight)), make(copies).compute()]
      for (const [i, value] of weighted.entries()) {
        if (Number.isNaN(plain[i]!)) expect(value).toBeNaN()
        else expect(value).toBeCloseTo(plain[i]!, 9)
      }
    }),
  )
})

test('answers of another shape are refused', () => {
  const recorder = new MultilabelRecorder(labels)
  for (const answer of [
    { probabilities: [0.5] },
    { probabilities: [0.5, 2, 0.5] },
    { probabilities: [0.5, 0.5, 0.5], present: [{ index: 3 }] },
  ])
    expect(() => recorder.add(sampleOf([0]), { task: 'multilabel', ...answer })).toThrowError(
      expect.objectContaining({ code: 'EVALUATE_PREDICTION' }),
    )
  expect(() => recorder.add(sampleOf([7]), { task: 'multilabel', probabilities: [0, 0, 0] })).toThrowError(
    expect.objectContaining({ code: 'EVALUATE_TRUTH' }),
  )
})
