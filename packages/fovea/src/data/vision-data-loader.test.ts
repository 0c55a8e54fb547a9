import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Image } from '../vision/image.ts'
import { contentHashes } from './dataset.ts'
import { decodeImage } from './decode.ts'
import { drawPrediction, drawSheet } from './draw-prediction.ts'
import { encodePng } from './encode.ts'
import { generateSurfaces, writeSurfaces } from './synthetic/surfaces.ts'
import { normalizationOf } from './transforms/compose.ts'
import { transforms } from './transforms/index.ts'
import { VisionDataLoader } from './vision-data-loader.ts'

test('fromFolder keeps the transform beside the splits', async () => {
  const root = await mkdtemp(join(tmpdir(), 'fovea-public-'))
  try {
    await writeSurfaces(root, { perClass: 5, size: 32, classes: ['good', 'pit'] })
    const transform = VisionDataLoader.compose([
      transforms.randomRotation(15),
      transforms.colorJitter({ brightness: 0.2 }),
      transforms.normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }),
    ])
    const dataset = await VisionDataLoader.fromFolder(root, { transform })
    expect(dataset.classes).toEqual(['good', 'pit'])
    expect([dataset.splits.train?.samples.length, dataset.splits.val?.samples.length]).toEqual([8, 2])
    expect(normalizationOf(dataset.transform)?.std).toEqual([0.229, 0.224, 0.225])
  } finally {
    await rm(root, { recursive: true })
  }
})

test('a prediction is drawn below its picture, readable at any size, with the bundled font', async () => {
  const [surface] = generateSurfaces({ perClass: 1, size: 64, classes: ['pit'] })
  const drawn = await drawPrediction(surface!.image, [
    { label: 'pit', probability: 0.9 },
    { label: 'Kratzer', probability: 0.1 },
  ])
  expect(drawn.width).toBe(320)
  expect(drawn.height).toBeGreaterThan(320 + 60)
  // The band is dark and holds light letters.
  const band = drawn.data.subarray(320 * 320 * 3)
  expect(band.filter((v) => v > 200).length).toBeGreaterThan(500)
  expect((await decodeImage(await encodePng(drawn))).data).toEqual(drawn.data)
  const sheet = await drawSheet([{ image: surface!.image, caption: 'pit' }, { image: drawn }], { columns: 2, side: 100 })
  expect(sheet.width).toBe(2 * 114 + 14)
})

test.each([0, 1])('a sample in memory that is no image is told with its code, with %i workers', async (workers) => {
  const [surface] = generateSurfaces({ perClass: 1, size: 32, classes: ['pit'] })
  const short = { ...surface!.image, data: new Uint8Array(5) }
  const none = { width: 32, height: 32, channels: 3 } as Image
  for (const image of [short, none]) {
    const samples = [{ path: 'drawn', label: 0, image }]
    await using loader = new VisionDataLoader({ classes: ['pit'], samples }, { batchSize: 1, workers })
    await expect(loader[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
  }
  await expect(contentHashes([{ path: 'drawn', label: 0, image: none }])).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
})

test('options that mean nothing are refused before anything is read', async () => {
  const dataset = { classes: ['a'], samples: [{ path: 'none.png', label: 0 }] }
  const wrong: [string, object][] = [
    ['sampling', { sampling: 'foo' }],
    ['sampling', { sampling: 5 }],
    ['onError', { onError: 'explode' }],
    ['seed', { seed: 1.5 }],
    ['seed', { seed: Number.NaN }],
    ['maxPixels', { maxPixels: -1 }],
    ['rule.minVisible', { rule: { minVisible: 5 } }],
    ['rule.minSide', { rule: { minSide: Number.NaN } }],
  ]
  for (const [field, options] of wrong)
    expect(() => new VisionDataLoader(dataset, options), field).toThrowError(
      expect.objectContaining({ code: 'DATA_OPTION_INVALID', details: expect.objectContaining({ field }) }),
    )
  const loader = new VisionDataLoader(dataset)
  for (const options of [{ from: -1 }, { from: 1.5 }, { epoch: Number.NaN }, { epoch: 0.5 }])
    await expect(loader.batches(options).next()).rejects.toMatchObject({ code: 'DATA_OPTION_INVALID' })
})
