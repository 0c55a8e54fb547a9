import { appendFile, mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { mutate } from '../../../test/hostile-labels.ts'
import { isFoveaError } from '../../util/errors.ts'
import { Random } from '../../util/random.ts'
import { VisionDataLoader } from '../vision-data-loader.ts'
import { openDataset, readDataset, writeDataset } from './dataset-files.ts'
import { fullSet, setOf } from './format.case.ts'
import { indexDataset } from './index-dataset.ts'
import { openIndexedDataset } from './indexed-dataset.ts'
import type { DatasetProblem } from './problems.ts'
import { datasetStatistics } from './statistics.ts'
import { datasetFormats } from './table.ts'

let base = ''
let root = ''
let run = 0
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-index-test-'))
})
beforeEach(async () => {
  root = join(base, String(run++), 'set')
  await mkdir(root, { recursive: true })
})
afterAll(() => rm(base, { recursive: true }))

const put = async (path: string, content: string | Uint8Array) => {
  await mkdir(join(root, path, '..'), { recursive: true })
  await writeFile(join(root, path), content)
}
const picture = (background: string) =>
  sharp({ create: { width: 24, height: 16, channels: 3, background } })
    .png()
    .toBuffer()

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}

/** A small YOLO data set: two splits, three pictures, one that is not labelled. */
async function putYolo(): Promise<void> {
  await put('data.yaml', 'names: [a, b]\ntrain: images/train\nval: images/val\n')
  for (const [name, lines] of Object.entries({
    'train/1': '0 0.5 0.5 0.2 0.2\n',
    'train/2': '0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n',
    'val/3': '',
  })) {
    await put(`images/${name}.png`, await picture(name === 'val/3' ? 'red' : 'blue'))
    await put(`labels/${name}.txt`, lines)
  }
}

describe('an index', () => {
  test.each(datasetFormats.map(({ name }) => name))('holds what reading %s gives', async (format) => {
    const file = join(base, 'picture.png')
    await writeFile(file, await picture('grey'))
    const [set] = fc.sample(setOf(file), { numRuns: 1, seed: 9 })
    await rm(root, { recursive: true })
    await writeDataset(fullSet(set!), root, { format })
    const ignore = () => {}
    const whole = await readDataset(root, { format, onProblem: ignore })
    const written = await indexDataset(root, { format, onProblem: ignore })
    expect(written).toMatchObject({ file: `${root}.fovea-index`, format, pictures: whole.pictures.length })
    const dataset = await openIndexedDataset(written.file, { check: 'full' })
    const { length, classes } = dataset
    expect({ classes, pictures: Array.from({ length }, (_, i) => dataset.at(i)) }).toEqual({
      classes: whole.classes,
      pictures: whole.pictures,
    })
    expect(await all(dataset.pictures)).toEqual(whole.pictures)
    expect(dataset.statistics).toEqual(await datasetStatistics(whole))
    for (const split of dataset.splits)
      expect([...dataset.indices({ split })]).toEqual(whole.pictures.flatMap((one, i) => (one.split === split ? [i] : [])))
    whole.classes.forEach((_, label) => {
      const isOf = (one: (typeof whole.pictures)[number]) => one.labels.includes(label) || one.annotations.some((a) => a.label === label)
      expect([...dataset.indices({ class: label })]).toEqual(whole.pictures.flatMap((one, i) => (isOf(one) ? [i] : [])))
      const split = dataset.splits[0]
      expect([...dataset.indices({ class: label, split })]).toEqual(
        whole.pictures.flatMap((one, i) => (isOf(one) && one.split === split ? [i] : [])),
      )
    })
    expect(dataset.indices({}).length).toBe(length)
    dataset.close()
  })

  test('may be moved with its data set, and stands for it', async () => {
    await putYolo()
    await indexDataset(root)
    const moved = join(base, 'moved')
    await rename(join(root, '..'), moved)
    const { pictures, format } = await readDataset(join(moved, 'set.fovea-index'))
    expect(format).toBe('yolo')
    expect(pictures.map(({ file }) => file)).toEqual(
      ['train/1', 'train/2', 'val/3'].map((name) => join(moved, 'set/images', `${name}.png`)),
    )
    await expect(openDataset(join(moved, 'set.fovea-index'), { format: 'coco' })).rejects.toMatchObject({ code: 'DATASET_UNKNOWN_FORMAT' })
  })

  test('tells what was wrong, as reading does', async () => {
    await putYolo()
    await put('labels/val/3.txt', '0 0.5 0.5 0.1\n7 0.5 0.5 0.1 0.1\n')
    await expect(indexDataset(root)).rejects.toMatchObject({ code: 'DATASET_MALFORMED' })
    const told: DatasetProblem[] = []
    const { file, problemCounts } = await indexDataset(root, { onProblem: (problem) => told.push(problem) })
    expect(problemCounts).toEqual({ 'malformed-entry': 1, 'unknown-class': 1 })
    const again: DatasetProblem[] = []
    await openDataset(file, { onProblem: (problem) => again.push(problem) })
    expect(again).toEqual(told)
    await expect(openDataset(file)).rejects.toMatchObject({ code: 'DATASET_MALFORMED' })
  })

  test('hashes pictures where it is asked to', async () => {
    await putYolo()
    await put('images/val/3.png', 'no picture')
    const noise = Buffer.from(Array.from({ length: 24 * 16 * 3 }, (_, i) => (i * i * 31) % 256))
    await put(
      'images/train/1.png',
      await sharp(noise, { raw: { width: 24, height: 16, channels: 3 } })
        .png()
        .toBuffer(),
    )
    const { file } = await indexDataset(root, { contentHashes: true, perceptualHashes: true, onProblem: () => {} })
    const dataset = await openIndexedDataset(file)
    const hashes = dataset.contentHashes()!
    expect(hashes.length).toBe(3 * 32)
    expect(new Set(Array.from({ length: 3 }, (_, i) => hashes.subarray(32 * i, 32 * i + 32).join())).size).toBe(3)
    const [noisy, flat, broken] = dataset.perceptualHashes()!
    expect([noisy === 0n, flat, broken]).toEqual([false, 0n, 0n])
    const plain = await openIndexedDataset((await indexDataset(root, { onProblem: () => {} })).file)
    expect([plain.contentHashes(), plain.perceptualHashes()]).toEqual([undefined, undefined])
  })
})

