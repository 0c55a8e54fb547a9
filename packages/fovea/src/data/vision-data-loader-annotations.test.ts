// Batches with annotations: detection, mosaics, mixes, shards, caches; the same whatever the number of threads.

import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import { createImage } from '../vision/image.ts'
import { createPreprocessing } from '../vision/preprocessing.ts'
import type { Collate } from './collate.ts'
import type { ImageDataset } from './dataset.ts'
import { readDataset, writeDataset } from './formats/dataset-files.ts'
import { indexDataset } from './formats/index-dataset.ts'
import type { LoaderOptions } from './loader-options.ts'
import type { Sampling } from './sampler.ts'
import { transforms as t } from './transforms/index.ts'
import { cutMix, mixUp, mosaic } from './transforms/mix.ts'
import { type BatchOf, VisionDataLoader } from './vision-data-loader.ts'

let root = ''
let dataset: ImageDataset

/** Picture i: black, with a white rectangle where its box is. */
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-annotated-'))
  await mkdir(join(root, 'pictures'))
  const samples = await Promise.all(
    Array.from({ length: 11 }, async (_, i) => {
      const [width, height] = [40 + 3 * i, 60 - 2 * i]
      const box = { x1: 4 + i, y1: 6, x2: 20 + i, y2: 30 }
      const white = await sharp({ create: { width: box.x2 - box.x1, height: 24, channels: 3, background: '#fff' } })
        .png()
        .toBuffer()
      const path = join(root, 'pictures', `${i}.png`)
      await sharp({ create: { width, height, channels: 3, background: '#000' } })
        .composite([{ input: white, left: box.x1, top: box.y1 }])
        .png()
        .toFile(path)
      return { path, label: -1, annotations: [{ label: i % 3, box, id: i }] }
    }),
  )
  dataset = { classes: ['a', 'b', 'c'], samples }
})
afterAll(() => rm(root, { recursive: true }))

async function collect<C extends Collate>(loader: VisionDataLoader<C>, epoch = 0, from = 0): Promise<BatchOf<C>[]> {
  const batches: BatchOf<C>[] = []
  for await (const batch of loader.batches({ epoch, from })) batches.push(batch)
  return batches
}

function fingerprint(batches: readonly BatchOf<Collate>[]): string[] {
  return batches.map(({ images, labels, indices, annotations, sizes, targets, paths }) => {
    const hash = createHash('sha256')
      .update(labels)
      .update(indices)
      .update(JSON.stringify([annotations, sizes, paths]))
    for (const pixels of images instanceof Uint8Array ? [images] : images.map(({ data }) => data)) hash.update(pixels)
    return hash.update(targets ?? new Uint8Array(0)).digest('hex')
  })
}

const transform = t.compose([t.randomResizedCrop(32, { scale: [0.5, 1] }), t.randomHorizontalFlip(), t.randomAffine({ degrees: 10 })])

