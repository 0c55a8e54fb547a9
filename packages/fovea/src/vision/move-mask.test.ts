import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import { mirrorMask, shiftMask } from './move-mask.ts'
import { decodeMask, encodeMask } from './run-lengths.ts'

const sides = fc.integer({ min: 1, max: 12 })
const pixelsOf = (seed: number, count: number) => {
  const random = new Random(seed, 'mask')
  return Uint8Array.from({ length: count }, () => (random.chance(0.6) ? 1 : 0))
}

test('mirrored pixel by pixel', () => {
  fc.assert(
    fc.property(sides, sides, fc.integer(), (width, height, seed) => {
      const pixels = pixelsOf(seed, width * height)
      const found = decodeMask(mirrorMask(encodeMask(pixels, width, height)))
      expect([...found]).toEqual(Array.from(pixels, (_, i) => pixels[i - (i % width) + width - 1 - (i % width)]))
    }),
  )
})

test('shifted pixel by pixel, cut off at the borders', () => {
  const shifts = fc.integer({ min: -8, max: 8 })
  fc.assert(
    fc.property(sides, sides, sides, sides, shifts, shifts, fc.integer(), (width, height, wide, high, left, top, seed) => {
      const pixels = pixelsOf(seed, width * height)
      const found = decodeMask(shiftMask(encodeMask(pixels, width, height), left, top, { width: wide, height: high }))
      const wanted = Array.from({ length: wide * high }, (_, i) => {
        const [x, y] = [(i % wide) - left, Math.floor(i / wide) - top]
        return x >= 0 && y >= 0 && x < width && y < height ? pixels[y * width + x] : 0
      })
      expect([...found]).toEqual(wanted)
    }),
  )
})
