// Parts of formats that the shared suite does not reach: tracks of videos, packed brush masks, poses, masks of Open Images.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import sharp from 'sharp'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { toRunLengthText } from '../../vision/run-length-text.ts'
import { decodeBrush, encodeBrush } from './brush-rle.ts'
import { readDataset, writeDataset } from './dataset-files.ts'
import type { DatasetProblem } from './problems.ts'

let base = ''
let root = ''
let run = 0
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-more-formats-'))
})
beforeEach(() => {
  root = join(base, String(run++))
})
afterAll(() => rm(base, { recursive: true }))

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), content)
}

const picture = (width = 20, height = 10) =>
  sharp({ create: { width, height, channels: 3, background: 'red' } })
    .png()
    .toBuffer()

async function readAll(format: string) {
  const problems: DatasetProblem[] = []
  const set = await readDataset(root, { format, onProblem: (problem) => problems.push(problem) })
  return { ...set, codes: problems.map(({ code }) => code) }
}

describe('tracks of CVAT for video', () => {
  const video = (tracks: string, meta = '<start_frame>0</start_frame><stop_frame>8</stop_frame><frame_filter>step=2</frame_filter>') =>
    put(
      'annotations.xml',
      `<annotations><version>1.1</version><meta><task><size>5</size>${meta}<original_size><width>40</width><height>30</height></original_size><labels><label><name>car</name></label></labels></task></meta>${tracks}</annotations>`,
    )
  const box = (frame: number, x: number, more = '') =>
    `<box frame="${frame}" outside="0" occluded="0" keyframe="1" xtl="${x}" ytl="2" xbr="${x + 4}" ybr="6" ${more}/>`
  const boxes = async () => (await readAll('cvat')).pictures.map(({ annotations }) => annotations.map((one) => one.box?.x1))

  test('lie between keyframes on a straight line, up to where the thing leaves', async () => {
    await video(`<track id="3" label="car">${box(0, 0)}${box(4, 8)}${box(8, 20).replace('outside="0"', 'outside="1"')}</track>`)
    expect(await boxes()).toEqual([[0], [4], [8], [14], []])
    const { pictures, codes } = await readAll('cvat')
    expect(codes).toEqual(['missing-file'])
    expect(pictures[1]).toMatchObject({
      name: 'frame_000002.png',
      width: 40,
      height: 30,
      annotations: [{ label: 0, attributes: { track_id: '3', occluded: '0' } }],
    })
  })

  test('come back after a gap, and end with the last frame that is listed', async () => {
    const gone = box(2, 4).replace('outside="0"', 'outside="1"')
    await video(`<track id="0" label="car">${box(0, 0)}${gone}${box(6, 30, 'rotation="0"')}</track>`)
    expect(await boxes()).toEqual([[0], [], [], [30], []])
  })

  test('turn the shorter way; outlines of other lengths stay', async () => {
    const turned = (frame: number, rotation: number) => box(frame, 10, `rotation="${rotation}"`)
    const polygon = (frame: number, points: string) => `<polygon frame="${frame}" outside="0" points="${points}"/>`
    await video(
      `<track id="0" label="car">${turned(0, 350)}${turned(4, 10)}</track>
       <track id="1" label="car">${polygon(0, '0,0;4,0;4,4')}${polygon(4, '0,0;8,0;8,8;0,8')}</track>
       <track id="2" label="car">${polygon(0, '0,0;4,0;4,4')}${polygon(4, '4,4;8,4;8,8')}</track>`,
    )
    const { pictures } = await readAll('cvat')
    const [first, second, third] = pictures[1]!.annotations
    // Half of the way from 350 to 10 degrees is no turn.
    expect(first!.orientedBox!.map((value) => Math.round(value * 1e6) / 1e6)).toEqual([10, 2, 14, 2, 14, 6, 10, 6])
    expect([second!.polygons, third!.polygons]).toEqual([[[0, 0, 4, 0, 4, 4]], [[2, 2, 6, 2, 6, 6]]])
  })

  test('pictures of frames are found by their numbers', async () => {
    await put('images/clip-4.png', await picture(40, 30))
    await video(`<track id="0" label="car">${box(0, 0)}${box(4, 8)}</track>`)
    const { pictures, codes } = await readAll('cvat')
    expect(pictures.map(({ name, file }) => [name, file !== undefined])).toContainEqual(['clip-4.png', true])
    expect(codes).toEqual(Array(4).fill('missing-file'))
  })

  test.each([
    ['<stop_frame>99999999999</stop_frame><start_frame>0</start_frame>', 'DATASET_TOO_LARGE'],
    ['<stop_frame>8</stop_frame><start_frame>-3</start_frame>', undefined],
  ])('%s: no more frames than a video has', async (meta, code) => {
    await video(`<track id="0" label="car">${box(0, 0)}${box(4, 8)}</track>`, meta)
    const read = readDataset(root, { format: 'cvat' })
    if (code === undefined) expect((await read).pictures.length).toBe(2)
    else await expect(read).rejects.toMatchObject({ code })
  })
})