describe('annotated batches', () => {
  test('as a list keep sizes and boxes', async () => {
    const [first, ...rest] = await collect(new VisionDataLoader(dataset, { collate: 'list', batchSize: 4 }))
    expect(first!.sizes).toEqual([0, 1, 2, 3].map((i) => [60 - 2 * i, 40 + 3 * i]))
    expect(first!.images.map(({ width, height }) => [height, width])).toEqual(first!.sizes)
    expect(first!.annotations).toEqual(dataset.samples.slice(0, 4).map(({ annotations }) => annotations))
    expect(first!.paths).toEqual(dataset.samples.slice(0, 4).map(({ path }) => path))
    expect(rest.map(({ images }) => images.length)).toEqual([4, 3])
  })

  test('are padded below and to the right, to multiples where asked', async () => {
    const [batch] = await collect(new VisionDataLoader(dataset, { collate: 'pad', batchSize: 3, padding: { value: 9, multiple: 32 } }))
    expect(batch!.shape).toEqual([3, 64, 64, 3])
    const at = (i: number, y: number, x: number) => batch!.images[((i * 64 + y) * 64 + x) * 3]
    expect([at(0, 59, 39), at(0, 60, 0), at(0, 0, 40), at(1, 6, 5), at(1, 57, 42), at(1, 58, 42)]).toEqual([0, 9, 9, 255, 0, 9])
  })

  test('of different sizes are not stacked: the error names the picture and the way out', async () => {
    await expect(collect(new VisionDataLoader(dataset, { batchSize: 3 }))).rejects.toMatchObject({
      code: 'DATA_OPTION_INVALID',
      details: { field: 'collate', file: dataset.samples[1]!.path },
    })
  })

  test('boxes stay on what they mark through fitting and transform', async () => {
    for (const options of [
      { transform: t.compose([t.randomHorizontalFlip(), t.randomResizedCrop(48, { scale: [0.6, 1] })]) },
      { preprocessing: createPreprocessing({ size: [48, 48], resize: 'letterbox', padValue: 0 }), transform: t.randomHorizontalFlip(1) },
      { preprocessing: createPreprocessing({ size: [48, 32], resize: 'crop' }), workSize: [96, 64] as const },
      { mix: mosaic(64, { fill: [0, 0, 0] }) },
    ]) {
      await using loader = new VisionDataLoader(dataset, { ...options, rule: { minVisible: 0, minSide: 0 }, batchSize: 11, seed: 3 })
      const [{ images, shape, annotations }] = (await collect(loader)) as [BatchOf<'stack'>]
      let boxes = 0
      const strays: number[][] = []
      annotations.forEach((list, i) => {
        // Bright where a box says so, dark elsewhere, but for a pixel on either side of an edge.
        const [, height, width] = shape
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) {
            const depths = list.map(({ box }) => Math.min(x + 1 - box!.x1, box!.x2 - x, y + 1 - box!.y1, box!.y2 - y))
            const depth = Math.max(-9, ...depths)
            const value = images[((i * height + y) * width + x) * 3]!
            if ((depth > 2.5 && value < 200) || (depth < -1.5 && value > 55)) strays.push([i, y, x, value])
          }
        boxes += list.length
      })
      expect(strays).toEqual([])
      expect(boxes).toBeGreaterThan(8)
    }
  })

  test('a mosaic shows four pictures and their boxes', async () => {
    const options: LoaderOptions = { mix: mosaic(64), batchSize: 11, training: true, rule: { minVisible: 0 } }
    const [batch] = await collect(new VisionDataLoader(dataset, options))
    const ids = batch!.annotations.map((list) => new Set(list.map(({ id }) => id)).size)
    expect(Math.max(...ids)).toBe(4)
    expect(batch!.annotations[0]!.some(({ id }) => id === batch!.indices[0])).toBe(true)
  })
})

describe('every kind of batch', () => {
  const anyOptions = fc.record({
    batchSize: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat({ max: 1000 }),
    training: fc.boolean(),
    sampling: fc.constantFrom<Sampling[]>(
      'sequential',
      'shuffled',
      'balanced',
      { weights: Array.from({ length: 11 }, (_, i) => i) },
      { repeatThreshold: 0.9 },
    ),
    mix: fc.constantFrom([], mosaic(40, { probability: 0.5 })),
    cacheBytes: fc.constantFrom(0, 30_000, 2 ** 20),
    prefetch: fc.integer({ min: 1, max: 4 }),
  })

  test('is the same whatever threads and caches, and goes on where it stopped', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyOptions,
        fc.constantFrom<Collate>('stack', 'pad', 'list'),
        fc.nat({ max: 3 }),
        async (options, collate, epoch) => {
          const whole = fingerprint(await collect(new VisionDataLoader(dataset, { ...options, collate, transform, cacheBytes: 0 }), epoch))
          await using loader = new VisionDataLoader(dataset, { ...options, collate, transform, workers: 2 })
          expect(fingerprint(await collect(loader, epoch))).toEqual(whole)
          const from = Math.floor(loader.batchesPerEpoch / 2)
          expect(fingerprint(await collect(loader, epoch, from))).toEqual(whole.slice(from))
        },
      ),
      { numRuns: 4 },
    )
  }, 120_000)

  test('comes to shards without overlap, the same pixels as in one', async () => {
    const options = { batchSize: 1, sampling: 'shuffled', transform, seed: 4 } as const
    const whole = fingerprint(await collect(new VisionDataLoader(dataset, options)))
    const parts = await Promise.all(
      [0, 1, 2].map(async (index) => fingerprint(await collect(new VisionDataLoader(dataset, { ...options, shard: { index, count: 3 } })))),
    )
    expect(parts.map((part) => part.length)).toEqual([4, 4, 3])
    expect(whole.map((_, i) => parts[i % 3]![Math.floor(i / 3)])).toEqual(whole)
    const even = [0, 1, 2].map((index) => new VisionDataLoader(dataset, { batchSize: 2, training: true, shard: { index, count: 3 } }))
    expect(even.map(({ batchesPerEpoch }) => batchesPerEpoch)).toEqual([1, 1, 1])
  })

  test('is made no further ahead than prefetch says', async () => {
    const touched = new Set<number>()
    const samples = Array.from({ length: 60 }, (_, i) => ({
      path: `${i}`,
      label: 0,
      get image() {
        touched.add(i)
        return createImage(2, 2, 3)
      },
    }))
    const loader = new VisionDataLoader({ classes: ['a'], samples }, { batchSize: 2, prefetch: 3 })
    let given = 0
    for await (const _ of loader) {
      given++
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(touched.size).toBeLessThanOrEqual(2 * (given + 3))
      if (given === 8) break
    }
  })
})

