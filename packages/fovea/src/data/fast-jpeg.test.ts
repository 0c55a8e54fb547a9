import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import sharp, { type Sharp } from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import type { ImageDataset } from './dataset.ts'
import { decodeImage } from './decode.ts'
import { decodeFastJpeg, hasFastJpeg, Scratch } from './fast-jpeg.ts'
import { jpegFrame, jpegOrientation } from './image-format.ts'
import { transforms } from './transforms/index.ts'
import { VisionDataLoader } from './vision-data-loader.ts'

/** Coloured waves, odd in size. */
function waves(width = 101, height = 67): Sharp {
  const data = Buffer.alloc(width * height * 3)
  for (let i = 0; i < data.length; i++) {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / (3 * width)), i % 3]
    data[i] = 128 + 60 * Math.sin((x + 9 * c) / 7) + 60 * Math.cos((y * (c + 1)) / 11)
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
}

/** A JPEG with EXIF in big-endian order whose tag of orientation, 6, is of a type. */
function withOrientation(jpeg: Buffer, type: number): Buffer {
  const value = type === 4 ? [0, 0, 0, 6] : [0, 6, 0, 0]
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, type, 0, 0, 0, 1, ...value, 0, 0, 0, 0]
  const content = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), Buffer.from(tiff)])
  return Buffer.concat([jpeg.subarray(0, 2), segment(0xe1, content), jpeg.subarray(2)])
}

function segment(marker: number, content: Buffer): Buffer {
  const length = content.length + 2
  return Buffer.concat([Buffer.of(0xff, marker, length >> 8, length & 255), content])
}

const installed = await hasFastJpeg()

test('the bindings are there where the package is prebuilt', () => {
  expect(installed || !['x64', 'arm64'].includes(process.arch)).toBe(true)
})

