import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createImage } from '../vision/image.ts'
import { createPreprocessing } from '../vision/preprocessing.ts'
import type { ImageDataset } from './dataset.ts'
import { openImageFolder } from './image-folder.ts'
import type { LoaderOptions } from './loader-options.ts'
import { transforms as t } from './transforms/index.ts'
import { type Batch, VisionDataLoader } from './vision-data-loader.ts'

let root = ''
let dataset: ImageDataset
let broken: ImageDataset

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-loader-'))
  for (const [label, name] of ['a', 'b', 'c'].entries()) {
    await mkdir(join(root, name))
    for (let i = 0; i < 9; i++) {
      const background = { r: label * 80, g: i * 20, b: 100 }
      await sharp({ create: { width: 20 + i, height: 24, channels: 3, background } })
        .png()
        .toFile(join(root, name, `${i}.png`))
    }
  }
  dataset = (await openImageFolder(root, { validationFraction: 0 })).splits.train!
  await writeFile(join(root, 'empty.png'), '')
  await writeFile(join(root, 'text.png'), 'not a picture')
  const bad = ['empty.png', 'text.png', 'missing.png'].map((name) => ({ path: join(root, name), label: 1 }))
  broken = { classes: dataset.classes, samples: [...dataset.samples.slice(0, 10), ...bad, ...dataset.samples.slice(10)] }
})
afterAll(() => rm(root, { recursive: true }))

const preprocessing = createPreprocessing({ size: [16, 16] })
const transform = t.compose([
  t.randomHorizontalFlip(),
  t.randomRotation(20),
  t.randomCrop(undefined, { padding: 2 }),
  t.colorJitter({ brightness: 0.3 }),
])
const training: LoaderOptions = { preprocessing, training: true, batchSize: 8, seed: 5, transform }

async function collect(loader: VisionDataLoader, epoch = 0, from = 0): Promise<Batch[]> {
  const batches: Batch[] = []
  for await (const batch of loader.batches({ epoch, from })) batches.push(batch)
  return batches
}

const fingerprint = (batches: readonly Batch[]) =>
  batches.map(({ images, labels, indices }) => createHash('sha256').update(images).update(labels).update(indices).digest('hex'))

