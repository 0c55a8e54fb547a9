import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import sharp, { type Sharp } from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../../util/random.ts'
import { drawAlike } from '../draw-alike.ts'
import { writeDataset } from './dataset-files.ts'
import { indexDataset } from './index-dataset.ts'
import { type NearPair, nearPairs } from './near-duplicates.ts'
import { hashDistance, hashOfGrey, perceptualHash } from './perceptual-hash.ts'
import { validateDataset } from './validate.ts'

/** By comparing all with all. */
function slowPairs(hashes: readonly bigint[], parts: readonly number[], distance: number): NearPair[] {
  return hashes.flatMap((hash, picture) => {
    const pairs: NearPair[] = []
    for (const same of [true, false]) {
      const near = hashes
        .slice(0, picture)
        .map((one, other) => ({ picture, other, distance: hashDistance(hash, one) }))
        .filter((pair) => hash !== 0n && hashes[pair.other] !== 0n && pair.distance <= distance)
        .filter(({ other }) => (parts[other] === parts[picture]) === same)
      const [best] = near.sort((a, b) => a.distance - b.distance || a.other - b.other)
      if (best !== undefined) pairs.push(best)
    }
    return pairs.sort((a, b) => a.distance - b.distance || a.other - b.other)
  })
}

describe('nearPairs', () => {
  // Few bits, so that many are near.
  const hash = fc
    .tuple(fc.constantFrom(0n, 0xf0f0n, 0xffff_0000_1234_5678n), fc.array(fc.integer({ min: 0, max: 63 }), { maxLength: 6 }))
    .map(([start, bits]) => bits.reduce<bigint>((value, bit) => value ^ (1n << BigInt(bit)), start))

  test('finds what comparing all with all finds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(hash, fc.integer({ min: 0, max: 2 })), { maxLength: 24 }),
        fc.integer({ min: 0, max: 15 }),
        (rows, distance) => {
          const [hashes, parts] = [rows.map(([one]) => one), rows.map(([, part]) => part)]
          const found = nearPairs(BigUint64Array.from(hashes), parts, distance)
          // Of a hash that its part has had already, the first pair is with that one, and no other is told.
          const isRepeat = (i: number) => hashes.findIndex((one, k) => one === hashes[i] && parts[k] === parts[i]) < i
          const expected = slowPairs(hashes, parts, distance).filter(
            ({ picture, other, distance: bits }) => !isRepeat(picture) || (bits === 0 && parts[other] === parts[picture]),
          )
          expect(found).toEqual(expected)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a hundred thousand equal pictures are a hundred thousand pairs', () => {
    expect(nearPairs(new BigUint64Array(100_000).fill(5n), new Uint8Array(100_000), 4).length).toBe(99_999)
  })

  test.each([-1, 16, 1.5, Number.NaN])('a distance of %s is refused', (distance) => {
    expect(() => nearPairs(new BigUint64Array(), [], distance)).toThrow(expect.objectContaining({ code: 'DATA_OPTION_INVALID' }))
  })
})

/** Soft spots of light, as a scene has them. */
function scene(seed: number, width = 160, height = 120): Sharp {
  const random = new Random(seed, 'scene')
  const spots = Array.from(
    { length: 12 },
    () => [random.next(), random.next(), random.uniform(0.05, 0.3), random.uniform(-120, 120)] as const,
  )
  const grey = Buffer.alloc(width * height)
  for (let i = 0; i < grey.length; i++) {
    const [x, y] = [(i % width) / width, Math.floor(i / width) / height]
    const light = spots.reduce((sum, [cx, cy, r, level]) => sum + level * Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / r ** 2), 128)
    grey[i] = Math.max(0, Math.min(255, light))
  }
  return sharp(grey, { raw: { width, height, channels: 1 } })
}

