import { describe, expect, it } from 'vitest'
import { Random } from '../util/random.ts'
import { activationOf, channelOf, componentsOf, featureMapOf, liveliestChannels, pooledRow } from './feature-map.ts'
import { overPicture, placementOf } from './placement.ts'
import { createPreprocessing } from './preprocessing.ts'
import { principalComponents } from './principal-components.ts'

const data = Float32Array.from({ length: 2 * 3 * 2 * 2 }, (_, i) => i)

describe('featureMapOf', () => {
  it('takes one picture out of a batch of maps', () => {
    expect(featureMapOf({ shape: [2, 3, 2, 2], data }, 1)).toEqual({ channels: 3, height: 2, width: 2, data: data.slice(12) })
  })

  it('lays tokens in a square, without the class token', () => {
    const tokens = Float32Array.from({ length: 10 }, (_, i) => i)
    expect(featureMapOf({ shape: [1, 5, 2], data: tokens })).toEqual({
      channels: 2,
      height: 2,
      width: 2,
      data: Float32Array.of(2, 4, 6, 8, 3, 5, 7, 9),
    })
  })

  it.each([
    [{ shape: [1, 4], data: new Float32Array(4) }, 0, /a map \[N, C, H, W\].*found \[1,4\]/],
    [{ shape: [1, 7, 2], data: new Float32Array(14) }, 0, /tokens/],
    [{ shape: [1, 1, 1, 1], data: [Number.NaN] }, 0, /finite values/],
    [{ shape: [2, 3, 2, 2], data }, 2, /a picture from 0 to 1, found 2/],
  ])('refuses what is no map', (features, index, message) => {
    expect(() => featureMapOf(features, index)).toThrow(message)
  })
})

describe('what is drawn of a map', () => {
  const map = { channels: 2, height: 1, width: 3, data: Float32Array.of(0, -1, 4, 0, 1, 0) }

  it('is strong where values are large, whatever their sign', () => {
    expect([...activationOf(map).data]).toEqual([0, 0.5, 1])
    expect([...activationOf({ ...map, data: new Float32Array(6) }).data]).toEqual([0, 0, 0])
  })

  it('shows single channels, the liveliest first', () => {
    expect([...channelOf(map, 0).data]).toEqual([Math.fround(1 / 5), 0, 1])
    expect(liveliestChannels(map, 5)).toEqual([0, 1])
  })

  it('colours alike what has like features', () => {
    const random = new Random(1, 'colours')
    const kinds = Array.from({ length: 3 }, () => Float32Array.from({ length: 16 }, () => random.uniform(-1, 1)))
    const places = Array.from({ length: 64 }, (_, i) => i % 3)
    const planar = Float32Array.from({ length: 16 * 64 }, (_, i) => kinds[places[i % 64]!]![Math.floor(i / 64)]!)
    const image = componentsOf({ channels: 16, height: 8, width: 8, data: planar })
    const color = (i: number) => [...image.data.subarray(i * 3, i * 3 + 3)].join()
    places.forEach((kind, i) => {
      expect(color(i)).toBe(color(kind))
    })
    expect(new Set([0, 1, 2].map(color)).size).toBe(3)
    expect([...componentsOf({ channels: 1, height: 1, width: 2, data: Float32Array.of(3, 3) }).data]).toEqual(new Array(6).fill(128))
  })

  it('is averaged to a row: maps over places, tokens over themselves', () => {
    expect([...pooledRow([2, 3, 2, 2], data, 1)]).toEqual([13.5, 17.5, 21.5])
    expect([...pooledRow([1, 2, 3], [1, 2, 3, 5, 6, 7], 0)]).toEqual([3, 4, 5])
    expect([...pooledRow([2, 2], [1, 2, 3, 4], 1)]).toEqual([3, 4])
  })
})

