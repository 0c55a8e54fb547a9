// The memory of OpenCV after ten thousand requests of every kind, and of failing ones: what it was after the first few hundred.

import { expect, test } from 'vitest'
import { byte, grayPicture, texture } from '../../../test/drawn-pictures.ts'
import { toRgb } from '../../vision/image.ts'
import { Executor } from './executor.ts'
import { loadOpenCv } from './library.ts'
import type { Request } from './protocol.ts'

const wave = texture(4)
const gray = grayPicture(96, 64, (x, y) => byte(wave(x, y)))
const color = toRgb(gray)
const squares = grayPicture(96, 64, (x, y) => (x % 12 < 7 && y % 11 < 6 ? 255 : 0))
const identity = [1, 0, 0, 0, 1, 0, 0, 0, 1]
const camera = { matrix: [50, 0, 48, 0, 50, 32, 0, 0, 1], distortion: [0.1, 0, 0, 0] }
const warp = { matrix: identity, interpolation: 'linear', border: 'constant', fill: [0] } as const
const points = [3, 4, 30, 7, 28, 40, 5, 33, 17, 20, 8, 25]
const fit = { from: points, to: points, method: 'ransac', threshold: 3, confidence: 0.99, iterations: 20 }

function pipeline(
  read: Extract<Request, { kind: 'pipeline' }>['read'],
  options: unknown,
  image = gray,
  steps: { name: string; options: unknown }[] = [],
): Request {
  return { kind: 'pipeline', image, steps: steps as never, read, options }
}

const requests: readonly Request[] = [
  pipeline('image', {}, color, [
    { name: 'gray', options: {} },
    { name: 'color', options: {} },
    { name: 'convertColor', options: { from: 'rgb', to: 'lab' } },
    { name: 'bilateralFilter', options: { diameter: 3, sigmaColor: 9, sigmaSpace: 9 } },
    { name: 'filter', options: { kernel: identity, offset: 0 } },
    { name: 'inRange', options: { low: [0, 0, 0], high: [99, 99, 99] } },
  ]),
  pipeline('image', {}, color, [
    { name: 'crop', options: { x: 3, y: 3, width: 60, height: 40 } },
    { name: 'warpPerspective', options: warp },
    { name: 'warpAffine', options: { ...warp, matrix: identity.slice(0, 6) } },
    { name: 'undistort', options: { camera } },
    { name: 'resize', options: { width: 96, height: 64, interpolation: 'area' } },
    { name: 'combine', options: { kind: 'difference', other: color } },
    { name: 'mask', options: { mask: gray } },
    { name: 'floodFill', options: { x: 0, y: 0, value: [1, 2, 3], tolerance: 3, neighbours: 4 } },
  ]),
  pipeline('image', {}, gray, [
    { name: 'clahe', options: { clipLimit: 2, tiles: 4 } },
    { name: 'sobel', options: { dx: 1, dy: 0, size: 3 } },
    { name: 'canny', options: { low: 50, high: 100, aperture: 3, exact: false } },
    { name: 'morphology', options: { kind: 'close', size: 3, shape: 'ellipse', iterations: 1 } },
    { name: 'colorMap', options: { map: 'jet' } },
  ]),
  pipeline('contours', { mode: 'tree', approximation: 'simple', minArea: 3, tolerance: 1 }, squares),
  pipeline('components', { neighbours: 8 }, squares),
  pipeline('statistics', {}, color),
  pipeline('histogram', { bins: 16, mask: gray }, color),
  pipeline('distances', { kind: 'l2' }, squares),
  pipeline('segments', { rho: 1, theta: 0.02, votes: 20, minLength: 5, maxGap: 2 }, squares),
  pipeline('corners', { count: 20, quality: 0.01, minDistance: 3, size: 3 }),
  pipeline('template', { template: squares, method: 'correlation', count: 1 }),
  pipeline('features', { method: 'orb', count: 50 }),
  pipeline('markers', { dictionary: '4x4-50' }, squares),
  pipeline('qrCodes', {}, squares),
  { kind: 'function', name: 'findHomography', options: fit },
  { kind: 'function', name: 'findAffine', options: fit },
  { kind: 'function', name: 'matchFeatures', options: { a: gray, b: gray, method: 'orb', count: 50, ratio: 0.8 } },
  { kind: 'function', name: 'trackPoints', options: { a: gray, b: gray, points, window: 7, levels: 1 } },
  { kind: 'function', name: 'phaseCorrelate', options: { a: gray, b: gray, window: true } },
  { kind: 'function', name: 'fitEllipse', options: { points, method: 'leastSquares' } },
  { kind: 'function', name: 'minAreaRect', options: { points } },
  { kind: 'call', name: 'split', args: [color, { out: 'mats' }] },
  { kind: 'call', name: 'getStructuringElement', args: [{ constant: 'MORPH_RECT' }, { width: 3, height: 3 }] },
  { kind: 'subtract', id: 1, create: { history: 9, threshold: 16, detectShadows: true }, image: color, learningRate: -1, background: true },
  { kind: 'forget', id: 1 },
]