describe('an index is outdated', () => {
  const changed = async (file: string, check: 'quick' | 'full' = 'quick') =>
    openIndexedDataset(file, { check }).then(
      (dataset) => dataset.close(),
      (error) => error.code as string,
    )
  const later = new Date(Date.now() + 5000)

  test('where a label file was changed, a file was added or taken away', async () => {
    await putYolo()
    const { file } = await indexDataset(root)
    expect(await changed(file, 'full')).toBeUndefined()
    await appendFile(join(root, 'labels/train/1.txt'), '1 0.5 0.5 0.1 0.1\n')
    expect(await changed(file)).toBe('DATASET_INDEX_OUTDATED')
    await indexDataset(root)
    expect(await changed(file)).toBeUndefined()
    await put('images/val/4.png', await picture('red'))
    await utimes(join(root, 'images/val'), later, later)
    expect(await changed(file)).toBe('DATASET_INDEX_OUTDATED')
    await indexDataset(root)
    await rm(join(root, 'labels/val/3.txt'))
    expect(await changed(file)).toBe('DATASET_INDEX_OUTDATED')
    expect((await openIndexedDataset(file, { check: 'none' })).length).toBe(4)
  })

  test('where a picture was changed in place, for the full check', async () => {
    await putYolo()
    const { file } = await indexDataset(root)
    await writeFile(join(root, 'images/val/3.png'), await picture('green'))
    await utimes(join(root, 'images/val/3.png'), later, later)
    expect(await changed(file)).toBeUndefined()
    expect(await changed(file, 'full')).toBe('DATASET_INDEX_OUTDATED')
  })

  test('but not by lying in the folder itself', async () => {
    await putYolo()
    const out = join(root, 'mine.fovea-index')
    await indexDataset(root, { out })
    expect(await changed(out, 'full')).toBeUndefined()
    await indexDataset(root, { out })
    expect(await changed(out, 'full')).toBeUndefined()
    await put('more.txt', '')
    expect(await changed(out)).toBe('DATASET_INDEX_OUTDATED')
  })
})

