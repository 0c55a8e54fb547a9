// Pictures a second from JPEG files to augmented uint8 batches of 224x224, against torchvision's DataLoader; and memory over ten epochs.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import type { ImageDataset } from '../src/data/dataset.ts'
import type { LoaderOptions } from '../src/data/loader-options.ts'
import { generateSurfaces } from '../src/data/synthetic/surfaces.ts'
import { transforms } from '../src/data/transforms/index.ts'
import { VisionDataLoader } from '../src/data/vision-data-loader.ts'
import { sharedData } from '../test/shared-data-path.ts'
import { type BenchmarkCase, type BenchmarkOptions, median } from './measure.ts'
import { findPeer, runPeer } from './peer.ts'

export const name = 'loading pictures: decode, random resized crop, flip, colour jitter, to batches of 224x224'

const workers = 2
const batchSize = 32

/** ColorJitter without hue, as most recipes have it; hue costs torchvision as much again, and this loader nothing. */
const transform = transforms.compose([
  transforms.randomResizedCrop(224),
  transforms.randomHorizontalFlip(),
  transforms.colorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2 }),
])
const training: LoaderOptions = { transform, training: true, batchSize, workers, cacheBytes: 0 }

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const folder = await mkdtemp(join(tmpdir(), 'fovea-loader-'))
  const peer = await findPeer()
  try {
    for (const { size, width, height, count } of [
      { size: '500 pixels', width: 500, height: 375, count: quick ? 64 : 512 },
      { size: '1080p', width: 1920, height: 1080, count: quick ? 32 : 192 },
    ]) {
      const dataset = await writePhotographs(join(folder, size), width, height, count)
      const disk = join(folder, `${size}-cache`)
      const kinds: readonly (readonly [string, LoaderOptions])[] = [
        ['decoded exactly', { ...training, exactDecode: true }],
        ['decoded for training', training],
        ['from the cache in memory', { ...training, cacheBytes: 4 * 2 ** 30 }],
        ['from the cache on disk', { ...training, diskCache: { folder: disk } }],
      ]
      const loaders = kinds.map(([, options]) => new VisionDataLoader(dataset, options))
      const rates = kinds.map((): number[] => [])
      const theirs: number[] = []
      // Ours and theirs in turn, so that a slow moment of the machine falls on all of them. The first round fills caches and starts threads.
      for (let round = 0; round <= (quick ? 1 : 5); round++) {
        for (const [i, loader] of loaders.entries()) {
          const rate = await imagesPerSecond(loader, round)
          if (round > 0) rates[i]!.push(rate)
        }
        if (round > 0 && !('skipped' in peer)) {
          const [epoch] = await runPeer(peer, 'loader_torchvision.py', [join(folder, size), workers, 1, batchSize])
          theirs.push((epoch!.images as number) / (epoch!.seconds as number))
        }
      }
      for (const loader of loaders) await loader.close()
      const compared = 'skipped' in peer ? { noPeer: peer.skipped } : { peer: { name: 'torchvision DataLoader', value: median(theirs) } }
      for (const [i, [kind]] of kinds.entries())
        yield {
          name: `${size}, ${kind}`,
          unit: 'images/s',
          better: 'higher',
          fovea: median(rates[i]!),
          ...compared,
          details: { workers, count },
        }
      if (size === '500 pixels') yield await memoryOverEpochs(dataset, quick ? 3 : 10)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function imagesPerSecond(loader: VisionDataLoader, epoch: number): Promise<number> {
  let images = 0
  const start = performance.now()
  for await (const { shape } of loader.batches({ epoch })) images += shape[0]
  return (1000 * images) / (performance.now() - start)
}

/** What the process holds after each epoch of a loader without a cache: the last against the second, when all is set up. */
async function memoryOverEpochs(dataset: ImageDataset, epochs: number): Promise<BenchmarkCase> {
  await using loader = new VisionDataLoader(dataset, training)
  const held: number[] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    await imagesPerSecond(loader, epoch)
    await new Promise((resolve) => setTimeout(resolve, 200))
    held.push(process.memoryUsage.rss() / 2 ** 20)
  }
  return {
    name: `memory after ${epochs} epochs without a cache, beyond that after two`,
    unit: 'MiB',
    better: 'lower',
    fovea: held.at(-1)! - held[1]!,
    details: { each: held.map((value) => value.toFixed(0)).join(' ') },
  }
}

/** Photographs of blood cells blown up, tiled and turned about, or drawn surfaces where there are none, at quality 90. */
async function writePhotographs(folder: string, width: number, height: number, count: number): Promise<ImageDataset> {
  await mkdir(folder)
  const tile = await naturalTile()
  const samples = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const path = join(folder, `${String(i).padStart(4, '0')}.jpg`)
      const [left, top] = [(i * 37) % 200, (i * 53) % 120]
      await sharp(tile.data, { raw: tile.info })
        .extract({ left, top, width: tile.info.width - 200, height: tile.info.height - 120 })
        .flop(i % 2 === 1)
        .modulate({ brightness: 0.85 + 0.3 * ((i % 7) / 7) })
        .resize(width, height, { fit: 'fill', kernel: 'cubic' })
        .jpeg({ quality: 90 })
        .toFile(path)
      return { path, label: 0 }
    }),
  )
  return { classes: ['photograph'], samples }
}

async function naturalTile() {
  const photograph = sharedData('bccd/BCCD/JPEGImages/BloodImage_00000.jpg')
  const [surface] = generateSurfaces({ perClass: 1, size: 512, classes: ['good'] })
  const picture =
    photograph === undefined
      ? sharp(surface!.image.data, { raw: { width: 512, height: 512, channels: surface!.image.channels } })
      : sharp(photograph)
  const one = await picture.resize(960, 540, { fit: 'fill' }).removeAlpha().toColourspace('srgb').png().toBuffer()
  const places = [0, 1].flatMap((y) => [0, 1].map((x) => ({ input: one, left: 960 * x, top: 540 * y })))
  return sharp({ create: { width: 1920, height: 1080, channels: 3, background: '#000' } })
    .composite(places)
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
}
