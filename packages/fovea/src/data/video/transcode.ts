// Videos from videos: in another codec, size or rate, and parts of them.

import { containerArguments, type EncodeOptions, encodeArguments, optionError } from './encode-options.ts'
import { scaleFilter } from './ffmpeg-frames.ts'
import type { FrameSize } from './frame.ts'
import { mediaInput, probe } from './probe.ts'
import { runFfmpeg, type VideoWorkOptions } from './run-ffmpeg.ts'
import { hideSecrets } from './secrets.ts'

export interface TranscodeOptions extends EncodeOptions, VideoWorkOptions {
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
  /** False copies the coded frames: quick and without loss, but it begins at the last key frame before `start`. @default true */
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
  const { size, fps, audio = 'keep', start, end } = options
  checkRange(start, end)
  if (fps !== undefined && !(fps > 0 && fps <= 1000)) throw optionError('fps', 'a number from 0 to 1000', fps)
  if (!['keep', 'copy', 'none'].includes(audio)) throw optionError('audio', 'keep, copy or none', audio)
  for (const side of [size?.width, size?.height])
    if (side !== undefined && !(Number.isInteger(side) && side >= 2 && side <= 32_768))
      throw optionError('size', 'sides from 2 to 32768', side)
  const filters = [...(size === undefined ? [] : [scaleFilter(size)]), ...(fps === undefined ? [] : [`fps=${fps}`])]
  const sound = { keep: ['-map', '0:a?'], copy: ['-map', '0:a?', '-c:a', 'copy'], none: [] }[audio]
  await work(input, output, options, [...encodeArguments(options, filters), '-map', '0:V:0', ...sound])
}

/**
 * Writes the part of a video from `start` to before `end`, with its sound.
 *
 * @throws FoveaError as `transcode`
 */
export async function clip(input: string, output: string, options: ClipOptions = {}): Promise<void> {
  const { start, end, reencode = true } = options
  checkRange(start, end)
  const copying = ['-c', 'copy', '-avoid_negative_ts', 'make_zero']
  await work(input, output, options, [...(reencode ? encodeArguments(options, []) : copying), '-map', '0:V:0', '-map', '0:a?'])
}

type Range = { readonly start?: number; readonly end?: number }

async function work(input: string, output: string, options: Range & VideoWorkOptions, args: readonly string[]): Promise<void> {
  const { start = 0, end, onProgress, signal } = options
  // Also tells what is wrong with a file better than a failed encoding.
  const info = await probe(input, signal === undefined ? {} : { signal })
  if (info.duration !== undefined && start >= info.duration)
    throw optionError('start', `less than the length of the video, ${info.duration} s`, start)
  const opening = await mediaInput(input, { start: options.start, end })
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
