import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFolder } from './open-folder.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-open-folder-'))
  await mkdir(join(folder, 'flat'))
  for (const name of ['cat_1.png', 'cat_2.png', 'dog_1.png']) await writeFile(join(folder, 'flat', name), '')
  await writeFile(join(folder, 'labels.csv'), 'filename,label\na.png,cat\n')
})
afterAll(() => rm(folder, { recursive: true }))

describe('openFolder', () => {
  it('takes classes from names where the format is none, or an ImageFolder', async () => {
    for (const format of [undefined, 'image-folder']) {
      const { classes, splits } = await openFolder(join(folder, 'flat'), {
        classFromName: /^([a-z]+)/,
        validationFraction: 0,
        ...(format && { format }),
      })
      expect([classes, splits.train!.samples.map(({ label }) => label)]).toEqual([
        ['cat', 'dog'],
        [0, 0, 1],
      ])
    }
  })

  it('refuses a rule for classes beside a format that states them', async () => {
    const rule = { classFromName: /^([a-z]+)/ }
    const details = { field: 'classFromName', expected: 'a folder of pictures' }
    await expect(openFolder(join(folder, 'labels.csv'), { ...rule, format: 'csv' })).rejects.toMatchObject({
      code: 'DATA_CLASS_RULE',
      details,
    })
    await expect(openFolder(join(folder, 'set.fovea-index'), rule)).rejects.toMatchObject({ code: 'DATA_CLASS_RULE', details })
  })
})
