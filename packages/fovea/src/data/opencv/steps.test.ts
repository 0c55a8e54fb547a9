// Each step against what its definition gives, worked out by hand or in plain loops.

import { afterAll, describe, expect, test } from 'vitest'
import { byte, grayPicture, rectanglePicture, texture } from '../../../test/drawn-pictures.ts'
import { createImage, filledImage, type Image } from '../../vision/image.ts'
import { createCv } from './cv.ts'

const cv = createCv()
afterAll(() => cv.close())

const wavy = texture(1)
const noise = grayPicture(23, 17, (x, y) => byte(wavy(3 * x, 3 * y)))
const red = filledImage(4, 3, [200, 100, 50])

function at(image: Image, x: number, y: number): number[] {
  const start = (y * image.width + x) * image.channels
  return [...image.data.subarray(start, start + image.channels)]
}

/** A value beyond the rim, as OpenCV mirrors it about the last pixel's centre. */
function mirrored(image: Image, x: number, y: number): number {
  const fold = (i: number, size: number) => (i < 0 ? -i : i >= size ? 2 * size - 2 - i : i)
  return image.data[fold(y, image.height) * image.width + fold(x, image.width)]!
}

function neighbourhood(image: Image, x: number, y: number, reach: number): number[] {
  const values: number[] = []
  for (let v = -reach; v <= reach; v++) for (let u = -reach; u <= reach; u++) values.push(mirrored(image, x + u, y + v))
  return values
}

describe('colours', () => {
  test('a pipeline without steps gives the bytes back, and leaves the picture alone', async () => {
    const copy = await cv(red).image()
    expect(copy).toEqual(red)
    expect(copy.data).not.toBe(red.data)
    expect(red.data.length).toBe(36)
  })

  test('grey weighs red, green and blue in that order', async () => {
    const primaries = createImage(3, 1, 3, new Uint8Array([255, 0, 0, 0, 255, 0, 0, 0, 255]))
    expect([...(await cv(primaries).gray().image()).data]).toEqual([76, 150, 29])
    expect(at(await cv(noise).color().image(), 5, 5)).toEqual(Array(3).fill(noise.data[5 * 23 + 5]))
  })

  test('hue, saturation and value of red', async () => {
    expect(
      at(
        await cv(filledImage(1, 1, [255, 0, 0]))
          .convertColor('rgb', 'hsv')
          .image(),
        0,
        0,
      ),
    ).toEqual([0, 255, 255])
    expect(
      at(
        await cv(filledImage(1, 1, [0, 0, 255]))
          .convertColor('rgb', 'hsv')
          .image(),
        0,
        0,
      ),
    ).toEqual([120, 255, 255])
    expect(
      at(
        await cv(filledImage(1, 1, [120, 255, 255]))
          .convertColor('hsv', 'rgb')
          .image(),
        0,
        0,
      ),
    ).toEqual([0, 0, 255])
  })

  test('a colour map is in RGB: jet ends in red and begins in blue', async () => {
    const image = await cv(grayPicture(2, 1, (x) => x * 255))
      .colorMap('jet')
      .image()
    expect(at(image, 0, 0)).toEqual([0, 0, 128])
    expect(at(image, 1, 0)).toEqual([128, 0, 0])
  })

  test('inversion, scaling and equalisation', async () => {
    expect((await cv(noise).invert().image()).data).toEqual(noise.data.map((value) => 255 - value))
    expect((await cv(noise).scaleValues(2, -100).image()).data).toEqual(noise.data.map((value) => byte(2 * value - 100)))
    const two = grayPicture(4, 1, (x) => (x < 2 ? 100 : 110))
    expect([...(await cv(two).equalizeHistogram().image()).data]).toEqual([0, 0, 255, 255])
  })

  test('CLAHE spreads a narrow histogram, and less so with a low limit', async () => {
    const narrow = grayPicture(64, 64, (x, y) => 100 + ((x * 7 + y * 13) % 20))
    const [before] = await cv(narrow).statistics()
    const [low] = await cv(narrow).clahe({ clipLimit: 1 }).statistics()
    const [high] = await cv(narrow).clahe({ clipLimit: 40 }).statistics()
    expect(low!.deviation).toBeGreaterThan(before!.deviation)
    expect(high!.deviation).toBeGreaterThan(2 * low!.deviation)
  })

  test('transparent pictures are laid over the background', async () => {
    const half = createImage(1, 1, 4, new Uint8Array([255, 0, 0, 0]))
    expect(at(await cv(half).image(), 0, 0)).toEqual([255, 255, 255])
    expect(at(await cv(half, { background: [1, 2, 3] }).image(), 0, 0)).toEqual([1, 2, 3])
  })
})

