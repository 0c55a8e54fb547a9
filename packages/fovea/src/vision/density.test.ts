import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DensityMap, drawDensity, placesOf } from './density.ts'

const coordinate = fc.double({ min: -20, max: 120, noNaN: true })

test('densities sum to the number of places, wherever they are', () => {
  const places = fc.array(
    fc.record({ x: coordinate, y: coordinate, spread: fc.option(fc.double({ min: 0, max: 200, noNaN: true }), { nil: undefined }) }),
  )
  fc.assert(
    fc.property(places, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), (list, width, height) => {
      const cells = new Float32Array(width * height)
      const given = list.map(({ x, y, spread }) => (spread === undefined ? { x, y } : { x, y, spread }))
      drawDensity(cells, { width, height, stride: 8 }, given)
      expect(cells.reduce((sum, cell) => sum + cell, 0)).toBeCloseTo(list.length, 3)
      for (const cell of cells) expect(cell).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('a lone point is spread widely, close points are sharp', () => {
  const peak = (places: readonly { x: number; y: number }[]) => {
    const cells = new Float32Array(400)
    drawDensity(cells, { width: 20, height: 20, stride: 8 }, places)
    return Math.max(...cells)
  }
  const close = [-1, 0, 1].flatMap((dx) => [-1, 0, 1].map((dy) => ({ x: 84 + 24 * dx, y: 84 + 24 * dy })))
  const alone = peak([{ x: 84, y: 84 }])
  expect(alone).toBeGreaterThan(0.06)
  expect(alone).toBeLessThan(0.08)
  expect(peak(close)).toBeGreaterThan(0.15)
})

test('places of boxes, outlines and points', () => {
  const places = placesOf([
    { label: 0, box: { x1: 10, y1: 20, x2: 30, y2: 40 } },
    { label: 0, polygons: [[0, 0, 8, 0, 8, 2, 0, 2]] },
    {
      label: 0,
      keypoints: [
        { x: 0, y: 0, visibility: 0 },
        { x: 5, y: 6, visibility: 2 },
      ],
    },
    { label: 0, keypoints: [{ x: 0, y: 0, visibility: 0 }] },
  ])
  expect(places).toEqual([
    { x: 20, y: 30, spread: 5 },
    { x: 4, y: 1, spread: 1 },
    { x: 5, y: 6 },
  ])
})

test('a density is a list in JSON', () => {
  const map = new DensityMap(2, 1, Float32Array.of(0.1, 2 / 3))
  expect(JSON.parse(JSON.stringify({ map }))).toEqual({ map: { width: 2, height: 1, data: [0.1, 0.666667] } })
})
