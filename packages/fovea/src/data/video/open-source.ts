// What a caller calls a source, and the reader that it needs.

import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FoveaError } from '../../util/errors.ts'
import { listImages } from '../image-folder.ts'
import { imageExtensions } from '../image-format.ts'
import { FfmpegReader } from './ffmpeg-frames.ts'
import { fileInput, httpVideoInput, rtspInput, stdinInput, v4l2Input } from './ffmpeg-input.ts'
import { findFfmpeg } from './ffmpeg-program.ts'
import type { FrameReader, OpenSourceOptions } from './frame.ts'
import { HttpReader } from './http-reader.ts'
import { ImageListReader } from './image-files.ts'
import { LoopedReader } from './looped.ts'
import { checkSourceOptions } from './options.ts'
import { PatternReader, parsePattern } from './pattern-reader.ts'
import { refuseText } from './probe.ts'
import { hideSecrets } from './secrets.ts'
import { Source } from './source.ts'
import { WatchedFolderReader } from './watched-folder.ts'

/** A path, an address, or the paths of pictures in order. */
export type SourceSpec = string | URL | readonly string[]

const videoEndings = new Set(
  '.mp4 .m4v .mov .mkv .webm .avi .ts .mts .m2ts .mpg .mpeg .flv .wmv .3gp .ogv .mxf .h264 .264 .h265 .hevc .mjpeg .mjpg .y4m .nut .m3u8'.split(
    ' ',
  ),
)

/** Whether a name says by itself that it is a video, stream or camera; pictures and folders do not. */
export function namesVideo(spec: string): boolean {
  if (spec === '-' || /^(rtsps?|testpattern):/i.test(spec) || /^\/dev\/video\d+$/.test(spec)) return true
  if (!/^https?:/i.test(spec)) return videoEndings.has(extname(spec).toLowerCase())
  return !imageExtensions.includes(endingOf(spec))
}

/**
 * Opens a source of frames:
 *
 * | spec | what it is |
 * |---|---|
 * | a folder; with `watch`, one that new files come to | pictures |
 * | a list of paths, or the path of one picture | pictures |
 * | the path of any other file | a video file, through FFmpeg |
 * | `rtsp://…`, `rtsps://…` | a camera, through FFmpeg |
 * | `http(s)://…` | MJPEG or a snapshot to poll, told by the type of the answer; a file or playlist of video by its ending, through FFmpeg |
 * | `/dev/videoN` | a camera of this machine (Video4Linux2), through FFmpeg |
 * | `-` | standard input, in any format of video that FFmpeg reads from a pipe |
 * | `testpattern://?size=640x480&fps=25&frames=N&live=1` | the frames of `testPattern` |
 *
 * What can be told beforehand is: missing files and programs, options out of range. Nothing is connected before the first frame is asked for.
 *
 * @throws FoveaError SOURCE_UNKNOWN, SOURCE_OPTION, DATA_FILE_NOT_FOUND, DATA_NO_IMAGES, FFMPEG_MISSING; the iteration throws
 * SOURCE_FAILED, SOURCE_DENIED, VIDEO_UNREADABLE, DATA_*, CANCELLED
 */
export async function openSource(spec: SourceSpec, options: OpenSourceOptions = {}): Promise<Source> {
  checkSourceOptions(options)
  checkSpec(spec)
  const { reader, id } = await readerOf(spec instanceof URL && spec.protocol === 'file:' ? fileURLToPath(spec) : spec, options)
  if (options.loop && reader.live)
    throw new FoveaError('SOURCE_OPTION', { field: 'loop', expected: 'a source that ends', found: 'a live one' })
  if (reader instanceof FfmpegReader) await findFfmpeg()
  return new Source(options.id ?? id, options.loop ? new LoopedReader(reader) : reader, options)
}

/** @throws FoveaError SOURCE_UNKNOWN for what is neither path, address nor list of paths */
function checkSpec(spec: unknown): void {
  const fail = (found: unknown, field?: string) => {
    const text = found === null ? 'null' : typeof found === 'string' ? 'an empty text' : `${typeof found}`
    return new FoveaError('SOURCE_UNKNOWN', { field, expected: 'a path, an address or a list of paths', found: text })
  }
  if (Array.isArray(spec)) {
    const wrong = spec.findIndex((path: unknown) => typeof path !== 'string' || path === '')
    if (wrong >= 0) throw fail(spec[wrong], `[${wrong}]`)
  } else if ((typeof spec !== 'string' || spec === '') && !(spec instanceof URL)) throw fail(spec)
}