const tiny = grayPicture(16, 12, (x, y) => (x > 3 && y > 4 ? 255 : 9))

/** Cheap ones, for the many. */
const quick: readonly Request[] = [
  pipeline('contours', { mode: 'external', approximation: 'simple', minArea: 0, tolerance: 0 }, tiny, [
    { name: 'gaussianBlur', options: { size: 3, sigma: 0 } },
    { name: 'threshold', options: { at: 'otsu', kind: 'binary', high: 255 } },
    { name: 'morphology', options: { kind: 'open', size: 3, shape: 'rectangle', iterations: 1 } },
  ]),
  pipeline('image', {}, tiny, [{ name: 'warpPerspective', options: warp }]),
  { kind: 'function', name: 'minAreaRect', options: { points } },
  { kind: 'call', name: 'blur', args: [tiny, { out: 'mat' }, { width: 3, height: 3 }] },
]

const failing: readonly Request[] = [
  pipeline('image', {}, color, [
    { name: 'gaussianBlur', options: { size: 5, sigma: 0 } },
    { name: 'canny', options: { low: 1, high: 2, aperture: 4, exact: false } },
  ]),
  { kind: 'call', name: 'threshold', args: [color, { out: 'mat' }, 1, 255, { constant: 'THRESH_OTSU' }] },
  { kind: 'call', name: 'stackBlur', args: [color, { out: 'mat' }] },
]

/** Where the allocator would put a large block: it moves up when anything was left behind. */
function topOfHeap(cv: Awaited<ReturnType<typeof loadOpenCv>>['cv']): number {
  const [allocate, free] = [cv._malloc, cv._free] as [(bytes: number) => number, (at: number) => void]
  const at = allocate(1 << 23)
  free(at)
  return at
}

test('nothing is left behind by 10,000 requests, nor by failing ones', async () => {
  const { cv } = await loadOpenCv()
  const executor = new Executor(cv)
  const runAll = (rounds: number) => {
    for (let i = 0; i < rounds * requests.length; i++) executor.run(requests[i % requests.length]!)
  }
  const runQuick = (rounds: number) => {
    for (let i = 0; i < rounds; i++) executor.run(quick[i % quick.length]!)
  }
  runAll(3)
  runQuick(60)
  const [heap, top] = [executor.heapBytes, topOfHeap(cv)]
  runAll(12)
  runQuick(10_000)
  expect([executor.heapBytes, topOfHeap(cv)]).toEqual([heap, top])
  for (let i = 0; i < 300; i++)
    expect(() => executor.run(failing[i % failing.length]!)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^OPENCV_/) }))
  // The build does not clean up after its own exceptions: what they leave is bounded, and counted, so that the thread can be replaced.
  expect(executor.heapBytes).toBe(heap)
  expect(executor.lostBytes).toBeGreaterThan(0)
  expect(topOfHeap(cv) - top).toBeLessThan(executor.lostBytes + 300 * 1_000)
}, 300_000)
