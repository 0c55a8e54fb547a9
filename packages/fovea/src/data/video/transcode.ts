// Videos from videos: in another codec, size or rate, and parts of them.

import { createInterface } from 'node:readline'
import { FoveaError } from '../../util/errors.ts'
import { checkOptionNames } from '../option-names.ts'
import { startChild } from './child.ts'
import {
  checkOutput,
  checkWorkOptions,
  containerArguments,
  type EncodeOptions,
  encodeArguments,
  encodeNames,
  optionError,
} from './encode-options.ts'
import { quiet, scaleFilters } from './ffmpeg-frames.ts'
import { exitError, findFfmpeg } from './ffmpeg-program.ts'
import type { FrameSize } from './frame.ts'
import { mediaInput, probe } from './probe.ts'
import { runFfmpeg, type VideoWorkOptions } from './run-ffmpeg.ts'
import { hideSecrets, secretHider } from './secrets.ts'

export interface TranscodeOptions extends EncodeOptions, VideoWorkOptions {
  /** In square pixels. @default as it is, with the shape of pixels that it states */
  readonly size?: FrameSize
  /** A steady rate: frames are doubled or left out. @default as it is */
  readonly fps?: number
  /** `keep` encodes the sound as the container likes it. @default 'keep' */
  readonly audio?: 'keep' | 'copy' | 'none'
  /** Seconds. */
  readonly start?: number
  readonly end?: number
}

export interface ClipOptions extends EncodeOptions, VideoWorkOptions {
  /** Seconds. @default 0 */
  readonly start?: number
  /** Seconds; the frame at this time is left out. @default the end of the file */
  readonly end?: number
  /**
   * False copies the coded frames: quick and without loss, but it begins at the last key frame before `start`, and frames that others after `end`
   * are coded from end it: a few before `end` may be missing, none after it is there. @default true
   */
  readonly reencode?: boolean
}

/**
 * Writes a video anew: its container by the ending of `output`, its codec by the options. Rotation is applied to the pictures. The file
 * appears when it is whole.
 *
 * @param input a path, http(s):// or rtsp://
 * @throws FoveaError DATA_FILE_NOT_FOUND, VIDEO_UNREADABLE, VIDEO_OPTION, FFMPEG_MISSING, FFMPEG_FAILED, FILE_WRITE, CANCELLED
 */
export async function transcode(input: string, output: string, options: TranscodeOptions = {}): Promise<void> {
  checkWorkOptions(options, [...encodeNames, 'size', 'fps', 'audio', 'start', 'end'])
  checkOutput(output)
  const { size, fps, audio = 'keep', start, end } = options
  checkRange(start, end)
  if (size !== undefined) checkOptionNames(size, ['width', 'height'], optionError, 'size.')
  if (size !== undefined && size.width === undefined && size.height === undefined) throw optionError('size', 'a width or a height', '{}')
  if (fps !== undefined && !(fps > 0 && fps <= 1000)) throw optionError('fps', 'a number from 0 to 1000', fps)
  if (!['keep', 'copy', 'none'].includes(audio)) throw optionError('audio', 'keep, copy or none', audio)
  for (const side of [size?.width, size?.height])
    if (side !== undefined && !(Number.isInteger(side) && side >= 2 && side <= 32_768))
      throw optionError('size', 'sides from 2 to 32768', side)
  const filters = [...(size === undefined ? [] : [...scaleFilters(size, true), 'setsar=1']), ...(fps === undefined ? [] : [`fps=${fps}`])]
  const sound = { keep: ['-map', '0:a?'], copy: ['-map', '0:a?', '-c:a', 'copy'], none: [] }[audio]
  await work(input, output, options, () => [...encodeArguments(options, filters), '-map', '0:V:0', ...sound])
}

/**
 * Writes the part of a video from `start` to before `end`, with its sound.
 *
 * @throws FoveaError as `transcode`
 */
