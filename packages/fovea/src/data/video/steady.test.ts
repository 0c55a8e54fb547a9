import { expect, test } from 'vitest'
import { createImage } from '../../vision/image.ts'
import { steadyFrames, type TimedImage } from './steady.ts'

/** Images whose first byte is their number. */
async function* at(...times: number[]): AsyncGenerator<TimedImage> {
  for (const [i, timestamp] of times.entries()) yield { image: createImage(1, 1, 1, Uint8Array.of(i)), timestamp }
}

async function numbers(frames: AsyncIterable<TimedImage>, fps?: number): Promise<{ fps: number; shown: number[] }> {
  const steady = await steadyFrames(frames, fps)
  const shown: number[] = []
  for await (const { data } of steady.images) shown.push(data[0]!)
  return { fps: steady.fps, shown }
}

test('an even rhythm goes through as it is, at its own rate', async () => {
  const times = Array.from({ length: 30 }, (_, i) => 7 + i / 25)
  expect(await numbers(at(...times))).toEqual({ fps: 25, shown: times.map((_, i) => i) })
  expect((await numbers(at(0, 1001 / 30000, 2002 / 30000))).fps).toBeCloseTo(29.97, 3)
})

test('a gap is filled with the frame before it; of several on one tick the last is shown', async () => {
  expect(await numbers(at(0, 0.1, 0.5, 0.6), 10)).toEqual({ fps: 10, shown: [0, 1, 1, 1, 1, 2, 3] })
  expect(await numbers(at(0, 0.01, 0.02, 0.1), 10)).toEqual({ fps: 10, shown: [2, 3] })
})

test('a clock that stands, one frame, none', async () => {
  expect(await numbers(at(3, 3, 3))).toEqual({ fps: 25, shown: [2] })
  expect(await numbers(at(3))).toEqual({ fps: 25, shown: [0] })
  expect(await numbers(at())).toEqual({ fps: 25, shown: [] })
})

test('who stops in the middle lets go of the frames, also before the first', async () => {
  let closed = 0
  async function* endless(): AsyncGenerator<TimedImage> {
    try {
      for (let i = 0; ; i++) {
        if (i === 40) throw new Error('lost')
        yield { image: createImage(1, 1, 1), timestamp: i }
      }
    } finally {
      closed++
    }
  }
  for await (const _ of (await steadyFrames(endless())).images) break
  expect(closed).toBe(1)
  await expect(numbers(endless())).rejects.toThrow('lost')
  expect(closed).toBe(2)
})
