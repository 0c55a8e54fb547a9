import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import { resizeLabels } from './resize-labels.ts'

describe('resizeLabels', () => {
  test('is the highest of one-hot maps enlarged bilinearly', () => {
    const sides = fc.integer({ min: 1, max: 9 })
    fc.assert(
      fc.property(
        sides,
        sides,
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.nat(),
        (height, width, rows, columns, seed) => {
          const random = new Random(seed)
          const data = Uint8Array.from({ length: width * height }, () => random.integer(0, 4))
          const out = resizeLabels({ height, width, data }, { height: rows, width: columns })
          const shares = (label: number, y: number, x: number) => {
            const clamped = (at: number, side: number) => Math.min(side - 1, Math.max(0, at))
            const v = clamped(((y + 0.5) * height) / rows - 0.5, height)
            const u = clamped(((x + 0.5) * width) / columns - 0.5, width)
            let sum = 0
            for (let row = 0; row < height; row++)
              for (let column = 0; column < width; column++)
                if (data[row * width + column] === label) sum += Math.max(0, 1 - Math.abs(row - v)) * Math.max(0, 1 - Math.abs(column - u))
            return sum
          }
          for (let y = 0; y < rows; y++)
            for (let x = 0; x < columns; x++) {
              const all = [0, 1, 2, 3].map((label) => shares(label, y, x))
              expect(all[out[y * columns + x]!]).toBeCloseTo(Math.max(...all), 9)
            }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a map of the same size is itself, and a corner is cut where it is enlarged', () => {
    const data = Uint8Array.of(1, 0, 0, 0)
    expect(resizeLabels({ height: 2, width: 2, data }, { height: 2, width: 2 })).toEqual(data)
    const large = resizeLabels({ height: 2, width: 2, data }, { height: 8, width: 8 })
    const rows = Array.from({ length: 8 }, (_, y) => [...large.subarray(8 * y, 8 * y + 8)].join(''))
    expect(rows).toEqual(['11110000', '11110000', '11110000', '11100000', '00000000', '00000000', '00000000', '00000000'])
  })

  test('what lies beyond the part that is shown weighs nothing', () => {
    const map = { height: 1, width: 4, data: Uint8Array.of(9, 1, 2, 9) }
    expect([...resizeLabels(map, { height: 1, width: 6 }, undefined, { from: 1, length: 2 })]).toEqual([1, 1, 1, 2, 2, 2])
  })
})
