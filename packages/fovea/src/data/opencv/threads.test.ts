// What goes wrong, and what happens at once: errors before the worker and from it, aborting, memory, parallel calls, state.

import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { byte, grayPicture, rectanglePicture, texture } from '../../../test/drawn-pictures.ts'
import { createImage, filledImage, type Image } from '../../vision/image.ts'
import { callableNames } from './call.ts'
import { createCv } from './cv.ts'
import { loadOpenCv } from './library.ts'

const cv = createCv()
afterAll(() => cv.close())

const gray = rectanglePicture(20, 16, [4, 4, 12, 12])
const color = filledImage(20, 16, [9, 8, 7])

describe('before a worker is asked', () => {
  const idle = createCv()

  test.each([
    ['gaussianBlur.size', () => idle(gray).gaussianBlur(4)],
    ['gaussianBlur.size', () => idle(gray).gaussianBlur(0)],
    ['medianBlur.size', () => idle(gray).medianBlur(1.5)],
    ['boxBlur.size', () => idle(gray).boxBlur(Number.NaN)],
    ['resize.width', () => idle(gray).resize(0, 5)],
    ['crop.width', () => idle(gray).crop(15, 0, 6, 5)],
    ['crop.x', () => idle(gray).resize(10, 10).crop(15, 0, 1, 1)],
    ['warpPerspective.matrix', () => idle(gray).warpPerspective([1, 0, 0, 0, 1, 0])],
    ['warpAffine.matrix[2]', () => idle(gray).warpAffine([1, 0, Number.NaN, 0, 1, 0])],
    ['inRange.low', () => idle(color).inRange([1], [2, 3, 4])],
    ['morphology.kind', () => idle(gray).morphology('opne' as 'open', 3)],
    ['threshold.at', () => idle(gray).threshold('outs' as 'otsu')],
    ['canny.high', () => idle(gray).canny(100, 50)],
    ['filter.kernel', () => idle(gray).filter([1, 2, 3, 4])],
    ['convertColor.to', () => idle(color).convertColor('hsv', 'lab')],
  ])('a wrong argument is named: %s', (field, build) => {
    expect(build).toThrow(expect.objectContaining({ code: 'OPENCV_ARGUMENT', details: expect.objectContaining({ field }) }))
  })

  test('wrong pictures are refused, with what to do', () => {
    const refused = expect.objectContaining({ code: 'OPENCV_IMAGE' })
    expect(() => idle(color).canny(1, 2)).toThrow(/Call gray\(\)/)
    expect(() => idle(gray).grabCut(1, 1, 5, 5)).toThrow(/Call color\(\)/)
    expect(() => idle(gray).combine('add', color)).toThrow(refused)
    expect(() => idle(color).inpaint(color)).toThrow(refused)
    expect(() => idle({ ...gray, data: new Uint8Array(5) })).toThrow(refused)
    expect(() => idle(undefined as unknown as Image)).toThrow(refused)
  })

  test('answers and functions reject', async () => {
    await expect(idle(color).contours()).rejects.toMatchObject({ code: 'OPENCV_IMAGE' })
    await expect(idle(gray).contours({ minArea: -1 })).rejects.toMatchObject({ code: 'OPENCV_ARGUMENT' })
    await expect(idle(gray).matchTemplate(createImage(21, 5, 1))).rejects.toMatchObject({ code: 'OPENCV_ARGUMENT' })
    await expect(idle.findHomography([0, 0, 1, 1], [0, 0, 1, 1])).rejects.toMatchObject({ details: { field: 'findHomography.from' } })
    await expect(idle.findHomography([0, 0, 1, 1, 2, 0, 3, 3], [0, 0])).rejects.toMatchObject({ code: 'OPENCV_ARGUMENT' })
    await expect(idle.opticalFlow(gray, createImage(5, 5, 1))).rejects.toMatchObject({ code: 'OPENCV_IMAGE' })
    await expect(idle.call('imread', [])).rejects.toMatchObject({ code: 'OPENCV_UNKNOWN' })
    await expect(idle.call('erode', ['x' as unknown as number])).rejects.toMatchObject({ details: { field: 'erode[0]' } })
    expect(() => idle.pool({ workers: 0 })).toThrow(/pool.workers/)
    expect(() => idle.backgroundSubtractor({ history: 0 })).toThrow(/history/)
    expect(idle.stats()).toEqual({ threads: 0, calls: 0, heapBytes: 0 })
  })
})

