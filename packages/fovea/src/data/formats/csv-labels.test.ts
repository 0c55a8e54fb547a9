// What columns of a CSV mean: sizes of boxes and pictures, corners or width and height, separators, files without a heading.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { guessBoxOrder } from './csv-box-order.ts'
import { type OpenDatasetOptions, readDataset } from './dataset-files.ts'
import type { DatasetProblem } from './problems.ts'
import { detectFormat } from './table.ts'

let base = ''
let root = ''
let run = 0
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-csv-'))
})
afterAll(() => rm(base, { recursive: true }))
beforeEach(async () => {
  root = join(base, String(run++))
  await mkdir(root)
  for (const name of ['a', 'b', 'c d'])
    await sharp({ create: { width: 100, height: 80, channels: 3, background: 'red' } })
      .png()
      .toFile(join(root, `${name}.png`))
})

/** Boxes by picture as `class x1 y1 x2 y2`, and problems as `code: detail`. */
async function read(text: string, { name = 'labels.csv', ...options }: OpenDatasetOptions & { name?: string } = {}) {
  await writeFile(join(root, name), text)
  const problems: DatasetProblem[] = []
  const set = await readDataset(join(root, name), { onProblem: (problem) => problems.push(problem), ...options })
  const className = (label: number) => set.classes[label]?.name ?? '?'
  return {
    format: set.format,
    boxes: set.pictures.flatMap((picture) =>
      picture.annotations.map(({ label, box }) => `${picture.name} ${className(label)} ${[box!.x1, box!.y1, box!.x2, box!.y2].join(' ')}`),
    ),
    labels: set.pictures.map((picture) => `${picture.name}: ${picture.labels.map(className).join(' ')}`),
    sizes: set.pictures.map(({ width, height }) => [width, height]),
    problems: problems.map(({ code, detail }) => `${code}: ${detail}`),
  }
}

describe('width and height', () => {
  test('beside x and y are those of the box', async () => {
    for (const heading of ['image,label,x,y,width,height', 'Image,Label,X_min,Y_min,Width,Height', 'image,label,x1,y1,w,h']) {
      const { boxes, sizes, problems } = await read(`${heading}\na.png,cat,10,20,30,40\n`)
      expect({ boxes, sizes, problems }).toEqual({ boxes: ['a.png cat 10 20 40 60'], sizes: [[undefined, undefined]], problems: [] })
    }
  })

  test('beside both corners, or beside the width and height of a box, are those of the picture', async () => {
    for (const heading of ['filename,width,height,class,xmin,ymin,xmax,ymax', 'filename,width,height,class,x0,y0,x1,y1']) {
      const { boxes, sizes } = await read(`${heading}\na.png,100,80,cat,10,20,40,60\n`)
      expect({ boxes, sizes }).toEqual({ boxes: ['a.png cat 10 20 40 60'], sizes: [[100, 80]] })
    }
    const { boxes, sizes } = await read('image,width,height,label,x,y,bbox_width,bbox_height\na.png,100,80,cat,10,20,30,40\n')
    expect({ boxes, sizes }).toEqual({ boxes: ['a.png cat 10 20 40 60'], sizes: [[100, 80]] })
  })

  test('named as the picture’s are never those of a box; alone they are the picture’s', async () => {
    expect((await read('image,image_width,image_height,x,y,width,height\na.png,100,80,1,2,3,4\n')).sizes).toEqual([[100, 80]])
    expect((await read('image,label,width,height\na.png,cat,100,80\n')).sizes).toEqual([[100, 80]])
  })

  test('beside a centre are those of the box', async () => {
    const { boxes } = await read('image,label,x_center,y_center,width,height\na.png,cat,25,40,30,40\n')
    expect(boxes).toEqual(['a.png cat 10 20 40 60'])
  })
})

