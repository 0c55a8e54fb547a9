import { describe, expect, it } from 'vitest'
import { createPreprocessing, pixelAffine } from '../vision/preprocessing.ts'
import { type InputSpec, parseInputSpec, partsOf } from './input-spec.ts'

describe('parseInputSpec', () => {
  it('reads words and JSON', () => {
    expect(parseInputSpec('symmetric')).toBe('symmetric')
    expect(parseInputSpec('{"scale": "unit", "resize": "letterbox"}')).toEqual({ scale: 'unit', resize: 'letterbox' })
  })

  it.each(['percent', '[1]', '{"scale"', '3'])('refuses %s', (text) => {
    expect(() => parseInputSpec(text)).toThrow(
      /expected raw, unit, imagenet, symmetric, caffe, or fields of a preprocessing.*PREPROCESSING_INVALID/,
    )
  })
})

describe('partsOf', () => {
  it.each([
    ['foo', /expected raw, unit, imagenet, symmetric, caffe, or fields of a preprocessing .*found "foo" \(field "input"\)/],
    [5, /found 5/],
    [null, /found null/],
    [['unit'], /found \["unit"\]/],
    [{ colour: 'bgr' }, /the fields size, resize.*padValue, found "colour"/],
  ])('refuses %j', (spec, message) => {
    expect(() => partsOf(spec as InputSpec, 3)).toThrow(message)
    expect(() => partsOf(spec as InputSpec, 3)).toThrow(/\[PREPROCESSING_INVALID\]/)
  })

  it('leaves out what is not known', () => {
    expect(partsOf({ size: undefined, scale: 'unit', mean: null } as unknown as InputSpec, 3)).toEqual({ scale: 'unit' })
  })

  const range = (word: 'symmetric' | 'caffe') => {
    const { factor, offset } = pixelAffine(createPreprocessing(partsOf(word, 3)))
    return factor.map((value, i) => [offset[i]!, 255 * value + offset[i]!])
  }

  it('means by symmetric -1 to 1, and by caffe the bytes minus the mean, blue first', () => {
    for (const [low, high] of range('symmetric')) {
      expect(low).toBeCloseTo(-1, 9)
      expect(high).toBeCloseTo(1, 9)
    }
    expect(partsOf('caffe', 3).color).toBe('bgr')
    range('caffe').forEach(([low, high], i) => {
      expect(low).toBeCloseTo(-[103.939, 116.779, 123.68][i]!, 6)
      expect(high).toBeCloseTo(255 - [103.939, 116.779, 123.68][i]!, 6)
    })
    expect(() => partsOf('caffe', 1)).toThrow(/PREPROCESSING_INVALID/)
  })
})
