// Outlines of masks: by their laws, above all that they give the mask back.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { polygonArea, signedArea } from './geometry/polygon.ts'
import { maskPolygons } from './mask-polygons.ts'
import { polygonMask, polygonsMask } from './polygon-mask.ts'
import { toRunLengthText } from './run-length-text.ts'
import { encodeMask, maskArea, maskIntersection } from './run-lengths.ts'

/** A mask of rows of text: `#` belongs to it. */
function drawn(...rows: string[]) {
  return encodeMask(
    [...rows.join('')].map((one) => (one === '#' ? 1 : 0)),
    rows[0]!.length,
    rows.length,
  )
}

const size = fc.tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }))
/** Noise of any density, which touches itself by corners everywhere. */
const noise = size.chain(([width, height]) =>
  fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.array(fc.nat(9), { minLength: width * height, maxLength: width * height }))
    .map(([density, values]) =>
      encodeMask(
        values.map((value) => (value < density ? 1 : 0)),
        width,
        height,
      ),
    ),
)
/** Discs that are added and taken away: blobs with holes, and islands in the holes. */
const blobs = fc
  .array(
    fc.record({
      x: fc.integer({ min: -5, max: 45 }),
      y: fc.integer({ min: -5, max: 35 }),
      r: fc.integer({ min: 1, max: 18 }),
      on: fc.boolean(),
    }),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((discs) => {
    const pixels = new Uint8Array(40 * 30)
    for (const { x, y, r, on } of discs)
      for (let i = 0; i < pixels.length; i++) if (Math.hypot((i % 40) - x, Math.floor(i / 40) - y) <= r) pixels[i] = on ? 1 : 0
    return encodeMask(pixels, 40, 30)
  })

describe('maskPolygons', () => {
  test.each([
    ['noise', noise],
    ['blobs', blobs],
  ])('of %s: the mask comes back, the area is its pixels, and the parts are apart', (_, masks) => {
    fc.assert(
      fc.property(masks, (mask) => {
        const { width, height } = mask
        const polygons = maskPolygons(mask)
        // As text, since lists of runs may end with one of no length.
        expect(toRunLengthText(polygonsMask(polygons, width, height))).toBe(toRunLengthText(mask))
        expect(polygons.reduce((sum, polygon) => sum + polygonArea(polygon), 0)).toBe(maskArea(mask))
        for (const polygon of polygons) {
          expect(signedArea(polygon)).toBeGreaterThan(0)
          expect(polygon.every(Number.isInteger)).toBe(true)
          expect(polygon.length).toBeGreaterThanOrEqual(8)
        }
        const parts = polygons.map((polygon) => polygonMask(polygon, width, height))
        for (const [i, one] of parts.entries()) for (const other of parts.slice(i + 1)) expect(maskIntersection(one, other)).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('has a corner only where the border turns, and one outline for pixels that touch by a corner each', () => {
    expect(maskPolygons(drawn('....', '.##.', '.##.'))).toEqual([[1, 1, 3, 1, 3, 3, 1, 3]])
    expect(maskPolygons(drawn('#.', '.#'))).toEqual([
      [0, 0, 1, 0, 1, 1, 0, 1],
      [1, 1, 2, 1, 2, 2, 1, 2],
    ])
    expect(maskPolygons(drawn('##', '#.'))).toEqual([[0, 0, 2, 0, 2, 1, 1, 1, 1, 2, 0, 2]])
    expect(maskPolygons(drawn('...'))).toEqual([])
    expect(maskPolygons({ width: 0, height: 0, counts: [] })).toEqual([])
  })

  test('joins a hole to the border above, and an island in it is an outline of its own', () => {
    expect(maskPolygons(drawn('###', '#.#', '###'))).toEqual([[0, 0, 1, 0, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 0, 3, 0, 3, 3, 0, 3]])
    const nested = drawn('#######', '#.....#', '#.###.#', '#.#.#.#', '#.###.#', '#.....#', '#######')
    expect(maskPolygons(nested).map(polygonArea)).toEqual([24, 8])
    // Holes below one another hang on each other.
    const row = drawn('#####', '##.##', '#####', '##.##', '#####', '#...#', '#####')
    expect(polygonsMask(maskPolygons(row), 5, 7)).toEqual(row)
  })

  test('of a large mask takes time for its pixels alone', () => {
    const side = 2000
    // A grid of holes: a quarter of a million of them.
    const grid = encodeMask(
      Uint8Array.from({ length: side * side }, (_, i) => (i % 4 === 1 && Math.floor(i / side) % 4 === 1 ? 0 : 1)),
      side,
      side,
    )
    const begin = performance.now()
    const [polygon, ...more] = maskPolygons(grid)
    expect(more).toEqual([])
    expect(polygonArea(polygon!)).toBe(maskArea(grid))
    expect(performance.now() - begin).toBeLessThan(20_000)
  })

  test('refuses counts that do not fill the mask', () => {
    expect(() => maskPolygons({ width: 3, height: 3, counts: [4, 2] })).toThrow(/MASK_INVALID/)
  })
})
