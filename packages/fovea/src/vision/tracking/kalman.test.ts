import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Box } from '../annotation.ts'
import { BoxFilter } from './kalman.ts'

type Matrix = number[][]

const multiply = (a: Matrix, b: Matrix): Matrix => a.map((row) => b[0]!.map((_, j) => row.reduce((sum, v, k) => sum + v * b[k]![j]!, 0)))
const transpose = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!))
const add = (a: Matrix, b: Matrix, factor = 1): Matrix => a.map((row, i) => row.map((v, j) => v + factor * b[i]![j]!))
const diagonal = (values: readonly number[]): Matrix => values.map((v, i) => values.map((_, j) => (i === j ? v : 0)))

/** Gauss & Jordan with the largest pivot. */
function invert(matrix: Matrix): Matrix {
  const n = matrix.length
  const rows = matrix.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))])
  for (let i = 0; i < n; i++) {
    const pivot = rows.slice(i).reduce((best, row, k) => (Math.abs(row[i]!) > Math.abs(rows[best]![i]!) ? i + k : best), i)
    ;[rows[i], rows[pivot]] = [rows[pivot]!, rows[i]!]
    const scale = rows[i]![i]!
    rows[i] = rows[i]!.map((v) => v / scale)
    for (let k = 0; k < n; k++) if (k !== i) rows[k] = rows[k]!.map((v, j) => v - rows[k]![i]! * rows[i]![j]!)
  }
  return rows.map((row) => row.slice(n))
}

/** DeepSORT's filter with its eight states, as matrices: one step is one frame. */
class PlainFilter {
  mean: Matrix
  covariance: Matrix
  static squares = (values: readonly number[]) => diagonal(values.map((v) => v * v))

  constructor(z: readonly number[]) {
    const h = z[3]!
    this.mean = [...z, 0, 0, 0, 0].map((v) => [v])
    this.covariance = PlainFilter.squares([h / 10, h / 10, 1e-2, h / 10, h / 16, h / 16, 1e-5, h / 16])
  }

  predict(): void {
    const h = this.mean[3]![0]!
    const motion = diagonal(Array(8).fill(1))
    for (let i = 0; i < 4; i++) motion[i]![i + 4] = 1
    const noise = PlainFilter.squares([h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160])
    this.mean = multiply(motion, this.mean)
    this.covariance = add(multiply(multiply(motion, this.covariance), transpose(motion)), noise)
  }

  update(z: readonly number[]): void {
    const h = this.mean[3]![0]!
    const look = Array.from({ length: 4 }, (_, i) => Array.from({ length: 8 }, (_, j) => (i === j ? 1 : 0)))
    const noise = PlainFilter.squares([h / 20, h / 20, 1e-1, h / 20])
    const total = add(multiply(multiply(look, this.covariance), transpose(look)), noise)
    const gain = multiply(multiply(this.covariance, transpose(look)), invert(total))
    this.mean = add(
      this.mean,
      multiply(
        gain,
        add(
          z.map((v) => [v]),
          multiply(look, this.mean),
          -1,
        ),
      ),
    )
    this.covariance = add(this.covariance, multiply(multiply(gain, total), transpose(gain)), -1)
  }
}

const boxes = fc
  .record({
    x: fc.double({ min: 0, max: 500, noNaN: true }),
    y: fc.double({ min: 0, max: 500, noNaN: true }),
    w: fc.double({ min: 5, max: 100, noNaN: true }),
    h: fc.double({ min: 5, max: 100, noNaN: true }),
  })
  .map(({ x, y, w, h }): Box => ({ x1: x, y1: y, x2: x + w, y2: y + h }))

const measured = ({ x1, y1, x2, y2 }: Box) => [(x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / (y2 - y1), y2 - y1]

test('frame by frame it is the filter of eight states', () => {
  fc.assert(
    fc.property(fc.array(fc.option(boxes, { freq: 3 }), { minLength: 1, maxLength: 12 }), boxes, (steps, first) => {
      const [fast, plain] = [new BoxFilter(first), new PlainFilter(measured(first))]
      for (const box of steps) {
        fast.predict(1)
        plain.predict()
        // Where the filter thinks of no area any more, ours holds on to a thousandth of a pixel.
        if (plain.mean[3]![0]! < 1 || plain.mean[2]![0]! < 0.01) return
        if (box !== null) {
          fast.update(box)
          plain.update(measured(box))
        }
        const found = measured(fast.box)
        for (let i = 0; i < 4; i++) expect(found[i]!).toBeCloseTo(plain.mean[i]![0]!, 6)
        expect(fast.velocity[0]).toBeCloseTo(plain.mean[4]![0]!, 6)
        expect(fast.velocity[1]).toBeCloseTo(plain.mean[5]![0]!, 6)
      }
    }),
  )
})

test('over a gap of several frames it is as many steps, and gaps add up', () => {
  const box = { x1: 10, y1: 20, x2: 30, y2: 60 }
  const moved = { x1: 13, y1: 21, x2: 33, y2: 61 }
  const later = { x1: 30, y1: 27, x2: 50, y2: 67 }
  const after = (...gaps: number[]) => {
    const filter = new BoxFilter(box)
    filter.predict(1)
    filter.update(moved)
    // The noise follows the height, which is held here so that all ways are equal.
    filter.holdSize()
    for (const gap of gaps) filter.predict(gap)
    filter.update(later)
    const { x1, y1, x2, y2 } = filter.box
    return [x1, y1, x2, y2, ...filter.velocity]
  }
  const whole = after(1, 1, 1)
  for (const gaps of [[3], [0.5, 2.5], [1.2, 0.3, 1.5], [0, 3]])
    for (const [i, value] of after(...gaps).entries()) expect(value).toBeCloseTo(whole[i]!, 9)
  expect(after(1, 1)[0]).not.toBeCloseTo(whole[0]!, 3)
})

test('a steady motion is learnt', () => {
  const at = (frame: number): Box => ({ x1: 4 * frame, y1: -frame, x2: 4 * frame + 20, y2: 40 - frame })
  const filter = new BoxFilter(at(0))
  for (let frame = 1; frame <= 30; frame++) {
    filter.predict(1)
    filter.update(at(frame))
  }
  expect(filter.velocity[0]).toBeCloseTo(4, 1)
  expect(filter.velocity[1]).toBeCloseTo(-1, 1)
  filter.predict(5)
  expect(filter.box.x1).toBeCloseTo(140, 0)
})