describe('what is no index is refused', () => {
  test('nothing is left of one that was not finished', async () => {
    await putYolo()
    const stop = new AbortController()
    const onPicture = (count: number) => count === 1 && stop.abort()
    // The first three pictures are hashed together, so a fourth is needed to be stopped before.
    for (let i = 0; i < 20; i++) await put(`images/train/more-${i}.png`, await picture('red'))
    await expect(indexDataset(root, { onPicture, signal: stop.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await readdir(join(root, '..'))).toEqual(['set'])
  })

  test('one that was cut off, or changed', async () => {
    await putYolo()
    const { file } = await indexDataset(root)
    const bytes = await readFile(file)
    const random = new Random(1)
    const attempts = [
      ...[0, 7, 16, 40, bytes.length - 33, bytes.length - 1].map((end) => bytes.subarray(0, end)),
      ...Array.from({ length: 300 }, () => mutate(bytes, random)),
    ]
    let refused = 0
    for (const attempt of attempts) {
      await writeFile(file, attempt)
      try {
        const dataset = await openIndexedDataset(file, { check: 'none' })
        for (let i = 0; i < dataset.length; i++) dataset.at(i)
        dataset.indices({ class: 0, split: 'train' })
        await all(dataset.pictures)
        dataset.close()
      } catch (error) {
        if (!isFoveaError(error, 'DATASET_INDEX_INVALID')) throw error
        refused++
      }
    }
    expect(refused).toBeGreaterThan(200)
  })

  test('a picture beyond the last, and a class that is not there', async () => {
    await putYolo()
    const dataset = await openIndexedDataset((await indexDataset(root)).file)
    for (const index of [-1, 3, 0.5, Number.NaN])
      expect(() => dataset.at(index)).toThrow(expect.objectContaining({ code: 'DATA_OPTION_INVALID' }))
    expect(() => dataset.indices({ class: 2 })).toThrow(expect.objectContaining({ code: 'DATA_OPTION_INVALID' }))
    expect([...dataset.indices({ split: 'none' })]).toEqual([])
    await expect(indexDataset(root, { out: join(root, 'x.db') })).rejects.toMatchObject({ code: 'DATA_OPTION_INVALID' })
    await expect(openIndexedDataset(join(root, 'gone.fovea-index'))).rejects.toMatchObject({ code: 'DATASET_INDEX_INVALID' })
  })
})

describe('an index in a loader', () => {
  test('gives the batches that the set itself gives, reading samples when it is their turn', async () => {
    await putYolo()
    const file = join(root, 'set.fovea-index')
    await indexDataset(root, { out: file, format: 'yolo' })
    const index = await openIndexedDataset(file)
    try {
      const read = vi.spyOn(index, 'at')
      const options = { batchSize: 2, sampling: 'shuffled', collate: 'list', workers: 1 } as const
      await using lazy = await VisionDataLoader.fromDataset(index, options)
      expect(read).not.toHaveBeenCalled()
      await using whole = await VisionDataLoader.fromDataset(await readDataset(root, { format: 'yolo' }), options)
      const [a, b] = [await all(lazy.batches({ epoch: 2 })), await all(whole.batches({ epoch: 2 }))]
      expect(a.map(({ paths, annotations, images }) => [paths, annotations, images])).toEqual(
        b.map(({ paths, annotations, images }) => [paths, annotations, images]),
      )
      expect(a.flatMap(({ paths }) => paths)).toHaveLength(3)

      const train = index.dataset({ split: 'train' })
      expect(train.classes).toEqual(['a', 'b'])
      expect(train.samples.map(({ path }) => path.slice(root.length + 1))).toEqual(['images/train/1.png', 'images/train/2.png'])
      expect(index.dataset({ class: 1 }).samples.map(({ annotations }) => annotations!.length)).toEqual([2])
      await using balanced = new VisionDataLoader(train, { sampling: 'balanced', batchSize: 2 })
      expect((await all(balanced.batches())).map(({ indices }) => indices.length)).toEqual([2])
    } finally {
      index.close()
    }
  })
})
