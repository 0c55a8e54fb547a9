import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Annotation } from '../../vision/annotation.ts'
import { polygonArea } from '../../vision/geometry/polygon.ts'
import { polygonsMask } from '../../vision/polygon-mask.ts'
import { toRunLengthText } from '../../vision/run-length-text.ts'
import { encodeMask, maskArea } from '../../vision/run-lengths.ts'
import { convertDataset, type OpenDatasetOptions, readDataset, writeDataset } from './dataset-files.ts'
import { datasetFormatCases } from './format.case.ts'
import type { DatasetProblem } from './problems.ts'
import { datasetStatistics, statisticsText } from './statistics.ts'
import { datasetFormats, detectFormat } from './table.ts'
import { validateDataset } from './validate.ts'

for (const format of datasetFormats) datasetFormatCases(format)

let base = ''
let root = ''
let run = 0
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-formats-'))
})
beforeEach(() => {
  root = join(base, String(run++))
})
afterAll(() => rm(base, { recursive: true }))

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), content)
}

const picture = (background: string, width = 20, height = 10) =>
  sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer()

async function problemsOf(options: OpenDatasetOptions = {}): Promise<string[]> {
  const problems: DatasetProblem[] = []
  await readDataset(root, { ...options, onProblem: (problem) => problems.push(problem) })
  return problems.map(({ code }) => code)
}

describe('pixels of Pascal VOC', () => {
  const xml = (xmin: number, ymin: number, xmax: number, ymax: number) =>
    `<annotation><filename>a.png</filename><size><width>20</width><height>10</height></size><object><name>x</name><bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object></annotation>`
  const boxOf = async (options?: OpenDatasetOptions) =>
    (await readDataset(root, { format: 'voc', ...options })).pictures[0]!.annotations[0]!.box

  test('begin at 1 and end with the last pixel, unless they are said to begin at 0', async () => {
    await put('a.xml', xml(1, 1, 20, 10))
    expect(await boxOf()).toEqual({ x1: 0, y1: 0, x2: 20, y2: 10 })
    expect(await boxOf({ vocOrigin: 'zero' })).toEqual({ x1: 1, y1: 1, x2: 20, y2: 10 })
    // What another format has does nothing here, and is refused.
    await expect(boxOf({ csvBox: 'xywh' })).rejects.toMatchObject({
      code: 'DATA_OPTION_INVALID',
      details: { field: 'csvBox', found: 'voc' },
    })
  })

  test('are written as they are read', async () => {
    const box = { x1: 2, y1: 0, x2: 5, y2: 4 }
    const item = { name: 'a.png', width: 20, height: 10, labels: [], captions: [], annotations: [{ label: 0, box }] }
    await writeDataset({ classes: [{ name: 'x' }], pictures: [item] }, root, { format: 'voc' })
    expect(await readFile(join(root, 'Annotations/a.xml'), 'utf8')).toMatch(/<xmin>3<.*<ymin>1<.*<xmax>5<.*<ymax>4</s)
    expect(await boxOf()).toEqual(box)
  })

  test('of a click without a drag have no size, and a first pixel of 0 is told', async () => {
    await put('a.xml', xml(7, 3, 7, 3))
    expect(await boxOf()).toEqual({ x1: 6, y1: 2, x2: 6, y2: 2 })
    expect(await problemsOf({ format: 'voc' })).toContain('zero-size-box')
    await put('a.xml', xml(0, 0, 7, 3))
    expect(await problemsOf({ format: 'voc' })).toEqual(['first-pixel', 'missing-file', 'outside-image'])
  })
})

