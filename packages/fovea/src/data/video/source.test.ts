import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from '../../../test/end-to-end/cli.ts'
import { describeWithFfmpeg, makeVideo } from '../../../test/ffmpeg.ts'
import { HttpCamera } from '../../../test/http-camera.ts'
import { RtspCamera } from '../../../test/rtsp-camera.ts'
import { encodePng } from '../encode.ts'
import { sourceCases } from './source.case.ts'
import { testPattern } from './test-pattern.ts'

const size = { width: 64, height: 48 }

async function pictures(folder: string, count: number): Promise<string[]> {
  const paths: string[] = []
  for (let i = 0; i < count; i++) {
    const path = join(folder, `${String(i).padStart(3, '0')}.png`)
    await writeFile(path, await encodePng(testPattern(i, size)))
    paths.push(path)
  }
  return paths
}

sourceCases({
  name: 'a folder',
  live: false,
  frames: 12,
  numbers: 100,
  async prepare() {
    const folder = await temporaryFolder('source')
    await pictures(folder, 12)
    return { spec: folder, options: { fps: 10 } }
  },
})

sourceCases({
  name: 'a list of pictures',
  live: false,
  frames: 12,
  numbers: 100,
  prepare: async () => ({ spec: await pictures(await temporaryFolder('source'), 12), options: { fps: 10 } }),
})

let watched = ''
let written = 0
sourceCases({
  name: 'a watched folder',
  live: true,
  paced: false,
  numbers: 1000,
  async prepare() {
    watched = await temporaryFolder('source')
    return { spec: watched, options: { watch: { intervalMs: 20 }, policy: 'all' }, close: () => rm(watched, { recursive: true }) }
  },
  // As a careful writer does it, with a part of the bytes first.
  async more() {
    const bytes = await encodePng(testPattern(written, size))
    const path = join(watched, `${written++}.png`)
    await writeFile(path, bytes.subarray(0, 100))
    await writeFile(`${path}.part`, bytes)
    await rename(`${path}.part`, path)
    // Two files of the same time are ordered by their names.
    await new Promise((resolve) => setTimeout(resolve, 120))
  },
})

sourceCases({
  name: 'the test pattern',
  live: false,
  frames: 30,
  numbers: 100,
  prepare: async () => ({ spec: 'testpattern://?size=64x48&frames=30' }),
})

sourceCases({
  name: 'the test pattern, live',
  live: true,
  numbers: 100_000,
  prepare: async () => ({ spec: 'testpattern://?size=64x48&fps=50&live=1' }),
})

sourceCases({
  name: 'MJPEG over HTTP',
  live: true,
  numbers: 100,
  async prepare() {
    const camera = await HttpCamera.start()
    return { spec: `${camera.address}/stream`, close: () => camera.cut() }
  },
})

sourceCases({
  name: 'HTTP snapshots',
  live: true,
  numbers: 100,
  async prepare() {
    const camera = await HttpCamera.start()
    return { spec: `${camera.address}/snapshot`, options: { intervalMs: 20 }, close: () => camera.cut() }
  },
})

describeWithFfmpeg('sources through FFmpeg', () => {
  sourceCases({
    name: 'a video file',
    live: false,
    frames: 40,
    numbers: 100,
    // A name that FFmpeg could take for an option and a protocol.
    async prepare() {
      const folder = join(await temporaryFolder('source'), '-o:p')
      await mkdir(folder)
      return { spec: makeVideo(join(folder, '-i http:x.mp4'), { frames: 40 }) }
    },
  })

  sourceCases({
    name: 'RTSP',
    live: true,
    numbers: 100,
    async prepare() {
      const folder = await temporaryFolder('source')
      const camera = new RtspCamera({ video: makeVideo(join(folder, 'camera.mp4'), { frames: 100 }) })
      await camera.start()
      return { spec: camera.address, close: () => camera.cut() }
    },
  })
})
