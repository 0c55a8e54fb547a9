// Frames in the commands: predicting on a video, a camera and a folder, and looking at a source.

import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { encodePng } from '../../src/data/encode.ts'
import { testPattern } from '../../src/data/video/test-pattern.ts'
import { encodeModelChunks } from '../../src/graph/codec/encode.ts'
import { buildClassifier } from '../../src/model/build-classifier.ts'
import { describeWithFfmpeg, makeVideo } from '../ffmpeg.ts'
import { HttpCamera } from '../http-camera.ts'
import { RtspCamera } from '../rtsp-camera.ts'
import { fovea, temporaryFolder } from './cli.ts'

let work = ''
let model = ''
beforeAll(async () => {
  work = await temporaryFolder('frames')
  model = join(work, 'model.onnx')
  await writeFile(model, encodeModelChunks(buildClassifier('small-cnn', { labels: ['a', 'b'], imageSize: [32, 32], seed: 1 })).parts)
})

async function lines(...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await fovea([...args, '--json'])
  expect(stderr).not.toMatch(/error/i)
  expect(code).toBe(0)
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('predict on MJPEG: one line a frame, in order, until there are enough', async () => {
  const camera = await HttpCamera.start()
  const found = await lines('predict', model, `${camera.address}/stream`, '--frames', '3')
  expect(found).toHaveLength(3)
  for (const [i, line] of found.entries()) {
    expect(line).toMatchObject({ source: `${camera.address}/stream`, task: 'classify', top: [{}, {}] })
    if (i > 0) expect(line.sequence).toBeGreaterThan(found[i - 1]!.sequence as number)
  }
  await camera.cut()
})

test('Ctrl-C ends a watched folder in order; source tells what comes', async () => {
  const folder = join(work, 'watched')
  await mkdir(folder)
  await writeFile(join(folder, '1.png'), await encodePng(testPattern(1, { width: 64, height: 48 })))
  const ended = await fovea(['source', folder, '--watch', '--frames', '9', '--save', join(work, 'saved')], {
    onStderr: (text, child) => {
      if (/is online/.test(text)) setTimeout(() => child.kill('SIGINT'), 3000)
    },
  })
  expect(ended).toMatchObject({ code: 0 })
  expect(ended.stdout).toMatch(/1 frames/)
  expect(await readdir(join(work, 'saved'))).toEqual(['00000000.png'])
  expect(await lines('source', 'testpattern://?size=64x48&fps=10', '--frames', '5')).toMatchObject([
    { width: 64, height: 48, fps: 10, frames: 5 },
  ])
})

test('what does not go together is told', async () => {
  expect((await fovea(['predict', model, 'testpattern://', 'rtsp://h/x'])).stderr).toMatch(/one source of frames/)
  const refused = await fovea(['predict', model, 'rtsp://user:pa/ss@h/x'])
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toMatch(/SOURCE_UNKNOWN/)
  expect(refused.stderr).not.toMatch(/pa\/ss/)
})

describeWithFfmpeg('through FFmpeg', () => {
  test('predict on a file and on RTSP', async () => {
    const video = makeVideo(join(work, 'video.mp4'), { frames: 50 })
    const found = await lines('predict', model, video, '--fps', '5')
    expect(found.map(({ timestamp }) => timestamp)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.6, 1.8])
    const camera = new RtspCamera({ video })
    await camera.start()
    expect(await lines('predict', model, camera.address, '--frames', '2', '--policy', 'all')).toMatchObject([
      { sequence: 0 },
      { sequence: 1 },
    ])
    await camera.cut()
  })
})
