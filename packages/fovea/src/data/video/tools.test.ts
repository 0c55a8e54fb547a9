import { spawn } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from '../../../test/end-to-end/cli.ts'
import { describeWithFfmpeg, makeVideo, runTool } from '../../../test/ffmpeg.ts'
import { filledImage, type Image } from '../../vision/image.ts'
import { findFfmpeg, isAtLeast } from './ffmpeg-program.ts'
import type { OpenSourceOptions } from './frame.ts'
import { openSource } from './open-source.ts'
import { take, within } from './source.case.ts'
import { readPatternNumber, testPattern } from './test-pattern.ts'
import { ffmpeg } from './tools.ts'

describeWithFfmpeg('videos as a whole', () => {
  let folder = ''
  let video = ''
  beforeAll(async () => {
    folder = await temporaryFolder('video')
    video = makeVideo(join(folder, 'pattern.mp4'), { frames: 50 })
  })

  const numbers = async (file: string) => (await take(await openSource(file), 1000)).map(({ image }) => readPatternNumber(image))
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
  const failure = (work: Promise<unknown>) =>
    within(
      'failing',
      work.then(
        () => 'no error',
        (error: unknown) => error,
      ),
    )

  test('probe tells size, rate, length and codec; also of a picture that is turned', async () => {
    expect(await ffmpeg.probe(video)).toMatchObject({
      duration: 2,
      video: { codec: 'h264', width: 128, height: 96, fps: 25, rotation: 0 },
      streams: [{}],
    })
    const turned = join(folder, 'turned.mp4')
    const newer = isAtLeast(await findFfmpeg(), 6, 0)
    runTool([
      ...(newer ? ['-display_rotation:v:0', '90'] : []),
      '-i',
      video,
      '-c',
      'copy',
      ...(newer ? [] : ['-metadata:s:v', 'rotate=90']),
      turned,
    ])
    const info = await ffmpeg.probe(turned)
    expect(info).toMatchObject({ video: { width: 96, height: 128 } })
    expect([90, 270]).toContain(info.video?.rotation)
    // The white cell of the pattern is at the top left before the turn.
    const shown = await ffmpeg.thumbnail(turned)
    expect(shown).toMatchObject({ width: 96, height: 128 })
    const [x, y] = info.video?.rotation === 90 ? [93, 2] : [2, 125]
    expect(shown.data[(y * 96 + x) * 3]).toBeGreaterThan(200)
  })

  test('pixels that are not square become so, as players show them', async () => {
    const stored = { width: 128, height: 96 }
    const wide = makeVideo(join(folder, 'wide.mp4'), { frames: 10, args: ['-vf', 'setsar=3/2'] })
    expect(await ffmpeg.probe(wide)).toMatchObject({
      video: { ...stored, sampleAspectRatio: 1.5, displayWidth: 192, displayHeight: 96 },
    })
    expect(await ffmpeg.probe(video)).toMatchObject({ video: { sampleAspectRatio: 1, displayWidth: 128, displayHeight: 96 } })
    const sizeOf = async (file: string, options: OpenSourceOptions = {}) => {
      const [frame] = await take(await openSource(file, options), 1)
      return [frame!.image.width, frame!.image.height]
    }
    expect(await sizeOf(wide)).toEqual([192, 96])
    expect(await numbers(wide)).toEqual(range(0, 10))
    expect(await sizeOf(wide, { squarePixels: false })).toEqual([128, 96])
    expect(await sizeOf(wide, { size: { width: 96 } })).toEqual([96, 48])
    expect(await sizeOf(wide, { size: { height: 48 }, fps: 5 })).toEqual([96, 48])
    expect(await sizeOf(wide, { size: { height: 48 }, squarePixels: false })).toEqual([64, 48])
    expect(await sizeOf(wide, { size: { width: 70, height: 70 } })).toEqual([70, 70])
    expect(await ffmpeg.thumbnail(wide)).toMatchObject({ width: 192, height: 96 })
    // Turned by a quarter a wide pixel is a tall one.
    const turned = join(folder, 'wide-turned.mp4')
    const newer = isAtLeast(await findFfmpeg(), 6, 0)
    runTool([
      ...(newer ? ['-display_rotation:v:0', '90'] : []),
      '-i',
      wide,
      '-c',
      'copy',
      ...(newer ? [] : ['-metadata:s:v', 'rotate=90']),
      turned,
    ])
    const { video: info } = await ffmpeg.probe(turned)
    expect(info).toMatchObject({ width: 96, height: 128, displayWidth: 64, displayHeight: 128 })
    expect(info!.sampleAspectRatio).toBeCloseTo(2 / 3, 9)
    expect(await sizeOf(turned)).toEqual([64, 128])
    // A size is one in square pixels; without it the pixels keep their shape.
    const made = join(folder, 'made.mp4')
    await ffmpeg.transcode(wide, made, { size: { width: 96 } })
    expect(await ffmpeg.probe(made)).toMatchObject({ video: { width: 96, height: 48, sampleAspectRatio: 1 } })
    await ffmpeg.transcode(wide, made)
    expect(await ffmpeg.probe(made)).toMatchObject({ video: { ...stored, sampleAspectRatio: 1.5, displayWidth: 192 } })
    // What cannot be meant is not believed.
    const skewed = makeVideo(join(folder, 'skewed.mp4'), { frames: 2, args: ['-vf', 'setsar=100'] })
    expect(await ffmpeg.probe(skewed)).toMatchObject({ video: { sampleAspectRatio: 1, displayWidth: 128 } })
    expect(await sizeOf(skewed)).toEqual([128, 96])
  })

  test('frames of a variable rate have the times that the file states', async () => {
    const file = join(folder, 'variable.mkv')
    const times = [0, 40, 50, 130, 700, 701, 1500]
    const pts = times.map((time, i) => `${i < times.length - 1 ? `if(eq(N,${i}),${time},` : `${time}${')'.repeat(i)}`}`).join('')
    runTool([
      '-i',
      video,
      '-frames:v',
      `${times.length}`,
      '-vf',
      `settb=1/1000,setpts='${pts}'`,
      '-fps_mode',
      'passthrough',
      '-enc_time_base',
      '1:1000',
      '-c:v',
      'libx264',
      '-bf',
      '0',
      file,
    ])
    const frames = await take(await openSource(file), 100)
    expect(frames.map(({ timestamp }) => Math.round(timestamp * 1000))).toEqual(times)
    expect(frames.map(({ image }) => readPatternNumber(image))).toEqual(range(0, times.length))
  })

  test('start and end of a file; a loop goes on in time', async () => {
    const part = await take(await openSource(video, { start: 0.4, end: 0.6 }), 100)
    expect(part.map(({ image }) => readPatternNumber(image))).toEqual(range(10, 15))
    expect(part[0]!.timestamp).toBeCloseTo(0.4, 5)
    const looped = await take(await openSource(video, { loop: true }), 103)
    expect(looped.map(({ image }) => readPatternNumber(image)).slice(48, 52)).toEqual([48, 49, 0, 1])
    expect(looped[102]!.timestamp).toBeCloseTo(102 / 25, 4)
  })

  test('hardware that is not there falls back to software', async () => {
    expect(await take(await openSource(video, { hwaccel: 'nosuch' }), 3)).toHaveLength(3)
  })

  test('writeVideo encodes every image once, with its colours, and pads odd sides', async () => {
    const file = join(folder, 'written.mp4')
    const seen: number[] = []
    function* images(): Generator<Image> {
      for (let i = 0; i < 30; i++) yield testPattern(i, { width: 99, height: 77 })
    }
    expect(await ffmpeg.writeVideo(images(), file, { fps: 10, onProgress: ({ frames }) => void seen.push(frames) })).toBe(30)
    expect(seen.at(-1)).toBe(30)
    expect(await ffmpeg.probe(file)).toMatchObject({ duration: 3, video: { width: 100, height: 78, fps: 10 } })
    expect(await numbers(file)).toEqual(range(0, 30))
    const red = join(folder, 'red.mp4')
    await ffmpeg.writeVideo([filledImage(64, 48, [200, 30, 90])], red, { quality: 5 })
    const { data } = await ffmpeg.thumbnail(red)
    for (const [i, value] of [200, 30, 90].entries()) expect(Math.abs(data[i]! - value), `channel ${i}: ${data[i]}`).toBeLessThanOrEqual(3)
  })

  test('clip takes the frames from start to before end; transcode scales and tells how far it is', async () => {
    const part = join(folder, 'part.mp4')
    await ffmpeg.clip(video, part, { start: 0.4, end: 0.8 })
    expect(await numbers(part)).toEqual(range(10, 20))
    const copied = join(folder, 'copied.mp4')
    await ffmpeg.clip(video, copied, { start: 0.4, end: 0.8, reencode: false })
    expect((await numbers(copied))[0]).toBe(10)
    await ffmpeg.clip(video, copied, { start: 0.4, reencode: false })
    expect((await numbers(copied)).at(-1)).toBe(49)
    // Three frames between those that they hang on: what is shown goes from the key frame to the last that is whole, and never beyond the end.
    const folded = join(folder, 'folded.mp4')
    runTool(['-i', video, '-c:v', 'libx264', '-qp', '10', '-g', '20', '-bf', '3', '-b_strategy', '0', '-sc_threshold', '0', folded])
    for (const [start, end, most] of [
      [0, 0.72, 18],
      [0.9, 1.04, 26],
      [0.9, 1.1, 28],
      [0.8, 1.6, 40],
    ] as const)
      for (const ending of ['mp4', 'mkv']) {
        const piece = join(folder, `piece.${ending}`)
        await ffmpeg.clip(folded, piece, { start, end, reencode: false })
        const found = await numbers(piece)
        const first = Math.floor(start / 0.8) * 20
        expect(found, `${start} to ${end}`).toEqual(range(first, first + found.length))
        expect(first + found.length).toBeLessThanOrEqual(most)
        expect(first + found.length).toBeGreaterThanOrEqual(most - 3)
      }
    const small = join(folder, 'small.avi')
    const fractions: (number | undefined)[] = []
    await ffmpeg.transcode(video, small, {
      codec: 'mjpeg',
      size: { width: 64 },
      fps: 5,
      onProgress: ({ fraction }) => void fractions.push(fraction),
    })
    expect(fractions.at(-1)).toBe(1)
    expect(await ffmpeg.probe(small)).toMatchObject({ video: { codec: 'mjpeg', width: 64, height: 48, fps: 5 } })
  })

  test('thumbnails: one at a time, or one every so often as files', async () => {
    expect(readPatternNumber(await ffmpeg.thumbnail(video, { at: 1, size: { width: 64 } }))).toBe(25)
    const written = await ffmpeg.thumbnails(video, { every: 0.5, folder: join(folder, 'thumbs'), size: { width: 64 } })
    expect(written.map(({ at }) => at)).toEqual([0, 0.52, 1, 1.52])
    expect(await readdir(join(folder, 'thumbs'))).toHaveLength(4)
  })

  test('what goes wrong is coded, tells what ffmpeg said, and leaves no file behind', async () => {
    const text = join(folder, 'text.mp4')
    await writeFile(text, 'no video at all')
    // Long enough to be taken for a film of a terminal, by its ending.
    const story = join(folder, 'story.txt')
    await writeFile(story, 'Once upon a time there was a text of some length.\n'.repeat(300))
    const before = await readdir(folder)
    const aborted = new AbortController()
    async function* cancelling(): AsyncGenerator<Image> {
      for (let i = 0; ; i++) {
        if (i === 3) aborted.abort()
        yield testPattern(i, { width: 64, height: 48 })
      }
    }
    const out = join(folder, 'never.mp4')
    const one = filledImage(64, 48, [0, 0, 0])
    const cases: [string, () => Promise<unknown>][] = [
      ['VIDEO_UNREADABLE', () => ffmpeg.probe(text)],
      ['VIDEO_UNREADABLE', async () => take(await openSource(text), 1)],
      ['VIDEO_UNREADABLE', () => ffmpeg.thumbnail(video, { at: 60 })],
      ['DATA_FILE_NOT_FOUND', () => ffmpeg.probe(join(folder, 'none.mp4'))],
      ['FFMPEG_FAILED', () => ffmpeg.transcode(video, join(folder, 'never.xyz'))],
      ['FILE_WRITE', () => ffmpeg.transcode(video, join(folder, 'no', 'never.mp4'))],
      ['VIDEO_OPTION', () => ffmpeg.transcode(video, out, { quality: 99 })],
      ['VIDEO_OPTION', () => ffmpeg.clip(video, out, { start: 2, end: 1 })],
      ['VIDEO_OPTION', () => ffmpeg.clip(video, out, { start: 60 })],
      ['VIDEO_OPTION', () => ffmpeg.writeVideo([], out)],
      ['VIDEO_OPTION', () => ffmpeg.writeVideo(undefined as never, out)],
      ['VIDEO_OPTION', () => ffmpeg.writeVideo([one], undefined as never)],
      ['IMAGE_INVALID', () => ffmpeg.writeVideo([7 as never], out)],
      ['VIDEO_OPTION', () => ffmpeg.transcode(video, out, { framerate: 5 } as never)],
      ['VIDEO_OPTION', () => ffmpeg.transcode(video, out, { size: { widht: 64 } } as never)],
      ['VIDEO_OPTION', () => ffmpeg.transcode(video, out, null as never)],
      ['VIDEO_OPTION', () => ffmpeg.transcode(video, out, { size: {} })],
      ['VIDEO_OPTION', () => ffmpeg.transcode(video, {} as never)],
      ['VIDEO_OPTION', () => ffmpeg.clip(video, out, { reencode: false, codec: 'h265' })],
      ['VIDEO_OPTION', () => ffmpeg.clip(video, out, { reencode: false, quality: 20 })],
      ['VIDEO_OPTION', () => ffmpeg.thumbnail(video, { time: 3 } as never)],
      ['VIDEO_OPTION', () => ffmpeg.thumbnails(video, undefined as never)],
      ['SOURCE_UNKNOWN', () => ffmpeg.probe(undefined as never)],
      ['SOURCE_UNKNOWN', () => ffmpeg.probe({} as never)],
      ['VIDEO_OPTION', () => ffmpeg.probe(video, 5 as never)],
      ['VIDEO_UNREADABLE', () => ffmpeg.probe(story)],
      ['VIDEO_UNREADABLE', () => openSource(story)],
      ['VIDEO_UNREADABLE', () => ffmpeg.thumbnail(story)],
      ['IMAGE_INVALID', () => ffmpeg.writeVideo([one, filledImage(48, 64, [0, 0, 0])], out)],
      ['CANCELLED', () => ffmpeg.writeVideo(cancelling(), out, { signal: aborted.signal })],
      ['CANCELLED', () => ffmpeg.transcode(video, out, { signal: AbortSignal.abort() })],
    ]
    for (const [i, [code, work]] of cases.entries()) expect(await failure(work()), `case ${i}`).toMatchObject({ code })
    expect(await readdir(folder)).toEqual(before)
  })

  test('a playlist on the disk reaches no network', async () => {
    const list = join(folder, 'list.m3u8')
    await writeFile(list, '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n')
    const error = await failure(take(await openSource(list), 1))
    expect(error).toMatchObject({ code: 'VIDEO_UNREADABLE' })
  })

  test('standard input: a container through a pipe, and raw pixels', async () => {
    const program = `import { openSource } from ${JSON.stringify(join(import.meta.dirname, 'open-source.ts'))}
import { readPatternNumber } from ${JSON.stringify(join(import.meta.dirname, 'test-pattern.ts'))}
const numbers = []
for await (const frame of await openSource('-', JSON.parse(process.argv[1]))) numbers.push([frame.source, readPatternNumber(frame.image)])
console.log(JSON.stringify(numbers))`
    const run = (options: object, input: Uint8Array) =>
      new Promise<unknown>((resolve, reject) => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', program, JSON.stringify(options)], {
          stdio: ['pipe', 'pipe', 'inherit'],
        })
        let text = ''
        child.stdout.on('data', (chunk) => {
          text += chunk
        })
        child.on('close', (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`exit code ${code}`))))
        child.stdin.end(input)
      })
    const raw = Buffer.concat(range(0, 5).map((i) => testPattern(i, { width: 64, height: 48 }).data))
    const expected = range(0, 5).map((i) => ['stdin', i])
    expect(await run({ inputFormat: 'rawvideo', inputSize: { width: 64, height: 48 } }, raw)).toEqual(expected)
  })
})

test('a missing ffmpeg is told with the remedy', async () => {
  const before = process.env.FOVEA_FFMPEG
  process.env.FOVEA_FFMPEG = '/nowhere/ffmpeg'
  try {
    await expect(openSource('rtsp://127.0.0.1/x')).rejects.toMatchObject({
      code: 'FFMPEG_MISSING',
      message: expect.stringContaining('apt-get install ffmpeg'),
    })
    await expect(ffmpeg.probe(import.meta.filename)).rejects.toMatchObject({ code: 'FFMPEG_MISSING' })
  } finally {
    if (before === undefined) delete process.env.FOVEA_FFMPEG
    else process.env.FOVEA_FFMPEG = before
  }
})