async function readerOf(given: SourceSpec, options: OpenSourceOptions): Promise<{ reader: FrameReader; id: string }> {
  if (typeof given !== 'string' && !(given instanceof URL)) {
    if (given.length === 0) throw new FoveaError('DATA_NO_IMAGES', { expected: 'paths of pictures', found: 'an empty list' })
    return { reader: new ImageListReader(given, options), id: given.length === 1 ? given[0]! : `${given[0]} and ${given.length - 1} more` }
  }
  const spec = String(given)
  const id = hideSecrets(spec)
  const named = { ...options, name: id }
  if (spec === '-')
    return { reader: new FfmpegReader(() => stdinInput(options), { ...named, stdin: true, name: 'standard input' }), id: 'stdin' }
  const [, scheme] = /^([a-z][a-z\d+.-]+):/i.exec(spec) ?? []
  switch (scheme?.toLowerCase()) {
    case undefined:
    case 'file':
      return { reader: await pathReader(scheme === undefined ? spec : fileURLToPath(spec), options), id }
    case 'testpattern':
      return { reader: new PatternReader(parsePattern(spec), options.size), id }
    case 'rtsp':
    case 'rtsps':
      checkAddress(spec)
      return { reader: new FfmpegReader((program) => rtspInput(spec, options, program), { ...named, address: spec, live: true }), id }
    case 'http':
    case 'https':
      checkAddress(spec)
      return { reader: httpReader(spec, named), id }
    default:
      // A path with a colon in it is a path where it is there.
      if (await exists(spec)) return { reader: await pathReader(spec, options), id }
      throw new FoveaError('SOURCE_UNKNOWN', {
        file: id,
        expected: 'a path, rtsp:, http:, /dev/videoN, - or testpattern:',
        found: `${scheme}:`,
      })
  }
}

function httpReader(spec: string, options: OpenSourceOptions & { readonly name: string }): FrameReader {
  const ending = endingOf(spec)
  const kind = options.http ?? (videoEndings.has(ending) && !/^\.mjpe?g$/.test(ending) ? 'video' : undefined)
  if (kind === 'video')
    return new FfmpegReader(() => httpVideoInput(spec, options), {
      ...options,
      address: spec,
      offset: options.start ?? 0,
      live: ending === '.m3u8',
    })
  const { name, intervalMs, size } = options
  return new HttpReader(spec, {
    name,
    ...(kind === undefined ? {} : { kind }),
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(size === undefined ? {} : { size }),
  })
}

async function pathReader(path: string, options: OpenSourceOptions): Promise<FrameReader> {
  if (/^\/dev\/video\d+$/.test(path)) return new FfmpegReader(() => v4l2Input(path, options), { ...options, name: path, live: true })
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new FoveaError('DATA_FILE_NOT_FOUND', { file: path, found: error.code ?? 'a read error', cause: error })
  })
  const { watch, size } = options
  if (watch) {
    if (!found.isDirectory()) throw new FoveaError('SOURCE_OPTION', { file: path, field: 'watch', expected: 'a folder', found: 'a file' })
    return new WatchedFolderReader(path, { ...(watch === true ? {} : watch), ...(size === undefined ? {} : { size }) })
  }
  if (found.isDirectory()) return new ImageListReader(await listImages(path), options)
  if (imageExtensions.includes(extname(path).toLowerCase())) return new ImageListReader([path], options)
  await refuseText(path)
  return new FfmpegReader(() => fileInput(path, options), { ...options, name: path, offset: options.start ?? 0 })
}

/** What cannot be read as an address is not repeated: its password could lie anywhere in it. */
function checkAddress(address: string): void {
  if (!URL.canParse(address) || new URL(address).hostname === '')
    throw new FoveaError('SOURCE_UNKNOWN', {
      file: `${address.slice(0, address.indexOf(':'))}://…`,
      expected: 'an address with a host, and special letters of its password in percent code',
      found: 'none that can be read',
    })
}

function endingOf(address: string): string {
  return URL.canParse(address) ? extname(new URL(address).pathname).toLowerCase() : ''
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
