// Reading raw video in the NUT container (Niedermayer et al., "NUT Open Container Format", 2013): every frame with its own timestamp.
//
// FFmpeg writes it to a pipe. Plain rawvideo has no timestamps, and what else could carry them comes on another pipe, to be matched.

import { FoveaError } from '../../util/errors.ts'
import { ByteReader } from './byte-reader.ts'

/** The second halves of the start codes, by the letter after their N; the first are told by it. */
const startCode = { main: 0x7a561f5f, stream: 0x11405bf2, syncpoint: 0xe4adeeca, index: 0xdd672f23, info: 0xab68b596 } as const

const flag = {
  codedPts: 8,
  streamId: 16,
  size: 32,
  checksum: 64,
  reserved: 128,
  sideData: 256,
  header: 1024,
  matchTime: 2048,
  coded: 4096,
  invalid: 8192,
} as const

interface FrameCode {
  readonly flags: number
  readonly ptsDelta: number
  readonly sizeFactor: number
  readonly sizeRest: number
  readonly reserved: number
  readonly header: number
}

export interface NutFrame {
  readonly width: number
  readonly height: number
  /** Seconds. */
  readonly time: number
  /** width x height x 3 bytes, RGB. */
  readonly data: Uint8Array
}

/** Larger pictures are not believed. */
const maxSide = 32_768

/**
 * The frames of a NUT stream with one video stream of raw RGB.
 *
 * @param take gives the memory of the next frame
 * @throws FoveaError VIDEO_UNREADABLE where the bytes are no such stream or the size changes; the end within a frame is the end
 */
export async function* readNut(chunks: AsyncIterable<Uint8Array>, take: (bytes: number) => Uint8Array): AsyncGenerator<NutFrame> {
  const input = new ByteReader(chunks)
  try {
    if ((await input.text(25)) !== 'nut/multimedia container\0') {
      if (input.ended) return
      throw malformed('a NUT stream')
    }
    let codes: readonly FrameCode[] = []
    let tick = 0
    let stream: { readonly width: number; readonly height: number; readonly shift: number } | undefined
    let last = 0
    for (;;) {
      const first = await input.byte()
      if (first === undefined) return
      if (first === 0x4e) {
        const kind = await startCodeKind(input)
        const length = await input.variable()
        if (length > 4096) await input.skip(4)
        if (length > 1 << 20) throw malformed('a header of less than a megabyte')
        const packet = input.part(length)
        if (kind === 'main') ({ codes, tick } = await readMain(packet))
        else if (kind === 'stream') stream = await readStream(packet)
        else if (kind === 'syncpoint') last = await packet.variable()
        await packet.finish()
        continue
      }
      const code = codes[first]
      if (code === undefined || stream === undefined) throw malformed('headers before the first frame')
      const { pts, size } = await readFrameHeader(input, code, stream.shift, last)
      last = pts
      const { width, height } = stream
      if (size !== width * height * 3) throw malformed(`${width * height * 3} bytes a frame`, `${size}: the size of the picture changed`)
      const data = take(size)
      if (!(await input.fill(data))) return
      yield { width, height, time: pts * tick, data }
    }
  } finally {
    await input.close()
  }
}

async function startCodeKind(input: ByteReader): Promise<keyof typeof startCode> {
  await input.skip(1)
  const middle = await input.uint32()
  await input.skip(2)
  const kind = (Object.keys(startCode) as (keyof typeof startCode)[]).find((name) => startCode[name] === middle)
  if (kind === undefined) throw malformed('a start code')
  return kind
}

async function readMain(packet: ByteReader): Promise<{ codes: FrameCode[]; tick: number }> {
  const version = await packet.variable()
  if (version > 3) await packet.variable()
  if ((await packet.variable()) !== 1) throw malformed('one stream')
  await packet.variable()
  if ((await packet.variable()) !== 1) throw malformed('one time base')
  const tick = (await packet.variable()) / (await packet.variable())
  const codes: FrameCode[] = []
  let ptsDelta = 0
  let sizeFactor = 1
  let header = 0
  while (codes.length < 256) {
    const flags = await packet.variable()
    const fields = await packet.variable()
    if (fields > 0) ptsDelta = await packet.signed()
    if (fields > 1) sizeFactor = await packet.variable()
    if (fields > 2) await packet.variable()
    const sizeRest = fields > 3 ? await packet.variable() : 0
    const reserved = fields > 4 ? await packet.variable() : 0
    const count = fields > 5 ? await packet.variable() : sizeFactor - sizeRest
    if (fields > 6) await packet.signed()
    if (fields > 7) header = await packet.variable()
    for (let i = 8; i < fields; i++) await packet.variable()
    if (count < 1 || codes.length + count > 256) throw malformed('a table of 256 frame codes')
    for (let j = 0; j < count; ) {
      // N begins a start code, so it is passed over.
      if (codes.length === 0x4e) codes.push({ flags: flag.invalid, ptsDelta, sizeFactor, sizeRest: 0, reserved, header })
      else codes.push({ flags, ptsDelta, sizeFactor, sizeRest: sizeRest + j++, reserved, header })
    }
  }
  return { codes, tick }
}

async function readStream(packet: ByteReader): Promise<{ width: number; height: number; shift: number }> {
  await packet.variable()
  if ((await packet.variable()) !== 0) throw malformed('a video stream')
  await packet.skip(await packet.variable())
  await packet.variable()
  const shift = await packet.variable()
  for (let i = 0; i < 3; i++) await packet.variable()
  await packet.skip(await packet.variable())
  const width = await packet.variable()
  const height = await packet.variable()
  if (width < 1 || height < 1 || width > maxSide || height > maxSide) throw malformed(`sides of 1 to ${maxSide}`, `${width}x${height}`)
  return { width, height, shift }
}

async function readFrameHeader(input: ByteReader, code: FrameCode, shift: number, last: number): Promise<{ pts: number; size: number }> {
  let { flags } = code
  if (flags & flag.invalid) throw malformed('a frame code')
  if (flags & flag.coded) flags ^= await input.variable()
  if (flags & flag.streamId) await input.variable()
  let pts = last + code.ptsDelta
  if (flags & flag.codedPts) {
    const coded = await input.variable()
    const range = 2 ** shift
    pts = coded >= range ? coded - range : nearest(coded, range, last)
  }
  let size = code.sizeRest
  if (flags & flag.size) size += code.sizeFactor * (await input.variable())
  if (flags & flag.matchTime) await input.signed()
  const header = flags & flag.header ? await input.variable() : code.header
  const reserved = flags & flag.reserved ? await input.variable() : code.reserved
  for (let i = 0; i < reserved; i++) await input.variable()
  if (flags & flag.checksum) await input.skip(4)
  // Neither is used for frames of raw video: short headers are left out of compressed ones only.
  if (header !== 0 || flags & flag.sideData) throw malformed('plain frames')
  return { pts, size }
}

/** The number with these low digits that is nearest to `last`, as the specification rounds it. */
function nearest(low: number, range: number, last: number): number {
  const base = last - Math.floor((range - 1) / 2)
  return ((((low - base) % range) + range) % range) + base
}

function malformed(expected: string, found = 'other bytes'): FoveaError {
  return new FoveaError('VIDEO_UNREADABLE', { expected: `${expected} from ffmpeg`, found })
}
