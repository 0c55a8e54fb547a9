// Video: frames a second through the pipe, how long the event loop is held meanwhile, memory of 4K, how soon a source stops.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSource } from '../src/data/video/open-source.ts'
import { testPattern } from '../src/data/video/test-pattern.ts'
import { writeVideo } from '../src/data/video/write-video.ts'
import type { Image } from '../src/vision/image.ts'
import { type BenchmarkCase, type BenchmarkOptions, quantile } from './measure.ts'

export const name = 'video through FFmpeg: rate, event loop, memory, stopping'

export async function* run({ quick }: BenchmarkOptions): AsyncGenerator<BenchmarkCase> {
  const folder = await mkdtemp(join(tmpdir(), 'fovea-video-'))
  try {
    for (const [title, width, height, frames] of [
      ['1080p', 1920, 1080, quick ? 50 : 250],
      ['4K', 3840, 2160, quick ? 30 : 250],
    ] as const) {
      const file = join(folder, `${title}.mp4`)
      await writeVideo(patterns(frames, width, height), file, { effort: 'fast' })
      const before = process.memoryUsage.rss()
      let peak = 0
      let worstHold = 0
      // Computing time of this thread between two turns of the loop: the wall clock would count what else the machine does.
      const busy = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1000
      const start = process.threadCpuUsage()
      let last = start
      const timer = setInterval(() => {
        worstHold = Math.max(worstHold, busy(process.threadCpuUsage(last)))
        last = process.threadCpuUsage()
      }, 1)
      const begin = performance.now()
      let count = 0
      for await (const frame of await openSource(file)) {
        count += frame.image.data[0] === undefined ? 0 : 1
        peak = Math.max(peak, process.memoryUsage.rss())
      }
      clearInterval(timer)
      const computed = busy(process.threadCpuUsage(start))
      const seconds = (performance.now() - begin) / 1000
      const frame = `${((width * height * 3) / 1e6).toFixed(1)} MB`
      const details = { frames: count, frame }
      yield { name: `${title}, every frame`, unit: 'frames/s', better: 'higher', fovea: count / seconds, details }
      yield { name: `${title}, this thread's time for a frame`, unit: 'ms', better: 'lower', fovea: computed / count, details }
      yield { name: `${title}, longest hold of the event loop`, unit: 'ms', better: 'lower', fovea: worstHold, details }
      yield { name: `${title}, memory above that before`, unit: 'MiB', better: 'lower', fovea: (peak - before) / 2 ** 20, details }
    }
    const stops: number[] = []
    for (let i = 0; i < (quick ? 5 : 30); i++) {
      const source = await openSource(join(folder, '1080p.mp4'))
      for await (const _ of source) {
        const begin = performance.now()
        await source.stop()
        stops.push(performance.now() - begin)
      }
    }
    const details = { stops: stops.length }
    yield { name: 'stopping a source, the slowest', unit: 'ms', better: 'lower', fovea: quantile(stops, 1), details }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function* patterns(count: number, width: number, height: number): Generator<Image> {
  for (let i = 0; i < count; i++) yield testPattern(i, { width, height })
}
