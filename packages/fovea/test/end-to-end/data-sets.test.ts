import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { expect, test } from 'vitest'
import { filesIn, fovea, temporaryFolder } from './cli.ts'

const folder = await temporaryFolder('data-sets')

/** Two pictures as YOLO has them; one box has no width. */
async function yoloSet(name: string): Promise<string> {
  const root = join(folder, name)
  for (const [split, color] of [
    ['train', 'red'],
    ['val', 'blue'],
  ] as const) {
    await mkdir(join(root, 'images', split), { recursive: true })
    await mkdir(join(root, 'labels', split), { recursive: true })
    await writeFile(
      join(root, 'images', split, `${color}.png`),
      await sharp({ create: { width: 20, height: 10, channels: 3, background: color } })
        .png()
        .toBuffer(),
    )
    await writeFile(join(root, 'labels', split, `${color}.txt`), `0 0.5 0.5 0.2 0.4\n1 0.5 0.5 ${split === 'val' ? 0 : 0.1} 0.4\n`)
  }
  await writeFile(join(root, 'data.yaml'), 'train: images/train\nval: images/val\nnames: [nut, bolt]\n')
  return root
}

test('data stats of a label file of which nothing can be read ends with 1', async () => {
  const file = join(folder, 'cut.json')
  await writeFile(file, '{"images": [')
  const { code, stdout } = await fovea(['data', 'stats', file, '--json'])
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({ images: 0, problems: [{ code: 'malformed-file', file: 'cut.json' }] })
})

test('data validate and stats print the JSON that scripts rely on', async () => {
  const root = await yoloSet('validate')
  for (const command of ['validate', 'stats']) {
    const { code, stdout } = await fovea(['data', command, root, '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      format: 'yolo',
      images: 2,
      boxes: 4,
      classes: ['nut', 'bolt'],
      problems: [{ code: 'zero-size-box', file: 'val/blue.png' }],
    })
  }
  expect((await fovea(['data', 'validate', root, '--strict'])).code).toBe(1)
  const plot = join(folder, 'classes.png')
  const { stdout } = await fovea(['data', 'stats', root, '--format', 'yolo', '--plot', plot])
  expect(stdout).toContain('splits: train 1, val 1')
  expect((await sharp(plot).metadata()).width).toBe(640)
})

test('data convert writes another format and says what is lost', async () => {
  const out = join(folder, 'coco')
  const { code, stdout } = await fovea(['data', 'convert', await yoloSet('convert'), out, '--to', 'coco', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ from: 'yolo', format: 'coco', pictures: 2, losses: [], problems: [{ code: 'zero-size-box' }] })
  const json = JSON.parse(await readFile(join(out, 'annotations/instances_train.json'), 'utf8')) as { annotations: { bbox: number[] }[] }
  expect(json.annotations.map(({ bbox }) => bbox)).toEqual([
    [8, 3, 4, 4],
    [9, 3, 2, 4],
  ])
  const again = await fovea(['data', 'convert', out, out, '--to', 'voc'])
  expect(again.code).toBe(1)
  expect(again.stderr).toContain('DATASET_EXISTS')
})

test('data split deals the pictures out anew', async () => {
  const out = join(folder, 'split')
  const { stdout } = await fovea(['data', 'split', await yoloSet('whole'), out, '--parts', 'train=0.5,test=0.5', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ splits: { train: 1, test: 1 }, losses: [] })
  expect((await filesIn(out)).filter((file) => file.includes('/images/test/'))).toHaveLength(1)
})