describe('mixes', () => {
  const labelled = (): ImageDataset => ({
    classes: ['x', 'y'],
    samples: Array.from({ length: 8 }, (_, i) => ({
      path: `${i}`,
      label: i % 2,
      image: createImage(8, 8, 3, new Uint8Array(192).fill(200 * (i % 2))),
    })),
  })

  test('give soft labels that say what the pictures show, whatever the number of threads', async () => {
    const options: LoaderOptions = { mix: [mixUp({ alpha: 1 }), cutMix()], training: true, batchSize: 4, seed: 1 }
    const batches = await collect(new VisionDataLoader(labelled(), options))
    for (const { images, targets } of batches)
      for (let i = 0; i < 4; i++) {
        const mean = images.subarray(i * 192, (i + 1) * 192).reduce((sum, value) => sum + value, 0) / 192
        expect(Math.abs(mean - 200 * targets![2 * i + 1]!)).toBeLessThan(1)
      }
    await using threaded = new VisionDataLoader(labelled(), { ...options, workers: 2 })
    expect(fingerprint(await collect(threaded))).toEqual(fingerprint(batches))
    const kinds = new Set<boolean>()
    for (let epoch = 0; epoch < 8; epoch++)
      for (const { images } of await collect(threaded, epoch)) kinds.add([...images].every((value) => value === 0 || value === 200))
    expect(kinds.size).toBe(2)
  })

  test('that do not fit the data are refused', async () => {
    await expect(collect(new VisionDataLoader(dataset, { mix: mixUp(), transform }))).rejects.toMatchObject({ details: { field: 'mix' } })
    const field = (options: LoaderOptions<Collate>) => {
      try {
        new VisionDataLoader(dataset, options)
        return undefined
      } catch (error) {
        return (error as { details: { field?: string } }).details.field
      }
    }
    expect(field({ mix: mixUp(), collate: 'pad' })).toBe('mix')
    expect(field({ mix: [mixUp(), mixUp()] })).toBe('mix')
    expect(field({ shard: { index: 2, count: 2 } })).toBe('shard.index')
    expect(field({ workSize: [4, 4] })).toBe('workSize')
    expect(field({ collate: 'heap' as 'list' })).toBe('collate')
    expect(field({ padding: { value: 300 } })).toBe('padding.value')
  })
})

