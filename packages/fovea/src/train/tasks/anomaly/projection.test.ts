import { describe, expect, test } from 'vitest'
import { Random } from '../../../util/random.ts'
import { projectionOf, projectRows } from './projection.ts'

/** Two groups: two channels of unlike sizes, and three that vary together. */
function rowsOf(count: number) {
  const random = new Random(1, 'projection test')
  const data = Float32Array.from({ length: count * 5 }, () => 0)
  for (let r = 0; r < count; r++) {
    const light = random.normal(0, 3)
    data.set([random.normal(5, 10), random.normal(-2, 1), light, light + random.normal(0, 0.2), 2 * light + random.normal(1, 0.4)], r * 5)
  }
  return { data, count, width: 5 }
}

const groups = [
  { channels: 2, weight: 1, whiten: false },
  { channels: 3, weight: 0.5, whiten: true },
]

describe('features of good patches, scaled', () => {
  const count = 4000
  const { data } = projectRows(rowsOf(count), projectionOf(rowsOf(count), groups, 0), new Uint32Array(count), { height: 1, width: 1 })
  const moment = (i: number, k: number) => {
    let sum = 0
    for (let r = 0; r < count; r++) sum += data[r * 5 + i]! * data[r * 5 + k]!
    return sum / count
  }

  test('have a mean of 0, and the weights of their groups as mean squares', () => {
    for (let i = 0; i < 5; i++) {
      let mean = 0
      for (let r = 0; r < count; r++) mean += data[r * 5 + i]! / count
      expect(Math.abs(mean)).toBeLessThan(1e-3)
    }
    expect(moment(0, 0) + moment(1, 1)).toBeCloseTo(1, 2)
    expect(moment(2, 2) + moment(3, 3) + moment(4, 4)).toBeCloseTo(0.25, 2)
  })

  test('of a whitened group vary apart from each other', () => {
    for (const [i, k] of [
      [2, 3],
      [2, 4],
      [3, 4],
    ] as const)
      expect(Math.abs(moment(i, k))).toBeLessThan(1e-3)
  })
})

test('channels that never change stay finite, and places stand behind', () => {
  const rows = { data: new Float32Array(40).fill(0.5), count: 8, width: 5 }
  const projection = projectionOf(rows, groups, 3)
  const { data, width } = projectRows(rows, projection, Uint32Array.of(0, 1, 2, 3, 0, 1, 2, 3), { height: 2, width: 2 })
  expect(width).toBe(7)
  expect(data.every(Number.isFinite)).toBe(true)
  expect([...data.subarray(5, 7), ...data.subarray(12, 14), ...data.subarray(19, 21)]).toEqual([-1.5, -1.5, 1.5, -1.5, -1.5, 1.5])
})
