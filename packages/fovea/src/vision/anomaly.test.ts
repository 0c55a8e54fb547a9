import { describe, expect, test } from 'vitest'
import { AnomalyMap, oddThings } from './anomaly.ts'
import { decodeMask } from './run-lengths.ts'

/** Two odd places on a map of 4 x 3 cells over a picture of 8 x 6 pixels. */
const values = [9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]
const options = {
  score: 3,
  threshold: 2,
  map: { width: 4, height: 3, data: Float32Array.from(values) },
  pixelThreshold: 4,
  width: 8,
  height: 6,
}

describe('the answer of a detector of anomalies', () => {
  test('is anomalous above the threshold, not at it', () => {
    expect(new AnomalyMap(options).isAnomalous).toBe(true)
    expect(new AnomalyMap({ ...options, score: 2 }).isAnomalous).toBe(false)
  })

  test('has the regions above the threshold of pixels, the oddest first, in pixels of the picture', () => {
    const answer = new AnomalyMap(options)
    const [first, second, ...others] = answer.regions
    expect(others).toEqual([])
    expect([first!.score, second!.score]).toEqual([9, 5])
    const pixels = answer.pixels()
    for (const { box, mask, area } of answer.regions) {
      const inside = decodeMask(mask)
      expect(inside.reduce((a, b) => a + b)).toBe(area)
      inside.forEach((one, at) => {
        const [x, y] = [at % 8, Math.floor(at / 8)]
        if (one) expect(pixels[at]).toBeGreaterThan(4)
        if (one) expect(x >= box.x1 && x < box.x2 && y >= box.y1 && y < box.y2).toBe(true)
      })
    }
    // Every odd pixel is in one of them.
    expect(pixels.filter((value) => value > 4).length).toBe(first!.area + second!.area)
    expect(first!.box).toMatchObject({ x1: 0, y1: 0 })
    expect(second!.box).toMatchObject({ x2: 8, y2: 6 })
    expect(oddThings(answer).map(({ box }) => box)).toEqual([first!.box, second!.box])
  })

  test('is plain data as JSON, and heat from 0 to 1 for drawing', () => {
    const answer = new AnomalyMap(options)
    const { regions, ...rest } = JSON.parse(JSON.stringify(answer))
    expect(rest).toEqual({ task: 'anomaly', image: { width: 8, height: 6 }, score: 3, threshold: 2, isAnomalous: true, pixelThreshold: 4 })
    expect(regions).toHaveLength(2)
    expect(regions[0].mask).toMatchObject({ size: [6, 8], counts: expect.any(String) })
    const { data } = answer.heat()
    expect([data[0], data[2]]).toEqual([1, 0])
    expect(data[11]).toBeGreaterThan(0)
    expect(data[11]).toBeLessThan(1)
  })

  test('a picture with very many odd places tells the oddest hundred', () => {
    const side = 50
    const data = Float32Array.from({ length: side * side }, (_, i) => (i % 2 === 0 && Math.floor(i / side) % 2 === 0 ? i + 1 : 0))
    const { regions } = new AnomalyMap({
      ...options,
      map: { width: side, height: side, data },
      pixelThreshold: 0.5,
      width: side,
      height: side,
    })
    expect(regions).toHaveLength(100)
    expect(regions[0]!.score).toBe(Math.max(...data))
  })

  test('nothing odd has no regions', () => {
    const answer = new AnomalyMap({ ...options, pixelThreshold: 100 })
    expect(answer.regions).toEqual([])
    expect(answer.toJSON().regions).toEqual([])
  })
})
