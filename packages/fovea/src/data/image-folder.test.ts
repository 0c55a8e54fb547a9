import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { describeWithData } from '../../test/shared-data.ts'
import { isFoveaError } from '../util/errors.ts'
import { classCounts, contentHashes, stratifiedSplit } from './dataset.ts'
import { type ImageFolderOptions, listImages, openImageFolder } from './image-folder.ts'

let base = ''
let root = ''
let run = 0
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-folder-'))
})
beforeEach(async () => {
  root = join(base, String(run++))
  await mkdir(root)
})
afterAll(() => rm(base, { recursive: true }))

async function put(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(path.endsWith('/') ? join(root, path) : dirname(join(root, path)), { recursive: true })
    if (!path.endsWith('/')) await writeFile(join(root, path), path)
  }
}

async function codeOf(options?: ImageFolderOptions): Promise<string> {
  return openImageFolder(root, options).then(
    () => 'no error',
    (error: unknown) => (isFoveaError(error) ? error.code : String(error)),
  )
}

const many = (folder: string, count: number) => Array.from({ length: count }, (_, i) => `${folder}/${i}.jpg`)
const names = (split: { samples: readonly { path: string; label: number }[] } | undefined) =>
  split?.samples.map(({ path, label }) => `${relative(root, path)}:${label}`)

describe('openImageFolder', () => {
  test('reads root/<class>, sorted by name, nested, endings in any case, nothing hidden', async () => {
    await put('zebra/1.JPG', 'ant/b.png', 'ant/deep/er/a.webp', 'ant/.hidden.jpg', '.git/x.jpg', 'ant/notes.txt', 'loose.jpg', 'Ant2/c.bmp')
    const folder = await openImageFolder(root, { validationFraction: 0 })
    expect(folder.classes).toEqual(['Ant2', 'ant', 'zebra'])
    expect(names(folder.splits.train)).toEqual(['Ant2/c.bmp:0', 'ant/b.png:1', 'ant/deep/er/a.webp:1', 'zebra/1.JPG:2'])
    expect(folder.splits.val).toBeUndefined()
    expect(folder.splitBySeed).toBe(false)
  })

  test('reads root/{train,val,test}/<class>', async () => {
    await put('train/a/1.jpg', 'train/b/1.jpg', 'valid/a/2.jpg', 'test/b/3.jpg')
    const folder = await openImageFolder(root)
    expect(names(folder.splits.train)).toEqual(['train/a/1.jpg:0', 'train/b/1.jpg:1'])
    expect(names(folder.splits.val)).toEqual(['valid/a/2.jpg:0'])
    expect(names(folder.splits.test)).toEqual(['test/b/3.jpg:1'])
    expect(folder.warnings).toEqual(['Class "b" has no images in val.', 'Class "a" has no images in test.'])
  })

  test('a class may be called test', async () => {
    await put('test/1.jpg', 'test/2.jpg', 'other/1.jpg', 'other/2.jpg')
    expect((await openImageFolder(root)).classes).toEqual(['other', 'test'])
  })

  test('holds back a fifth of each class by seed where there is no val', async () => {
    await put(...many('a', 50), ...many('b', 10), ...many('c', 2))
    const folder = await openImageFolder(root, { seed: 3 })
    expect(classCounts(folder.splits.val!)).toEqual([10, 2, 1])
    expect(classCounts(folder.splits.train!)).toEqual([40, 8, 1])
    expect(folder.splitBySeed).toBe(true)
    expect(names((await openImageFolder(root, { seed: 3 })).splits.val)).toEqual(names(folder.splits.val))
    expect(names((await openImageFolder(root, { seed: 4 })).splits.val)).not.toEqual(names(folder.splits.val))
  })

  test('train and test without val: train is split, test stays', async () => {
    await put(...many('train/a', 5), ...many('train/b', 5), 'test/a/1.jpg', 'test/b/1.jpg')
    const { splits } = await openImageFolder(root)
    expect([splits.train, splits.val, splits.test].map((split) => split?.samples.length)).toEqual([8, 2, 2])
  })

  test('takes the class from the file name', async () => {
    await put('x/crazing_1.jpg', 'x/crazing_2.jpg', 'y/rolled-in_scale_7.jpg', 'readme.jpg')
    const byRule = await openImageFolder(root, { classFromName: /^(.+)_\d+\./g, validationFraction: 0 })
    expect(names(byRule.splits.train)).toEqual(['x/crazing_1.jpg:0', 'x/crazing_2.jpg:0', 'y/rolled-in_scale_7.jpg:1'])
    const byFunction = await openImageFolder(root, { classFromName: (name) => name[0], validationFraction: 0 })
    expect(byFunction.classes).toEqual(['c', 'r'])
    expect(await codeOf({ classFromName: /^(nothing)/ })).toBe('DATA_CLASS_RULE')
  })

  test('keeps to given classes', async () => {
    await put('b/1.jpg', 'c/1.jpg')
    const folder = await openImageFolder(root, { classes: ['c', 'a', 'b'], validationFraction: 0 })
    expect(names(folder.splits.train)).toEqual(['b/1.jpg:2', 'c/1.jpg:0'])
    expect(await codeOf({ classes: ['c', 'a'] })).toBe('DATA_CLASS_RULE')
  })

  test('follows links to folders, not for ever', async () => {
    await put(...many('real/a', 2), 'data/b/1.jpg', 'data/b/2.jpg')
    await symlink(join(root, 'real/a'), join(root, 'data/a'))
    expect((await openImageFolder(join(root, 'data'))).classes).toEqual(['a', 'b'])
    await symlink(join(root, 'data'), join(root, 'data/b/loop'))
    expect(await codeOf()).toMatch(/^DATA_/)
  })

  test('says what is wrong', async () => {
    expect(await codeOf()).toBe('DATA_NO_IMAGES')
    await put('a/1.txt', 'b/')
    expect(await codeOf()).toBe('DATA_NO_IMAGES')
    await put('a/1.jpg', 'a/2.jpg')
    expect(await codeOf()).toBe('DATA_EMPTY_CLASS')
    expect(await codeOf({ onEmptyClass: 'warn' })).toBe('no error')
    await put('b/1.jpg')
    expect(await codeOf()).toBe('DATA_TOO_FEW')
    await rm(join(root, 'b'), { recursive: true })
    expect(await codeOf()).toBe('DATA_ONE_CLASS')
    expect(await codeOf({ minClasses: 1 })).toBe('no error')
    expect(await codeOf({ validationFraction: 2, minClasses: 1 })).toBe('DATA_OPTION_INVALID')
    await expect(openImageFolder(join(root, 'a/1.jpg'))).rejects.toMatchObject({ code: 'DATA_NOT_A_FOLDER' })
    await expect(openImageFolder(join(root, 'none'))).rejects.toMatchObject({ code: 'DATA_NOT_A_FOLDER' })
  })
})

