import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import { openSession } from '../../runtime/session.ts'
import { Random } from '../../util/random.ts'
import { Emitter } from '../emitter.ts'
import { emitMap, emitNearest, emitScore, gaussianWeights } from './nearest.ts'
import { emitPatchFeatures, emitPatchRows, type PatchMap } from './patches.ts'

const random = new Random(3, 'anomaly')
const normal = (count: number) => Float32Array.from({ length: count }, () => random.normal())

/** Runs what is emitted on ONNX Runtime. */
async function run(feeds: Readonly<Record<string, Tensor>>, emit: (e: Emitter) => string): Promise<Tensor> {
  const b = new GraphBuilder()
  for (const [name, { dtype, dims }] of Object.entries(feeds)) b.input(name, dtype, dims)
  const output = b.output(emit(new Emitter(b)))
  const session = await openSession(b.model(), { worker: false, threads: 1 })
  try {
    return (await session.run(feeds))[output]!
  } finally {
    await session.close()
  }
}

function expectClose(found: Tensor, expected: readonly number[], tolerance = 1e-4): void {
  expect(found.size).toBe(expected.length)
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - Number(found.data[i]))))
  expect(worst).toBeLessThan(tolerance)
}

describe('nearest patches', () => {
  const [pictures, places, width, remembered] = [3, 5, 7, 11]
  const rows = normal(pictures * places * width)
  const bank = normal(remembered * width)
  const distances = (place: number) =>
    Array.from({ length: remembered }, (_, m) =>
      Math.hypot(...Array.from({ length: width }, (__, k) => rows[place * width + k]! - bank[m * width + k]!)),
    )
  const feeds = { rows: Tensor.float32([pictures, places, width], rows) }
  const memory = { name: 'bank', data: bank, dims: [remembered, width] as const }

  test.each([1, 2, 5, 11])('the mean distance to the %i nearest is that of plain loops', async (neighbours) => {
    const found = await run(feeds, (e) => emitNearest(e, 'rows', memory, { neighbours }))
    const expected = Array.from({ length: pictures * places }, (_, place) => {
      const nearest = distances(place)
        .sort((a, b) => a - b)
        .slice(0, neighbours)
      return nearest.reduce((a, b) => a + b) / neighbours
    })
    expect(found.dims).toEqual([pictures, places])
    expectClose(found, expected)
  })

  test('patches that are kept away are as if they were not there', async () => {
    const away = Float32Array.from({ length: remembered }, (_, m) => (m % 3 === 0 ? 1e30 : 0))
    const found = await run({ ...feeds, away: Tensor.float32([1, 1, remembered], away) }, (e) =>
      emitNearest(e, 'rows', memory, { neighbours: 2, penalty: 'away' }),
    )
    const expected = Array.from({ length: pictures * places }, (_, place) => {
      const [first, second] = distances(place)
        .filter((__, m) => m % 3 !== 0)
        .sort((a, b) => a - b)
      return (first! + second!) / 2
    })
    expectClose(found, expected)
  })

  test('a remembered patch lies at 0 of itself, as far as float32 can tell', async () => {
    const found = await run({ rows: Tensor.float32([1, remembered, width], bank) }, (e) =>
      emitNearest(e, 'rows', memory, { neighbours: 1 }),
    )
    expectClose(found, new Array<number>(remembered).fill(0), 3e-3)
  })
})

describe('map and score', () => {
  const [height, width] = [6, 9]
  const values = normal(2 * height * width)
  const at = (picture: number, y: number, x: number) =>
    values[(picture * height + Math.min(height - 1, Math.max(0, y))) * width + Math.min(width - 1, Math.max(0, x))]!

  test.each([0, 0.6, 1, 2.5])('smoothing with a deviation of %d is that of plain loops, borders repeated', async (deviation) => {
    const found = await run({ d: Tensor.float32([2, height * width], values) }, (e) => emitMap(e, 'd', { height, width }, deviation))
    const reach = Math.ceil(3 * deviation)
    const weight = (i: number) => (deviation === 0 ? 1 : Math.exp(-(i * i) / (2 * deviation ** 2)))
    const offsets = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach)
    const total = offsets.reduce((sum, i) => sum + weight(i), 0)
    const expected = Array.from({ length: values.length }, (_, i) => {
      const [picture, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width]
      let sum = 0
      for (const v of offsets) for (const u of offsets) sum += (weight(v) * weight(u) * at(picture, y + v, x + u)) / total ** 2
      return sum
    })
    expect(found.dims).toEqual([2, 1, height, width])
    expectClose(found, expected)
  })

  test('weights of a Gaussian sum to 1 and are even', () => {
    for (const deviation of [0, 0.3, 1, 4]) {
      const weights = gaussianWeights(deviation)
      expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 6)
      expect([...weights]).toEqual([...weights].reverse())
    }
  })

  test.each([1, 4, 54])('the score is the mean of the %i highest cells', async (cells) => {
    const found = await run({ map: Tensor.float32([2, 1, height, width], values) }, (e) => emitScore(e, 'map', cells))
    const expected = [0, 1].map((picture) => {
      const sorted = [...values.subarray(picture * height * width, (picture + 1) * height * width)].sort((a, b) => b - a)
      return sorted.slice(0, cells).reduce((a, b) => a + b) / cells
    })
    expectClose(found, expected)
  })
})

