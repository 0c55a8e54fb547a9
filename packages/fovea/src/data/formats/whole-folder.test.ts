// Data sets are written whole or not at all.

import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LabelledStream } from '../../vision/labelled-set.ts'
import { convertDataset, readDataset, writeDataset } from './dataset-files.ts'

let base = ''
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-whole-'))
})
afterAll(() => rm(base, { recursive: true }))

const box = { x1: 1, y1: 1, x2: 5, y2: 5 }
const set: LabelledStream = {
  classes: [{ name: 'a' }],
  pictures: Array.from({ length: 5 }, (_, i) => ({
    name: `${i}.png`,
    width: 20,
    height: 10,
    labels: [],
    captions: [],
    annotations: [{ label: 0, box }],
  })),
}

/** A stream that does something before its third picture. */
const stream = (atThird: () => void): LabelledStream => ({
  classes: set.classes,
  pictures: {
    async *[Symbol.asyncIterator]() {
      let count = 0
      for await (const picture of set.pictures) {
        if (++count === 3) atThird()
        yield picture
      }
    },
  },
})

test('a cancelled conversion leaves nothing, nor the folders on the way; what was there stays', async () => {
  const there = join(base, 'there')
  await mkdir(there)
  for (const out of [there, join(base, 'new/deep/out')]) {
    const stop = new AbortController()
    await expect(
      writeDataset(
        stream(() => stop.abort()),
        out,
        { format: 'voc', signal: stop.signal },
      ),
    ).rejects.toMatchObject({ code: 'CANCELLED' })
  }
  expect(await readdir(base)).toEqual(['there'])
  expect(await readdir(there)).toEqual([])
})

test('one that fails half way leaves nothing, and the next one goes through', async () => {
  const out = join(base, 'again')
  const broken = stream(() => {
    throw new Error('the disk is gone')
  })
  await expect(writeDataset(broken, out, { format: 'yolo' })).rejects.toThrow('the disk is gone')
  expect(await readdir(base)).not.toContain('again')
  await writeDataset(set, out, { format: 'yolo' })
  expect((await readdir(out)).sort()).toEqual(['data.yaml', 'images', 'labels'])
})

test('a conversion whose source is malformed half way leaves nothing', async () => {
  const [source, out] = [join(base, 'source'), join(base, 'converted')]
  await writeDataset(set, source, { format: 'voc' })
  await expect(convertDataset(source, out, { to: 'coco', signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
  expect((await readdir(base)).filter((name) => name.startsWith('converted'))).toEqual([])
})

test('an empty folder that is there is filled, through a link too; one that is not empty, or a file, is refused untouched', async () => {
  const [real, link] = [join(base, 'real'), join(base, 'link')]
  await mkdir(real)
  await symlink(real, link)
  await writeDataset(set, link, { format: 'coco' })
  expect((await readdir(real)).sort()).toEqual(['annotations', 'images'])
  expect((await readDataset(real, { onProblem: () => {} })).pictures).toHaveLength(5)
  await expect(writeDataset(set, link, { format: 'coco' })).rejects.toMatchObject({ code: 'DATASET_EXISTS' })
  await writeFile(join(base, 'file'), 'x')
  await expect(writeDataset(set, join(base, 'file'), { format: 'coco' })).rejects.toMatchObject({ code: 'FILE_WRITE' })
  await expect(writeDataset(set, join(base, 'file/below'), { format: 'coco' })).rejects.toMatchObject({ code: 'FILE_WRITE' })
})

test('two that write to one place do not mix: one is there, the other is told', async () => {
  const out = join(base, 'both')
  const results = await Promise.allSettled([writeDataset(set, out, { format: 'voc' }), writeDataset(set, out, { format: 'coco' })])
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  expect(results.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'DATASET_EXISTS' } })
  expect((await readDataset(out, { onProblem: () => {} })).pictures).toHaveLength(5)
  expect((await readdir(base)).filter((name) => name.startsWith('both'))).toEqual(['both'])
})