describe('filters', () => {
  const everywhere = (out: Image, expected: (x: number, y: number) => number, off = 0) => {
    for (let y = 0; y < out.height; y++)
      for (let x = 0; x < out.width; x++) expect(Math.abs(out.data[y * out.width + x]! - expected(x, y))).toBeLessThanOrEqual(off)
  }

  test('the mean of 3x3', async () => {
    const out = await cv(noise).boxBlur(3).image()
    everywhere(out, (x, y) => neighbourhood(noise, x, y, 1).reduce((sum, value) => sum + value) / 9, 0.5001)
  })

  test('the Gaussian of 3x3 is 1 2 1 in both directions', async () => {
    const weights = [1, 2, 1, 2, 4, 2, 1, 2, 1]
    const out = await cv(noise).gaussianBlur(3).image()
    everywhere(out, (x, y) => neighbourhood(noise, x, y, 1).reduce((sum, value, i) => sum + value * weights[i]!, 0) / 16, 0.5001)
  })

  test('the median of 3x3, inside the rim', async () => {
    const out = await cv(noise).medianBlur(3).image()
    for (let y = 1; y < 16; y++)
      for (let x = 1; x < 22; x++) expect(out.data[y * 23 + x]).toBe(neighbourhood(noise, x, y, 1).sort((a, b) => a - b)[4])
  })

  test('a kernel of one’s own is correlated, not convolved', async () => {
    const out = await cv(noise).filter([0, 0, 0, 0, 0, 1, 0, 0, 0]).image()
    everywhere(out, (x, y) => mirrored(noise, x + 1, y))
  })

  test('Sobel and Laplace give absolute derivatives', async () => {
    const slope = grayPicture(8, 8, (x) => 200 - 20 * x)
    // Four times the difference over two pixels.
    expect(at(await cv(slope).sobel(1, 0).image(), 4, 4)).toEqual([160])
    expect(at(await cv(slope).sobel(0, 1).image(), 4, 4)).toEqual([0])
    const dot = grayPicture(5, 5, (x, y) => (x === 2 && y === 2 ? 10 : 0))
    expect(at(await cv(dot).laplacian(1).image(), 2, 2)).toEqual([40])
  })

  test('the bilateral filter smooths noise and keeps an edge', async () => {
    const edge = grayPicture(20, 20, (x, y) => (x < 10 ? 50 : 200) + ((x + y) % 2) * 4)
    const out = await cv(edge).bilateralFilter(7, { sigmaColor: 20 }).image()
    expect(Math.abs(out.data[10 * 20 + 4]! - 52)).toBeLessThanOrEqual(1)
    expect(out.data[10 * 20 + 10]! - out.data[10 * 20 + 9]!).toBeGreaterThan(145)
  })

  test('the bilateral filter is its definition, rounded', async () => {
    const out = await cv(noise).bilateralFilter(5, { sigmaColor: 50, sigmaSpace: 5 }).image()
    everywhere(
      out,
      (x, y) => {
        const centre = mirrored(noise, x, y)
        let [sum, weights] = [0, 0]
        for (const [i, value] of neighbourhood(noise, x, y, 2).entries()) {
          const distance = ((i % 5) - 2) ** 2 + (Math.floor(i / 5) - 2) ** 2
          // A disc, not a square.
          if (distance > 4) continue
          const weight = Math.exp(-distance / 50 - (value - centre) ** 2 / 5000)
          sum += weight * value
          weights += weight
        }
        return sum / weights
      },
      0.501,
    )
  })

  test('Canny draws the rim of a rectangle and nothing else', async () => {
    const out = await cv(rectanglePicture(40, 30, [10, 8, 30, 22], 200))
      .canny(50, 100)
      .image()
    const edges = [...out.data.keys()].filter((i) => out.data[i] === 255)
    expect(edges.length).toBeGreaterThan(50)
    for (const i of edges) {
      const [x, y] = [i % 40, Math.floor(i / 40)]
      const near = (value: number, edge: number) => value === edge || value === edge - 1
      expect(near(x, 10) || near(x, 30) || near(y, 8) || near(y, 22)).toBe(true)
    }
  })
})