export async function clip(input: string, output: string, options: ClipOptions = {}): Promise<void> {
  checkWorkOptions(options, [...encodeNames, 'start', 'end', 'reencode'])
  checkOutput(output)
  const { start, end, reencode = true } = options
  if (typeof reencode !== 'boolean') throw optionError('reencode', 'true or false', reencode)
  checkRange(start, end)
  const streams = ['-map', '0:V:0', '-map', '0:a?']
  if (reencode) return work(input, output, options, () => [...encodeArguments(options, []), ...streams])
  const idle = encodeNames.find((name) => options[name] !== undefined)
  if (idle !== undefined) throw optionError(idle, 'no such option where nothing is encoded (reencode: false)', options[idle])
  await work(input, output, options, async (opening) => {
    const frames = end === undefined ? undefined : await copiedFrames(opening, end - (start ?? 0), hideSecrets(input), options.signal)
    const limit = frames === undefined ? [] : ['-frames:v', String(frames)]
    return ['-c', 'copy', '-avoid_negative_ts', 'make_zero', ...streams, ...limit]
  })
}

/**
 * How many coded frames of the opened input come before the first that is shown `end` seconds after the start or later. Coded frames do not come
 * in the order in which they are shown: all of these can be decoded, since what they are coded from came before them.
 */
async function copiedFrames(opening: readonly string[], end: number, input: string, signal: AbortSignal | undefined): Promise<number> {
  const program = await findFfmpeg()
  const listing = ['-map', '0:V:0', '-c', 'copy', '-avoid_negative_ts', 'disabled', '-f', 'framecrc', 'pipe:1']
  if (signal?.aborted) throw new FoveaError('CANCELLED')
  const child = startChild(program.path, [...quiet, ...opening, ...listing], ['ignore', 'pipe', 'pipe'])
  const stop = () => void child.stop()
  signal?.addEventListener('abort', stop, { once: true })
  let [frames, unit, isOver] = [0, Number.NaN, false]
  try {
    for await (const line of createInterface({ input: child.stdout! })) {
      // `#tb 0: 1/12800`, then for each frame `stream, decoded at, shown at, …`.
      const [, above, below] = /^#tb 0: (\d+)\/(\d+)/.exec(line) ?? []
      if (below !== undefined) unit = Number(above) / Number(below)
      const [, shown] = /^0, *\S+, *(-?\d+),/.exec(line) ?? []
      // Half a unit: times are rounded to units.
      if (shown !== undefined && (Number(shown) + 0.5) * unit >= end) isOver = true
      if (!isOver && /^0,/.test(line)) frames++
    }
    const exit = await child.exited
    if (signal?.aborted) throw new FoveaError('CANCELLED')
    if (exit.code !== 0) throw exitError('FFMPEG_FAILED', child, program.path, exit, input, secretHider(input))
    return frames
  } finally {
    signal?.removeEventListener('abort', stop)
    await child.stop()
  }
}

type Range = { readonly start?: number; readonly end?: number }

/** @param outputArguments From the arguments that open the input. */
async function work(
  input: string,
  output: string,
  options: Range & VideoWorkOptions,
  outputArguments: (opening: readonly string[]) => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  const { start = 0, end, onProgress, signal } = options
  // Also tells what is wrong with a file better than a failed encoding.
  const info = await probe(input, signal === undefined ? {} : { signal })
  if (info.duration !== undefined && start >= info.duration)
    throw optionError('start', `less than the length of the video, ${info.duration} s`, start)
  const opening = await mediaInput(input, { start: options.start, end })
  const args = await outputArguments(opening)
  await runFfmpeg({
    args: () => [...opening, ...args, ...containerArguments(output)],
    output,
    input: hideSecrets(input),
    duration: info.duration === undefined ? undefined : Math.min(end ?? info.duration, info.duration) - start,
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  })
}

function checkRange(start = 0, end = Number.POSITIVE_INFINITY): void {
  if (!(start >= 0 && Number.isFinite(start))) throw optionError('start', 'seconds from 0', start)
  if (!(end > start)) throw optionError('end', 'seconds after start', end)
}
