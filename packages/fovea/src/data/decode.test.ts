import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithData } from '../../test/shared-data.ts'
import { FoveaError } from '../util/errors.ts'
import { resizeImage } from '../vision/resize.ts'
import { decodeImage, loadImage } from './decode.ts'

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'no error'
  } catch (error) {
    return error instanceof FoveaError ? error.code : `not a FoveaError: ${error}`
  }
}

/** A picture with a smooth, unsymmetric pattern. */
function pattern(width: number, height: number, channels: 1 | 2 | 3 | 4): Buffer {
  const data = Buffer.alloc(width * height * channels)
  for (let i = 0; i < data.length; i++)
    data[i] = (Math.floor(i / channels / width) * 5 + (Math.floor(i / channels) % width) * 3 + (i % channels) * 60) % 256
  return data
}

const raw = (width: number, height: number, channels: 1 | 2 | 3 | 4) =>
  sharp(pattern(width, height, channels), { raw: { width, height, channels } })

/** A TIFF of one grey pixel stored as a 32-bit float (TIFF 6.0, SampleFormat 3). */
function floatTiff(): Uint8Array {
  const tags: [number, number, number, number][] = [
    [256, 3, 1, 1], // width
    [257, 3, 1, 1], // height
    [258, 3, 1, 32], // bits per sample
    [259, 3, 1, 1], // no compression
    [262, 3, 1, 1], // black is zero
    [273, 4, 1, 8], // the strip's offset
    [277, 3, 1, 1], // samples per pixel
    [278, 3, 1, 1], // rows per strip
    [279, 4, 1, 4], // the strip's length
    [339, 3, 1, 3], // floats
  ]
  const bytes = new Uint8Array(12 + 2 + tags.length * 12 + 4)
  const view = new DataView(bytes.buffer)
  bytes.set([0x49, 0x49, 42, 0, 12, 0, 0, 0])
  view.setFloat32(8, 0.5, true)
  view.setUint16(12, tags.length, true)
  tags.forEach(([tag, type, count, value], i) => {
    view.setUint16(14 + i * 12, tag, true)
    view.setUint16(16 + i * 12, type, true)
    view.setUint32(18 + i * 12, count, true)
    view.setUint32(22 + i * 12, value, true)
  })
  return bytes
}

describe('decodeImage', () => {
  test('gives RGB for RGB, byte for byte', async () => {
    const image = await decodeImage(await raw(9, 7, 3).png().toBuffer(), { name: 'a.png' })
    expect(image).toMatchObject({ width: 9, height: 7, channels: 3, source: 'a.png' })
    expect(Buffer.from(image.data)).toEqual(pattern(9, 7, 3))
  })

  test('repeats grey into three channels', async () => {
    const image = await decodeImage(await raw(9, 7, 1).toColourspace('b-w').png().toBuffer())
    const gray = pattern(9, 7, 1)
    expect(Array.from(image.data)).toEqual(Array.from(gray).flatMap((v) => [v, v, v]))
  })

  test('looks a palette up', async () => {
    const twoColors = Buffer.from([255, 0, 0, 0, 0, 255, 255, 0, 0, 0, 0, 255])
    const bytes = await sharp(twoColors, { raw: { width: 2, height: 2, channels: 3 } })
      .png({ palette: true })
      .toBuffer()
    expect(Array.from((await decodeImage(bytes)).data)).toEqual(Array.from(twoColors))
  })

  test('lays alpha over white, or over the stated background', async () => {
    const bytes = await sharp(Buffer.from([200, 100, 50, 0, 200, 100, 50, 255, 200, 100, 50, 51]), {
      raw: { width: 3, height: 1, channels: 4 },
    })
      .png()
      .toBuffer()
    expect(Array.from((await decodeImage(bytes)).data)).toEqual([255, 255, 255, 200, 100, 50, 244, 224, 214])
    expect(Array.from((await decodeImage(bytes, { background: [0, 0, 0] })).data)).toEqual([0, 0, 0, 200, 100, 50, 40, 20, 10])
  })

  test('scales 16 bits to 8 by rounding', async () => {
    const words = Uint16Array.from([0, 128, 129, 257, 32_767, 65_535])
    const bytes = await sharp(words, { raw: { width: 2, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer()
    expect(bytes[24]).toBe(16)
    expect(Array.from((await decodeImage(bytes)).data)).toEqual(Array.from(words, (v) => Math.round(v / 257)))
  })

  test('converts CMYK', async () => {
    const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 220, g: 40, b: 40 } } })
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer()
    expect((await sharp(bytes).metadata()).space).toBe('cmyk')
    const [red, green, blue] = (await decodeImage(bytes)).data
    expect(red).toBeGreaterThan(180)
    expect(green).toBeLessThan(90)
    expect(blue).toBeLessThan(90)
  })

  test('refuses samples whose range is unknown', async () => {
    await expect(decodeImage(floatTiff(), { name: 'depth.tif' })).rejects.toMatchObject({
      code: 'DATA_UNSUPPORTED_FORMAT',
      details: { found: 'samples of type float', file: 'depth.tif' },
    })
  })

  test.each(['jpeg', 'webp', 'tiff', 'gif', 'avif'] as const)('reads %s', async (format) => {
    const image = await decodeImage(await raw(32, 24, 3).toFormat(format).toBuffer())
    expect([image.width, image.height, image.channels]).toEqual([32, 24, 3])
  })

  test('shrinks a JPEG while decoding where asked to, never below what is needed', async () => {
    const bytes = await sharp({ create: { width: 805, height: 611, channels: 3, background: '#abc' } })
      .jpeg()
      .toBuffer()
    const sizes = async (shrinkFor: [number, number]) => {
      const { width, height } = await decodeImage(bytes, { shrinkFor })
      return [width, height]
    }
    expect(await sizes([64, 64])).toEqual([101, 77])
    expect(await sizes([100, 100])).toEqual([202, 153])
    expect(await sizes([300, 400])).toEqual([403, 306])
    expect(await sizes([400, 400])).toEqual([805, 611])
  })
})