describe('morphology', () => {
  const square = rectanglePicture(20, 20, [5, 6, 12, 14])
  const area = async (pipeline: ReturnType<typeof cv>) => (await pipeline.image()).data.filter((value) => value === 255).length

  test('3x3 erosion takes a pixel at each side, dilation adds one', async () => {
    expect(await area(cv(square).morphology('erode', 3))).toBe(5 * 6)
    expect(await area(cv(square).morphology('dilate', 3))).toBe(9 * 10)
    expect(await area(cv(square).morphology('dilate', 3, { shape: 'cross' }))).toBe(9 * 10 - 4)
    expect(await area(cv(square).morphology('erode', 3, { iterations: 2 }))).toBe(3 * 4)
    expect(await area(cv(square).morphology('gradient', 3))).toBe(90 - 30)
  })

  test('opening takes specks away, closing fills gaps, the hats show them', async () => {
    const speck = { ...square, data: square.data.slice() }
    speck.data[0] = 255
    speck.data[8 * 20 + 8] = 0
    expect((await cv(speck).morphology('open', 3).image()).data[0]).toBe(0)
    expect((await cv(speck).morphology('close', 3).image()).data[8 * 20 + 8]).toBe(255)
    expect(await area(cv(speck).morphology('blackHat', 3))).toBe(1)
    expect((await cv(speck).morphology('topHat', 3).image()).data[0]).toBe(255)
  })
})

describe('thresholds', () => {
  test('above the value, in all five ways', async () => {
    const values = grayPicture(3, 1, (x) => 99 + x)
    const kinds = {
      binary: [0, 0, 255],
      binaryInverted: [255, 255, 0],
      truncate: [99, 100, 100],
      toZero: [0, 0, 101],
      toZeroInverted: [99, 100, 0],
    }
    for (const [kind, expected] of Object.entries(kinds))
      expect([
        ...(
          await cv(values)
            .threshold(100, { kind: kind as keyof typeof kinds })
            .image()
        ).data,
      ]).toEqual(expected)
  })

  test('Otsu parts a picture of two levels, however unlike their shares', async () => {
    const two = rectanglePicture(50, 50, [0, 0, 7, 7], 140, 90)
    const out = await cv(two).threshold('otsu').image()
    expect(out.data).toEqual(two.data.map((value) => (value === 140 ? 255 : 0)))
  })

  test('an adaptive threshold finds strokes on a slope that no single value finds', async () => {
    const page = grayPicture(80, 20, (x, y) => 40 + 2 * x - (y === 10 && x % 8 < 4 ? 30 : 0))
    const out = await cv(page).adaptiveThreshold(11, { offset: 8, kind: 'binaryInverted', method: 'mean' }).image()
    for (let x = 8; x < 72; x++) {
      expect(out.data[10 * 80 + x]).toBe(x % 8 < 4 ? 255 : 0)
      expect(out.data[3 * 80 + x]).toBe(0)
    }
  })

  test('a range holds its ends, in every channel', async () => {
    const image = createImage(3, 1, 3, new Uint8Array([10, 20, 30, 11, 20, 30, 9, 20, 30]))
    expect([...(await cv(image).inRange([10, 0, 30], [11, 20, 30]).image()).data]).toEqual([255, 255, 0])
  })
})