describe('features of patches', () => {
  const plane = (count: number, height: number, width: number) =>
    Tensor.float32([2, count, height, width], normal(2 * count * height * width))

  /** Means of 3x3 places, over those that are there. */
  const averaged = (value: (y: number, x: number) => number, height: number, width: number, y: number, x: number) => {
    let [sum, count] = [0, 0]
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
        sum += value(v, u)
        count++
      }
    return sum / count
  }

  test('a map of the grid, and a finer one beside its own mean, are those of plain loops', async () => {
    const [own, fine] = [plane(2, 4, 6), plane(3, 8, 12)]
    const maps: PatchMap[] = [
      { value: 'own', channels: 2, height: 4, width: 6 },
      { value: 'fine', channels: 3, height: 8, width: 12, relative: true },
    ]
    const found = await run({ own, fine }, (e) => emitPatchFeatures(e, maps, { height: 4, width: 6 }))
    expect(found.dims).toEqual([2, 5, 4, 6])
    const expected: number[] = []
    for (let n = 0; n < 2; n++) {
      for (let c = 0; c < 2; c++)
        for (let y = 0; y < 4; y++)
          for (let x = 0; x < 6; x++) expected.push(averaged((v, u) => Number(own.data[((n * 2 + c) * 4 + v) * 6 + u]), 4, 6, y, x))
      for (let c = 0; c < 3; c++) {
        const pixel = (v: number, u: number) => Number(fine.data[((n * 3 + c) * 8 + v) * 12 + u])
        let mean = 0
        for (let v = 0; v < 8; v++) for (let u = 0; u < 12; u++) mean += pixel(v, u) / 96
        const cell = (v: number, u: number) =>
          (pixel(2 * v, 2 * u) + pixel(2 * v, 2 * u + 1) + pixel(2 * v + 1, 2 * u) + pixel(2 * v + 1, 2 * u + 1)) / 4 - mean
        for (let y = 0; y < 4; y++) for (let x = 0; x < 6; x++) expected.push(averaged(cell, 4, 6, y, x))
      }
    }
    expectClose(found, expected)
  })

  test.each([
    [2, 3],
    [5, 7],
    [9, 13],
    [3, 24],
  ])('a map of %i x %i places is brought to the grid', async (height, width) => {
    const map = Tensor.float32([1, 1, height, width], new Float32Array(height * width).fill(2.5))
    const found = await run({ map }, (e) => emitPatchFeatures(e, [{ value: 'map', channels: 1, height, width }], { height: 4, width: 6 }))
    expect(found.dims).toEqual([1, 1, 4, 6])
    expectClose(found, new Array<number>(24).fill(2.5))
  })

  test('rows are scaled, shifted, and carry their place behind', async () => {
    const features = plane(3, 2, 2)
    const projection = { weight: Float32Array.of(1, 2, 0, 0, -1, 3), bias: Float32Array.of(0.5, -0.25), position: 4 }
    const found = await run({ features }, (e) => emitPatchRows(e, 'features', { height: 2, width: 2 }, projection, 'projection'))
    expect(found.dims).toEqual([2, 4, 4])
    const expected: number[] = []
    for (let n = 0; n < 2; n++)
      for (let p = 0; p < 4; p++) {
        const [a, b, c] = [0, 1, 2].map((channel) => Number(features.data[(n * 3 + channel) * 4 + p]))
        expected.push(a! + 2 * b! + 0.5, -b! + 3 * c! - 0.25, p % 2 === 0 ? -2 : 2, p < 2 ? -2 : 2)
      }
    expectClose(found, expected)
  })
})
