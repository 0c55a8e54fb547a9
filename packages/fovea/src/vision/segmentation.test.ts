import { expect, test } from 'vitest'
import { polygonsMask } from './polygon-mask.ts'
import { decodeMask } from './run-lengths.ts'
import { Segmentation } from './segmentation.ts'

const labels = ['weld', 'pore', 'background']
// Two pores, one of them in the weld.
const rows = ['..ww..', '..pw.p', '..ww..']
const map = new Segmentation(
  Uint8Array.from(rows.join(''), (cell) => 'wp.'.indexOf(cell)),
  6,
  3,
  labels,
)

test('outlines are those of the mask, part by part', () => {
  expect(map.polygons('pore')).toHaveLength(2)
  for (const name of labels) {
    const drawn = decodeMask(polygonsMask(map.polygons(name), 6, 3))
    expect([...drawn]).toEqual([...decodeMask(map.mask(name))])
  }
  expect(map.shares()).toEqual({ weld: 5 / 18, pore: 2 / 18, background: 11 / 18 })
  expect(map.toJSON().classes.map(({ label }) => label)).toEqual(labels)
})

test('a class that there is not, or too few pixels, are refused', () => {
  expect(() => map.polygons('crack')).toThrow(expect.objectContaining({ code: 'MODEL_NO_CLASS' }))
  expect(() => new Segmentation(new Uint8Array(4), 3, 2, labels)).toThrow(expect.objectContaining({ code: 'METRIC_INVALID' }))
  expect(() => new Segmentation(Uint8Array.of(0, 3), 2, 1, labels)).toThrow(expect.objectContaining({ code: 'METRIC_INVALID' }))
})