describe('from the worker', () => {
  test('what OpenCV refuses is said in its words, with the step, and the thread goes on', async () => {
    const wrong = { rows: 1, columns: 2, channels: 1, type: 'uint8', data: new Uint8Array(2) } as const
    await expect(
      cv.call('calcOpticalFlowPyrLK', [gray, gray, wrong, { out: 'mat' }, { out: 'mat' }, { out: 'mat' }]),
    ).rejects.toMatchObject({
      code: 'OPENCV_FAILED',
      details: { node: 'calcOpticalFlowPyrLK', found: expect.stringContaining('-215:Assertion failed') },
    })
    const { threads } = cv.stats()
    expect((await cv(gray).image()).data).toEqual(gray.data)
    expect(cv.stats().threads).toBe(threads)
  })

  test('options that cannot travel are an error, and the thread is free again', async () => {
    const camera = { matrix: [40, 0, 8, 0, 40, 8, 0, 0, 1], distortion: [0, 0, 0, 0], of: () => 1 }
    await expect(cv(gray).undistort(camera).image()).rejects.toMatchObject({ code: 'OPENCV_ARGUMENT' })
    expect((await cv(gray).image()).width).toBe(20)
  })

  test('where the memory ends the thread is replaced, and small work goes on', async () => {
    let pipeline = cv(color)
    // Each is allowed, and kept until the end of the pipeline.
    for (let i = 0; i < 12; i++) pipeline = pipeline.resize(11_500, 11_500 - i, 'nearest')
    await expect(pipeline.image()).rejects.toMatchObject({
      code: 'OPENCV_MEMORY',
      details: { node: expect.stringMatching(/^step \d+, resize$/) },
    })
    expect((await cv(gray).image()).data).toEqual(gray.data)
    expect(cv.stats().heapBytes).toBeLessThan(2 ** 28)
  })
})