describe('hostile label files', () => {
  const codeOf = (format: string) =>
    readDataset(root, { format }).then(
      () => 'no error',
      (error: { code: string }) => error.code,
    )

  test('no entity is expanded or fetched', async () => {
    const entities = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">'
    await put('a.xml', `<?xml version="1.0"?><!DOCTYPE annotation [${entities}]><annotation><filename>&b;&c;</filename></annotation>`)
    expect(await codeOf('voc')).toBe('DATASET_MALFORMED')
    await put('a.xml', '<annotation><filename>&c;</filename></annotation>')
    expect(await codeOf('voc')).toBe('DATASET_MALFORMED')
  })

  test('nothing is as deep as it likes', async () => {
    await put('a.xml', `${'<annotation>'.repeat(100_000)}`)
    expect(await codeOf('voc')).toBe('DATASET_TOO_LARGE')
    await put('a.json', `{"images":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)
    expect(await codeOf('coco')).toBe('DATASET_TOO_LARGE')
  })

  test.each([
    ['coco', 'a.json', '{"images":[{"id":1,"file_name":"../secret.png"}],"annotations":[],"categories":[]}'],
    ['voc', 'a.xml', '<annotation><filename>/etc/passwd</filename></annotation>'],
    ['cvat', 'a.xml', '<annotations><image name="..\\..\\x.png" width="1" height="1"/></annotations>'],
    ['labelme', 'a.json', '{"shapes":[],"imagePath":"../../x.png"}'],
    ['csv', 'labels.csv', 'image,label\n../x.png,a\n'],
    ['open-images', 'annotations/images-with-rotation.csv', 'ImageID,Subset\n../../x,\n'],
  ])('no path of %s leads out of the folder', async (format, file, content) => {
    await put(file, content)
    expect(await codeOf(format)).toBe('DATASET_PATH')
    expect(await problemsOf({ format })).toContain('path-outside')
  })

  test('of YAML no alias is followed', async () => {
    await put('data.yaml', 'a: &a [1]\nnames: [*a, *a]\n')
    expect(await codeOf('yolo')).toBe('DATASET_MALFORMED')
  })
})

describe('validateDataset', () => {
  test('reports every problem with its code and file', async () => {
    await put('images/train/a.png', await picture('red'))
    await put('images/val/b.png', await picture('red'))
    await put('images/train/c.png', 'no picture')
    await put('images/train/d.png', await picture('blue'))
    const box = (x: number, y: number, w: number, h: number) => ({ image_id: 1, category_id: 1, bbox: [x, y, w, h] })
    const images = ['a', 'c', 'd', 'gone'].map((name, i) => ({
      id: i + 1,
      file_name: `${name}.png`,
      width: 20,
      height: name === 'd' ? 11 : 10,
    }))
    const annotations = [
      box(1, 1, 4, 4),
      box(1, 1, 0, 4),
      box(15, 1, 10, 4),
      box(5, 5, -2, 2),
      { ...box(1, 1, 2, 2), category_id: 9 },
      { ...box(1, 1, 2, 2), image_id: 77 },
    ]
    const categories = [
      { id: 1, name: 'x' },
      { id: 2, name: 'never' },
    ]
    await put('annotations/instances_train.json', JSON.stringify({ images, annotations, categories }))
    await put(
      'annotations/instances_val.json',
      JSON.stringify({ images: [{ id: 1, file_name: 'b.png', width: 20, height: 10 }], categories }),
    )
    const { problems, images: count, boxes, classes } = await validateDataset(root)
    expect([count, boxes, classes]).toEqual([5, 5, ['x', 'never']])
    expect(problems.map(({ code, file, other }) => [code, file, ...(other === undefined ? [] : [other])])).toEqual([
      ['missing-file', 'gone.png'],
      ['unknown-class', 'annotations/instances_train.json'],
      ['orphan-labels', 'annotations/instances_train.json'],
      ['zero-size-box', 'train/a.png'],
      ['outside-image', 'train/a.png'],
      ['inverted-box', 'train/a.png'],
      ['unlabelled-image', 'train/c.png'],
      ['unreadable-image', 'train/c.png'],
      ['unlabelled-image', 'train/d.png'],
      ['image-size', 'train/d.png'],
      ['unlabelled-image', 'train/gone.png'],
      ['unlabelled-image', 'val/b.png'],
      ['duplicate-image', 'val/b.png', 'train/a.png'],
      ['split-leakage', 'val/b.png', 'train/a.png'],
      ['empty-class', '.'],
    ])
  })

  test('decodes the pictures, so that a JPEG which is cut is told; headers alone do not tell it', async () => {
    const noise = Buffer.from(Array.from({ length: 64 * 48 * 3 }, (_, i) => (i * i * 7919) % 251))
    const jpeg = await sharp(noise, { raw: { width: 64, height: 48, channels: 3 } })
      .jpeg()
      .toBuffer()
    await put('x/whole.jpg', jpeg)
    await put('x/cut.jpg', jpeg.subarray(0, jpeg.length - 700))
    await put('x/copy.jpg', jpeg)
    for (let i = 0; i < 20; i++) await put(`x/more ${i}.png`, await picture('red', 20 + i))
    const codes = async (options: Parameters<typeof validateDataset>[1]) => {
      const counts: number[] = []
      const { problems } = await validateDataset(root, { ...options, onPicture: (count) => counts.push(count) })
      expect(counts).toEqual(Array.from({ length: 23 }, (_, i) => i + 1))
      return problems.map(({ code, file, detail }) => [code, file, ...(code === 'unreadable-image' ? [detail.split(':')[0]] : [])])
    }
    const duplicate = ['duplicate-image', 'x/whole.jpg']
    expect(await codes({})).toEqual([['unreadable-image', 'x/cut.jpg', 'DATA_TRUNCATED'], duplicate])
    expect(await codes({ quick: true })).toEqual([duplicate])
    expect(await codes({ openPictures: false })).toEqual([])
    await expect(validateDataset(root, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('tells annotations that stand twice, but not two things in one box', async () => {
    await put('images/a.png', await picture('red'))
    const bbox = [1, 1, 4, 4]
    const one = { image_id: 1, category_id: 1, bbox }
    const annotations = [
      one,
      { ...one, id: 7 },
      { ...one, category_id: 2 },
      { ...one, category_id: 2, segmentation: [[1, 1, 5, 1, 5, 5]] },
      { ...one, bbox: [2, 1, 4, 4] },
      { ...one, bbox: [6, 1, 4, 4], segmentation: [[6, 1, 10, 1, 10, 5]] },
      { ...one, bbox: [6, 1, 4, 4], segmentation: [[6, 1, 10, 5, 6, 5]] },
    ]
    const categories = ['x', 'y'].map((name, i) => ({ id: i + 1, name }))
    await put(
      'annotations/instances.json',
      JSON.stringify({ images: [{ id: 1, file_name: 'a.png', width: 20, height: 10 }], annotations, categories }),
    )
    const { problems } = await validateDataset(root)
    expect(problems.map(({ code, detail }) => [code, detail])).toEqual([
      ['duplicate-annotation', 'annotation 7: the same as annotation 0, 1 1 5 5'],
      ['duplicate-annotation', 'annotation 3: the same as annotation 2, 1 1 5 5'],
    ])
  })

  test('a group in two splits leaks', async () => {
    await put('labels.csv', 'image,split,group,label\na.png,train,1,x\nb.png,val,1,x\nc.png,val,2,x\n')
    const { problems } = await validateDataset(root)
    expect(problems.filter(({ code }) => code === 'split-leakage').map(({ file, other }) => [file, other])).toEqual([
      ['val/b.png', 'train/a.png'],
    ])
  })
})

test('converting tells what was wrong and what is lost', async () => {
  await put('in/images/a.png', await picture('red'))
  await put('in/labels/a.txt', '0 0.5 0.5 0.2 0.4\n0 0 0 1 0 1 1\n1 0.5 0.5 0.1\n')
  const result = await convertDataset(join(root, 'in'), join(root, 'out'), { to: 'voc' })
  expect(result).toMatchObject({ from: 'yolo', format: 'voc', pictures: 1 })
  expect(result.problems.map(({ code }) => code)).toEqual(['malformed-entry'])
  expect(result.losses).toEqual([{ what: 'outline', count: 1, example: 'a.png' }])
  const { pictures } = await readDataset(join(root, 'out'))
  expect(pictures[0]!.annotations.map(({ box }) => box)).toEqual([
    { x1: 8, y1: 3, x2: 12, y2: 7 },
    { x1: 0, y1: 0, x2: 20, y2: 10 },
  ])
})

test("COCO's compressed run lengths are read, and broken ones refused", async () => {
  const file = (counts: string) =>
    JSON.stringify({
      images: [{ id: 1, file_name: 'a.png', width: 4, height: 3 }],
      categories: [{ id: 1, name: 'x' }],
      annotations: [{ id: 1, image_id: 1, category_id: 1, iscrowd: 1, segmentation: { size: [3, 4], counts } }],
    })
  const mask = { width: 4, height: 3, counts: [4, 2, 6] }
  await put('a.json', file(toRunLengthText(mask)))
  expect((await readDataset(root)).pictures[0]!.annotations[0]).toMatchObject({ mask, isCrowd: true })
  await put('a.json', file('~'))
  await expect(readDataset(root)).rejects.toMatchObject({
    code: 'DATASET_MALFORMED',
    details: { field: 'annotations[0].segmentation.counts' },
  })
})

describe("COCO's ids", () => {
  const image = (id: number | string, name: string) => ({ id, file_name: name, width: 20, height: 10 })
  const thing = (id: number, image_id: number | string, category_id: number) => ({
    id,
    image_id,
    category_id,
    bbox: [1, 1, 4, 4],
    iscrowd: 0,
  })
  const file = (images: object[], annotations: object[], categories: object[]) => JSON.stringify({ images, annotations, categories })
  const [cat, dog] = [
    { id: 18, name: 'cat' },
    { id: 3, name: 'dog' },
  ]
  const told = async (path: string) => {
    const { images, annotations, categories } = JSON.parse(await readFile(join(root, path), 'utf8')) as Record<
      string,
      Record<string, unknown>[]
    >
    return {
      images: images!.map(({ id, file_name }) => [id, file_name]),
      annotations: annotations!.map(({ id, image_id, category_id }) => [id, image_id, category_id]),
      categories: categories!.map(({ id, name }) => [id, name]),
    }
  }

  test('of pictures, classes and annotations are written as they were read, in each split by themselves', async () => {
    await put(
      'in/instances_train.json',
      file([image(397133, 'a.png'), image('x7', 'b.png')], [thing(5, 397133, 18), thing(6, 'x7', 3)], [cat, dog]),
    )
    await put('in/instances_val.json', file([image(397133, 'c.png')], [thing(5, 397133, 3)], [cat, dog]))
    const { losses, problems } = await convertDataset(join(root, 'in'), join(root, 'out'), { to: 'coco' })
    expect(losses).toEqual([])
    expect(problems.map(({ code }) => code)).toEqual(['missing-file', 'missing-file', 'missing-file'])
    expect(await told('out/annotations/instances_train.json')).toEqual(await told('in/instances_train.json'))
    expect(await told('out/annotations/instances_val.json')).toEqual(await told('in/instances_val.json'))
    const voc = await convertDataset(join(root, 'in'), join(root, 'voc'), { to: 'voc' })
    expect(voc.losses.map(({ what, count }) => [what, count])).toEqual([
      ['id of a class', 2],
      ['id of a picture', 3],
      ['id of an annotation', 3],
    ])
  })

  test('that are taken are told, and so are two ids of one class', async () => {
    await put('in/instances_train.json', file([image(1, 'a.png')], [thing(5, 1, 18)], [cat]))
    await put(
      'in/instances_val.json',
      file(
        [image(1, 'c.png')],
        [thing(5, 1, 9)],
        [
          { id: 9, name: 'cat' },
          { id: 18, name: 'cow' },
        ],
      ),
    )
    const problems: DatasetProblem[] = []
    const set = await readDataset(join(root, 'in'), { onProblem: (problem) => problems.push(problem) })
    expect(problems.filter(({ code }) => code !== 'missing-file').map(({ code, detail }) => [code, detail])).toEqual([
      ['several-ids', 'class "cat": 9, before 18'],
    ])
    const pictures = set.pictures.map(({ split: _, ...rest }) => rest)
    const { losses } = await writeDataset({ classes: set.classes, pictures }, join(root, 'out'), { format: 'coco' })
    expect(losses.map(({ what, example }) => [what, example])).toEqual([
      ['id of a class, which is taken', 'cow'],
      ['id of a picture, which is taken', 'c.png'],
      ['id of an annotation, which is taken', 'c.png'],
    ])
    expect(await told('out/annotations/instances.json')).toEqual({
      images: [
        [1, 'a.png'],
        [2, 'c.png'],
      ],
      annotations: [
        [5, 1, 18],
        [1, 2, 18],
      ],
      categories: [
        [18, 'cat'],
        [1, 'cow'],
      ],
    })
  })

  test('of panoptic segments are the colours that they were', async () => {
    const mask = (from: number, length: number) => ({ width: 20, height: 10, counts: [from, length, 200 - from - length] })
    const one = { name: 'a.png', id: 42, width: 20, height: 10, labels: [], captions: [] }
    const annotations = [
      { label: 0, id: 3_226_956, mask: mask(0, 30) },
      { label: 1, id: 2 ** 24, mask: mask(40, 30) },
      { label: 1, mask: mask(80, 30) },
    ]
    const set = { classes: [cat, dog], pictures: [{ ...one, annotations }] }
    const { losses } = await writeDataset(set, root, { format: 'coco-panoptic' })
    expect(losses.map(({ what }) => what)).toEqual(['id of an annotation, which no colour stands for'])
    const back = await readDataset(root, { onProblem: () => {} })
    expect(back.classes.map(({ id }) => id)).toEqual([18, 3])
    expect(back.pictures[0]).toMatchObject({ id: 42, annotations: [{ id: 3_226_956, mask: mask(0, 30) }, { id: 1 }, { id: 2 }] })
  })
})

test("COCO's boxes of decimals come back to the last bit, and so do areas that follow from them", async () => {
  const boxes = [
    [0.1, 0.2, 0.7, 0.1],
    [12.34, 5.55, 33.33, 0.07],
  ]
  const annotations = boxes.map((bbox, i) => ({ id: i + 1, image_id: 1, category_id: 1, bbox, segmentation: [], iscrowd: 0 }))
  const categories = [{ id: 1, name: 'x' }]
  await put('a.json', JSON.stringify({ images: [{ id: 1, file_name: 'a.png', width: 90, height: 60 }], categories, annotations }))
  const out = join(root, 'out')
  await convertDataset(join(root, 'a.json'), out, { to: 'coco' })
  const written = JSON.parse(await readFile(join(out, 'annotations/instances.json'), 'utf8')) as {
    annotations: { bbox: number[]; area: number }[]
  }
  expect(written.annotations.map(({ bbox }) => bbox)).toEqual(boxes)
  expect(written.annotations.map(({ area }) => area)).toEqual(boxes.map(([, , w, h]) => w! * h!))
})

test('outlines become masks where a format holds only these', async () => {
  const annotations = [{ label: 0, polygons: [[2, 1, 8, 1, 8, 5, 2, 5]] }]
  const item = { name: 'a.png', width: 20, height: 10, labels: [], captions: [], annotations }
  const { losses } = await writeDataset({ classes: [{ name: 'x' }], pictures: [item] }, root, { format: 'mask-folder' })
  expect(losses).toEqual([{ what: 'outline', count: 1, example: 'a.png' }])
  // The picture is missing, so its mask is all there is: it is found by its picture's name.
  await put('images/a.png', await picture('red'))
  const { pictures } = await readDataset(root, { format: 'mask-folder' })
  expect(pictures[0]!.annotations[0]!.mask!.counts.reduce((sum, count, i) => sum + (i % 2) * count, 0)).toBe(24)
})

test('masks become outlines where a format holds only these: holes stay, the largest part where there may be one', async () => {
  const rows = ['....................', '.#####..............', '.#...#....##........', '.#...#....##........', '.#####..............']
  const pixels = Array.from({ length: 200 }, (_, i) => (rows[Math.floor(i / 20)]?.[i % 20] === '#' ? 1 : 0))
  const mask = encodeMask(pixels, 20, 10)
  const ring = encodeMask(
    pixels.map((one, i) => (i % 20 < 8 ? one : 0)),
    20,
    10,
  )
  const item = (annotation: Partial<Annotation>, size = { width: 20, height: 10 }) => ({
    classes: [{ name: 'x' }],
    pictures: [{ name: 'a.png', file: join(root, 'a.png'), ...size, labels: [], captions: [], annotations: [{ label: 0, ...annotation }] }],
  })
  await put('a.png', await picture('red'))
  const { losses } = await writeDataset(item({ mask, box: { x1: 1, y1: 1, x2: 12, y2: 5 } }), join(root, 'yolo'), { format: 'yolo' })
  expect(losses.map(({ what }) => what)).toEqual([
    'further part of an outline',
    'mask, whose outline is written',
    'box beside a finer shape',
  ])
  const [one] = (await readDataset(join(root, 'yolo'), { format: 'yolo' })).pictures[0]!.annotations
  expect(polygonsMask(one!.polygons!, 20, 10)).toEqual(ring)
  // A mask of another size than its picture would lie elsewhere.
  const other = await writeDataset(item({ mask }, { width: 40, height: 20 }), join(root, 'other'), { format: 'yolo' })
  expect(other.losses.map(({ what }) => what)).toEqual(['mask'])
})

test.each(['yolo-obb', 'dota'])('outlines and masks become the smallest turned boxes around them: %s', async (format) => {
  // Twice as long as wide, turned by the angle whose sine is 3/5.
  const polygon = [4, 2, 12, 8, 9, 12, 1, 6]
  const triangle = encodeMask(
    Array.from({ length: 400 }, (_, i) => (i % 20 > Math.floor(i / 20) + 4 ? 1 : 0)),
    20,
    20,
  )
  await put('a.png', await picture('red', 20, 20))
  const annotations = [
    { label: 0, polygons: [polygon, [5, 5, 6, 6, 5, 6]], box: { x1: 1, y1: 2, x2: 12, y2: 12 } },
    { label: 0, mask: triangle },
  ]
  const one = { name: 'a.png', file: join(root, 'a.png'), width: 20, height: 20, labels: [], captions: [], annotations }
  const { losses } = await writeDataset({ classes: [{ name: 'x' }], pictures: [one] }, join(root, 'out'), { format })
  expect(losses.map(({ what }) => what)).toEqual(['outline', 'mask'])
  const [turned, around] = (await readDataset(join(root, 'out'), { format })).pictures[0]!.annotations.map(
    ({ orientedBox }) => orientedBox!,
  )
  expect(polygonArea(turned!)).toBeCloseTo(50, 4)
  for (let i = 0; i < 8; i += 2)
    expect(Math.min(...[0, 2, 4, 6].map((k) => Math.hypot(turned![i]! - polygon[k]!, turned![i + 1]! - polygon[k + 1]!)))).toBeLessThan(
      1e-4,
    )
  expect(maskArea(polygonsMask([around!], 20, 20))).toBeGreaterThanOrEqual(maskArea(triangle))
})

test('without somebody to tell, what is broken is thrown', async () => {
  await put('images/a.png', await picture('red'))
  await put('labels/a.txt', '0 0.5 0.5 0.2\n')
  await expect(readDataset(root, { format: 'yolo' })).rejects.toMatchObject({
    code: 'DATASET_MALFORMED',
    details: { file: 'labels/a.txt', field: 'line 1' },
  })
})

test('pictures of one name in two splits get names of their own where there is one folder', async () => {
  for (const split of ['train', 'val']) {
    await put(`images/${split}/1.png`, await picture(split === 'val' ? 'red' : 'blue'))
    await put(`labels/${split}/1.txt`, '0 0.5 0.5 0.2 0.4\n')
  }
  const { losses } = await convertDataset(root, join(root, 'out'), { to: 'voc' })
  expect(losses).toEqual([{ what: 'name of a picture, which is taken', count: 1, example: '1.png' }])
  const { pictures } = await readDataset(join(root, 'out'), { format: 'voc' })
  expect(pictures.map(({ name, split }) => [name, split])).toEqual([
    ['1.png', 'train'],
    ['val/1.png', 'val'],
  ])
})

test('statistics count by class, split and size', async () => {
  const item = {
    labels: [1],
    captions: ['x'],
    annotations: [
      { label: 0, box: { x1: 0, y1: 0, x2: 10, y2: 10 } },
      { label: 0, box: { x1: 0, y1: 0, x2: 50, y2: 50 } },
    ],
  }
  const statistics = await datasetStatistics({
    classes: [{ name: 'a' }, { name: 'b' }],
    pictures: [
      { name: '1', split: 'train', ...item },
      { name: '2', labels: [], captions: [], annotations: [] },
    ],
  })
  expect(statistics).toMatchObject({
    images: 2,
    boxes: 2,
    classes: ['a', 'b'],
    splits: { '': 1, train: 1 },
    sizes: { small: 1, medium: 1, large: 0 },
    perImage: { least: 0, mean: 1, most: 2 },
    perClass: { a: { pictures: 1, annotations: 2, labels: 0 }, b: { pictures: 1, annotations: 0, labels: 1 } },
  })
  expect(statisticsText(statistics)).toContain('splits: none 1, train 1')
})

test('a folder that tells nothing is of no format', async () => {
  await put('notes.md', '')
  expect(await detectFormat(root)).toEqual([])
  await expect(readDataset(root)).rejects.toMatchObject({ code: 'DATASET_UNKNOWN_FORMAT' })
  await put('pictures/a.jpg', await picture('red'))
  await put('pictures/cut.json', '{"images":')
  await expect(readDataset(join(root, 'pictures/cut.json')), 'not the pictures beside it').rejects.toMatchObject({
    code: 'DATASET_UNKNOWN_FORMAT',
    details: { found: 'a file whose beginning tells nothing' },
  })
  await expect(readDataset(root, { format: 'cocoa' })).rejects.toMatchObject({ code: 'DATASET_UNKNOWN_FORMAT' })
  await expect(readDataset(join(root, 'none'))).rejects.toMatchObject({ code: 'DATA_NOT_A_FOLDER' })
})

test('attributes with the names of an element of VOC, but something else in them, are written as attributes', async () => {
  const box = { x1: 4, y1: 4, x2: 15, y2: 20 }
  for (const attributes of [{ parts: 5 }, { actions: 3 }, { actions: { 'a b<': 1 } }]) {
    const out = join(root, Object.values(attributes).join(''), Object.keys(attributes)[0]!)
    const one = { name: 'p.jpg', width: 20, height: 30, labels: [], captions: [], annotations: [{ label: 0, box, attributes }] }
    await writeDataset({ classes: [{ name: 'a' }], pictures: [one] }, out, { format: 'voc' })
    const problems: string[] = []
    const { pictures } = await readDataset(out, { format: 'voc', onProblem: ({ code }) => problems.push(code) })
    expect([problems, pictures[0]!.annotations.length]).toEqual([['missing-file'], 1])
  }
})

test('sizes that a data set does not tell are those of the pictures', async () => {
  await put('cat/a.png', await picture('red'))
  await put('dog/b.png', await picture('blue'))
  const out = join(root, '..', 'sized')
  await convertDataset(root, out, { to: 'coco' })
  const { pictures } = await readDataset(out)
  expect(pictures.map(({ width, height }) => [width, height])).toEqual([
    [20, 10],
    [20, 10],
  ])
})

test.each(['yolo', 'yolo-obb', 'dota', 'mask-folder'])('%s: pictures whose names begin with images/ keep their labels', async (format) => {
  await put('images/a.png', await picture('red'))
  const one = {
    name: 'images/a.png',
    file: join(root, 'images/a.png'),
    width: 20,
    height: 10,
    labels: [],
    captions: [],
    annotations: [
      { label: 0, box: { x1: 2, y1: 2, x2: 9, y2: 8 }, orientedBox: [2, 2, 9, 2, 9, 8, 2, 8], polygons: [[2, 2, 9, 2, 9, 8, 2, 8]] },
    ],
  }
  const out = join(root, 'out')
  const { losses } = await writeDataset({ classes: [{ name: 'a' }], pictures: [one] }, out, { format })
  expect(losses.map(({ what }) => what)).toContain('name of a picture, which is changed')
  const { pictures } = await readDataset(out, { format })
  expect(pictures.map(({ name, annotations }) => [name, annotations.length])).toEqual([['a.png', 1]])
})