describe('four numbers in one column', () => {
  const file = (...boxes: string[]) => `image,label,bbox\n${boxes.map((box) => `a.png,cat,"[${box}]"\n`).join('')}`

  test('are what is not impossible: by themselves, or by the size of the picture', async () => {
    expect(await read(file('50, 10, 20, 30', '1,1,2,2'))).toMatchObject({
      boxes: ['a.png cat 50 10 70 40', 'a.png cat 1 1 3 3'],
      problems: [],
    })
    // 60 + 70 is more than 100 pixels.
    expect(await read(file('60,10,70,30', '1,1,2,2'))).toMatchObject({
      boxes: ['a.png cat 60 10 70 30', 'a.png cat 1 1 2 2'],
      problems: [],
    })
  })

  test('are corners where they may be either, which is told; an option or the name of the column settles it', async () => {
    const either = file('1,1,2,2')
    expect(await read(either)).toMatchObject({
      boxes: ['a.png cat 1 1 2 2'],
      problems: ['ambiguous-box: 1 boxes of four numbers read as corners (xyxy): they may as well be a corner, width and height (xywh)'],
    })
    expect(await read(either, { csvBox: 'xywh' })).toMatchObject({ boxes: ['a.png cat 1 1 3 3'], problems: [] })
    expect(await read(either, { csvBox: 'xyxy' })).toMatchObject({ boxes: ['a.png cat 1 1 2 2'], problems: [] })
    expect(await read(either.replace('bbox', 'bbox_xywh'))).toMatchObject({ boxes: ['a.png cat 1 1 3 3'], problems: [] })
  })

  test('the stated size of a picture counts where the picture is missing', async () => {
    const { boxes, problems } = await read('image,width,height,bbox\ngone.png,50,50,"30 30 40 40"\n')
    expect(boxes).toEqual(['gone.png ? 30 30 40 40'])
    expect(problems).toEqual(['missing-file: no picture gone.png'])
  })

  test('guesses agree with how random boxes were written, once a picture’s size is known', () => {
    const side = 60
    const box = fc.tuple(fc.nat(side - 2), fc.nat(side - 2), fc.nat(side), fc.nat(side)).map(([x, y, a, b]) => {
      return [x, y, Math.max(x + 1, a), Math.max(y + 1, b)] as const
    })
    fc.assert(
      fc.property(fc.array(box, { minLength: 40, maxLength: 60 }), (boxes) => {
        const size = { width: side, height: side }
        const corners = boxes.map(([a, b, c, d]) => ({ numbers: [a, b, c, d] as const, size }))
        const sized = boxes.map(([a, b, c, d]) => ({ numbers: [a, b, c - a, d - b] as const, size }))
        expect(guessBoxOrder(corners)).toEqual({ order: 'xyxy' })
        expect(guessBoxOrder(sized)).toEqual({ order: 'xywh' })
      }),
      { numRuns: 50 },
    )
  })

  test('one box drawn the wrong way round among many is told, where no size speaks against it', () => {
    const boxes = Array.from({ length: 50 }, () => ({ numbers: [1, 1, 2, 2] as const }))
    expect(guessBoxOrder([...boxes, { numbers: [9, 1, 2, 2] }]).doubt).toMatch(/only 1 of them cannot be corners/)
    expect(guessBoxOrder([{ numbers: [9, 1, 2, 2] }, { numbers: [1, 1, -2, 2] }]).doubt).toBeDefined()
    expect(guessBoxOrder([])).toEqual({ order: 'xyxy' })
  })
})

test('boxes that all lie in 0 to 1 are told', async () => {
  expect((await read('image,x1,y1,x2,y2\na.png,0.1,0.2,0.5,0.75\n')).problems).toEqual([
    'ambiguous-box: 1 boxes within 0 to 1 read as pixels: they may be parts of width and height',
  ])
  expect((await read('image,x1,y1,x2,y2\na.png,0,0,1,1\n')).problems).toEqual([])
})

