// What is read off a picture, against shapes that were drawn.

import { afterAll, describe, expect, test } from 'vitest'
import { byte, grayPicture, rectanglePicture, texture } from '../../../test/drawn-pictures.ts'
import { createImage, cropImage, toRgb } from '../../vision/image.ts'
import { createCv } from './cv.ts'
import { contourAnnotation } from './reads/contours.ts'

const cv = createCv()
afterAll(() => cv.close())

describe('contours', () => {
  test('a rectangle: its outline runs through the centres of its outermost pixels, its box holds them', async () => {
    const [contour, ...others] = await cv(rectanglePicture(40, 30, [5, 10, 25, 20])).contours()
    expect(others).toEqual([])
    expect(contour).toMatchObject({ area: 19 * 9, perimeter: 56, isConvex: true, isHole: false, parent: -1 })
    expect(contour!.box).toEqual({ x1: 5, y1: 10, x2: 25, y2: 20 })
    expect(pairsOf(contour!.polygon)).toEqual(pairsOf([5.5, 10.5, 5.5, 19.5, 24.5, 19.5, 24.5, 10.5]))
    const { x, y, width, height, polygon } = contour!.minAreaRect
    expect([x, y, ...[width, height].sort((a, b) => a - b)]).toEqual([15, 15, 9, 19])
    expect(pairsOf(polygon)).toEqual(pairsOf(contour!.polygon))
    expect(pairsOf(contour!.hull)).toEqual(pairsOf(contour!.polygon))
    // The second moment of a rectangle: width cubed times height / 12.
    expect(contour!.moments).toMatchObject({ area: 171, x: 15, y: 15, mu20: (19 ** 3 * 9) / 12, mu02: (19 * 9 ** 3) / 12, mu11: 0 })
  })

  test('a hole knows the outline around it, and small ones are left out', async () => {
    const image = rectanglePicture(40, 40, [4, 4, 36, 36])
    for (let y = 10; y < 20; y++) image.data.fill(0, y * 40 + 10, y * 40 + 20)
    image.data[2 * 40 + 2] = 255
    expect((await cv(image).contours()).length).toBe(2)
    expect((await cv(image).contours({ minArea: 20 })).length).toBe(1)
    const tree = await cv(image).contours({ mode: 'tree', minArea: 20 })
    const hole = tree.find(({ isHole }) => isHole)
    expect(tree.length).toBe(2)
    expect(tree[hole!.parent]).toMatchObject({ isHole: false, box: { x1: 4, y1: 4, x2: 36, y2: 36 } })
  })

  test('a turned square has the turned box, and simplifying a disc leaves few corners', async () => {
    // |x - 30| + |y - 30| <= 14: a square of side 14 times the root of 2, standing on its corner.
    const diamond = grayPicture(61, 61, (x, y) => (Math.abs(x - 30) + Math.abs(y - 30) <= 14 ? 255 : 0))
    const [found] = await cv(diamond).contours()
    expect(found!.minAreaRect.width).toBeCloseTo(14 * Math.SQRT2, 3)
    expect(found!.minAreaRect.angle % 90).toBeCloseTo(45, 3)
    expect(found!.area).toBe(2 * 14 ** 2)
    const disc = grayPicture(61, 61, (x, y) => ((x - 30) ** 2 + (y - 30) ** 2 <= 400 ? 255 : 0))
    const [whole] = await cv(disc).contours()
    const [simple] = await cv(disc).contours({ tolerance: 2 })
    expect(Math.abs(whole!.area - Math.PI * 19.5 ** 2)).toBeLessThan(20)
    expect(simple!.polygon.length).toBeLessThan(whole!.polygon.length / 3)
    expect(contourAnnotation(simple!, 3)).toMatchObject({ label: 3, box: { x1: 10, y1: 10, x2: 51, y2: 51 }, area: simple!.area })
  })

  test('an empty picture has none', async () => {
    expect(await cv(createImage(5, 5, 1)).contours()).toEqual([])
  })

  test('moments of values', async () => {
    const moments = await cv(grayPicture(4, 1, (x) => [0, 10, 30, 0][x]!)).moments()
    expect(moments).toMatchObject({ area: 40, x: (1.5 * 10 + 2.5 * 30) / 40, y: 0.5 })
    expect(await cv(grayPicture(4, 1, (x) => [0, 10, 30, 0][x]!)).moments({ binary: true })).toMatchObject({ area: 2, x: 2 })
  })
})