describe('perceptualHash', () => {
  test('changes little with size, quality and light, much with the scene', async () => {
    const hashes = await Promise.all([1, 2, 3, 4].map(async (seed) => (await perceptualHash(await scene(seed).png().toBuffer()))!))
    for (const [i, hash] of hashes.entries()) {
      const variants = [
        scene(i + 1).jpeg({ quality: 30 }),
        scene(i + 1)
          .png()
          .resize(97, 71),
        scene(i + 1)
          .linear(0.8, 20)
          .png(),
      ]
      for (const variant of variants) {
        const bytes = await sharp(await variant.toBuffer())
          .png()
          .toBuffer()
        expect(hashDistance(hash, (await perceptualHash(bytes))!)).toBeLessThanOrEqual(8)
      }
      for (const other of hashes.slice(i + 1)) expect(hashDistance(hash, other)).toBeGreaterThan(12)
    }
  })

  test('is none of what is flat, or no picture', async () => {
    expect(hashOfGrey(new Uint8Array(1024).fill(9))).toBeUndefined()
    expect(await perceptualHash(Buffer.from('no picture'))).toBeUndefined()
  })

  test('is a property of the picture as it is seen', () => {
    const values = Array.from({ length: 1024 }, (_, i) => (i * i * 7) % 251)
    const hash = hashOfGrey(values)!
    expect(hashOfGrey(values.map((value) => value / 2 + 40))).toBe(hash)
    expect(hash.toString(2).replaceAll('0', '').length).toBeGreaterThan(24)
    // Stripes have a few frequencies, and rounding is none.
    const stripes = values.map((_, i) => 100 + 50 * Math.sin((i % 32) / 3))
    expect(hashDistance(hashOfGrey(stripes)!, hashOfGrey(stripes.map(Math.round))!)).toBeLessThanOrEqual(2)
  })
})

describe('validateDataset with near', () => {
  let base = ''
  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'fovea-near-'))
    const file = async (name: string, picture: Sharp) => {
      await writeFile(join(base, name), await picture.png().toBuffer())
      return join(base, name)
    }
    const files = {
      'train/a.png': await file('a.png', scene(1)),
      'train/b.png': await file('b.png', scene(2)),
      // The next frame of a burst, and the same file again.
      'val/c.png': await file('c.png', scene(1).linear(0.97, 3)),
      'val/d.png': await file('d.png', scene(2)),
    }
    const pictures = Object.entries(files).map(([key, path]) => {
      const [split, name] = key.split('/') as [string, string]
      return {
        name,
        split,
        file: path,
        width: 160,
        height: 120,
        labels: [],
        captions: [],
        annotations: [{ label: 0, box: { x1: 1, y1: 1, x2: 9, y2: 9 } }],
      }
    })
    await writeDataset({ classes: [{ name: 'x' }], pictures }, join(base, 'set'), { format: 'coco' })
  })
  afterAll(() => rm(base, { recursive: true }))

  const expected = [
    ['duplicate-image', 'val/d.png', 'train/b.png'],
    ['split-leakage', 'val/d.png', 'train/b.png'],
    ['near-duplicate', 'val/c.png', 'train/a.png'],
    ['split-leakage', 'val/c.png', 'train/a.png'],
  ]

  test('tells of pictures that look alike, and of those in two splits', async () => {
    const { problems, nearPairs: pairs } = await validateDataset(join(base, 'set'), { near: 6 })
    expect(problems.map(({ code, file, other }) => [code, file, other])).toEqual(expected)
    expect(pairs).toMatchObject([{ file: 'val/c.png', other: 'train/a.png', inTwoSplits: true }])
    const sheet = await drawAlike(pairs!)
    expect([sheet.width > 300, sheet.height > 150]).toEqual([true, true])
  })

  test('takes the hashes of an index', async () => {
    const { file } = await indexDataset(join(base, 'set'), { contentHashes: true, perceptualHashes: true })
    const { problems } = await validateDataset(file, { near: 6, openPictures: false })
    expect(problems.map(({ code, file: one, other }) => [code, one, other])).toEqual(expected)
  })
})