describe('aborting', () => {
  const wave = texture(2)
  const large = grayPicture(700, 700, (x, y) => byte(wave(x, y)))
  /** Seconds of work. */
  const slow = (signal: AbortSignal) => cv(large).bilateralFilter(101).bilateralFilter(101).image({ signal })

  test('ends what runs and drops what waits; other work is done', async () => {
    await cv(gray).image()
    const running = new AbortController()
    const waiting = new AbortController()
    const first = slow(running.signal)
    const second = slow(waiting.signal)
    const third = cv(gray).invert().image()
    waiting.abort()
    await expect(second).rejects.toMatchObject({ code: 'CANCELLED' })
    setTimeout(() => running.abort(new Error('enough')), 50)
    await expect(first).rejects.toMatchObject({ code: 'CANCELLED', cause: expect.objectContaining({ message: 'enough' }) })
    expect((await third).data[0]).toBe(255)
    await expect(slow(AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('closing rejects what is under way; a later call starts a thread again', async () => {
    const own = createCv()
    const result = own(gray).image()
    await Promise.all([expect(result).rejects.toMatchObject({ code: 'CANCELLED' }), own.close()])
    expect(own.stats().threads).toBe(0)
    expect((await own(gray).image()).width).toBe(20)
    await own.close()
  })
})

test('many calls at once, on one thread and on two, give each its own answer', async () => {
  const pool = cv.pool({ workers: 2 })
  for (const one of [cv, pool]) {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => one(rectanglePicture(64, 64, [2, 2, 10 + i, 20])).contours()))
    for (const [i, contours] of answers.entries()) expect(contours[0]!.box).toEqual({ x1: 2, y1: 2, x2: 10 + i, y2: 20 })
  }
  expect(pool.stats().threads).toBe(2)
  await pool.close()
})

test('the picture is taken at the call: later changes do not matter, and a view of a larger buffer is enough', async () => {
  const buffer = new Uint8Array(1_000)
  const image = createImage(3, 2, 1, buffer.subarray(500, 506))
  image.data.fill(7)
  const answer = cv(image).image()
  image.data.fill(9)
  expect([...(await answer).data]).toEqual([7, 7, 7, 7, 7, 7])
  expect(buffer.length).toBe(1_000)
})

describe('background subtraction', () => {
  const scene = (left: number) =>
    grayPicture(80, 60, (x, y) => (left >= 0 && x >= left && x < left + 12 && y >= 20 && y < 32 ? 230 : 60 + ((x * 3 + y * 5) % 9)))

  test('a moving square is seen where it is, and nothing else', async () => {
    const subtractor = cv.backgroundSubtractor({ history: 50, detectShadows: false })
    for (let i = 0; i < 30; i++) await subtractor.apply(scene(-1))
    for (let left = 5; left < 60; left += 6) {
      const { mask, background } = await subtractor.apply(scene(left), { background: left === 5 })
      const [component, ...others] = (await cv(mask).components()).components
      expect(others).toEqual([])
      expect(component!.box).toEqual({ x1: left, y1: 20, x2: left + 12, y2: 32 })
      if (background !== undefined)
        for (const [i, value] of scene(-1).data.entries()) expect(Math.abs(background.data[i]! - value)).toBeLessThan(3)
    }
    await expect(subtractor.apply(color)).rejects.toMatchObject({ code: 'OPENCV_IMAGE' })
    await subtractor.close()
    await subtractor.close()
    await expect(subtractor.apply(scene(-1))).rejects.toMatchObject({ code: 'OPENCV_STATE_LOST' })
  })

  test('what was learnt outlives the aborting of other work, but not the closing of all', async () => {
    const own = createCv()
    const subtractor = own.backgroundSubtractor()
    await subtractor.apply(scene(-1))
    const stop = new AbortController()
    const other = own(createImage(900, 900, 3))
      .bilateralFilter(101)
      .image({ signal: stop.signal })
    stop.abort()
    await expect(other).rejects.toMatchObject({ code: 'CANCELLED' })
    expect((await subtractor.apply(scene(-1))).mask.data.every((value) => value === 0)).toBe(true)
    await own.close()
    await expect(subtractor.apply(scene(-1))).rejects.toMatchObject({ code: 'OPENCV_STATE_LOST' })
    await own.close()
  })
})

describe('any other function, by name', () => {
  test('all names that may be called are functions of this build', async () => {
    const { cv: library } = await loadOpenCv()
    expect(callableNames.filter((name) => typeof library[name] !== 'function')).toEqual([])
    expect(new Set(callableNames).size).toBe(callableNames.length)
    const guide = readFileSync(new URL('../../../../../docs/opencv.md', import.meta.url), 'utf8')
    const listed = guide
      .split('\n')
      .filter((line) => line.startsWith('    '))
      .join(' ')
      .trim()
      .split(/\s+/)
    expect(listed).toEqual([...callableNames])
  })

  test('pictures, sizes, constants and outputs', async () => {
    const { outputs } = await cv.call('resize', [gray, { out: 'mat' }, { width: 10, height: 8 }, 0, 0, { constant: 'INTER_NEAREST' }])
    expect(outputs[0]).toMatchObject({ rows: 8, columns: 10, channels: 1, type: 'uint8' })
    expect((await cv.call('countNonZero', [gray])).value).toBe(64)
    expect((await cv.call('mean', [color])).value).toEqual([9, 8, 7, 0])
    expect((await cv.call('boundingRect', [gray])).value).toEqual({ x: 4, y: 4, width: 8, height: 8 })
  })

  test('matrices in and out, of several types, and what is changed in place', async () => {
    const matrix = { rows: 2, columns: 2, channels: 1, type: 'float64', data: new Float64Array([2, 1, 1, 1]) } as const
    const { value, outputs } = await cv.call('invert', [matrix, { out: 'mat' }])
    expect(value).not.toBe(0)
    const [inverse] = outputs as [typeof matrix]
    for (const [i, expected] of [1, -1, -1, 2].entries()) expect(inverse.data[i]).toBeCloseTo(expected, 12)
    const kernel = (await cv.call('getStructuringElement', [{ constant: 'MORPH_CROSS' }, { width: 3, height: 3 }])).value
    expect(kernel).toMatchObject({ rows: 3, columns: 3, data: new Uint8Array([0, 1, 0, 1, 1, 1, 0, 1, 0]) })
    const drawn = await cv.call('rectangle', [{ out: createImage(5, 5, 1) }, { x: 1, y: 1 }, { x: 3, y: 3 }, { scalar: [50] }, -1])
    expect((drawn.outputs[0] as { data: Uint8Array }).data.filter((byteValue) => byteValue === 50).length).toBe(9)
    const planes = (await cv.call('split', [color, { out: 'mats' }])).outputs[0] as readonly { data: Uint8Array }[]
    expect(planes.map(({ data }) => data[0])).toEqual([9, 8, 7])
    const merged = await cv.call('merge', [{ mats: [gray, gray] }, { out: 'mat' }])
    expect(merged.outputs[0]).toMatchObject({ channels: 2 })
  })

  test('what does not fit is said', async () => {
    await expect(cv.call('stackBlur', [gray, { out: 'mat' }])).rejects.toMatchObject({
      code: 'OPENCV_ARGUMENT',
      details: { node: 'stackBlur' },
    })
    await expect(cv.call('rectangle', [{ out: gray }, { x: 1, y: 1 }, { x: 3, y: 3 }, [50], -1])).rejects.toMatchObject({
      code: 'OPENCV_ARGUMENT',
    })
    await expect(cv.call('countNonZero', [{ constant: 'NO_SUCH' }])).rejects.toMatchObject({ code: 'OPENCV_UNKNOWN' })
    await expect(cv.call('treshold', [])).rejects.toMatchObject({ details: { expected: expect.stringContaining('threshold') } })
  })
})