describe('geometry', () => {
  const numbered = grayPicture(3, 2, (x, y) => 10 * y + x)

  test('crops, flips and turns', async () => {
    expect([...(await cv(numbered).crop(1, 0, 2, 2).image()).data]).toEqual([1, 2, 11, 12])
    expect([...(await cv(numbered).flip('horizontal').image()).data]).toEqual([2, 1, 0, 12, 11, 10])
    expect([...(await cv(numbered).flip('vertical').image()).data]).toEqual([10, 11, 12, 0, 1, 2])
    expect([...(await cv(numbered).rotate(90).image()).data]).toEqual([10, 0, 11, 1, 12, 2])
    const turned = cv(numbered).rotate(270)
    expect([turned.width, turned.height]).toEqual([2, 3])
  })

  test('resizing by area is the mean of what falls together', async () => {
    expect([
      ...(
        await cv(grayPicture(4, 2, (x) => 10 * x))
          .resize(2, 1, 'area')
          .image()
      ).data,
    ]).toEqual([5, 25])
  })

  test('warps move positions: by whole pixels, and doubling as resizing does', async () => {
    const shifted = await cv(numbered)
      .warpAffine([1, 0, 1, 0, 1, 1], { interpolation: 'nearest', fill: [99] })
      .image()
    expect([...shifted.data]).toEqual([99, 99, 99, 99, 0, 1])
    const doubled = await cv(noise).warpPerspective([2, 0, 0, 0, 2, 0, 0, 0, 1], { width: 46, height: 34, border: 'replicate' }).image()
    const resized = await cv(noise).resize(46, 34).image()
    for (let i = 0; i < doubled.data.length; i++) expect(Math.abs(doubled.data[i]! - resized.data[i]!)).toBeLessThanOrEqual(2)
  })

  test('a quarter turn about the middle by a matrix is the quarter turn', async () => {
    // (x, y) goes to (17 - y, x).
    const out = await cv(noise).warpAffine([0, -1, 17, 1, 0, 0], { width: 17, height: 23, interpolation: 'nearest' }).image()
    expect(out.data).toEqual((await cv(noise).rotate(90).image()).data)
  })

  test('undistort with no distortion changes nothing, and pulls a barrel straight', async () => {
    const camera = { matrix: [40, 0, 31.5, 0, 40, 31.5, 0, 0, 1], distortion: [0, 0, 0, 0] }
    const grid = grayPicture(64, 64, (x, y) => byte(wavy(x, y)))
    expect(
      (
        await cv(grid)
          .undistort({ ...camera })
          .image()
      ).data,
    ).toEqual(grid.data)
    // With k1 = 0.1 a point at radius r (in focal lengths) is seen at r (1 + 0.1 r r): what is right of the centre moves inwards.
    const line = grayPicture(64, 64, (x) => (x === 51 ? 255 : 0))
    const out = await cv(line)
      .undistort({ ...camera, distortion: [0.1, 0, 0, 0] })
      .image()
    const row = out.data.subarray(31 * 64, 32 * 64)
    // r (1 + 0.1 r r) = 19.5 / 40 gives r = 0.4769.
    expect(row.indexOf(Math.max(...row))).toBe(Math.round(31.5 + 0.4769 * 40))
  })
})

