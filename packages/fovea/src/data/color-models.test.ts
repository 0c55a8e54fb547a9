import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { decodeImage } from './decode.ts'

const values = async (bytes: Uint8Array, options = {}) => Array.from((await decodeImage(bytes, options)).data)
const flat = (r: number, g: number, b: number) => sharp({ create: { width: 16, height: 16, channels: 3, background: { r, g, b } } })
const first = async (bytes: Uint8Array, options = {}) => (await values(bytes, options)).slice(0, 3)

describe('16 bits become round(v / 257)', () => {
  const words = Uint16Array.of(0, 128, 129, 385, 386, 32_767, 65_406, 65_407, 65_535)

  test.each(['png', 'tiff'] as const)('grey, %s', async (format) => {
    const image = sharp(words, { raw: { width: 9, height: 1, channels: 1 } }).toColourspace('grey16')
    const bytes = format === 'png' ? await image.png().toBuffer() : await image.tiff({ compression: 'lzw' }).toBuffer()
    expect((await sharp(bytes).metadata()).depth).toBe('ushort')
    expect(await values(bytes)).toEqual(Array.from(words).flatMap((v) => new Array<number>(3).fill(Math.round(v / 257))))
  })

  test('RGB in a TIFF', async () => {
    const bytes = await sharp(words, { raw: { width: 3, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .tiff({ compression: 'none' })
      .toBuffer()
    expect(await values(bytes)).toEqual(Array.from(words, (v) => Math.round(v / 257)))
  })

  test('with alpha: scaled first, then laid over the background', async () => {
    const bytes = await sharp(Uint16Array.of(65_535, 0, 25_700, 51 * 257), { raw: { width: 1, height: 1, channels: 4 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer()
    const over = (value: number) => Math.floor((value * 51 + 255 * 204 + 127) / 255)
    expect(await values(bytes)).toEqual([over(255), over(0), over(100)])
  })
})

describe('CMYK', () => {
  test.each(['jpeg', 'tiff'] as const)('%s without a profile and with one', async (format) => {
    // Inside the gamut of inks; inverted inks would miss by a hundred.
    const cmyk = flat(170, 110, 100).toColourspace('cmyk')
    const plain = await cmyk.clone().toFormat(format).toBuffer()
    const tagged = await cmyk.clone().withIccProfile('cmyk').toFormat(format).toBuffer()
    expect([(await sharp(plain).metadata()).space, (await sharp(tagged).metadata()).space]).toEqual(['cmyk', 'cmyk'])
    for (const bytes of [plain, tagged]) {
      const color = await first(bytes)
      for (const [c, wanted] of [170, 110, 100].entries()) expect(Math.abs(color[c]! - wanted)).toBeLessThan(25)
    }
  })
})

describe('profiles of RGB', () => {
  test("are ignored, or converted to sRGB with color: 'srgb'", async () => {
    // The same numbers mean a more saturated red in Display P3.
    const tagged = await flat(200, 60, 40).withIccProfile('p3').png().toBuffer()
    const stored = Array.from(await sharp(tagged, { ignoreIcc: true }).raw().toBuffer()).slice(0, 3)
    expect(await first(tagged)).toEqual(stored)
    const converted = await first(tagged, { color: 'srgb' })
    expect(converted).not.toEqual(stored)
    for (const [c, wanted] of [200, 60, 40].entries()) expect(Math.abs(converted[c]! - wanted)).toBeLessThan(4)
  })

  test('change nothing where there is none', async () => {
    const bytes = await flat(200, 60, 40).png().toBuffer()
    expect(await first(bytes, { color: 'srgb' })).toEqual([200, 60, 40])
  })
})

describe('files of several pictures', () => {
  const shades = [10, 120, 240]
  const frames = Buffer.concat(shades.map((shade) => Buffer.alloc(4 * 4 * 3, shade)))
  const animated = () => sharp(frames, { raw: { width: 4, height: 12, channels: 3, pageHeight: 4 } })

  test.each([
    ['gif', () => animated().gif().toBuffer()],
    ['webp', () => animated().webp({ lossless: true }).toBuffer()],
    ['tiff', () => animated().tiff({ compression: 'none' }).toBuffer()],
  ] as const)('%s: the first, or the one that is chosen', async (_, make) => {
    const bytes = await make()
    expect((await sharp(bytes).metadata()).pages).toBe(3)
    for (const [page, shade] of shades.entries()) {
      const image = await decodeImage(bytes, { page })
      expect([image.width, image.height]).toEqual([4, 4])
      expect(Math.abs(image.data[0]! - shade)).toBeLessThan(4)
    }
    expect((await decodeImage(bytes)).data).toEqual((await decodeImage(bytes, { page: 0 })).data)
    await expect(decodeImage(bytes, { page: 3, name: 'a' })).rejects.toMatchObject({
      code: 'DATA_NO_SUCH_PAGE',
      details: { expected: '0 to 2', file: 'a' },
    })
  })

  test('a picture that is alone, and numbers that are none', async () => {
    for (const format of ['png', 'jpeg', 'webp', 'tiff'] as const) {
      const bytes = await flat(1, 2, 3).toFormat(format).toBuffer()
      await expect(decodeImage(bytes, { page: 1 })).rejects.toMatchObject({ code: 'DATA_NO_SUCH_PAGE' })
      for (const page of [-1, 0.5, Number.NaN])
        await expect(decodeImage(bytes, { page })).rejects.toMatchObject({ code: 'DATA_NO_SUCH_PAGE' })
    }
  })
})

test('one bit, and a palette with a transparent colour', async () => {
  const bits = await sharp(Uint8Array.of(0, 255, 255, 0), { raw: { width: 4, height: 1, channels: 1 } })
    .tiff({ bitdepth: 1, compression: 'none' })
    .toBuffer()
  expect(await values(bits)).toEqual([0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 0])
  const clear = await sharp(Uint8Array.of(255, 0, 0, 255, 0, 0, 255, 0), { raw: { width: 2, height: 1, channels: 4 } })
    .png({ palette: true })
    .toBuffer()
  expect(await values(clear, { background: [1, 2, 3] })).toEqual([255, 0, 0, 1, 2, 3])
})
