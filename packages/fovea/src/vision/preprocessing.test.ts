import { describe, expect, test } from 'vitest'
import { isFoveaError } from '../util/errors.ts'
import { createImage } from './image.ts'
import { createPreprocessing, normalization, parsePreprocessing, pixelAffine } from './preprocessing.ts'
import { packBytes, packFloats } from './tensor-pack.ts'

function fieldOf(work: () => unknown): string | undefined {
  try {
    work()
  } catch (error) {
    if (isFoveaError(error, 'PREPROCESSING_INVALID')) return error.details.field
    throw error
  }
  return 'no error'
}

describe('Preprocessing', () => {
  test('goes through JSON unchanged', () => {
    const full = createPreprocessing({
      size: [224, 192],
      resize: 'crop',
      cropFraction: 0.875,
      scale: 'custom',
      mean: [0.1, 0.2, 0.3],
      std: [1, 2, 3],
      layout: 'nchw',
    })
    expect(parsePreprocessing(JSON.parse(JSON.stringify(full)))).toEqual(full)
    expect(parsePreprocessing(JSON.parse(JSON.stringify(createPreprocessing())))).toEqual(createPreprocessing())
  })

  test('names the field that is wrong', () => {
    const bad: [string, object][] = [
      ['size', { size: [0, 3] }],
      ['size', { size: 224 }],
      ['resize', { resize: 'stretch' }],
      ['cropFraction', { cropFraction: 0 }],
      ['interpolation', { interpolation: 'area' }],
      ['color', { color: 'bggr' }],
      ['scale', { scale: 'half' }],
      ['mean', { scale: 'custom', std: [1, 1, 1] }],
      ['std', { scale: 'custom', mean: [0, 0, 0], std: [1, 0, 1] }],
      ['mean', { scale: 'custom', color: 'gray', mean: [0, 0, 0], std: [1] }],
      ['mean', { scale: 'unit', mean: [0, 0, 0] }],
      ['layout', { layout: 'chw' }],
      ['padValue', { padValue: 256 }],
    ]
    for (const [field, parts] of bad)
      expect(
        fieldOf(() => parsePreprocessing(parts)),
        JSON.stringify(parts),
      ).toBe(field)
    expect(fieldOf(() => parsePreprocessing('imagenet'))).toBe('preprocessing')
  })

  test('pixelAffine states (byte / 255 - mean) / std', () => {
    const imagenet = pixelAffine(createPreprocessing())
    expect(200 * imagenet.factor[1]! + imagenet.offset[1]!).toBeCloseTo((200 / 255 - 0.456) / 0.224, 12)
    expect(pixelAffine(createPreprocessing({ scale: 'raw' }))).toEqual({ factor: [1, 1, 1], offset: [0, 0, 0] })
    expect(pixelAffine(createPreprocessing({ scale: 'unit', color: 'gray' }))).toEqual({ factor: [1 / 255], offset: [0] })
    expect(normalization(createPreprocessing({ color: 'bgr' }))?.mean).toEqual([0.406, 0.456, 0.485])
  })
})

describe('packing', () => {
  const images = [0, 1].map((n) =>
    createImage(
      2,
      1,
      3,
      Uint8Array.from([1, 2, 3, 4, 5, 6], (v) => v + 10 * n),
    ),
  )

  test('bytes are NHWC', () => {
    expect(packBytes(images)).toEqual({ data: Uint8Array.from([1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16]), shape: [2, 1, 2, 3] })
  })

  test('floats follow layout and scale', () => {
    const planar = packFloats(images, createPreprocessing({ scale: 'raw', layout: 'nchw' }))
    expect(planar).toEqual({ data: Float32Array.from([1, 4, 2, 5, 3, 6, 11, 14, 12, 15, 13, 16]), shape: [2, 3, 1, 2] })
    const { data, shape } = packFloats(images, createPreprocessing({ scale: 'unit' }))
    expect(shape).toEqual([2, 1, 2, 3])
    expect(data[3]).toBeCloseTo(4 / 255, 7)
  })

  test('sizes that differ are refused', () => {
    expect(() => packBytes([images[0]!, createImage(1, 1, 3)])).toThrowError(/IMAGE_INVALID/)
    expect(() => packBytes([])).toThrowError(/IMAGE_INVALID/)
  })
})