test('a line of CVAT comes back from CVAT, and is listed as lost from COCO, where it would be a class of the whole picture', async () => {
  await put(
    'annotations.xml',
    '<annotations><version>1.1</version><meta><task><labels><label><name>crack</name></label></labels></task></meta><image id="0" name="a.png" width="20" height="10"><polyline label="crack" points="1,2;3,4;5,6"/></image></annotations>',
  )
  const { codes: _, ...set } = await readAll('cvat')
  const written = async (format: string) => {
    const { losses } = await writeDataset(set, join(root, format), { format })
    const [one] = (await readDataset(join(root, format), { format, onProblem: () => {} })).pictures
    return {
      lost: losses.map(({ what }) => what),
      labels: one!.labels,
      lines: one!.annotations.map(({ attributes }) => attributes!.polyline),
    }
  }
  expect(await written('cvat')).toEqual({ lost: [], labels: [], lines: ['1,2;3,4;5,6'] })
  expect(await written('coco')).toEqual({ lost: ['annotation'], labels: [], lines: [] })
})

describe("Label Studio's brush", () => {
  const mask = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })).chain(([width, height]) =>
    fc.array(fc.integer({ min: 1, max: 90 }), { maxLength: 30 }).map((runs) => {
      const counts: number[] = [0]
      let left = width * height
      for (const length of runs) {
        if (left === 0) break
        counts.push(Math.min(length, left))
        left -= counts.at(-1)!
      }
      return { width, height, counts: left > 0 ? [...counts, left] : counts }
    }),
  )

  test('comes back as it was packed', () => {
    fc.assert(
      fc.property(mask, (one) => {
        const { counts, ...size } = decodeBrush(encodeBrush(one), one.width, one.height, 'rle', 'a.json')
        // Lists of runs may end with one of no length.
        expect({ ...size, text: toRunLengthText({ ...size, counts }) }).toEqual({ ...size, text: toRunLengthText(one) })
      }),
    )
  })

  test('blocks of values that are written one by one are read', () => {
    // 8 values of 8 bits: two pixels, of which the second is opaque; one block of eight that are written.
    const bits = [
      (8).toString(2).padStart(32, '0'),
      (7).toString(2).padStart(5, '0'),
      ...[2, 3, 7, 15].map((size) => size.toString(2).padStart(4, '0')),
      '0',
      '00',
      (7).toString(2).padStart(3, '0'),
      ...[1, 2, 3, 0, 4, 5, 6, 9].map((value) => value.toString(2).padStart(8, '0')),
    ].join('')
    const bytes = Array.from({ length: Math.ceil(bits.length / 8) }, (_, i) =>
      Number.parseInt(bits.slice(8 * i, 8 * i + 8).padEnd(8, '0'), 2),
    )
    expect(decodeBrush(bytes, 2, 1, 'rle', 'a.json')).toEqual({ width: 2, height: 1, counts: [1, 1] })
  })

  test.each<[string, number[], number]>([
    ['too short', [0, 0, 0, 8, 57], 2],
    ['of another size', [0, 0, 0, 12, 57, 27, 248], 2],
    ['no bytes', [0, 0, 0, 8, 300], 2],
    ['of a picture beyond all measure', [0, 0, 0, 8], 2 ** 30],
  ])('%s: refused', (_, bytes, width) => {
    expect(() => decodeBrush(bytes, width, 1, 'rle', 'a.json')).toThrow(expect.objectContaining({ code: 'DATASET_MALFORMED' }))
  })
})

