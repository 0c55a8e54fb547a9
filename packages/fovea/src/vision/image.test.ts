import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFoveaError } from '../util/errors.ts'
import { overlayHeatmap } from './drawing/heatmap.ts'
import { createImage, type Image, toGray, toRgb, verifyImage } from './image.ts'
import { createPreprocessing } from './preprocessing.ts'
import { preprocessImage, resizeImage } from './resize.ts'
import { packBytes } from './tensor-pack.ts'

const malformed: readonly [string, unknown, RegExp][] = [
  ['no pixels', { width: 0, height: 0, channels: 3, data: new Uint8Array(0) }, /a width and height of at least 1, found 0x0/],
  ['too few bytes', { width: 10, height: 10, channels: 3, data: new Uint8Array(5) }, /300 bytes for 10x10x3, found 5 bytes/],
  ['too many bytes', { width: 32, height: 32, channels: 3, data: new Uint8Array(5000) }, /3072 bytes for 32x32x3, found 5000 bytes/],
  ['two channels', { width: 2, height: 2, channels: 2, data: new Uint8Array(8) }, /1, 3 or 4 channels, found 2/],
  ['wider numbers', { width: 2, height: 2, channels: 3, data: new Float32Array(12) }, /12 bytes for 2x2x3, found Float32Array/],
  ['half a pixel', { width: 1.5, height: 2, channels: 1, data: new Uint8Array(3) }, /a width and height of at least 1, found 1\.5x2/],
  ['no data', { width: 2, height: 2, channels: 3 }, /12 bytes for 2x2x3, found Undefined/],
  ['nothing', null, /expected an image, found null/],
  ['text', 'a.png', /expected an image, found string/],
]

const doors: readonly [string, (image: Image) => unknown][] = [
  ['verifyImage', verifyImage],
  ['preprocessImage', (image) => preprocessImage(image, createPreprocessing({ size: [4, 4] }))],
  ['preprocessImage of any size', (image) => preprocessImage(image, createPreprocessing({ color: 'bgr' }))],
  ['preprocessImage to grey', (image) => preprocessImage(image, createPreprocessing({ color: 'gray', size: [4, 4], resize: 'letterbox' }))],
  ['resizeImage', (image) => resizeImage(image, 10, 10)],
  ['packBytes', (image) => packBytes([image])],
  ['toRgb', (image) => toRgb(image)],
  ['toGray', toGray],
  ['overlayHeatmap', (image) => overlayHeatmap(image, [1], 1, 1)],
]

describe('an image from outside', () => {
  it.each(malformed)('of %s is refused at every door', (_, image, message) => {
    for (const [door, enter] of doors) {
      expect(() => enter(image as Image), door).toThrow(message)
      expect(() => enter(image as Image), door).toThrow(/\[IMAGE_INVALID\]/)
    }
  })

  it('is named where it says where it comes from', () => {
    const image: Image = { width: 1, height: 1, channels: 3, data: new Uint8Array(1), source: 'camera 4' }
    expect(() => verifyImage(image)).toThrow(/file "camera 4"/)
  })

  it('passes as it is where it is well formed, and never otherwise', () => {
    const side = fc.oneof(fc.integer({ min: -1, max: 4 }), fc.double())
    const images = fc.record({
      width: side,
      height: side,
      channels: fc.integer({ min: 0, max: 5 }),
      bytes: fc.integer({ min: 0, max: 64 }),
    })
    fc.assert(
      fc.property(images, ({ width, height, channels, bytes }) => {
        const image = { width, height, channels, data: new Uint8Array(bytes) } as Image
        const fits =
          [width, height].every((one) => Number.isInteger(one) && one > 0) &&
          [1, 3, 4].includes(channels) &&
          width * height * channels === bytes
        try {
          expect(verifyImage(image)).toBe(image)
          expect(fits).toBe(true)
        } catch (error) {
          if (!isFoveaError(error, 'IMAGE_INVALID')) throw error
          expect(fits).toBe(false)
        }
      }),
      { numRuns: 500, seed: 6 },
    )
    expect(createImage(2, 3, 4)).toMatchObject({ width: 2, height: 3, channels: 4, data: new Uint8Array(24) })
  })
})