describe('doors', () => {
  test('a folder of another format gives splits with annotations', async () => {
    const pictures = dataset.samples.map(({ path, annotations }, i) => ({
      name: `${i}.png`,
      file: path,
      width: 40 + 3 * i,
      height: 60 - 2 * i,
      split: i < 8 ? 'train' : 'val',
      labels: [],
      annotations: annotations!.map(({ label, box }) => ({ label, box: box! })),
      captions: [],
    }))
    const folder = join(root, 'coco')
    await writeDataset({ classes: ['a', 'b', 'c'].map((name) => ({ name })), pictures }, folder, { format: 'coco' })
    const loader = await VisionDataLoader.fromFolder(folder, { collate: 'list', batchSize: 3 })
    expect([loader.classes, loader.batchesPerEpoch, Object.keys(loader.splits).sort()]).toEqual([['a', 'b', 'c'], 3, ['train', 'val']])
    const [batch] = await collect(loader.split('val', { batchSize: 8 }))
    expect(batch!.annotations.map(([annotation]) => annotation!.box)).toEqual(
      pictures.slice(8).map(({ annotations }) => annotations[0]!.box),
    )
    expect(() => loader.split('test')).toThrowError(/train, val.*found test/)
    // As COCO names its own parts.
    const years = pictures.map((one) => ({ ...one, split: `${one.split}2017` }))
    const official = join(root, 'official')
    await writeDataset({ classes: ['a', 'b', 'c'].map((name) => ({ name })), pictures: years }, official, { format: 'coco' })
    const named = await VisionDataLoader.fromFolder(official, { collate: 'list', batchSize: 3 })
    expect([Object.keys(named.splits).sort(), named.warnings]).toEqual([['train', 'val'], []])
    const { file } = await indexDataset(folder)
    const indexed = await VisionDataLoader.fromFolder(file, { collate: 'list', batchSize: 3 })
    expect(Object.keys(indexed.splits).sort()).toEqual(['train', 'val'])
    expect(fingerprint(await collect(indexed))).toEqual(fingerprint(await collect(loader)))
    await expect(VisionDataLoader.fromFolder(file, { format: 'voc' })).rejects.toThrowError(/expected coco, as it was indexed/)
    const set = await readDataset(folder)
    expect(fingerprint(await collect(await VisionDataLoader.fromDataset(set, { collate: 'list' })))).toEqual(
      fingerprint(
        await collect(await VisionDataLoader.fromDataset({ classes: set.classes, pictures: streamOf(set.pictures) }, { collate: 'list' })),
      ),
    )
  })

  async function* streamOf<T>(items: readonly T[]) {
    yield* items
  }

  test('samples from anywhere are a data set too', async () => {
    const image = createImage(6, 4, 3)
    const samples = [{ image, annotations: [{ label: 2, box: { x1: 0, y1: 0, x2: 2, y2: 2 } }] }, { path: dataset.samples[0]!.path }]
    const loader = await VisionDataLoader.fromDataset(streamOf(samples), { collate: 'list' })
    const [batch] = await collect(loader)
    expect([loader.classes.length, batch!.sizes, batch!.paths]).toEqual([
      3,
      [
        [4, 6],
        [60, 40],
      ],
      ['sample 0', dataset.samples[0]!.path],
    ])
    // The caller's own pixels are not given away.
    expect(batch!.images[0]!.data.buffer).not.toBe(image.data.buffer)
    await expect(VisionDataLoader.fromDataset([{ label: 1 }])).rejects.toMatchObject({ details: { field: 'samples[0]' } })
  })
})

describe('decoded pictures', () => {
  test('come from the disk the second time, and again from the file where the entry is broken', async () => {
    const diskCache = { folder: join(root, 'cache') }
    const options = { collate: 'list', cacheBytes: 0, diskCache, transform, batchSize: 11 } as const
    const first = fingerprint(await collect(new VisionDataLoader(dataset, options)))
    const names = await readdir(diskCache.folder)
    expect(names.length).toBe(11)
    await using second = new VisionDataLoader(dataset, { ...options, workers: 2 })
    expect(fingerprint(await collect(second))).toEqual(first)
    // An entry of other pixels would be taken at its word: it is the cache that is read.
    for (const name of names) await writeFile(join(diskCache.folder, name), 'broken')
    expect(fingerprint(await collect(new VisionDataLoader(dataset, options)))).toEqual(first)
    expect((await readdir(diskCache.folder)).sort()).toEqual(names.sort())
  })

  test('at a fraction of their size keep boxes in place', async () => {
    const random = new Random(1)
    const path = join(root, 'large.jpg')
    const noise = Uint8Array.from({ length: 400 * 300 * 3 }, () => random.integer(0, 256))
    await sharp(noise, { raw: { width: 400, height: 300, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toFile(path)
    const box = { x1: 30, y1: 40, x2: 150, y2: 200 }
    const large = { classes: ['a'], samples: [{ path, label: 0, annotations: [{ label: 0, box }] }] }
    const boxes = async (exactDecode: boolean) => {
      const [batch] = await collect(new VisionDataLoader(large, { exactDecode, transform: t.resize([50, 50]) }))
      return { images: batch!.images, box: batch!.annotations[0]![0]!.box! }
    }
    const [exact, shrunk] = [await boxes(true), await boxes(false)]
    expect(exact.images).not.toEqual(shrunk.images)
    for (const side of ['x1', 'y1', 'x2', 'y2'] as const) expect(shrunk.box[side]).toBeCloseTo(exact.box[side], 6)
  })
})
