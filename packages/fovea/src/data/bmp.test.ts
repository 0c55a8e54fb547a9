import { describe, expect, test } from 'vitest'
import { isFoveaError } from '../util/errors.ts'
import { decodeImage } from './decode.ts'

/** A BMP file: `rows` as stored (bottom row first unless `topDown`), already padded to four bytes. */
function bmp(width: number, height: number, bits: number, rows: number[], palette: number[] = [], topDown = false): Uint8Array {
  const start = 54 + palette.length
  const bytes = new Uint8Array(start + rows.length)
  const view = new DataView(bytes.buffer)
  bytes.set([0x42, 0x4d])
  view.setUint32(2, bytes.length, true)
  view.setUint32(10, start, true)
  view.setUint32(14, 40, true)
  view.setInt32(18, width, true)
  view.setInt32(22, topDown ? -height : height, true)
  view.setUint16(26, 1, true)
  view.setUint16(28, bits, true)
  bytes.set(palette, 54)
  bytes.set(rows, start)
  return bytes
}

const pixels = async (bytes: Uint8Array) => Array.from((await decodeImage(bytes)).data)

describe('BMP', () => {
  const rows = [1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12, 0, 0]

  test('24 bits: blue first, bottom row first, rows padded', async () => {
    expect(await pixels(bmp(2, 2, 24, rows))).toEqual([9, 8, 7, 12, 11, 10, 3, 2, 1, 6, 5, 4])
  })

  test('a negative height means top row first', async () => {
    expect(await pixels(bmp(2, 2, 24, rows, [], true))).toEqual([3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10])
  })

  test('32 bits: the fourth byte is padding', async () => {
    expect(await pixels(bmp(1, 1, 32, [10, 20, 30, 0]))).toEqual([30, 20, 10])
  })

  test('palettes of 8, 4 and 1 bits', async () => {
    const palette = [0, 0, 255, 0, 255, 0, 0, 0]
    const expected = [0, 0, 255, 255, 0, 0]
    expect(await pixels(bmp(2, 1, 8, [1, 0, 0, 0], palette))).toEqual(expected)
    expect(await pixels(bmp(2, 1, 4, [0x10, 0, 0, 0], palette))).toEqual(expected)
    expect(await pixels(bmp(2, 1, 1, [0x80, 0, 0, 0], palette))).toEqual(expected)
  })

  test('what is cut off, compressed, out of its palette or too large gets a coded error', async () => {
    const code = (bytes: Uint8Array, maxPixels?: number) =>
      decodeImage(bytes, { maxPixels }).then(
        () => 'no error',
        (error: unknown) => (isFoveaError(error) ? error.code : String(error)),
      )
    const good = bmp(2, 2, 24, rows)
    expect(await code(good.subarray(0, good.length - 3))).toBe('DATA_TRUNCATED')
    expect(await code(good.subarray(0, 30))).toBe('DATA_TRUNCATED')
    expect(await code(good, 3)).toBe('DATA_IMAGE_TOO_LARGE')
    expect(await code(bmp(2, 1, 8, [9, 0, 0, 0], [0, 0, 0, 0]))).toBe('DATA_UNREADABLE_IMAGE')
    const compressed = Uint8Array.from(good)
    compressed[30] = 1
    expect(await code(compressed)).toBe('DATA_UNREADABLE_IMAGE')
  })
})
