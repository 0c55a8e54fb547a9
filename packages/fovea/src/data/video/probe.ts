// What a video holds, as ffprobe tells it.

import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { FoveaError } from '../../util/errors.ts'
import { startChild } from './child.ts'
import { checkWorkOptions } from './encode-options.ts'
import { mostSkewed } from './ffmpeg-frames.ts'
import { fileInput, httpVideoInput, rtspInput } from './ffmpeg-input.ts'
import { exitError, ffmpegPath, findFfmpeg } from './ffmpeg-program.ts'
import { hideSecrets, secretHider } from './secrets.ts'

export interface StreamInfo {
  readonly index: number
  readonly kind: 'video' | 'audio' | 'subtitle' | 'data' | 'attachment'
  /** FFmpeg's name, such as h264 or aac; undefined where it knows none. */
  readonly codec?: string
}

export interface VideoStreamInfo extends StreamInfo {
  readonly kind: 'video'
  /** Pixels as they are stored, after rotation. */
  readonly width: number
  readonly height: number
  /** The width of a pixel by its height, after rotation: 1 for square ones, and where it is not stated. */
  readonly sampleAspectRatio: number
  /** As it is shown, in square pixels: the size of the frames of `openSource`. */
  readonly displayWidth: number
  readonly displayHeight: number
  /** The mean rate; undefined where it is not stated. */
  readonly fps?: number
  /** Degrees, clockwise, by which the stored pictures are turned to be shown: 0, 90, 180 or 270. Every function here applies it. */
  readonly rotation: number
  /** FFmpeg's name, such as yuv420p. */
  readonly pixelFormat?: string
  /** As the container states it. */
  readonly frames?: number
}

export interface VideoInfo {
  readonly file: string
  /** FFmpeg's name of the container, such as mov,mp4,m4a,3gp,3g2,mj2. */
  readonly format: string
  /** Seconds; undefined for a stream without an end. */
  readonly duration?: number
  /** Bits a second. */
  readonly bitrate?: number
  /** The first video stream that is no cover picture; undefined for sound alone. */
  readonly video?: VideoStreamInfo
  readonly streams: readonly StreamInfo[]
}