test('connected parts through 8 neighbours and 4', async () => {
  const image = createImage(6, 4, 1)
  for (const [x, y] of [
    [0, 0],
    [1, 1],
    [4, 0],
    [4, 1],
    [5, 1],
  ] as const)
    image.data[y * 6 + x] = 255
  const { components, labels } = await cv(image).components()
  expect(components).toEqual([
    { label: 1, box: { x1: 0, y1: 0, x2: 2, y2: 2 }, area: 2, x: 1, y: 1 },
    { label: 2, box: { x1: 4, y1: 0, x2: 6, y2: 2 }, area: 3, x: expect.closeTo(14.5 / 3, 9), y: expect.closeTo(3.5 / 3, 9) },
  ])
  expect([...labels.data.subarray(0, 12)]).toEqual([1, 0, 0, 0, 2, 0, 0, 1, 0, 0, 2, 2])
  expect((await cv(image).components({ neighbours: 4 })).components.length).toBe(3)
})

test('statistics and histograms, with a mask', async () => {
  const image = createImage(4, 1, 3, new Uint8Array([0, 10, 200, 4, 10, 200, 0, 10, 255, 4, 10, 255]))
  const [red, green, blue] = await cv(image).statistics()
  expect(red).toEqual({ mean: 2, deviation: 2, least: 0, greatest: 4 })
  expect(green).toEqual({ mean: 10, deviation: 0, least: 10, greatest: 10 })
  expect(blue!.greatest).toBe(255)
  const [, , bins] = await cv(image).histogram({ bins: 4 })
  expect(bins).toEqual([0, 0, 0, 4])
  const all = await cv(image).histogram()
  expect([all[0]![0], all[0]![4], all[2]![200], all[2]![255]]).toEqual([2, 2, 2, 2])
  const masked = await cv(image).histogram({ mask: grayPicture(4, 1, (x) => (x < 1 ? 255 : 0)) })
  expect(masked[0]!.reduce((sum, count) => sum + count)).toBe(1)
})

test('distances to the nearest black pixel', async () => {
  const image = grayPicture(7, 7, (x, y) => (x === 3 && y === 3 ? 0 : 1))
  for (const [kind, distance] of [
    ['l2', Math.hypot],
    ['l1', (x: number, y: number) => Math.abs(x) + Math.abs(y)],
    ['chessboard', (x: number, y: number) => Math.max(Math.abs(x), Math.abs(y))],
  ] as const) {
    const { data } = await cv(image).distances({ kind })
    for (let i = 0; i < 49; i++) expect(data[i]).toBeCloseTo(distance((i % 7) - 3, Math.floor(i / 7) - 3), 5)
  }
})

test('a watershed runs along the edge between two markers', async () => {
  const image = toRgb(grayPicture(40, 20, (x) => (x < 24 ? 60 : 180)))
  const markers = { width: 40, height: 20, data: new Int32Array(800) }
  markers.data[10 * 40 + 5] = 1
  markers.data[10 * 40 + 35] = 2
  const { data } = await cv(image).watershed(markers)
  for (let y = 1; y < 19; y++)
    for (let x = 1; x < 39; x++) {
      if (x < 22) expect(data[y * 40 + x]).toBe(1)
      if (x > 25) expect(data[y * 40 + x]).toBe(2)
    }
  expect(data.slice(10 * 40 + 22, 10 * 40 + 26)).toContain(-1)
})

describe('lines and circles', () => {
  test('a straight line, in polar form and as a segment', async () => {
    const image = grayPicture(60, 40, (x, y) => (y === 12 && x >= 10 && x < 50 ? 255 : 0))
    const [line] = await cv(image).lines({ votes: 30 })
    expect(line!.rho).toBeCloseTo(12.5, 4)
    expect(line!.theta).toBeCloseTo(Math.PI / 2, 4)
    expect(await cv(image).segments({ votes: 20, minLength: 30 })).toEqual([{ x1: 10.5, y1: 12.5, x2: 49.5, y2: 12.5 }])
    expect(await cv(image).lines({ votes: 1000 })).toEqual([])
    expect(await cv(image).segments({ votes: 1000 })).toEqual([])
  })

  test('two circles, and none', async () => {
    const inside = (x: number, y: number, cx: number, cy: number, radius: number) => (x - cx) ** 2 + (y - cy) ** 2 <= radius ** 2
    const image = grayPicture(120, 80, (x, y) => (inside(x, y, 35, 40, 20) || inside(x, y, 90, 30, 14) ? 220 : 20))
    const circles = await cv(image).circles({ minRadius: 8, maxRadius: 30, votes: 15, minDistance: 25 })
    expect(circles.length).toBe(2)
    for (const [x, y, radius] of [
      [35.5, 40.5, 20],
      [90.5, 30.5, 14],
    ] as const)
      expect(circles.some((found) => Math.hypot(found.x - x, found.y - y) < 1.6 && Math.abs(found.radius - radius) < 1.6)).toBe(true)
    expect(await cv(createImage(50, 50, 1)).circles({ minRadius: 5, maxRadius: 20 })).toEqual([])
  })
})