describe('decodeImage refuses', () => {
  test('an empty file', async () => expect(await codeOf(decodeImage(new Uint8Array(0)))).toBe('DATA_EMPTY_FILE'))

  test('text, and programs that call themselves images', async () => {
    expect(await codeOf(decodeImage(Buffer.from('no image at all')))).toBe('DATA_UNSUPPORTED_FORMAT')
    expect(await codeOf(decodeImage(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')))).toBe(
      'DATA_UNSUPPORTED_FORMAT',
    )
  })

  test.each(['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif'] as const)(
    'a %s that is cut off anywhere, with a coded error',
    async (format) => {
      const bytes = await raw(64, 64, 3).toFormat(format).toBuffer()
      for (const part of [0.02, 0.1, 0.3, 0.6, 0.9]) {
        const code = await codeOf(decodeImage(bytes.subarray(0, Math.floor(bytes.length * part)), { name: `cut.${format}` }))
        expect(code, `${format} at ${part}`).toMatch(/^DATA_(TRUNCATED|UNREADABLE_IMAGE|UNSUPPORTED_FORMAT)$/)
      }
    },
  )

  test('a truncated JPEG and PNG by that name, with the file', async () => {
    for (const format of ['jpeg', 'png'] as const) {
      const bytes = await raw(64, 64, 3).toFormat(format).toBuffer()
      const work = decodeImage(bytes.subarray(0, bytes.length >> 1), { name: 'half.img' })
      await expect(work).rejects.toMatchObject({ code: 'DATA_TRUNCATED', details: { file: 'half.img' } })
    }
  })

  test('a truncated JPEG by that name while others are decoded, though libvips has one text of errors for all threads', async () => {
    const whole = await raw(64, 64, 3).toFormat('jpeg').toBuffer()
    // With a thumbnail that is whole, as cameras put it before the picture.
    const thumbnail = Buffer.concat([Buffer.from([0xff, 0xe5, 0, 6]), Buffer.from([1, 2, 0xff, 0xd9])])
    const cut = Buffer.concat([whole.subarray(0, 2), thumbnail, whole.subarray(2, whole.length - 300)])
    const codes = new Set<string>()
    for (let i = 0; i < 300; i++) {
      const [, code, other] = await Promise.all([
        decodeImage(whole),
        codeOf(decodeImage(cut)),
        codeOf(decodeImage(cut)),
        decodeImage(whole),
      ])
      codes.add(code).add(other)
    }
    expect([...codes]).toEqual(['DATA_TRUNCATED'])
  })

  test('more pixels than allowed, before unpacking them', async () => {
    const bytes = await sharp({ create: { width: 2000, height: 2000, channels: 3, background: '#fff' } })
      .png()
      .toBuffer()
    expect(bytes.length).toBeLessThan(40_000)
    for (const format of ['png', 'jpeg', 'webp'] as const) {
      expect(await codeOf(decodeImage(await sharp(bytes).toFormat(format).toBuffer(), { maxPixels: 3_999_999 }))).toBe(
        'DATA_IMAGE_TOO_LARGE',
      )
    }
  })

  test('mutated files with coded errors only', async () => {
    const originals = await Promise.all(
      (['jpeg', 'png', 'webp', 'gif', 'tiff'] as const).map((format) => raw(24, 24, 3).toFormat(format).toBuffer()),
    )
    let state = 1
    const next = (n: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state % n
    }
    const codes = new Set<string>()
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(originals[i % originals.length]!)
      for (let k = 0; k < 4; k++) bytes[next(bytes.length)] = next(256)
      codes.add(await codeOf(decodeImage(bytes, { maxPixels: 2 ** 22 })))
    }
    for (const code of codes) expect(code).toMatch(/^(no error|DATA_[A-Z_]+)$/)
    expect(codes.size).toBeGreaterThan(1)
  })
})

describe('loadImage', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fovea-decode-'))
    await writeFile(join(folder, 'a b.png'), await raw(5, 4, 3).png().toBuffer())
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('takes a path, a file URL, a data URL, bytes and a Blob', async () => {
    const path = join(folder, 'a b.png')
    const expected = (await loadImage(path)).data
    const bytes = await raw(5, 4, 3).png().toBuffer()
    const sources = [
      new URL(`file://${path}`),
      `data:image/png;base64,${bytes.toString('base64')}`,
      bytes,
      new Uint8Array(bytes).buffer,
      new Blob([new Uint8Array(bytes)]),
    ]
    for (const source of sources) expect((await loadImage(source)).data).toEqual(expected)
  })

  test('names a file that is not there', async () => {
    const path = join(folder, 'none.png')
    await expect(loadImage(path)).rejects.toMatchObject({ code: 'DATA_FILE_NOT_FOUND', details: { file: path, found: 'ENOENT' } })
    expect(await codeOf(loadImage(folder))).toBe('DATA_FILE_NOT_FOUND')
  })

  test('fetches over HTTP, and reports what went wrong there', async () => {
    const bytes = await raw(5, 4, 3).png().toBuffer()
    const server = createServer((request, response) => {
      response.statusCode = request.url === '/a.png' ? 200 : 404
      response.end(request.url === '/a.png' ? bytes : 'no such picture')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const local = { fetch: { allowPrivate: true } }
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    try {
      expect((await loadImage(`${base}/a.png`, local)).source).toBe(`${base}/a.png`)
      await expect(loadImage(`${base}/b.png`, local)).rejects.toMatchObject({
        code: 'DATA_FETCH_FAILED',
        details: { found: 'HTTP status 404' },
      })
    } finally {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    expect(await codeOf(loadImage(`${base}/a.png`, local))).toBe('DATA_FETCH_FAILED')
    expect(await codeOf(loadImage(`${base}/a.png`))).toBe('DATA_ADDRESS_REFUSED')
  })

  test('refuses an address it does not know', async () => {
    expect(await codeOf(loadImage(new URL('ftp://example.org/a.png')))).toBe('DATA_FETCH_FAILED')
  })
})

describeWithData('EXIF orientation', 'exif-orientation', (folder) => {
  // Measure: mean absolute difference of all bytes at 64x64 against the photograph that is stored upright; the files were compressed
  // separately, so a little remains. A photograph turned wrongly differs by more than 30.
  test.each(['Landscape', 'Portrait'])('%s photographs of all orientations look alike', async (kind) => {
    const images = await Promise.all(Array.from({ length: 9 }, (_, i) => loadImage(join(folder, `${kind}_${i}.jpg`))))
    expect(new Set(images.map(({ width, height }) => `${width}x${height}`)).size).toBe(1)
    const small = images.map((image) => resizeImage(image, 64, 64).data)
    const difference = (a: Uint8Array, b: Uint8Array) => a.reduce((sum, v, i) => sum + Math.abs(v - b[i]!), 0) / a.length
    for (const data of small) expect(difference(data, small[1]!)).toBeLessThan(1)
    expect(difference(small[1]!.toReversed(), small[1]!)).toBeGreaterThan(30)
  })
})

describeWithData('PngSuite', 'pngsuite/in', (folder) => {
  test('all 162 valid files decode, all 14 corrupt ones are refused with a coded error that names them', async () => {
    const files = (await readdir(folder)).filter((name) => name.endsWith('.png'))
    const counts = { valid: 0, corrupt: 0 }
    for (const name of files) {
      const path = join(folder, name)
      const code = await codeOf(loadImage(path))
      // The suite marks its corrupt files by a leading x.
      if (name.startsWith('x')) {
        expect(code, name).toMatch(/^DATA_(TRUNCATED|UNREADABLE_IMAGE|UNSUPPORTED_FORMAT)$/)
        await expect(loadImage(path)).rejects.toMatchObject({ details: { file: path } })
        counts.corrupt++
      } else {
        expect(code, name).toBe('no error')
        counts.valid++
      }
    }
    expect(counts).toEqual({ valid: 162, corrupt: 14 })
  })
})
