import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFoveaError } from '../../util/errors.ts'
import { createImage } from '../../vision/image.ts'
import { answerDigest } from './digest.ts'
import { fileInput, rtspInput, stdinInput, v4l2Input } from './ffmpeg-input.ts'
import { lastLines, parseVersion } from './ffmpeg-program.ts'
import { boundaryOf, splitMultipart } from './multipart.ts'
import { openSource } from './open-source.ts'
import { parseProbe } from './probe.ts'
import { RateMeter } from './rate-meter.ts'
import { hideSecrets, secretHider } from './secrets.ts'
import { readPatternNumber, testPattern } from './test-pattern.ts'
import { Sampler, Timeline } from './timeline.ts'

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function parts(text: string | Uint8Array, boundary: string, size = 7): Promise<string[]> {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text
  const found: string[] = []
  for await (const { headers, body } of splitMultipart(inChunks(bytes, size), boundary))
    found.push(`${headers.get('content-type') ?? ''}|${Buffer.from(body).toString('latin1')}`)
  return found
}

describe('multipart', () => {
  test('a stated length, none, and line ends of either kind', async () => {
    const stream =
      '--x\r\nContent-Type: a\r\nContent-Length: 3\r\n\r\nabc\r\n--x\r\nContent-type: b\r\n\r\nde--\r\nf\r\n--x\n\ngh\n--x--\r\nafter'
    for (const size of [1, 2, 7, 1000]) expect(await parts(stream, 'x', size)).toEqual(['a|abc', 'b|de--\r\nf', '|gh'])
  })

  test('what surrounds parts is passed over, a wrong length spoils its own part only, and what is cut off is left out', async () => {
    expect(await parts('hello\r\n--x\r\n\r\na\r\n--x\r\nContent-Length: 1\r\n\r\nbcd\r\n--x\r\n\r\nef\r\n--x\r\n\r\ngh', 'x')).toEqual([
      '|a',
      '|b',
      '|ef',
    ])
  })

  test('any parts come back, however the stream is cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 60 }),
        async (bodies, size) => {
          const stream = bodies.flatMap((body) => [
            Buffer.from(`--b!\r\ncontent-length: ${body.length}\r\n\r\n`),
            Buffer.from(body),
            Buffer.from('\r\n'),
          ])
          const found = await parts(Buffer.concat(stream), 'b!', size)
          expect(found).toEqual(bodies.map((body) => `|${Buffer.from(body).toString('latin1')}`))
        },
      ),
    )
  })

  test('endless headers and parts are refused', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('--x\r\n')
      for (;;) yield Buffer.alloc(1 << 20, 97)
    }
    const all = async () => {
      for await (const _ of splitMultipart(endless(), 'x')) expect.unreachable()
    }
    await expect(all()).rejects.toMatchObject({ code: 'SOURCE_FAILED' })
  })

  test('boundaries as cameras state them', () => {
    expect(boundaryOf('multipart/x-mixed-replace; boundary=frame')).toBe('frame')
    expect(boundaryOf('multipart/x-mixed-replace;boundary="--my boundary"; charset=x')).toBe('my boundary')
    expect(boundaryOf('image/jpeg')).toBeUndefined()
  })
})

describe('secrets', () => {
  test('are taken out of addresses and texts', () => {
    expect(hideSecrets('rtsp://admin:p@ss@10.0.0.7:554/a?channel=1&password=x&Token=y#z')).toBe(
      'rtsp://10.0.0.7:554/a?channel=1&password=***&Token=***#z',
    )
    expect(hideSecrets('/home/me/a.mp4')).toBe('/home/me/a.mp4')
    const hide = secretHider('rtsp://admin:s3cr%40t@cam/x?pwd=hush')
    expect(hide('login s3cr@t or s3cr%40t or hush at rtsp://admin:s3cr%40t@cam/x failed')).toBe(
      'login *** or *** or *** at rtsp://cam/x failed',
    )
  })

  test('no password of letters is left in the name of a source', async () => {
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[!$&'()*+,;=:@A-Z0-9]{6,20}$/), async (password) => {
        const source = await openSource(`http://user:${encodeURIComponent(password)}@127.0.0.1/x`)
        expect(source.id).toBe('http://127.0.0.1/x')
      }),
    )
  })
})

test('digest authentication gives the answers of RFC 7616, 3.9.1', () => {
  const request = { method: 'GET', uri: '/dir/index.html', user: 'Mufasa', password: 'Circle of Life' }
  const clientNonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ'
  const challenge = (algorithm: string) =>
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
  expect(answerDigest(challenge('MD5'), { ...request, clientNonce })).toContain('response="8ca523f5e9506fed4657c9700eebdbec"')
  expect(answerDigest(challenge('SHA-256'), { ...request, clientNonce })).toContain(
    'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"',
  )
  expect(answerDigest('Basic realm="x"', request)).toBeUndefined()
})