test('the corners of a rectangle are its corners', async () => {
  const corners = await cv(rectanglePicture(60, 50, [10, 12, 40, 36], 200, 20)).corners({ count: 10, quality: 0.1 })
  expect(pairsOf(corners.map((value) => Math.round(value / 2) * 2))).toEqual(pairsOf([10, 12, 40, 12, 10, 36, 40, 36]))
  expect(await cv(createImage(20, 20, 1)).corners()).toEqual([])
})

describe('templates', () => {
  const wave = texture(7)
  const scene = grayPicture(90, 70, (x, y) => byte(wave(x, y)))

  test('a template is found where it was cut, by every method', async () => {
    const template = cropImage(scene, 33, 21, 16, 12)
    for (const [method, best] of [
      ['correlation', 1],
      ['crossCorrelation', 1],
      ['squaredDifference', 0],
    ] as const) {
      const [match] = await cv(scene).matchTemplate(template, { method })
      expect(match!.box).toEqual({ x1: 33, y1: 21, x2: 49, y2: 33 })
      expect(match!.score).toBeCloseTo(best, 3)
    }
  })

  test('all copies are found, each once, and a limit leaves out the rest', async () => {
    const dot = grayPicture(7, 7, (x, y) => (Math.hypot(x - 3, y - 3) < 2.5 ? 230 : 30))
    const places = [
      [5, 6],
      [40, 9],
      [22, 30],
    ] as const
    const sheet = grayPicture(60, 45, (x, y) => {
      const place = places.find(([left, top]) => x >= left && x < left + 7 && y >= top && y < top + 7)
      return place === undefined ? 30 : dot.data[(y - place[1]) * 7 + x - place[0]]!
    })
    const matches = await cv(sheet).matchTemplate(dot, { count: 10, limit: 0.9 })
    expect(pairsOf(matches.flatMap(({ box }) => [box.x1, box.y1]))).toEqual(pairsOf(places.flat()))
  })
})

test('features are found again in a picture that is shifted by whole pixels', async () => {
  const wave = texture(3)
  const cut = (left: number) => grayPicture(160, 120, (x, y) => byte(wave((x + left) * 2, y * 2)))
  for (const method of ['orb', 'akaze', 'brisk', 'kaze'] as const) {
    const { points, descriptors } = await cv(cut(0)).features({ method, count: 60 })
    expect(points.length).toBeGreaterThan(10)
    expect(points.length).toBeLessThanOrEqual(60)
    expect([descriptors.rows, descriptors.type]).toEqual([points.length, method === 'kaze' ? 'float32' : 'uint8'])
    const { from, to } = await cv.matchFeatures(cut(0), cut(9), { method, count: 300 })
    const right = Array.from(
      { length: from.length / 2 },
      (_, i) => Math.hypot(from[2 * i]! - 9 - to[2 * i]!, from[2 * i + 1]! - to[2 * i + 1]!) < 1,
    )
    expect(right.length).toBeGreaterThan(10)
    expect(right.filter(Boolean).length / right.length).toBeGreaterThan(0.9)
  }
  const none = await cv(createImage(64, 64, 1)).features()
  expect([none.points.length, none.descriptors.rows]).toEqual([0, 0])
})

describe('codes', () => {
  test('markers of a drawn board are read, with their places', async () => {
    const board = { columns: 3, rows: 2, squareLength: 1, markerLength: 0.5, dictionary: '4x4-50' } as const
    const image = await cv.drawCharucoBoard(board, 340, 240, { margin: 20 })
    const markers = await cv(image).markers()
    expect(markers.map(({ id }) => id).sort()).toEqual([0, 1, 2])
    // Squares of 100 pixels; the first white one is the second, and its marker fills half of it.
    const first = markers.find(({ id }) => id === 0)!.polygon
    for (const [i, value] of [145, 45, 195, 45, 195, 95, 145, 95].entries()) expect(Math.abs(first[i]! - value)).toBeLessThan(1.5)
    expect(await cv(image).markers({ dictionary: '6x6-250' })).toEqual([])
  })
})

/** Points as sorted texts: outlines may begin anywhere. */
function pairsOf(points: readonly number[]): string[] {
  return Array.from({ length: points.length / 2 }, (_, i) => `${+points[2 * i]!.toFixed(3)},${+points[2 * i + 1]!.toFixed(3)}`).sort()
}
