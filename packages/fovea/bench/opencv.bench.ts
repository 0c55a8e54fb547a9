// OpenCV on 1080p pictures: milliseconds a picture from call to answer, copies and messages included, and how long the event loop is held meanwhile.

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createCv } from '../src/data/opencv/cv.ts'
import { createImage, type Image } from '../src/vision/image.ts'
import { type BenchmarkCase, type BenchmarkOptions, measure } from './measure.ts'

export const name = 'OpenCV in a worker, 1920x1080'

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const cv = createCv()
  const pair = cv.pool({ workers: 2 })
  const options = quick ? { warmUp: 1, repeats: 2, milliseconds: 0 } : { warmUp: 3, repeats: 20, milliseconds: 3000 }
  const color = scene(0)
  const gray = await cv(color).gray().image()
  const binary = await cv(gray).threshold('otsu').image()
  const subtractor = cv.backgroundSubtractor()
  const frames = [0, 8, 16, 24].map(scene)
  let frame = 0
  const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['there and back, colour', () => cv(color).image()],
    ['contours of a binary picture', () => cv(binary).contours({ minArea: 20 })],
    [
      'grey, blur, Otsu, opening, contours',
      () => cv(color).gray().gaussianBlur(5).threshold('otsu').morphology('open', 3).contours({ minArea: 20 }),
    ],
    ['morphology: closing by a 5x5 ellipse, colour', () => cv(color).morphology('close', 5, { shape: 'ellipse' }).image()],
    ['MOG2, colour', () => subtractor.apply(frames[frame++ % frames.length]!)],
    ['perspective warp, colour', () => cv(color).warpPerspective([1, 0.05, 3, 0.02, 1, 9, 0.00002, 0.00001, 1]).image()],
    [
      'two warps on two threads',
      () => Promise.all([1, 2].map(() => pair(color).warpPerspective([1, 0.05, 3, 0.02, 1, 9, 0.00002, 0.00001, 1]).image())),
    ],
  ]
  try {
    for (const [title, call] of cases) {
      const delay = monitorEventLoopDelay({ resolution: 1 })
      await call()
      delay.enable()
      const { median, fastest, repeats } = await measure(call, options)
      delay.disable()
      const held = +(delay.percentile(99) / 1e6).toFixed(1)
      yield {
        name: title,
        unit: 'ms',
        better: 'lower',
        fovea: median,
        details: { fastest, repeats, eventLoopP99: held, eventLoopMost: +(delay.max / 1e6).toFixed(1) },
      }
    }
    yield {
      name: 'memory of WebAssembly, three threads',
      unit: 'MiB',
      better: 'lower',
      fovea: (cv.stats().heapBytes + pair.stats().heapBytes) / 2 ** 20,
    }
    const fresh = createCv()
    const begin = performance.now()
    await fresh(createImage(8, 8, 1)).image()
    yield { name: 'first call: the thread starts and loads OpenCV', unit: 'ms', better: 'lower', fovea: performance.now() - begin }
    await fresh.close()
  } finally {
    await Promise.all([cv.close(), pair.close()])
  }
}

/** Bright discs on a slope of grey; `shift` moves one in three of them. */
function scene(shift: number): Image {
  const image = createImage(1920, 1080, 3)
  for (let y = 0; y < 1080; y++)
    for (let x = 0; x < 1920; x++) {
      const column = Math.floor(x / 120)
      const inside = (((x + (column % 3 === 0 ? shift : 0)) % 120) - 60) ** 2 + ((y % 120) - 60) ** 2 < 900
      const value = inside ? 220 : 40 + ((x + y) >> 5)
      image.data.fill(value, 3 * (1920 * y + x), 3 * (1920 * y + x) + 3)
    }
  return image
}