test('listImages finds the pictures of a flat or nested folder', async () => {
  await put('b.jpg', 'a/c.png', 'notes.txt')
  expect((await listImages(root)).map((path) => relative(root, path))).toEqual(['a/c.png', 'b.jpg'])
  await rm(join(root, 'b.jpg'))
  await rm(join(root, 'a/c.png'))
  await expect(listImages(root)).rejects.toMatchObject({ code: 'DATA_NO_IMAGES' })
})

describe('stratifiedSplit', () => {
  test('does not depend on the order of the samples', () => {
    const samples = Array.from({ length: 40 }, (_, i) => ({ path: `${i}.jpg`, label: i % 2 }))
    const held = (list: typeof samples) =>
      stratifiedSplit({ classes: ['a', 'b'], samples: list }, 0.25, 7)
        .held.samples.map(({ path }) => path)
        .sort()
    expect(held(samples.toReversed())).toEqual(held(samples))
    expect(held(samples)).toHaveLength(10)
  })
})

test('contentHashes tells files apart by content alone', async () => {
  await put('a/1.jpg')
  await writeFile(join(root, 'copy.jpg'), 'a/1.jpg')
  await writeFile(join(root, 'other.jpg'), 'other')
  const hashes = await contentHashes(['a/1.jpg', 'copy.jpg', 'other.jpg'].map((path) => ({ path: join(root, path), label: 0 })))
  expect(hashes[0]).toBe(hashes[1])
  expect(hashes[0]).not.toBe(hashes[2])
  expect(hashes[2]).toBe('d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa')
})

describeWithData('steel defects', 'neu-det/IMAGES', (folder) => {
  test('six classes of 294 to 296 from the file names, split 80 to 20', async () => {
    const { classes, splits } = await openImageFolder(folder, { classFromName: /^(.+)_\d+\./ })
    expect(classes).toEqual(['crazing', 'inclusion', 'patches', 'pitted_surface', 'rolled-in_scale', 'scratches'])
    expect(classCounts(splits.train!)).toEqual([236, 237, 236, 235, 236, 236])
    expect(classCounts(splits.val!)).toEqual(Array(6).fill(59))
    expect(basename(splits.train!.samples[0]!.path)).toMatch(/^crazing_/)
  })
})
