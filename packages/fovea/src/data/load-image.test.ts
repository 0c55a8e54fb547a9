import { Readable } from 'node:stream'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { createImage, type Image } from '../vision/image.ts'
import { loadImage } from './decode.ts'
import type { ImageSource } from './source.ts'

const pixels = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 8, 7)
const image = createImage(2, 2, 3, pixels, 'made')
const png = await sharp(pixels, { raw: { width: 2, height: 2, channels: 3 } })
  .png()
  .toBuffer()
const dataUrl = `data:image/png;base64,${png.toString('base64')}`

/** Frames without end, with a record of whether somebody ended the iteration. */
class Camera implements AsyncIterable<{ image: Image; timestamp: number }> {
  ended = false
  taken = 0

  async *[Symbol.asyncIterator](): AsyncGenerator<{ image: Image; timestamp: number }> {
    try {
      for (;;) {
        this.taken++
        yield { image, timestamp: 0 }
      }
    } finally {
      this.ended = true
    }
  }
}

test.each<[string, () => ImageSource]>([
  ['bytes', () => png],
  ['an ArrayBuffer', () => new Uint8Array(png).buffer],
  ['a Blob', () => new Blob([new Uint8Array(png)])],
  ['a File', () => new File([new Uint8Array(png)], 'a.png')],
  ['a stream of Node', () => Readable.from([png.subarray(0, 20), png.subarray(20)])],
  ['a stream of the web', () => new Blob([new Uint8Array(png)]).stream()],
  ['a data URL', () => dataUrl],
  ['a data URL as URL', () => new URL(dataUrl)],
  ['an image', () => image],
  ['a frame', () => ({ image, timestamp: 1, sequence: 2, source: 'door' })],
  ['raw pixels', () => ({ data: new Uint8ClampedArray(pixels), width: 2, height: 2, channels: 3 })],
  ['16-bit pixels', () => ({ data: Uint16Array.from(pixels, (v) => v * 257), width: 2, height: 2, channels: 3 })],
  [
    '16-bit pixels as bytes',
    () => ({ data: new Uint8Array(Uint16Array.from(pixels, (v) => v * 257).buffer), width: 2, height: 2, channels: 3, depth: 16 }),
  ],
])('%s', async (_, source) => {
  expect(await loadImage(source())).toMatchObject({ width: 2, height: 2, channels: 3, data: pixels })
})

test('an image keeps its name and its memory; grey is repeated and alpha laid over the background', async () => {
  const same = await loadImage(image)
  expect([same.source, same.data.buffer]).toEqual(['made', pixels.buffer])
  expect(Array.from((await loadImage(createImage(2, 1, 1, Uint8Array.of(1, 2)))).data)).toEqual([1, 1, 1, 2, 2, 2])
  const alpha = { data: Uint8Array.of(100, 0, 100, 255), width: 2, height: 1, channels: 2 } as const
  expect(Array.from((await loadImage(alpha, { background: [1, 2, 3] })).data)).toEqual([1, 2, 3, 100, 100, 100])
})

test('a camera gives its first frame, and its iteration is ended', async () => {
  const camera = new Camera()
  expect((await loadImage(camera)).data).toEqual(pixels)
  expect([camera.taken, camera.ended]).toEqual([1, true])
})

test.each<[string, unknown, string]>([
  ['null', null, 'DATA_UNREADABLE_IMAGE'],
  ['a number', 7, 'DATA_UNREADABLE_IMAGE'],
  ['an empty object', {}, 'DATA_UNREADABLE_IMAGE'],
  ['a frame without an image', { image: undefined }, 'DATA_UNREADABLE_IMAGE'],
  ['a source without frames', Readable.from([]), 'DATA_UNREADABLE_IMAGE'],
  ['a stream of text', Readable.from(['text']), 'DATA_UNREADABLE_IMAGE'],
  ['a stream of numbers', Readable.from([1]), 'DATA_UNREADABLE_IMAGE'],
  ['frames of something else', Readable.from([{ frame: 1 }]), 'DATA_UNREADABLE_IMAGE'],
  ['a stream that fails', Readable.from(failing()), 'DATA_UNREADABLE_IMAGE'],
  ['an empty file', new Blob([]), 'DATA_EMPTY_FILE'],
  ['a URL that is none', 'http://', 'DATA_FETCH_FAILED'],
  ['a data URL that is none', 'data:', 'DATA_FETCH_FAILED'],
  ['text in a data URL', 'data:,hello', 'DATA_UNSUPPORTED_FORMAT'],
  ['too few pixels', { data: pixels.subarray(1), width: 2, height: 2, channels: 3 }, 'IMAGE_INVALID'],
  ['five channels', { data: new Uint8Array(20), width: 2, height: 2, channels: 5 }, 'IMAGE_INVALID'],
  ['no size', { data: new Uint8Array(0), width: 0, height: 2, channels: 3 }, 'IMAGE_INVALID'],
  ['floats', { data: new Float32Array(12), width: 2, height: 2, channels: 3 }, 'IMAGE_INVALID'],
  ['words of 8 bits', { data: new Uint16Array(12), width: 2, height: 2, channels: 3, depth: 8 }, 'IMAGE_INVALID'],
  ['10 bits', { data: new Uint8Array(12), width: 2, height: 2, channels: 3, depth: 10 }, 'IMAGE_INVALID'],
])('%s is refused', async (_, source, code) => {
  await expect(loadImage(source as ImageSource)).rejects.toMatchObject({ code })
})

test('more bytes than allowed are refused: of a stream, a Blob and a data URL', async () => {
  const fetch = { maxBytes: png.length - 1 }
  for (const source of [Readable.from([png, png]), new Blob([new Uint8Array(png)]), dataUrl]) {
    await expect(loadImage(source, { fetch })).rejects.toMatchObject({ code: 'DATA_TOO_MANY_BYTES' })
  }
  expect((await loadImage(new Blob([new Uint8Array(png)]), { fetch: { maxBytes: png.length } })).width).toBe(2)
  await expect(loadImage(`data:,${'x'.repeat(5000)}`, { fetch: { maxBytes: 1000 } })).rejects.toMatchObject({ code: 'DATA_TOO_MANY_BYTES' })
})

async function* failing(): AsyncGenerator<Uint8Array> {
  yield png.subarray(0, 10)
  throw new Error('the cable was pulled')
}

test.each([
  ['maxPixels', 0],
  ['maxPixels', Number.NaN],
  ['maxPixels', 1.5],
  ['background', 'white'],
  ['background', [300, -1, 0]],
  ['background', [1, 2]],
  ['color', 'ignore'],
  ['window', 'foo'],
  ['window', null],
  ['fetch', null],
])('an option that means nothing is refused: %s %j', async (field, value) => {
  await expect(loadImage(png, { [field]: value } as never)).rejects.toMatchObject({ code: 'DATA_OPTION_INVALID', details: { field } })
})

test('no limit is none', async () => {
  expect((await loadImage(png, { maxPixels: Number.POSITIVE_INFINITY })).data).toEqual(pixels)
  const jpeg = await sharp(pixels, { raw: { width: 2, height: 2, channels: 3 } })
    .jpeg()
    .toBuffer()
  expect((await loadImage(jpeg, { maxPixels: Number.POSITIVE_INFINITY })).width).toBe(2)
})