describe.skipIf(!installed)('usual JPEGs', () => {
  const kinds: readonly (readonly [string, (picture: Sharp) => Sharp])[] = [
    ['baseline 4:2:0', (p) => p.jpeg({ quality: 90 })],
    ['4:4:4', (p) => p.jpeg({ chromaSubsampling: '4:4:4' })],
    ['progressive', (p) => p.jpeg({ progressive: true })],
    ['grey', (p) => p.greyscale().jpeg()],
    ['with a profile', (p) => p.withIccProfile('p3').jpeg()],
  ]
  test.each(kinds)('%s: as decodeImage, within 8 of 255 and 1.5 in the mean', async (_, encode) => {
    const bytes = await encode(waves()).toBuffer()
    const [fast, exact] = [await decodeFastJpeg(bytes, { name: 'a' }), await decodeImage(bytes, { name: 'a' })]
    expect(fast).toMatchObject({ width: 101, height: 67, channels: 3, source: 'a' })
    const differences = Array.from(fast!.data, (value, i) => Math.abs(value - exact.data[i]!))
    expect(Math.max(...differences)).toBeLessThanOrEqual(8)
    expect(differences.reduce((sum, d) => sum + d, 0) / differences.length).toBeLessThan(1.5)
  })

  test('of quality 95, noise: within 12 of 255 and 2 in the mean', async () => {
    const random = new Random(5)
    const data = Buffer.from(Uint8Array.from({ length: 96 * 96 * 3 }, () => random.integer(0, 256)))
    const bytes = await sharp(data, { raw: { width: 96, height: 96, channels: 3 } })
      .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
      .toBuffer()
    const [fast, exact] = [await decodeFastJpeg(bytes), await decodeImage(bytes)]
    const differences = Array.from(fast!.data, (value, i) => Math.abs(value - exact.data[i]!))
    expect(Math.max(...differences)).toBeLessThanOrEqual(12)
    expect(differences.reduce((sum, d) => sum + d, 0) / differences.length).toBeLessThan(2)
  })

  test('with scratch memory the same bytes, in memory that is used again', async () => {
    const scratch = new Scratch()
    const bytes = await waves().jpeg().toBuffer()
    const first = await decodeFastJpeg(bytes, { scratch })
    const other = await decodeFastJpeg(await waves(20, 30).jpeg().toBuffer(), { scratch })
    expect(scratch.holds(first!) && scratch.holds(other!)).toBe(true)
    const own = await decodeFastJpeg(bytes)
    expect(scratch.holds(own!)).toBe(false)
    expect((await decodeFastJpeg(bytes, { scratch }))!.data).toEqual(own!.data)
  })

  const others: readonly (readonly [string, () => Promise<Buffer>])[] = [
    ['turned by EXIF', () => waves().withMetadata({ orientation: 6 }).jpeg().toBuffer()],
    ['CMYK', () => waves().toColourspace('cmyk').jpeg().toBuffer()],
    ['cut off', async () => (await waves().jpeg().toBuffer()).subarray(0, 900)],
    ['turned by EXIF of an unusual type', async () => withOrientation(await waves().jpeg().toBuffer(), 4)],
    ['of quality 97, where the faster transform is too coarse', () => waves().jpeg({ quality: 97 }).toBuffer()],
    [
      'with a second header that another reader would take for the first',
      async () => {
        const jpeg = await waves().jpeg().toBuffer()
        const fake = Buffer.concat([Buffer.alloc(61), segment(0xc0, Buffer.of(8, 0, 100, 0, 120, 3, 1, 17, 0, 2, 17, 0, 3, 17, 0))])
        // TEM has no length: who reads one there lands in the comment.
        return Buffer.concat([jpeg.subarray(0, 2), Buffer.of(0xff, 1), segment(0xfe, fake), jpeg.subarray(2)])
      },
    ],
    ['a PNG', () => waves().png().toBuffer()],
    ['nothing', async () => Buffer.alloc(0)],
  ]
  test.each(others)('%s is left to decodeImage', async (_, bytes) => {
    expect(await decodeFastJpeg(await bytes())).toBeUndefined()
  })

  test('too many pixels are left to decodeImage, which refuses them', async () => {
    const bytes = await waves().jpeg().toBuffer()
    expect(await decodeFastJpeg(bytes, { maxPixels: 6766 })).toBeUndefined()
    expect(await decodeFastJpeg(bytes, { maxPixels: 6767 })).toBeDefined()
  })

  test('damaged files give a picture or nothing', async () => {
    const bytes = await waves().jpeg().toBuffer()
    const damage = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const damaged = Buffer.from(bytes)
        for (const [at, value] of changes) damaged[at] = value
        const image = await decodeFastJpeg(damaged, { maxPixels: 2 ** 20, scratch: new Scratch() })
        if (image !== undefined) expect(image.data.length).toBe(image.width * image.height * 3)
      }),
      { numRuns: 300 },
    )
  })

  describe('in a loader', () => {
    let folder: string
    let dataset: ImageDataset
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'fovea-fast-jpeg-'))
      const samples = await Promise.all(
        Array.from({ length: 12 }, async (_, i) => {
          const path = join(folder, `${i}.jpg`)
          // One of them turned, and so decoded the other way.
          await writeFile(path, await (i === 5 ? waves(60, 80).withMetadata({ orientation: 6 }) : waves(80, 60)).jpeg().toBuffer())
          return { path, label: i % 2 }
        }),
      )
      dataset = { classes: ['a', 'b'], samples }
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))

    test('a batch that failed leaves the next ones alone, with a cache on disk too', async () => {
      const samples = Array.from({ length: 32 }, (_, i) => ({
        path: join(folder, i === 0 ? 'none.jpg' : `${i % 12 === 5 ? 4 : i % 12}.jpg`),
        label: 0,
      }))
      const options = { batchSize: 16, cacheBytes: 0, exactDecode: false, onError: 'stop' } as const
      const second = async (workers: number) => {
        await using loader = new VisionDataLoader(
          { classes: ['a'], samples },
          { ...options, workers, prefetch: 1, ...(workers > 0 && { diskCache: { folder: join(folder, 'cache') } }) },
        )
        if (workers > 0)
          await expect(loader.batches()[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'DATA_FILE_NOT_FOUND' })
        for await (const { images } of loader.batches({ from: 1 })) return images
        throw new Error('no batch')
      }
      const wanted = await second(0)
      for (let round = 0; round < 5; round++) expect(Buffer.compare(await second(1), wanted)).toBe(0)
    })

    test.each([
      ['nothing done to them', undefined],
      ['a flip', transforms.randomHorizontalFlip()],
      ['a crop', transforms.randomResizedCrop(32)],
    ])('%s: the bytes do not depend on threads, nor on memory that is used again', async (_, transform) => {
      const read = async (workers: number, exactDecode = false) => {
        const options = { workers, exactDecode, batchSize: 12, cacheBytes: 0, ...(transform && { transform }) }
        await using loader = new VisionDataLoader(dataset, options)
        for await (const { images } of loader) return images
        throw new Error('no batch')
      }
      const here = await read(0)
      expect(Buffer.compare(await read(2), here)).toBe(0)
      const exact = await read(0, true)
      expect(Buffer.compare(exact, here)).not.toBe(0)
      expect(here.reduce((sum, value, i) => sum + Math.abs(value - exact[i]!), 0) / here.length).toBeLessThan(1.5)
    })
  })
})

describe('headers of JPEG', () => {
  test('what the frame states', async () => {
    expect(jpegFrame(await waves().jpeg({ progressive: true }).toBuffer())).toEqual({
      width: 101,
      height: 67,
      components: 3,
      precision: 8,
      process: 2,
    })
    expect(jpegFrame(Uint8Array.of(0xff, 0xd8, 0xff, 0xc0, 0, 17))).toBeUndefined()
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('orientation %i', async (orientation) => {
    expect(jpegOrientation(await waves().withMetadata({ orientation }).jpeg().toBuffer())).toBe(orientation)
  })

  test('none is 1, cut EXIF is that or unknown', async () => {
    expect(jpegOrientation(await waves().jpeg().toBuffer())).toBe(1)
    const exif = await waves().withMetadata({ orientation: 6 }).jpeg().toBuffer()
    for (let length = 0; length < 60; length++) expect([1, 6, undefined]).toContain(jpegOrientation(exif.subarray(0, length)))
  })

  test('a tag of another type is unknown, since readers differ in what they make of it', async () => {
    expect(jpegOrientation(withOrientation(await waves().jpeg().toBuffer(), 3))).toBe(6)
    for (const type of [1, 4, 7]) expect(jpegOrientation(withOrientation(await waves().jpeg().toBuffer(), type))).toBeUndefined()
  })
})
