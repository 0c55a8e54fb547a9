import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../../util/random.ts'
import { CalibrationError } from './calibration.ts'
import { fitTemperature, softmaxAt } from './temperature.ts'

/** Logits whose softmax is the truth's own distribution, times how sure the model is of itself. */
function simulated(seed: number, count: number, classes: number, sureness: number): { rows: Float64Array[]; truths: number[] } {
  const random = new Random(seed, 'temperature')
  const rows: Float64Array[] = []
  const truths: number[] = []
  for (let i = 0; i < count; i++) {
    const logits = Float64Array.from({ length: classes }, () => random.normal(0, 2))
    const probabilities = softmaxAt(logits, 1)
    let [left, truth] = [random.next() - probabilities[0]!, 0]
    while (left > 0 && truth + 1 < classes) left -= probabilities[++truth]!
    rows.push(logits.map((value) => value * sureness))
    truths.push(truth)
  }
  return { rows, truths }
}

const lossAt = ({ rows, truths }: ReturnType<typeof simulated>, temperature: number) =>
  rows.reduce((sum, row, i) => {
    const most = Math.max(...row)
    const scaled = row.map((value) => (value - most) / temperature)
    return sum + Math.log(scaled.reduce((a, value) => a + Math.exp(value), 0)) - scaled[truths[i]!]!
  }, 0) / rows.length

test('the temperature is that of a grid search, and its loss is stated', () => {
  for (const [seed, classes, sureness] of [
    [1, 3, 3],
    [2, 10, 0.4],
    [3, 2, 1],
  ] as const) {
    const cases = simulated(seed, 150, classes, sureness)
    let [best, least] = [0, Infinity]
    for (let t = 0.1; t < 10; t *= 1.001) {
      const loss = lossAt(cases, t)
      if (loss < least) [best, least] = [t, loss]
    }
    const fit = fitTemperature(cases.rows, cases.truths)
    expect(Math.abs(Math.log(fit.temperature / best))).toBeLessThan(0.001)
    expect(fit.lossAfter).toBeLessThanOrEqual(least + 1e-12)
    expect(fit.lossAfter).toBeCloseTo(lossAt(cases, fit.temperature), 10)
    expect(fit.lossBefore).toBeCloseTo(lossAt(cases, 1), 10)
    expect(fit.isBounded).toBe(false)
  }
})

test('a model that is three times too sure is found out, and calibrated afterwards', () => {
  const { rows, truths } = simulated(5, 4000, 5, 3)
  const { temperature } = fitTemperature(rows, truths)
  expect(temperature).toBeGreaterThan(2.8)
  expect(temperature).toBeLessThan(3.2)
  const errorAt = (t: number) => {
    const metric = new CalibrationError(5)
    for (const [i, row] of rows.entries()) metric.update({ scores: softmaxAt(row, t), labels: [truths[i]!] })
    return metric.compute().expectedCalibrationError
  }
  expect(errorAt(1)).toBeGreaterThan(0.15)
  expect(errorAt(temperature)).toBeLessThan(0.03)
})

test('logarithms of probabilities do as well as logits', () => {
  const { rows, truths } = simulated(6, 200, 4, 2)
  const logs = rows.map((row) => softmaxAt(row, 1).map((p) => Math.log(p)))
  expect(fitTemperature(logs, truths).temperature).toBeCloseTo(fitTemperature(rows, truths).temperature, 4)
})

test('law: no temperature does better, whatever the scores', () => {
  const row = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 3, maxLength: 3 })
  fc.assert(
    fc.property(
      fc.array(fc.record({ row, truth: fc.integer({ min: 0, max: 2 }) }), { minLength: 1, maxLength: 20 }),
      fc.double({ min: 0.05, max: 20, noNaN: true }),
      (cases, other) => {
        const data = { rows: cases.map((one) => Float64Array.from(one.row)), truths: cases.map(({ truth }) => truth) }
        const { temperature, lossAfter } = fitTemperature(data.rows, data.truths)
        expect(temperature).toBeGreaterThanOrEqual(0.05)
        expect(temperature).toBeLessThanOrEqual(20 + 1e-9)
        expect(lossAfter).toBeLessThanOrEqual(lossAt(data, other) + 1e-7)
      },
    ),
  )
})

test('where all are right the coldest end is taken, where all are wrong the hottest', () => {
  expect(
    fitTemperature(
      [
        [2, 0],
        [0, 3],
      ],
      [0, 1],
    ),
  ).toMatchObject({ temperature: 0.05, isBounded: true })
  expect(
    fitTemperature(
      [
        [2, 0],
        [0, 3],
      ],
      [1, 0],
    ),
  ).toMatchObject({ temperature: 20, isBounded: true })
})

test('what is refused', () => {
  for (const [rows, truths] of [
    [[], []],
    [[[1, 2]], []],
    [[[1, 2]], [2]],
    [[[1, NaN]], [0]],
    [[[1]], [0]],
    [
      [
        [1, 2],
        [1, 2, 3],
      ],
      [0, 0],
    ],
  ] as [number[][], number[]][])
    expect(() => fitTemperature(rows, truths)).toThrowError(expect.objectContaining({ code: 'METRIC_INVALID' }))
})