describe('two pictures, and repairs', () => {
  const a = grayPicture(4, 1, (x) => [10, 200, 0b1100, 7][x]!)
  const b = grayPicture(4, 1, (x) => [20, 100, 0b1010, 7][x]!)

  test('pixel by pixel, cut off at the ends', async () => {
    const expected = {
      add: [30, 255, 22, 14],
      subtract: [0, 100, 2, 0],
      difference: [10, 100, 2, 0],
      least: [10, 100, 10, 7],
      greatest: [20, 200, 12, 7],
      and: [10 & 20, 200 & 100, 0b1000, 7],
      or: [10 | 20, 200 | 100, 0b1110, 7],
      xor: [10 ^ 20, 200 ^ 100, 0b0110, 0],
    } as const
    for (const [kind, values] of Object.entries(expected))
      expect([
        ...(
          await cv(a)
            .combine(kind as keyof typeof expected, b)
            .image()
        ).data,
      ]).toEqual(values)
    expect([...(await cv(a).blend(b, 0.25).image()).data]).toEqual([12, 175, 12, 7])
    expect([
      ...(
        await cv(a)
          .mask(grayPicture(4, 1, (x) => x % 2))
          .image()
      ).data,
    ]).toEqual([0, 200, 0, 7])
  })

  test('flood filling stops at what differs more than the tolerance', async () => {
    const row = grayPicture(6, 1, (x) => [10, 12, 14, 40, 12, 10][x]!)
    expect([...(await cv(row).floodFill(0, 0, [99]).image()).data]).toEqual([99, 12, 14, 40, 12, 10])
    expect([...(await cv(row).floodFill(0, 0, [99], { tolerance: 3 }).image()).data]).toEqual([99, 99, 14, 40, 12, 10])
  })

  test('inpainting a scratch in a slope gives the slope back', async () => {
    const slope = grayPicture(40, 40, (x) => 50 + 3 * x)
    const scratch = grayPicture(40, 40, (x, y) => (y > 10 && y < 30 && x === 20 ? 255 : 0))
    const broken = await cv(slope).combine('greatest', scratch).image()
    for (const method of ['telea', 'navierStokes'] as const) {
      const out = await cv(broken).inpaint(scratch, { method }).image()
      for (let y = 12; y < 29; y++) expect(Math.abs(out.data[y * 40 + 20]! - 110)).toBeLessThanOrEqual(4)
    }
  })

  test('grabCut cuts a bright disc out of a dark ground', async () => {
    const scene = createImage(60, 60, 3)
    for (let i = 0; i < 3600; i++) {
      const inside = ((i % 60) - 30) ** 2 + (Math.floor(i / 60) - 30) ** 2 < 144
      scene.data.set(inside ? [220, 60 + (i % 3), 40] : [20 + (i % 5), 30, 90], 3 * i)
    }
    const out = await cv(scene).grabCut(12, 12, 36, 36).image()
    const inside = out.data.filter((value) => value === 255).length
    expect(out.channels).toBe(1)
    expect(Math.abs(inside - Math.PI * 144)).toBeLessThan(30)
  })
})

describe('options', () => {
  const picture = grayPicture(20, 20, (x) => x * 12)

  test.each([
    ['contours.minarea', () => cv(picture).contours({ minarea: 3 } as never)],
    ['contours.options', () => cv(picture).contours(null as never)],
    ['circles.options', () => cv(picture).circles(undefined as never)],
    ['circles.minRadius', () => cv(picture).circles({} as never)],
    ['contours.signal', () => cv(picture).contours({ signal: 5 } as never)],
    ['template.limits', () => cv(picture).matchTemplate(picture, { limits: 1 } as never)],
    ['findHomography.treshold', () => cv.findHomography([], [], { treshold: 3 } as never)],
    ['simplify.tolerance', () => cv.simplify([0, 0, 1, 1, 2, 0], undefined as never)],
  ])('%s: what is misspelt, or no object, is rejected', async (field, work) => {
    await expect(work()).rejects.toMatchObject({ code: 'OPENCV_ARGUMENT', details: { field } })
  })

  test.each([
    ['threshold.heigh', () => cv(picture).threshold(10, { heigh: 3 } as never)],
    ['canny.options', () => cv(picture).canny(1, 2, 3 as never)],
    ['warpAffine.colour', () => cv(picture).warpAffine([1, 0, 0, 0, 1, 0], { colour: [0] } as never)],
    ['cv.color', () => cv(picture, { color: [0, 0, 0] } as never)],
    ['cv.background', () => cv(picture, { background: 'white' } as never)],
    ['pool.options', () => cv.pool(undefined as never)],
    ['backgroundSubtractor.histroy', () => cv.backgroundSubtractor({ histroy: 3 } as never)],
    ['resize', () => cv(picture).resize(32_000, 32_000)],
    ['warpAffine', () => cv(picture).warpAffine([1, 0, 0, 0, 1, 0], { width: 32_000, height: 32_000 })],
  ])('%s: and thrown at once where nothing is awaited', (field, work) => {
    expect(work).toThrow(expect.objectContaining({ code: 'OPENCV_ARGUMENT', details: expect.objectContaining({ field }) }))
  })
})