/** A path or an address as the input of FFmpeg, with the protocols that it may use. @throws FoveaError SOURCE_UNKNOWN, DATA_FILE_NOT_FOUND, VIDEO_UNREADABLE, FFMPEG_MISSING */
export async function mediaInput(
  source: string,
  range: { readonly start?: number | undefined; readonly end?: number | undefined } = {},
): Promise<string[]> {
  const seekTo = { ...(range.start === undefined ? {} : { start: range.start }), ...(range.end === undefined ? {} : { end: range.end }) }
  if (typeof source !== 'string' || source === '')
    throw new FoveaError('SOURCE_UNKNOWN', {
      expected: 'a path, http(s):// or rtsp://',
      found: source === null ? 'null' : typeof source === 'string' ? 'an empty text' : typeof source,
    })
  if (/^https?:\/\//i.test(source)) return httpVideoInput(source, seekTo)
  if (/^rtsps?:\/\//i.test(source)) return rtspInput(source, {}, await findFfmpeg())
  const found = await stat(source).catch((error: NodeJS.ErrnoException) => {
    throw new FoveaError('DATA_FILE_NOT_FOUND', { file: hideSecrets(source), found: error.code ?? 'a read error', cause: error })
  })
  if (found.isDirectory()) throw new FoveaError('VIDEO_UNREADABLE', { file: source, expected: 'a video file', found: 'a folder' })
  return fileInput(source, seekTo)
}

/**
 * Streams, size, rate, length, rotation and codecs of a video file or stream.
 *
 * @param file a path, http(s):// or rtsp://
 * @throws FoveaError SOURCE_UNKNOWN, VIDEO_OPTION, DATA_FILE_NOT_FOUND, VIDEO_UNREADABLE, FFMPEG_MISSING, CANCELLED
 */
export async function probe(file: string, options: { readonly signal?: AbortSignal } = {}): Promise<VideoInfo> {
  checkWorkOptions(options, [])
  const { signal } = options
  const input = await mediaInput(file)
  const path = ffmpegPath('ffprobe')
  const args = ['-hide_banner', '-loglevel', 'error', '-print_format', 'json', '-show_format', '-show_streams', ...input]
  if (signal?.aborted) throw new FoveaError('CANCELLED')
  const child = startChild(path, args, ['ignore', 'pipe', 'pipe'])
  const stop = () => void child.stop()
  signal?.addEventListener('abort', stop, { once: true })
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const exit = await child.exited
  signal?.removeEventListener('abort', stop)
  if (signal?.aborted) throw new FoveaError('CANCELLED')
  if (exit.code !== 0) throw exitError('VIDEO_UNREADABLE', child, path, exit, hideSecrets(file), secretHider(file))
  return parseProbe(text, hideSecrets(file))
}

/** Reads the JSON of ffprobe. @throws FoveaError VIDEO_UNREADABLE */
export function parseProbe(text: string, file: string): VideoInfo {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new FoveaError('VIDEO_UNREADABLE', { file, expected: 'JSON from ffprobe', found: 'something else' })
  }
  const { streams = [], format = {} } = parsed as { streams?: Fields[]; format?: Fields }
  // FFmpeg takes text for a film of a terminal.
  if (format.format_name === 'tty') throw new FoveaError('VIDEO_UNREADABLE', { file, expected: 'a video file', found: 'a text' })
  const covers = (stream: Fields) => (stream.disposition as Fields | undefined)?.attached_pic === 1
  const main = streams.find((stream) => stream.codec_type === 'video' && !covers(stream))
  return {
    file,
    format: String(format.format_name ?? 'unknown'),
    ...numbers({ duration: format.duration, bitrate: format.bit_rate }),
    ...(main === undefined ? {} : { video: videoInfo(main) }),
    streams: streams.map(streamInfo),
  }
}

/** Endings by which FFmpeg takes a text for a film of a terminal. */
const textEndings: ReadonlySet<string> = new Set('.ans .art .asc .diz .ice .nfo .txt .vt'.split(' '))

/** @throws FoveaError VIDEO_UNREADABLE for a text; a video by the name of one is none */
export async function refuseText(path: string): Promise<void> {
  if (textEndings.has(extname(path).toLowerCase())) await probe(path)
}

type Fields = Readonly<Record<string, unknown>>

function streamInfo({ index, codec_type, codec_name }: Fields): StreamInfo {
  const kind = (['video', 'audio', 'subtitle', 'attachment'] as const).find((known) => known === codec_type) ?? 'data'
  return { index: Number(index), kind, ...(typeof codec_name === 'string' ? { codec: codec_name } : {}) }
}

function videoInfo(stream: Fields): VideoStreamInfo {
  const rotation = rotationOf(stream)
  const isTurned = rotation % 180 === 90
  const [width, height] = (isTurned ? [stream.height, stream.width] : [stream.width, stream.height]).map(Number) as [number, number]
  const shape = ratio(String(stream.sample_aspect_ratio).replace(':', '/')) ?? 1
  const stated = shape >= 1 / mostSkewed && shape <= mostSkewed ? shape : 1
  const sampleAspectRatio = isTurned ? 1 / stated : stated
  return {
    ...streamInfo(stream),
    kind: 'video',
    width,
    height,
    sampleAspectRatio,
    displayWidth: Math.max(1, Math.round(width * sampleAspectRatio)),
    displayHeight: height,
    rotation,
    ...numbers({ fps: ratio(stream.avg_frame_rate) ?? ratio(stream.r_frame_rate), frames: stream.nb_frames }),
    ...(typeof stream.pix_fmt === 'string' ? { pixelFormat: stream.pix_fmt } : {}),
  }
}

/** Clockwise. The display matrix counts the other way round; older files have a tag instead. */
function rotationOf({ side_data_list, tags }: Fields): number {
  const sides = Array.isArray(side_data_list) ? (side_data_list as Fields[]) : []
  const matrix = sides.find(({ rotation }) => rotation !== undefined)?.rotation
  const degrees = matrix === undefined ? Number((tags as Fields | undefined)?.rotate ?? 0) : -Number(matrix)
  return Number.isFinite(degrees) ? (((Math.round(degrees / 90) * 90) % 360) + 360) % 360 : 0
}

/** `30000/1001` as a number; undefined for 0/0. */
function ratio(text: unknown): number | undefined {
  const [above, below = 1] = String(text).split('/').map(Number)
  const value = above! / below
  return value > 0 && Number.isFinite(value) ? value : undefined
}

/** The fields that are numbers above 0. */
function numbers<K extends string>(fields: Readonly<Record<K, unknown>>): { [P in K]?: number } {
  const known = Object.entries(fields).flatMap(([key, value]) => (Number(value) > 0 ? [[key, Number(value)]] : []))
  return Object.fromEntries(known) as { [P in K]?: number }
}