describe('principalComponents', () => {
  it('finds directions, variances and scores', () => {
    const random = new Random(7, 'cloud')
    const [rows, columns] = [200, 12]
    const axes = [
      { along: [0, 3], deviation: 5 },
      { along: [1, 1], deviation: 2 },
    ]
    const cloud = Float64Array.from({ length: rows * columns }, () => random.normal() * 0.01 + 3)
    for (let r = 0; r < rows; r++)
      for (const { along, deviation } of axes) {
        const step = random.normal() * deviation
        for (const c of new Set(along)) cloud[r * columns + c] = cloud[r * columns + c]! + step / Math.sqrt(new Set(along).size)
      }
    const { directions, variances, scores, total } = principalComponents(cloud, rows, columns, 3)
    expect(Math.abs(directions[0]!)).toBeCloseTo(Math.SQRT1_2, 1)
    expect(directions[3]).toBeCloseTo(directions[0]!, 1)
    expect(directions[columns + 1]).toBeCloseTo(1, 2)
    expect(variances[0]! + variances[1]! + variances[2]!).toBeLessThanOrEqual(total * (1 + 1e-9))
    expect((variances[0]! + variances[1]!) / total).toBeGreaterThan(0.999)
    for (let k = 0; k < 2; k++) {
      const column = Array.from({ length: rows }, (_, r) => scores[r * 3 + k]!)
      expect(column.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 6)
      expect(column.reduce((sum, value) => sum + value ** 2, 0) / (rows - 1)).toBeCloseTo(variances[k]!, 4)
    }
    expect(principalComponents(cloud, rows, columns, 3).scores).toEqual(scores)
  })

  it('goes through the data where columns are many, as through their scatter', () => {
    const [rows, columns] = [6, 300]
    const wide = Float64Array.from({ length: rows * columns }, (_, i) => Math.sin(i * 0.37) * (1 + (i % 7)))
    const { scores, variances, total } = principalComponents(wide, rows, columns, 5)
    // Six rows differ in five directions, which hold all there is.
    expect(variances.reduce((a, b) => a + b, 0) / total).toBeCloseTo(1, 6)
    const distance = (values: ArrayLike<number>, length: number, a: number, b: number) =>
      Math.sqrt(Array.from({ length }, (_, i) => (values[a * length + i]! - values[b * length + i]!) ** 2).reduce((x, y) => x + y))
    for (let r = 1; r < rows; r++) expect(distance(scores, 5, 0, r)).toBeCloseTo(distance(wide, columns, 0, r), 6)
  })

  it('gives what there is of few rows, and of none that differ', () => {
    expect(principalComponents([1, 2, 3, 4], 2, 2, 5).variances).toHaveLength(2)
    const flat = principalComponents(new Float32Array(12).fill(2), 4, 3, 2)
    expect([...flat.scores]).toEqual(new Array(8).fill(0))
    expect(() => principalComponents([1, Number.NaN], 2, 1, 1)).toThrow(/finite values/)
    expect(() => principalComponents([1, 2, 3], 2, 2, 1)).toThrow(/2 x 2 values, found 3/)
  })
})

describe('overPicture', () => {
  const ramp = (height: number, width: number) => ({
    height,
    width,
    data: Float32Array.from({ length: height * width }, (_, i) => (i % width) + 0.5),
  })

  it('leaves a map as it is where the picture fills the input', () => {
    const map = ramp(4, 4)
    expect(overPicture(map, placementOf(100, 50, createPreprocessing({ size: [32, 32] })))).toEqual(map)
  })

  it('drops the borders of a letterbox', () => {
    const placed = overPicture(ramp(8, 8), placementOf(100, 50, createPreprocessing({ size: [32, 32], resize: 'letterbox' })))
    expect([placed.height, placed.width]).toEqual([4, 8])
    expect([...placed.data.subarray(0, 8)]).toEqual([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5])
  })

  it('marks what a crop has cut off', () => {
    const placed = overPicture(ramp(4, 4), placementOf(64, 32, createPreprocessing({ size: [32, 32], resize: 'crop' })), -1)
    expect([placed.height, placed.width]).toEqual([4, 8])
    expect([...placed.data.subarray(0, 8)]).toEqual([-1, -1, 0.5, 1.5, 2.5, 3.5, -1, -1])
  })
})
