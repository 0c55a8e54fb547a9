import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { kernelSource } from './kernels.gen.ts'
import { copyRows, resizeColumns, resizeRows } from './plain.ts'
import { resampler } from './resampler.ts'
import { mapRgb, stretchRgb, sumRgb } from './vectors.ts'

const filters = ['bilinear', 'bicubic', 'lanczos3'] as const

test('the compiled module belongs to its source', () => {
  const source = readFileSync(join(import.meta.dirname, '../../../assembly/kernels.ts'))
  expect(createHash('sha256').update(source).digest('hex'), 'run `npm run generate:kernels`').toBe(kernelSource)
})

/** Noise, with black and white beside each other, so that filters with negative weights have something to clip. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed | 1
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    const value = state >>> 24
    return value < 64 ? 0 : value > 191 ? 255 : value
  })
}

const side = fc.integer({ min: 1, max: 70 })

test('stretching gives the bytes of the plain loops, mirrored and in part too', () => {
  const cases = fc.record({
    width: side,
    height: side,
    outWidth: side,
    outHeight: side,
    begin: fc.nat(100),
    length: fc.integer({ min: 1, max: 70 }),
    filter: fc.constantFrom(...filters),
    mirror: fc.boolean(),
    columns: fc.boolean(),
    seed: fc.integer(),
  })
  fc.assert(
    fc.property(cases, ({ width, height, outWidth, outHeight, begin, length, filter, mirror, columns: both, seed }) => {
      const left = begin % outWidth
      const kernel = resampler(width, outWidth, filter, left, Math.min(length, outWidth - left))
      const top = begin % outHeight
      const columns = both ? resampler(height, outHeight, filter, top, Math.min(length, outHeight - top)) : undefined
      const first = columns?.first[0] ?? 0
      const source = { data: noise(width * height * 3, seed), start: first * width * 3, row: width * 3, rows: height - first }
      const across = resizeRows(source, kernel, 3, mirror)
      const wanted = columns === undefined ? across : resizeColumns(across, first, kernel.first.length * 3, columns)
      expect(stretchRgb(source, kernel, columns, first, mirror)).toEqual(wanted)
    }),
    { numRuns: 400 },
  )
})

test('large pictures go through in bands, with the same bytes', () => {
  const [width, height] = [1300, 1000]
  const source = { data: noise(width * height * 3, 7), start: 0, row: width * 3, rows: height }
  const kernel = resampler(width, 500, 'bicubic', 0, 500)
  const columns = resampler(height, 350, 'bicubic', 0, 350)
  const wanted = resizeColumns(resizeRows(source, kernel, 3, true), 0, 1500, columns)
  expect(Buffer.compare(stretchRgb(source, kernel, columns, 0, true)!, wanted)).toBe(0)
})

test('large results go through in bands too', () => {
  const source = { data: noise(40 * 30 * 3, 5), start: 0, row: 120, rows: 30 }
  const [kernel, columns] = [resampler(40, 1500, 'bilinear', 0, 1500), resampler(30, 1000, 'bilinear', 0, 1000)]
  const wanted = resizeColumns(resizeRows(source, kernel, 3, false), 0, 4500, columns)
  expect(Buffer.compare(stretchRgb(source, kernel, columns, 0, false)!, wanted)).toBe(0)
})

test('what would need too much memory is left to the plain loops', () => {
  const width = 9_000_000
  const source = { data: new Uint8Array(6), start: 0, row: 6, rows: 1 }
  expect(stretchRgb(source, resampler(2, width, 'bilinear', 0, width), undefined, 0, false)).toBeUndefined()
})

test('rows of a picture that is many times as wide as a band are stretched one by one', () => {
  const width = 700_000
  const source = { data: noise(width * 3 * 2, 9), start: 0, row: width * 3, rows: 2 }
  const kernel = resampler(width, width / 2, 'bilinear', 0, width / 2)
  const wanted = resizeRows(source, kernel, 3, false)
  expect(Buffer.compare(stretchRgb(source, kernel, undefined, 0, false)!, wanted)).toBe(0)
})

test('a copy beside it is what stretching to the same size would be', () => {
  const source = { data: noise(30 * 4, 3), start: 0, row: 30, rows: 4 }
  expect(stretchRgb(source, resampler(10, 10, 'bilinear', 2, 5), undefined, 0, true)).toEqual(copyRows(source, 2, 5, 3, true))
})

test('colours are mapped and summed as in plain arithmetic', () => {
  const matrices = fc.array(fc.integer({ min: -400_000, max: 400_000 }), { minLength: 9, maxLength: 9 })
  fc.assert(
    fc.property(matrices, fc.integer({ min: -9_000_000, max: 9_000_000 }), fc.nat(50), fc.integer(), (matrix, shift, pixels, seed) => {
      const data = noise(pixels * 3, seed)
      const wanted = data.map((_, i) => {
        const [row, at] = [3 * (i % 3), i - (i % 3)]
        const sum = matrix[row]! * data[at]! + matrix[row + 1]! * data[at + 1]! + matrix[row + 2]! * data[at + 2]! + shift
        return Math.min(255, Math.max(0, Math.floor(sum / 65_536)))
      })
      expect(mapRgb(data, Int32Array.from(matrix), shift)).toEqual(wanted)
      expect(sumRgb(data)).toEqual([0, 1, 2].map((c) => data.reduce((sum, value, i) => sum + (i % 3 === c ? value : 0), 0)))
    }),
    { numRuns: 200 },
  )
})

test('colours of large pictures go through in bands', () => {
  const data = noise(3 * 600_000, 11)
  const identity = Int32Array.from([65_536, 0, 0, 0, 65_536, 0, 0, 0, 65_536])
  expect(Buffer.compare(mapRgb(data, identity, 32_768)!, data)).toBe(0)
  const total = data.reduce((sum, value) => sum + value, 0)
  expect(sumRgb(data)!.reduce((sum, value) => sum + value, 0)).toBe(total)
})
