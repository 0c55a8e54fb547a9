import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rejectionThreshold, riskCoverage, riskCoverageArea } from './risk-coverage.ts'

const confidences = [0.9, 0.5, 0.8, 0.6, 0.7]
const rights = [true, false, true, true, false]

test('the curve: the most confident first, thresholds between confidences', () => {
  expect(
    riskCoverage(confidences, rights).map(({ threshold, coverage, accuracy }) => [Number(threshold.toFixed(6)), coverage, accuracy]),
  ).toEqual([
    [0.85, 0.2, 1],
    [0.75, 0.4, 1],
    [0.65, 0.6, 2 / 3],
    [0.55, 0.8, 3 / 4],
    [0, 1, 3 / 5],
  ])
  expect(riskCoverage([0.5, 0.5, 0.9], [1, 0, 0])).toEqual([
    { threshold: 0.7, coverage: 1 / 3, accuracy: 0 },
    { threshold: 0, coverage: 1, accuracy: 1 / 3 },
  ])
})

test('the threshold for an accuracy answers the most, that for a coverage is the strictest', () => {
  const points = riskCoverage(confidences, rights)
  expect(rejectionThreshold(points, { accuracy: 0.75 })).toMatchObject({ coverage: 0.8, reached: true })
  expect(rejectionThreshold(points, { accuracy: 1 })).toMatchObject({ coverage: 0.4, reached: true })
  expect(rejectionThreshold(points, { coverage: 0.5 })).toMatchObject({ coverage: 0.6, reached: true })
  expect(rejectionThreshold(points, { coverage: 1 })).toMatchObject({ threshold: 0, accuracy: 0.6 })
  expect(rejectionThreshold(riskCoverage([0.4, 0.3], [0, 1]), { accuracy: 0.9 })).toMatchObject({ accuracy: 0.5, reached: false })
})

test('AURC by the definition; equal confidences as the mean over all orders; weights as repetitions', () => {
  expect(riskCoverageArea(confidences, rights)).toBeCloseTo((0 + 0 + 1 / 3 + 1 / 4 + 2 / 5) / 5, 12)
  expect(riskCoverageArea([0.5, 0.5], [1, 0])).toBeCloseTo(((0 + 1 / 2) / 2 + (1 + 1 / 2) / 2) / 2, 12)
  expect(riskCoverageArea([], [])).toBeNaN()
  fc.assert(
    fc.property(
      fc.array(fc.record({ confidence: fc.integer({ min: 0, max: 10 }), right: fc.boolean(), weight: fc.integer({ min: 0, max: 3 }) }), {
        minLength: 1,
      }),
      (cases) => {
        const repeated = cases.flatMap((one) => Array.from({ length: one.weight }, () => one))
        const area = (list: typeof cases, weights?: number[]) =>
          riskCoverageArea(
            list.map(({ confidence }) => confidence / 10),
            list.map(({ right }) => right),
            weights,
          )
        const [weighted, plain] = [
          area(
            cases,
            cases.map(({ weight }) => weight),
          ),
          area(repeated),
        ]
        if (Number.isNaN(plain)) expect(weighted).toBeNaN()
        else expect(weighted).toBeCloseTo(plain, 9)
      },
    ),
  )
})

test('law: what the threshold accepts is what the point says', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ confidence: fc.float({ min: 0, max: 1, noNaN: true }), right: fc.boolean() }), { minLength: 1, maxLength: 30 }),
      (cases) => {
        for (const { threshold, coverage, accuracy } of riskCoverage(
          cases.map(({ confidence }) => confidence),
          cases.map(({ right }) => right),
        )) {
          const given = cases.filter(({ confidence }) => confidence >= threshold)
          expect(given.length / cases.length).toBeCloseTo(coverage, 12)
          expect(given.filter(({ right }) => right).length / given.length).toBeCloseTo(accuracy, 12)
        }
      },
    ),
  )
})

test('what is refused', () => {
  for (const work of [
    () => riskCoverage([0.5], []),
    () => riskCoverage([1.5], [1]),
    () => rejectionThreshold(riskCoverage([0.5], [1]), { accuracy: 2 }),
    () => rejectionThreshold([], { coverage: 0.5 }),
  ])
    expect(work).toThrowError(expect.objectContaining({ code: 'METRIC_INVALID' }))
})