describe('timestamps', () => {
  test('of a live source go on over reconnects and over a clock that is set, and never fall', () => {
    let now = 100
    const line = new Timeline(true, () => now)
    expect([line.stamp(5), line.stamp(5.5), line.stamp(5.4)]).toEqual([0, 0.5, 0.5])
    now += 8
    line.reconnected()
    expect([line.stamp(77), line.stamp(78)]).toEqual([8, 9])
    now += 2
    expect(line.stamp(5000)).toBe(10)
    expect(line.stamp(5000.5)).toBe(10.5)
    expect(line.stamp(1)).toBe(10.5)
    expect(line.stamp(1.25)).toBe(10.75)
  })

  test('of a file are its own', () => {
    const line = new Timeline(false)
    expect([line.stamp(12), line.stamp(90), line.stamp(90)]).toEqual([12, 90, 90])
  })

  test('the sampler takes the first frame of each part of a second', () => {
    const sampler = new Sampler(10)
    const taken = Array.from({ length: 25 }, (_, i) => i / 25).filter((time) => sampler.takes(time))
    expect(taken).toEqual([0, 0.12, 0.2, 0.32, 0.4, 0.52, 0.6, 0.72, 0.8, 0.92])
  })

  test('the rate forgets what is older than two seconds', () => {
    let now = 0
    const meter = new RateMeter(() => now)
    expect(meter.perSecond()).toBe(0)
    for (; now < 5000; now += 100) meter.tick()
    expect(meter.perSecond()).toBe(10)
    now += 3000
    expect(meter.perSecond()).toBe(0)
  })
})

describe('arguments of FFmpeg', () => {
  const program = { path: 'ffmpeg', version: [5, 1] } as const

  test('names lie behind a protocol, and playlists reach no network', () => {
    expect(fileInput('-i.mp4', { start: 2, end: 5 }).join(' ')).toBe('-ss 2 -t 3 -protocol_whitelist file,crypto,data -i file:-i.mp4')
  })

  // No camera of this kind is there in a test; what FFmpeg is asked to do is.
  test('V4L2: format, size and rate that are asked for', () => {
    expect(v4l2Input('/dev/video0', { inputFormat: 'mjpeg', inputSize: { width: 1280, height: 720 }, inputFps: 30 }).join(' ')).toBe(
      '-f v4l2 -input_format mjpeg -video_size 1280x720 -framerate 30 -i /dev/video0',
    )
  })

  test('raw standard input', () => {
    expect(stdinInput({ inputFormat: 'rawvideo', inputSize: { width: 4, height: 2 }, inputFps: 10 }).join(' ')).toBe(
      '-f rawvideo -pixel_format rgb24 -video_size 4x2 -framerate 10 -protocol_whitelist pipe,crypto,data -i pipe:0',
    )
  })

  test('RTSP: the time-out by its name in each version', () => {
    expect(rtspInput('rtsp://h/x', { openMs: 1 }, program)).toContain('-timeout')
    expect(rtspInput('rtsp://h/x', {}, { path: '', version: [4, 4] })).toContain('-stimeout')
    expect(rtspInput('rtsp://h/x', {}, { path: '', version: undefined })).toContain('-timeout')
  })

  test('versions as builds state them', () => {
    expect(parseVersion('ffmpeg version 5.1.9-0+deb12u1 Copyright')).toEqual([5, 1])
    expect(parseVersion('ffmpeg version n7.1 Copyright')).toEqual([7, 1])
    expect(parseVersion('ffmpeg version N-109000-gabc Copyright')).toBeUndefined()
  })

  test('the last lines without addresses in memory', () => {
    expect(lastLines('a\r\n\n[rtsp @ 0x55d0] b\n  c \nd\n')).toBe('[rtsp] b; c; d')
  })
})

test('what ffprobe tells of rotation, covers and rates', () => {
  const video = {
    index: 1,
    codec_type: 'video',
    codec_name: 'h264',
    width: 1920,
    height: 1080,
    avg_frame_rate: '30000/1001',
    pix_fmt: 'yuv420p',
  }
  const text = JSON.stringify({
    streams: [
      { index: 0, codec_type: 'video', codec_name: 'png', disposition: { attached_pic: 1 } },
      { ...video, side_data_list: [{ rotation: -90 }] },
      { index: 2, codec_type: 'audio', codec_name: 'aac' },
    ],
    format: { format_name: 'mov', duration: '12.5' },
  })
  expect(parseProbe(text, 'x')).toMatchObject({
    duration: 12.5,
    video: { index: 1, width: 1080, height: 1920, rotation: 90, fps: 30000 / 1001 },
  })
  expect(() => parseProbe('no JSON', 'x')).toThrow(expect.objectContaining({ code: 'VIDEO_UNREADABLE' }))
})

