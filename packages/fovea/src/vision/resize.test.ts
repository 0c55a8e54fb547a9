import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createImage } from './image.ts'
import { createPreprocessing } from './preprocessing.ts'
import { planResize, preprocessImage, resizeImage } from './resize.ts'

const data = Uint8Array.from({ length: 35 }, (_, i) => {
  const x = i % 7
  const y = Math.floor(i / 7)
  return (x * 37 + y * 91 + x * y * 13) % 256
})
const image = createImage(7, 5, 1, data)

describe('resizeImage', () => {
  // Figures of Pillow 12.3 for the same picture: Image.resize((3, 4)) and ((9, 3)), boxes and kernels by those names.
  test.each([
    [
      'bilinear',
      [58, 125, 166, 154, 151, 120, 123, 153, 155, 117, 132, 120],
      [39, 67, 100, 133, 167, 115, 124, 156, 185, 125, 167, 153, 123, 172, 132, 156, 158, 105, 69, 125, 125, 108, 173, 152, 112, 112, 167],
    ],
    [
      'bicubic',
      [45, 124, 172, 163, 151, 114, 121, 153, 161, 113, 131, 119],
      [39, 65, 100, 134, 165, 109, 118, 159, 185, 125, 177, 160, 122, 178, 122, 159, 165, 98, 64, 130, 125, 98, 171, 159, 105, 107, 173],
    ],
    [
      'lanczos3',
      [41, 126, 170, 171, 151, 109, 119, 153, 166, 107, 133, 118],
      [42, 67, 101, 134, 162, 113, 109, 159, 182, 123, 179, 162, 130, 186, 115, 155, 168, 93, 58, 129, 123, 91, 169, 169, 100, 110, 178],
    ],
    [
      'nearest',
      [37, 111, 185, 141, 241, 85, 93, 245, 141, 197, 119, 41],
      [0, 37, 37, 74, 111, 148, 185, 185, 222, 182, 245, 245, 52, 115, 178, 241, 241, 48, 108, 197, 197, 30, 119, 208, 41, 41, 130],
    ],
  ] as const)('%s is equal to Pillow', (kernel, small, wide) => {
    expect(Array.from(resizeImage(image, 4, 3, kernel).data)).toEqual(small)
    expect(Array.from(resizeImage(image, 3, 9, kernel).data)).toEqual(wide)
  })

  test('a picture of one colour stays so', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 255 }),
        fc.constantFrom('nearest', 'bilinear', 'bicubic', 'lanczos3'),
        (w, h, w2, h2, value, kernel) => {
          const out = resizeImage(createImage(w, h, 3, new Uint8Array(w * h * 3).fill(value)), h2, w2, kernel)
          expect(out).toMatchObject({ width: w2, height: h2, channels: 3 })
          // The fixed-point weights may sum to a few millionths more or less than one.
          for (const v of out.data) expect(v).toBe(value)
        },
      ),
    )
  })

  test('channels do not mix', () => {
    const rgb = createImage(
      7,
      5,
      3,
      Uint8Array.from({ length: 105 }, (_, i) => (i % 3 === 1 ? data[Math.floor(i / 3)]! : 0)),
    )
    const out = resizeImage(rgb, 4, 3, 'bicubic')
    const gray = resizeImage(image, 4, 3, 'bicubic')
    out.data.forEach((v, i) => {
      expect(v).toBe(i % 3 === 1 ? gray.data[Math.floor(i / 3)] : 0)
    })
  })
})

describe('planResize', () => {
  const plan = (resize: 'squash' | 'crop' | 'letterbox', width: number, height: number, cropFraction = 1) =>
    planResize(width, height, createPreprocessing({ size: [224, 224], resize, cropFraction }))

  test('squash goes straight to the size', () => {
    expect(plan('squash', 640, 480)).toEqual({ size: [224, 224], scaled: [224, 224], offset: [0, 0] })
  })

  test("crop follows timm: shorter side to floor(size / cropFraction), centre by Python's rounding", () => {
    expect(plan('crop', 640, 480, 0.875)).toEqual({ size: [224, 224], scaled: [256, 341], offset: [-16, -58] })
    expect(plan('crop', 480, 641, 0.95)).toEqual({ size: [224, 224], scaled: [313, 235], offset: [-44, -6] })
  })

  test('letterbox keeps everything', () => {
    expect(plan('letterbox', 640, 480)).toEqual({ size: [224, 224], scaled: [168, 224], offset: [28, 0] })
  })

  test('a model without a size takes the picture as it is', () => {
    expect(planResize(31, 17, createPreprocessing())).toEqual({ size: [17, 31], scaled: [17, 31], offset: [0, 0] })
  })

  test('crop and letterbox always fit their box', () => {
    const side = fc.integer({ min: 1, max: 3000 })
    fc.assert(
      fc.property(
        side,
        side,
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0.3, max: 1, noNaN: true }),
        (w, h, oh, ow, cropFraction) => {
          const crop = planResize(w, h, createPreprocessing({ size: [oh, ow], resize: 'crop', cropFraction }))
          const box = planResize(w, h, createPreprocessing({ size: [oh, ow], resize: 'letterbox' }))
          for (const axis of [0, 1] as const) {
            const size = crop.size[axis]
            expect(crop.offset[axis]).toBeLessThanOrEqual(0)
            expect(crop.scaled[axis] + crop.offset[axis]).toBeGreaterThanOrEqual(size)
            expect(box.offset[axis]).toBeGreaterThanOrEqual(0)
            expect(box.scaled[axis] + box.offset[axis]).toBeLessThanOrEqual(size)
          }
        },
      ),
    )
  })
})

describe('preprocessImage', () => {
  const rgb = createImage(
    4,
    2,
    3,
    Uint8Array.from({ length: 24 }, (_, i) => i),
  )

  test('crop takes the centre', () => {
    const out = preprocessImage(rgb, createPreprocessing({ size: [2, 2], resize: 'crop' }))
    expect(Array.from(out.data)).toEqual([3, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19, 20])
  })

  test('letterbox pads with the stated grey', () => {
    const out = preprocessImage(rgb, createPreprocessing({ size: [4, 4], resize: 'letterbox', padValue: 99 }))
    expect(Array.from(out.data.subarray(0, 12))).toEqual(Array(12).fill(99))
    expect(Array.from(out.data.subarray(12, 36))).toEqual(Array.from(rgb.data))
    expect(Array.from(out.data.subarray(36))).toEqual(Array(12).fill(99))
  })

  test('BGR swaps, grey weighs', () => {
    const pixel = createImage(1, 1, 3, Uint8Array.from([100, 150, 200]))
    expect(Array.from(preprocessImage(pixel, createPreprocessing({ size: [1, 1], color: 'bgr' })).data)).toEqual([200, 150, 100])
    // 0.299 * 100 + 0.587 * 150 + 0.114 * 200 = 140.75
    expect(Array.from(preprocessImage(pixel, createPreprocessing({ size: [1, 1], color: 'gray' })).data)).toEqual([141])
  })
})