test('data split goes on without what is malformed, keeps equal pictures together, and refuses parts that would be empty', async () => {
  const root = await yoloSet('parted')
  for (const name of ['again', 'oncemore']) {
    await copyFile(join(root, 'images/train/red.png'), join(root, 'images/val', `${name}.png`))
    await writeFile(join(root, 'labels/val', `${name}.txt`), '0 0.5 0.5 0.2\n0 0.5 0.5 0.2 0.4\n')
  }
  const out = join(folder, 'parted-out')
  const { stdout } = await fovea(['data', 'split', root, out, '--parts', 'train=0.9,val=0.1', '--json'])
  const { splits, problems } = JSON.parse(stdout) as { splits: Record<string, number>; problems: { code: string; file: string }[] }
  expect(problems.filter(({ code }) => code === 'malformed-entry').map(({ file }) => file)).toEqual([
    'labels/val/again.txt',
    'labels/val/oncemore.txt',
  ])
  expect(splits).toEqual({ train: 3, val: 1 })
  const red = (await filesIn(out)).filter((file) => /(red|again|oncemore)\.png$/.test(file))
  expect(red.filter((file) => file.includes('images/train'))).toHaveLength(3)
  const refused = await fovea(['data', 'split', root, join(folder, 'parted-3'), '--parts', 'train=0.6,val=0.2,test=0.2'])
  expect(refused.stderr).toContain('DATASET_SPLIT')
})

test('data preview draws samples and variants of them; a wrong transform is named', async () => {
  const root = await yoloSet('preview')
  const out = join(folder, 'sheet.png')
  const command = ['data', 'preview', root, '--samples', '2', '--variants', '3', '--out', out]
  const { code, stdout } = await fovea([...command, '--transform', '[{"kind":"randomHorizontalFlip","probability":1}]', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    out,
    transform: { kind: 'compose' },
    samples: [expect.stringMatching(/\.png$/), expect.stringMatching(/\.png$/)],
  })
  expect((await sharp(out).metadata()).width).toBeGreaterThan(4 * 192)
  for (const [spec, expected] of [
    ['{"kind":"blurr"}', /one of .*DATA_TRANSFORM_INVALID/],
    ['[{]', /DATA_TRANSFORM_INVALID/],
    ['lite', /none, shift, light, strong.*DATA_FILE_NOT_FOUND/],
  ] as const) {
    const refused = await fovea([...command, '--transform', spec])
    expect(refused.code).not.toBe(0)
    expect(refused.stderr).toMatch(expected)
  }
})

test('data index writes what stands for the data set in other commands', async () => {
  const root = await yoloSet('indexed')
  const { code, stdout } = await fovea(['data', 'index', root, '--hash', '--near', '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    file: `${root}.fovea-index`,
    format: 'yolo',
    pictures: 2,
    problemCounts: { 'zero-size-box': 1 },
  })
  const ofFolder = JSON.parse((await fovea(['data', 'stats', root, '--json'])).stdout)
  expect(JSON.parse((await fovea(['data', 'stats', `${root}.fovea-index`, '--json'])).stdout)).toEqual(ofFolder)
  await writeFile(join(root, 'labels/train/red.txt'), '')
  const outdated = await fovea(['data', 'stats', `${root}.fovea-index`])
  expect(outdated.code).toBe(1)
  expect(outdated.stderr).toContain('DATASET_INDEX_OUTDATED')
})

test('data validate --near draws the pictures that look alike', async () => {
  const root = join(folder, 'near')
  await mkdir(join(root, 'a'), { recursive: true })
  const ramp = Buffer.from(Array.from({ length: 64 * 48 }, (_, i) => 4 * (i % 64)))
  for (const [name, level] of [
    ['1', 1],
    ['2', 0.98],
  ] as const)
    await sharp(ramp, { raw: { width: 64, height: 48, channels: 1 } })
      .linear(level)
      .png()
      .toFile(join(root, 'a', `${name}.png`))
  const sheet = join(folder, 'near.png')
  const { stdout } = await fovea(['data', 'validate', root, '--near', '6', '--sheet', sheet, '--json'])
  expect(JSON.parse(stdout)).toMatchObject({ nearPairs: [{ inTwoSplits: false }], problems: [{ code: 'near-duplicate' }] })
  expect((await sharp(sheet).metadata()).width).toBeGreaterThan(300)
})