describe('the test pattern', () => {
  test('is the same every time, and its number can be read in any size', () => {
    for (const [index, width, height] of [
      [0, 640, 480],
      [12_345, 64, 48],
      [16_777_215, 101, 77],
      [99, 1920, 1080],
    ] as const) {
      const image = testPattern(index, { width, height })
      expect(readPatternNumber(image)).toBe(index)
      expect(image).toEqual(testPattern(index, { width, height }))
    }
    expect(readPatternNumber(createImage(64, 48, 3))).toBeUndefined()
    expect(() => testPattern(0, { width: 10 })).toThrow(expect.objectContaining({ code: 'SOURCE_OPTION' }))
    for (const index of [-1, 0.5, Number.NaN]) expect(() => testPattern(index)).toThrow(expect.objectContaining({ code: 'SOURCE_OPTION' }))
  })
})

describe('what is no source', () => {
  test.each([
    ['ftp://host/x', {}, 'SOURCE_UNKNOWN'],
    ['rtsp://', {}, 'SOURCE_UNKNOWN'],
    ['/nowhere/x.mp4', {}, 'DATA_FILE_NOT_FOUND'],
    ['testpattern://?size=1x1', {}, 'SOURCE_OPTION'],
    ['testpattern://?colour=red', {}, 'SOURCE_OPTION'],
    ['testpattern://', { fps: 0 }, 'SOURCE_OPTION'],
    ['testpattern://', { stallMs: 1e10 }, 'SOURCE_OPTION'],
    ['testpattern://', { reconnect: { maxMs: 3e9 } }, 'SOURCE_OPTION'],
    ['testpattern://', { watch: { intervalMs: Number.NaN } }, 'SOURCE_OPTION'],
    ['testpattern://', { size: {} }, 'SOURCE_OPTION'],
    ['testpattern://', { start: 3, end: 2 }, 'SOURCE_OPTION'],
    ['testpattern://?live=1', { loop: true }, 'SOURCE_OPTION'],
    ['testpattern://', { hwaccel: '-x y' }, 'SOURCE_OPTION'],
    ['testpattern://', { reconnect: { attempts: 0 } }, 'SOURCE_OPTION'],
    [import.meta.filename, { watch: true }, 'SOURCE_OPTION'],
    [undefined, {}, 'SOURCE_UNKNOWN'],
    [null, {}, 'SOURCE_UNKNOWN'],
    [{}, {}, 'SOURCE_UNKNOWN'],
    [7, {}, 'SOURCE_UNKNOWN'],
    ['', {}, 'SOURCE_UNKNOWN'],
    [['a.png', undefined], {}, 'SOURCE_UNKNOWN'],
    [[], {}, 'DATA_NO_IMAGES'],
    ['testpattern://', null, 'SOURCE_OPTION'],
    ['testpattern://', { frames: 3 }, 'SOURCE_OPTION'],
    ['testpattern://', { size: { widht: 3, height: 4 } }, 'SOURCE_OPTION'],
    ['testpattern://', { size: 64 }, 'SOURCE_OPTION'],
    ['testpattern://', { size: { width: 32_000, height: 32_000 } }, 'SOURCE_OPTION'],
    ['testpattern://', { fps: '5' }, 'SOURCE_OPTION'],
    ['testpattern://', { reconnect: { atempts: 3 } }, 'SOURCE_OPTION'],
    ['testpattern://', { reconnect: true }, 'SOURCE_OPTION'],
    ['testpattern://', { squarePixels: 1 }, 'SOURCE_OPTION'],
    ['testpattern://', { signal: 'stop' }, 'SOURCE_OPTION'],
    ['testpattern://?size=99999x99999', {}, 'SOURCE_OPTION'],
  ])('%o %o is %s', async (spec, options, code) => {
    const error: unknown = await openSource(spec as never, options as never).catch((thrown: unknown) => thrown)
    expect(isFoveaError(error) && error.code).toBe(code)
  })
})

test('a live pattern ends after as many frames as were asked for', async () => {
  let count = 0
  for await (const _ of await openSource('testpattern://?fps=100&frames=5&live=1&size=64x48', { policy: 'all' })) count++
  expect(count).toBe(5)
})

test('a camera that gives damaged pictures alone is degraded, and given up as one that cannot be reached', async () => {
  const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'image/jpeg' }).end('nope'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const source = await openSource(`http://127.0.0.1:${port}/still.jpg`, {
      intervalMs: 2,
      reconnect: { firstMs: 1, maxMs: 2, attempts: 2, firstAttempts: 2 },
    })
    const states = new Set<string>()
    source.onHealth(({ health }) => states.add(health))
    const read = async () => {
      for await (const _ of source) throw new Error('there is no picture to be read')
    }
    await expect(read()).rejects.toMatchObject({
      code: 'SOURCE_FAILED',
      details: { found: expect.stringContaining('damaged pictures in a row') },
    })
    expect(states).toContain('degraded')
  } finally {
    server.close()
  }
}, 30_000)