describe('separators', () => {
  test.each([';', '\t', ','])('%j, with quotes, a byte order mark and lines of Windows', async (by) => {
    const heading = ['image', 'label', 'caption', 'x1', 'y1', 'x2', 'y2'].join(by)
    const row = ['"c d.png"', '"a ""big"" one, or; so"', '', '1', '2', '3', '4'].join(by)
    const { boxes, labels, problems } = await read(`\uFEFF${heading}\r\n${row}\r\n${['b.png', '', '"x\ny"', '', '', '', ''].join(by)}\r\n`)
    expect(boxes).toEqual(['c d.png a "big" one, or; so 1 2 3 4'])
    expect(labels).toHaveLength(2)
    expect(problems).toEqual([])
  })

  test('a .tsv file is one too, and a box within a cell does not decide the separator', async () => {
    expect((await read('image\tlabel\na.png\tcat, or dog\n', { name: 'labels.tsv' })).labels).toEqual(['a.png: cat, or dog'])
    expect((await read('image;bbox\na.png;60,10,70,30\n')).boxes).toEqual(['a.png ? 60 10 70 30'])
  })
})

describe('without a heading', () => {
  test('are a picture and its class', async () => {
    expect(await read('a.png,cat\nb.png,dog\n')).toMatchObject({ format: 'csv', labels: ['a.png: cat', 'b.png: dog'], problems: [] })
  })

  test('are a picture, a box and its class, where a picture of nothing has empty cells', async () => {
    const rows = 'a.png,60,10,70,30,cat\na.png,1,1,9,9,dog\nb.png,,,,,\n'
    expect(await read(rows)).toMatchObject({
      boxes: ['a.png cat 60 10 70 30', 'a.png dog 1 1 9 9'],
      labels: ['a.png: ', 'b.png: '],
      problems: [],
    })
    expect((await read('a.png;cat;60;10;70;30\n')).boxes).toEqual(['a.png cat 60 10 70 30'])
    expect((await read('a.png,60,10,20,30,cat\n')).boxes).toEqual(['a.png cat 60 10 80 40'])
    expect((await read('a.png,60,10,70,30\n')).boxes).toEqual(['a.png ? 60 10 70 30'])
  })

  test('are recognised by the pictures that they name', async () => {
    await writeFile(join(root, 'train.csv'), 'a.png,60,10,70,30,cat\n')
    expect((await detectFormat(root))[0]).toMatchObject({ format: 'csv', reason: 'train.csv names pictures in its first column' })
  })

  test('are refused with their number of columns where these tell nothing', async () => {
    await expect(readDataset(root, { format: 'csv' })).resolves.toMatchObject({ pictures: [] })
    expect((await read('a.png,1,cat,3\n', { format: 'csv' })).problems).toEqual([
      expect.stringMatching(/^malformed-file: expected a heading.*found 4 columns without a heading/),
    ])
  })
})

test('of several columns of pictures or classes, names count before numbers', async () => {
  expect(await read('image_id,file_name,category_id,category_name,x,y,w,h\n7,a.png,3,cat,1,2,3,4\n')).toMatchObject({
    boxes: ['a.png cat 1 2 4 6'],
    problems: ['unknown-column: column 1, "image_id"', 'unknown-column: column 3, "category_id"'],
  })
  expect((await read('image_id,class_id,x1,y1,x2,y2\na,3,1,2,3,4\n')).boxes).toEqual(['a.png 3 1 2 3 4'])
})

test.each(['train.csv', 'train_labels.csv', 'train-export.csv', 'training.csv'])('%s is of the split train', async (name) => {
  await writeFile(join(root, name), 'image,label\na.png,cat\n')
  expect((await readDataset(root)).pictures.map(({ split }) => split)).toEqual(['train'])
})

test('columns that mean nothing are told, and files without a column of pictures; cells beyond the heading are refused', async () => {
  expect((await read('image,label,weather,image\na.png,cat,fair,b.png\n')).problems).toEqual([
    'unknown-column: column 3, "weather"',
    'unknown-column: column 4, "image"',
  ])
  expect((await read('id,score\n1,2\n', { format: 'csv' })).problems).toEqual([
    'unknown-column: no column of pictures: the file is not read',
  ])
  expect((await read('image,caption\na.png,one, two\n')).problems).toEqual([
    'malformed-entry: line 2, expected 2 cells, found 3: is a cell not quoted?',
  ])
})
