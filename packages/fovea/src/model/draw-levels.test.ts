import { expect, test } from 'vitest'
import { createImage } from '../vision/image.ts'
import type { Grid } from '../vision/placement.ts'
import { levelSheet } from './draw-levels.ts'

const picture = createImage(4, 4, 3)

/** The panels as the grids that they were drawn of. */
function sheetOf(levels: readonly (readonly number[])[], stride: number | undefined = 8) {
  const grids: Grid[] = []
  const heat = (grid: Grid) => {
    grids.push(grid)
    return picture
  }
  const map = { channels: levels.length, height: 1, width: levels[0]!.length, data: Float32Array.from(levels.flat()) }
  const sheet = levelSheet(map, { stride, count: levels.length, picture, heat })
  return { ...sheet, grids: grids.map(({ data }) => [...data].map((value) => Number(value.toFixed(3)))) }
}

test('gates that lie close together are spread from the lowest to the highest of all, and then each for itself', () => {
  const { panels, grids, subtitle, columns } = sheetOf([
    [0.6, 0.62],
    [0.7, 0.65],
  ])
  expect(grids).toEqual([
    [0, 0.2],
    [1, 0.5],
    // The mean.
    [1, 0],
    [0, 1],
    [1, 0],
  ])
  expect(panels.map(({ caption, note }) => [caption, note])).toEqual([
    ['picture', undefined],
    ['p3', '0.600 to 0.620'],
    ['p4', '0.650 to 0.700'],
    ['mean, own scale', '0.635 to 0.650'],
    ['p3, own scale', '0.600 to 0.620'],
    ['p4, own scale', '0.650 to 0.700'],
  ])
  expect(subtitle).toMatch(/clear to red is 0\.60\d* to 0\.70/)
  expect(columns).toBe(3)
})

test('what is the same everywhere is said, not stretched; values below zero are values too', () => {
  const { panels, grids } = sheetOf(
    [
      [0.5, 0.50001],
      [-1, 0.5],
    ],
    3,
  )
  expect(panels[1]).toMatchObject({ caption: 'level 1', note: '0.5 everywhere' })
  expect(grids).toEqual([
    [1, 1],
    [0, 1],
    [0, 1],
    [0, 0],
    [0, 1],
  ])
})