describe('YOLO poses', () => {
  const yaml = (shape: string) => put('data.yaml', `names: [person]\nkpt_shape: ${shape}\n`)

  test('state visibility, or leave it out', async () => {
    await put('images/a.png', await picture())
    await yaml('[2, 3]')
    await put('labels/a.txt', '0 0.5 0.5 0.2 0.4 0.5 0.5 2 0.25 0.1 1\n0 0.5 0.5 0.2 0.4 0 0 0 0 0 0\n')
    const { pictures } = await readAll('yolo-pose')
    expect(pictures[0]!.annotations).toEqual([
      {
        label: 0,
        box: { x1: 8, y1: 3, x2: 12, y2: 7 },
        keypoints: [
          { x: 10, y: 5, visibility: 2 },
          { x: 5, y: 1, visibility: 1 },
        ],
      },
      { label: 0, box: { x1: 8, y1: 3, x2: 12, y2: 7 } },
    ])
    await yaml('[2, 2]')
    await put('labels/a.txt', '0 0.5 0.5 0.2 0.4 0.5 0.5 0 0\n')
    expect((await readAll('yolo-pose')).pictures[0]!.annotations[0]!.keypoints).toEqual([
      { x: 10, y: 5, visibility: 2 },
      { x: 0, y: 0, visibility: 0 },
    ])
  })

  test.each(['[2, 4]', '[-1, 3]', '7', '[1e9, 3]'])('a shape of %s is refused', async (shape) => {
    await put('images/a.png', await picture())
    await yaml(shape)
    await expect(readDataset(root, { format: 'yolo-pose' })).rejects.toMatchObject({ code: 'DATASET_MALFORMED' })
  })

  test('things have as many keypoints as the first', async () => {
    const point = (x: number) => ({ x, y: 1, visibility: 2 as const })
    const box = { x1: 1, y1: 1, x2: 9, y2: 9 }
    const annotations = [
      { label: 0, box },
      { label: 0, box, keypoints: [point(1), point(2)] },
      { label: 0, box, keypoints: [point(3), point(4), point(5)] },
      { label: 0, box, keypoints: [point(6)] },
    ]
    await put('a.png', await picture())
    const one = { name: 'a.png', file: join(root, 'a.png'), width: 20, height: 10, labels: [], captions: [], annotations }
    const { losses } = await writeDataset({ classes: [{ name: 'x' }], pictures: [one] }, join(root, 'out'), { format: 'yolo-pose' })
    expect(losses).toEqual([{ what: 'keypoint beyond those of the first thing', count: 1, example: 'a.png' }])
    const { pictures } = await readDataset(join(root, 'out'))
    expect(pictures[0]!.annotations.map(({ keypoints }) => keypoints?.map(({ x }) => Math.round(x)))).toEqual([
      undefined,
      [1, 2],
      [3, 4],
      [6, 0],
    ])
  })
})

test('a mask of Open Images is drawn as large as its picture, and belongs to its box', async () => {
  await put('images/train/a.png', await picture(20, 10))
  await put('annotations/train-images-with-rotation.csv', 'ImageID,Subset\na,train\n')
  await put(
    'annotations/train-annotations-bbox.csv',
    'ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,/m/0,1,0,1,0,1\na,x,/m/0,1,0.5,1,0,1\n',
  )
  await put(
    'annotations/train-annotations-object-segmentation.csv',
    'MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks\na.png,a,/m/0,f00,0.5,1,0,1,0.9,\ngone.png,a,/m/0,f01,0,1,0,1,0.9,\n',
  )
  const half = Buffer.from([0, 0, 0, 0, 0, 255, 255, 255, 255, 255].flatMap((value) => [value]))
  await put(
    'masks/train/a.png',
    await sharp(half, { raw: { width: 10, height: 1, channels: 1 } })
      .png()
      .toBuffer(),
  )
  const { pictures, codes } = await readAll('open-images')
  expect(codes).toEqual(['missing-file'])
  const [first, second] = pictures[0]!.annotations
  expect([first!.mask, second!.mask]).toEqual([undefined, { width: 20, height: 10, counts: [100, 100] }])
})

test('DOTA: headings are passed over, difficult things are told, marks may be missing', async () => {
  await put('train/images/P1.png', await picture())
  await put(
    'train/labelTxt/P1.txt',
    'imagesource:GoogleEarth\ngsd:0.14\n1 1 5 1 5 4 1 4 small-vehicle 1\n1.5 1 5 1 5 4 1 4 ship\n1 1 5 1 ship 0\n',
  )
  const { classes, pictures, codes } = await readAll('dota')
  expect(codes).toEqual(['malformed-entry'])
  expect(classes.map(({ name }) => name)).toEqual(['ship', 'small-vehicle'])
  expect(pictures).toMatchObject([
    {
      name: 'P1.png',
      split: 'train',
      annotations: [
        { label: 1, orientedBox: [1, 1, 5, 1, 5, 4, 1, 4], isDifficult: true },
        { label: 0, orientedBox: [1.5, 1, 5, 1, 5, 4, 1, 4] },
      ],
    },
  ])
})
