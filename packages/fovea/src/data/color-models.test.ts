import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import { decodeImage } from './decode.ts'
import { extraSamples } from './tiff-extras.ts'

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

describe('bands of a TIFF beyond its colours', () => {
  interface Bands {
    readonly samples: number
    readonly extra?: readonly number[]
    readonly photometric?: 1 | 2 | 5
    readonly bits?: 8 | 16
    readonly big?: boolean
    readonly little?: boolean
  }

  /** Uncompressed, two pixels wide and one high; page after page with one value a sample (TIFF 6.0; BigTIFF). */
  function tiff(pages: readonly (readonly number[])[], { samples, extra, photometric = 2, bits = 8, big = false, little = true }: Bands) {
    const bytes = new Uint8Array(4096)
    const view = new DataView(bytes.buffer)
    const [wide, entryLength] = [big ? 8 : 4, big ? 20 : 12]
    const word = (at: number, value: number) => (big ? view.setBigUint64(at, BigInt(value), little) : view.setUint32(at, value, little))
    bytes.set(little ? [0x49, 0x49] : [0x4d, 0x4d])
    view.setUint16(2, big ? 43 : 42, little)
    if (big) view.setUint16(4, 8, little)
    let free = 16
    let link = big ? 8 : 4
    for (const pixels of pages) {
      const strip = free
      for (const value of pixels) {
        if (bits === 8) view.setUint8(free, value)
        else view.setUint16(free, value, little)
        free += bits / 8
      }
      const lists: [number, number, readonly number[]][] = [
        [256, 3, [pixels.length / samples]],
        [257, 3, [1]],
        [258, 3, new Array<number>(samples).fill(bits)],
        [259, 3, [1]],
        [262, 3, [photometric]],
        [273, 4, [strip]],
        [277, 3, [samples]],
        [278, 3, [1]],
        [279, 4, [(pixels.length * bits) / 8]],
        [284, 3, [1]],
        ...(extra === undefined ? [] : [[338, 3, extra] as [number, number, readonly number[]]]),
      ]
      free = Math.ceil(free / 8) * 8
      const places = lists.map(([, type, values]) => {
        const size = type === 3 ? 2 : 4
        if (values.length * size <= wide) return undefined
        const at = free
        free += Math.ceil((values.length * size) / 8) * 8
        return at
      })
      word(link, free)
      if (big) view.setBigUint64(free, BigInt(lists.length), little)
      else view.setUint16(free, lists.length, little)
      free += big ? 8 : 2
      for (const [i, [tag, type, values]] of lists.entries()) {
        view.setUint16(free, tag, little)
        view.setUint16(free + 2, type, little)
        word(free + 4, values.length)
        const at = places[i] ?? free + 4 + wide
        if (places[i] !== undefined) word(free + 4 + wide, at)
        for (const [k, value] of values.entries())
          if (type === 3) view.setUint16(at + 2 * k, value, little)
          else view.setUint32(at + 4 * k, value, little)
        free += entryLength
      }
      link = free
      free += wide + 4
    }
    return bytes.subarray(0, free)
  }

  const black = { background: [0, 0, 0] as const }
  const over = (value: number, alpha: number) => Math.floor((value * alpha + 127) / 255)

  test.each([
    { samples: 4, extra: [0] },
    { samples: 4, extra: [0], little: false },
    { samples: 4, extra: [0], big: true },
    { samples: 5, extra: [0, 0] },
    { samples: 5, extra: [0, 0], little: false },
  ] satisfies Bands[])('%o: no alpha, so the colours are as they are', async (bands) => {
    const pixels = bands.samples === 4 ? [10, 20, 30, 0, 50, 60, 70, 128] : [10, 20, 30, 0, 1, 50, 60, 70, 128, 2]
    expect([...(await decodeImage(tiff([pixels], bands), black)).data]).toEqual([10, 20, 30, 50, 60, 70])
  })

  test('alpha is found where it is, also behind another band', async () => {
    const expected = [...[10, 20, 30].map((value) => over(value, 40)), ...[50, 60, 70].map((value) => over(value, 80))]
    const read = async (pixels: number[], bands: Bands) => [...(await decodeImage(tiff([pixels], bands), black)).data]
    expect(await read([10, 20, 30, 40, 50, 60, 70, 80], { samples: 4, extra: [2] })).toEqual(expected)
    expect(await read([10, 20, 30, 99, 40, 50, 60, 70, 7, 80], { samples: 5, extra: [0, 2] })).toEqual(expected)
    expect(await read([10, 20, 30, 40, 99, 50, 60, 70, 80, 7], { samples: 5, extra: [2, 0] })).toEqual(expected)
    // Premultiplied: the colours of what is opaque are those that were meant.
    expect(await read([10, 20, 30, 255, 0, 0, 0, 0], { samples: 4, extra: [1] })).toEqual([10, 20, 30, 0, 0, 0])
  })

  test('grey, CMYK and 16 bits too', async () => {
    expect([...(await decodeImage(tiff([[10, 0, 50, 9]], { samples: 2, photometric: 1, extra: [0] }), black)).data]).toEqual([
      10, 10, 10, 50, 50, 50,
    ])
    const deep = [10, 20, 30, 0, 50, 60, 70, 3].map((value) => value * 257)
    expect([...(await decodeImage(tiff([deep], { samples: 4, bits: 16, extra: [0] }), black)).data]).toEqual([10, 20, 30, 50, 60, 70])
    const inks = [10, 77, 40, 50, 99, 80, 1, 2]
    const plain = await decodeImage(tiff([inks], { samples: 4, photometric: 5 }), black)
    const fifth = await decodeImage(
      tiff([[...inks.slice(0, 4), 0, ...inks.slice(4), 7]], { samples: 5, photometric: 5, extra: [0] }),
      black,
    )
    expect(fifth.data).toEqual(plain.data)
  })

  test('of the page that is read', async () => {
    const bands = tiff(
      [
        [1, 2, 3, 0],
        [4, 5, 6, 0],
      ],
      { samples: 4, extra: [0] },
    )
    for (const page of [0, 1]) expect([...(await decodeImage(bands, { ...black, page })).data]).toEqual(page === 0 ? [1, 2, 3] : [4, 5, 6])
    expect(extraSamples(bands, 2)).toBeUndefined()
    // Whatever stands in a file, the answer is a list or none.
    const random = new Random(3)
    for (let i = 0; i < 2000; i++) {
      const broken = bands.slice(0, random.integer(0, bands.length + 1))
      for (let k = 0; k < 8 && broken.length > 0; k++) broken[random.integer(0, broken.length)] = random.integer(0, 256)
      expect(() => extraSamples(broken, random.integer(0, 3))).not.toThrow()
    }
  })
})
