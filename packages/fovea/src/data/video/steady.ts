// Frames of any rhythm as frames of one rate: what an encoder takes.

import type { Image } from '../../vision/image.ts'

export interface TimedImage {
  readonly image: Image
  /** Seconds, never falling. */
  readonly timestamp: number
}

/** Frames whose times tell the rate. */
const sample = 12
/** Where no time passes between them: pictures, or a clock that stands. */
const usualRate = 25

/**
 * The images at a constant rate, each where it stands in time: one is given again while no other comes, and left out where several fall on one tick.
 *
 * @param fps @default the rate of the first frames by the middle of their distances, 1 to 60
 */
export async function steadyFrames(
  frames: AsyncIterable<TimedImage>,
  fps?: number,
): Promise<{ readonly fps: number; readonly images: AsyncGenerator<Image, void> }> {
  const reader = frames[Symbol.asyncIterator]()
  const first: TimedImage[] = []
  try {
    while (first.length < (fps === undefined ? sample : 0)) {
      const next = await reader.next()
      if (next.done) break
      first.push(next.value)
    }
  } catch (error) {
    await reader.return?.()
    throw error
  }
  const rate = fps ?? rateOf(first.map(({ timestamp }) => timestamp))
  return { fps: rate, images: pace(first, reader, rate) }
}

function rateOf(times: readonly number[]): number {
  const gaps = times
    .slice(1)
    .map((time, i) => time - times[i]!)
    .filter((gap) => gap > 0)
    .sort((a, b) => a - b)
  const middle = gaps[gaps.length >> 1]
  return middle === undefined ? usualRate : Math.min(60, Math.max(1, Math.round(1000 / middle) / 1000))
}

async function* pace(first: readonly TimedImage[], reader: AsyncIterator<TimedImage>, rate: number): AsyncGenerator<Image, void> {
  try {
    let [begin, ticks] = [0, 0]
    let shown: Image | undefined
    for (let i = 0; ; i++) {
      const next = i < first.length ? first[i]! : await reader.next().then((result) => (result.done ? undefined : result.value))
      if (next === undefined) break
      if (shown === undefined) begin = next.timestamp
      const tick = Math.round((next.timestamp - begin) * rate)
      // What was shown before fills the ticks up to this one.
      while (shown !== undefined && ticks < tick) {
        yield shown
        ticks++
      }
      shown = next.image
    }
    if (shown !== undefined) yield shown
  } finally {
    await reader.return?.()
  }
}