describe('batches', () => {
  test('are uint8 NHWC with labels and indices', async () => {
    const [first, ...rest] = await collect(new VisionDataLoader(dataset, { preprocessing, batchSize: 20 }))
    expect(first!.shape).toEqual([20, 16, 16, 3])
    expect(first!.images).toHaveLength(20 * 16 * 16 * 3)
    expect(Array.from(first!.indices)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(Array.from(first!.labels)).toEqual(Array.from({ length: 20 }, (_, i) => Math.floor(i / 9)))
    expect(Array.from(first!.images.subarray(13 * 768, 13 * 768 + 3))).toEqual([80, 80, 100])
    expect(rest.map(({ shape }) => shape[0])).toEqual([7])
  })

  test('are the same whatever the number of threads, with and without cache', async () => {
    const prints: string[][] = []
    for (const options of [
      { workers: 0 },
      { workers: 1 },
      { workers: 2 },
      { workers: 2, cacheBytes: 0 },
      { workers: 0, cacheBytes: 5 * 768, prefetch: 1 },
    ]) {
      await using loader = new VisionDataLoader(dataset, { ...training, ...options })
      prints.push([...fingerprint(await collect(loader, 0)), ...fingerprint(await collect(loader, 1))])
    }
    for (const print of prints) expect(print).toEqual(prints[0])
    expect(new Set(prints[0]).size).toBe(6)
  })

  test('differ by seed and epoch, and an epoch visits each sample at most once', async () => {
    const loader = new VisionDataLoader(dataset, training)
    const [zero, one] = [await collect(loader, 0), await collect(loader, 1)]
    expect(zero.map(({ shape }) => shape[0])).toEqual([8, 8, 8])
    expect(new Set(zero.flatMap(({ indices }) => Array.from(indices))).size).toBe(24)
    expect(fingerprint(one)).not.toEqual(fingerprint(zero))
    expect(fingerprint(await collect(new VisionDataLoader(dataset, { ...training, seed: 6 })))).not.toEqual(fingerprint(zero))
  })

  test('go on where they stopped', async () => {
    const whole = await collect(new VisionDataLoader(dataset, training), 3)
    await using resumed = new VisionDataLoader(dataset, { ...training, workers: 1 })
    const rest = await collect(resumed, 3, 1)
    expect(fingerprint(rest)).toEqual(fingerprint(whole).slice(1))
    expect(rest.map(({ batch }) => batch)).toEqual([1, 2])
  })

  test('work at a larger size are reduced to the size of the model, in grey where it wants grey', async () => {
    const options = {
      preprocessing: createPreprocessing({ size: [8, 8], color: 'gray' }),
      workSize: [24, 24] as const,
      transform: t.randomResizedCrop(12),
    }
    const [batch] = await collect(new VisionDataLoader(dataset, options))
    expect(batch!.shape).toEqual([27, 8, 8, 1])
  })

  test('balanced sampling evens the classes out', async () => {
    const samples = dataset.samples.filter(({ label }, i) => (label === 0 ? i === 0 : i < 26))
    const loader = new VisionDataLoader({ classes: dataset.classes, samples }, { ...training, batchSize: 18, sampling: 'balanced' })
    const counts = [0, 0, 0]
    for (let epoch = 0; epoch < 3; epoch++)
      for (const { labels } of await collect(loader, epoch)) for (const label of labels) counts[label]!++
    expect(counts).toEqual([18, 18, 18])
  })
})

describe('pictures in memory', () => {
  test('are loaded by threads too', async () => {
    const samples = Array.from({ length: 12 }, (_, i) => ({
      path: `memory ${i}`,
      label: i % 2,
      image: createImage(16, 16, 3, new Uint8Array(768).fill(i)),
    }))
    const memory = { classes: ['x', 'y'], samples }
    const direct = await collect(new VisionDataLoader(memory, training))
    await using threaded = new VisionDataLoader(memory, { ...training, workers: 2 })
    expect(fingerprint(await collect(threaded))).toEqual(fingerprint(direct))
    const uncached = new VisionDataLoader(memory, { ...training, workers: 2, cacheBytes: 0 })
    expect(fingerprint(await collect(uncached))).toEqual(fingerprint(direct))
  })
})

describe('unreadable pictures', () => {
  test('are left out of evaluation and reported', async () => {
    const loader = new VisionDataLoader(broken, { preprocessing, batchSize: 8 })
    const batches = await collect(loader)
    expect(batches.flatMap(({ indices }) => Array.from(indices))).toEqual(
      Array.from({ length: 30 }, (_, i) => i).filter((i) => i < 10 || i > 12),
    )
    expect(loader.failures.map(({ index, code }) => [index, code])).toEqual([
      [10, 'DATA_EMPTY_FILE'],
      [11, 'DATA_UNSUPPORTED_FORMAT'],
      [12, 'DATA_FILE_NOT_FOUND'],
    ])
    const whole = await collect(new VisionDataLoader(dataset, { preprocessing, batchSize: 27 }))
    expect(Buffer.concat(batches.map(({ images }) => images))).toEqual(Buffer.from(whole[0]!.images))
  })

  test('are replaced in training, by the same others whatever the number of threads', async () => {
    const prints: string[][] = []
    for (const workers of [0, 2]) {
      await using loader = new VisionDataLoader(broken, { ...training, batchSize: 10, workers })
      const batches = await collect(loader)
      expect(batches.map(({ shape }) => shape[0])).toEqual([10, 10, 10])
      expect(batches.flatMap(({ indices }) => Array.from(indices)).filter((i) => i >= 10 && i <= 12)).toEqual([])
      expect(loader.failures.map(({ index }) => index)).toEqual([10, 11, 12])
      prints.push(fingerprint(batches))
    }
    expect(prints[1]).toEqual(prints[0])
  })

  test.each([0, 1])('stop the run where the caller chose so, with %i workers', async (workers) => {
    await using loader = new VisionDataLoader(broken, { preprocessing, batchSize: 30, onError: 'stop', workers })
    await expect(collect(loader)).rejects.toMatchObject({
      code: expect.stringMatching(/^DATA_(EMPTY_FILE|UNSUPPORTED_FORMAT|FILE_NOT_FOUND)$/),
    })
  })

  test('only: training gives up, evaluation gives nothing', async () => {
    const bad = { classes: ['a', 'b'], samples: broken.samples.slice(10, 13) }
    await expect(collect(new VisionDataLoader(bad, { ...training, batchSize: 2 }))).rejects.toMatchObject({ code: 'DATA_NO_IMAGES' })
    expect(await collect(new VisionDataLoader(bad, { preprocessing }))).toEqual([])
  })
})

describe('ending', () => {
  test.each([0, 2])('an aborted run ends with CANCELLED, with %i workers', async (workers) => {
    await using loader = new VisionDataLoader(dataset, { ...training, workers, prefetch: 2 })
    const controller = new AbortController()
    let seen = 0
    const run = async () => {
      for await (const _ of loader.batches({ signal: controller.signal })) {
        seen++
        controller.abort()
      }
    }
    await expect(run()).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(seen).toBe(1)
    expect(await collect(loader)).toHaveLength(3)
  })

  test('a loop may be left early and the loader used again', async () => {
    await using loader = new VisionDataLoader(dataset, { ...training, workers: 1 })
    for await (const _ of loader.batches()) break
    expect(fingerprint(await collect(loader))).toEqual(fingerprint(await collect(new VisionDataLoader(dataset, training))))
  })

  test('a fault of the program inside a thread becomes DATA_WORKER_CRASHED', async () => {
    // Changed behind the loader's back, past its checks: the thread meets a size that is none.
    const odd = { ...preprocessing, interpolation: 'bilinear' as const }
    await using loader = new VisionDataLoader(dataset, { preprocessing: odd, workers: 1, batchSize: 4 })
    Object.assign(odd, { size: 5 })
    await expect(collect(loader)).rejects.toMatchObject({
      code: 'DATA_WORKER_CRASHED',
      details: { file: expect.stringContaining('0.png') },
    })
  })

  test('a process with an unclosed loader ends by itself', async () => {
    const script = `
      import { VisionDataLoader } from ${JSON.stringify(new URL('./vision-data-loader.ts', import.meta.url).href)}
      import { createPreprocessing } from ${JSON.stringify(new URL('../vision/preprocessing.ts', import.meta.url).href)}
      const samples = ${JSON.stringify(dataset.samples)}
      const loader = new VisionDataLoader({ classes: ['a', 'b', 'c'], samples }, { preprocessing: createPreprocessing({ size: [8, 8] }), workers: 2, batchSize: 4 })
      for await (const batch of loader.batches()) { console.log(batch.shape[0]); break }
    `
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 60_000 })
    expect(stdout.trim()).toBe('4')
  }, 90_000)
})

describe('options', () => {
  test('that are wrong are named', () => {
    const field = (options: Partial<LoaderOptions>) => {
      try {
        new VisionDataLoader(dataset, { preprocessing, ...options })
        return 'no error'
      } catch (error) {
        return (error as { details?: { field?: string } }).details?.field
      }
    }
    expect(field({ preprocessing: createPreprocessing() })).toBe('preprocessing.size')
    expect(field({ batchSize: 0 })).toBe('batchSize')
    expect(field({ batchSize: 100, dropLast: true })).toBe('batchSize')
    expect(field({ workers: -1 })).toBe('workers')
    expect(field({ cacheBytes: 1.5 })).toBe('cacheBytes')
  })
})
