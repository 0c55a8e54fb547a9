// How a video is encoded, as arguments of FFmpeg.

import { FoveaError } from '../../util/errors.ts'
import { checkOptionNames } from '../option-names.ts'

export type VideoCodec = 'h264' | 'h265' | 'vp9' | 'av1' | 'mjpeg'

export interface EncodeOptions {
  /** @default 'h264' */
  readonly codec?: VideoCodec
  /** The encoder's scale of constant quality: lower is better (x264 and x265 0 to 51, VP9 and AV1 0 to 63, MJPEG 1 to 31). @default the encoder's */
  readonly quality?: number
  /** Bits a second, instead of constant quality. */
  readonly bitrate?: number
  /** Slower gives smaller files: `fast` or `small`. @default the encoder's middle */
  readonly effort?: 'fast' | 'small'
}

interface Encoder {
  readonly encoder: string
  /** The option of constant quality, and its range. */
  readonly quality: readonly [option: string, low: number, high: number]
  readonly pixels: string
  readonly effort: Readonly<Record<'fast' | 'small', readonly string[]>>
  readonly more?: readonly string[]
}

const x26x = { fast: ['-preset', 'veryfast'], small: ['-preset', 'slow'] } as const

const encoders: Readonly<Record<VideoCodec, Encoder>> = {
  h264: { encoder: 'libx264', quality: ['-crf', 0, 51], pixels: 'yuv420p', effort: x26x },
  h265: {
    encoder: 'libx265',
    quality: ['-crf', 0, 51],
    pixels: 'yuv420p',
    effort: x26x,
    // Without this tag Apple's players refuse it; the encoder has a log of its own.
    more: ['-tag:v', 'hvc1', '-x265-params', 'log-level=error'],
  },
  vp9: {
    encoder: 'libvpx-vp9',
    quality: ['-crf', 0, 63],
    pixels: 'yuv420p',
    effort: { fast: ['-deadline', 'realtime', '-cpu-used', '6'], small: ['-cpu-used', '1'] },
    more: ['-row-mt', '1'],
  },
  av1: {
    encoder: 'libsvtav1',
    quality: ['-crf', 1, 63],
    pixels: 'yuv420p',
    effort: { fast: ['-preset', '11'], small: ['-preset', '5'] },
  },
  mjpeg: { encoder: 'mjpeg', quality: ['-q:v', 1, 31], pixels: 'yuvj420p', effort: { fast: [], small: [] } },
}

export const videoCodecs = Object.keys(encoders) as readonly VideoCodec[]

/**
 * Encoder, quality, pixels and container flags; `filters` come first. Colours are BT.709 and say so. Sides become even, by a black
 * line, since these encoders keep colour at half size.
 *
 * @throws FoveaError VIDEO_OPTION
 */
export function encodeArguments(options: EncodeOptions, filters: readonly string[]): string[] {
  const { codec = 'h264', quality, bitrate, effort } = options
  const chosen = Object.hasOwn(encoders, codec) ? encoders[codec] : undefined
  if (chosen === undefined) throw optionError('codec', videoCodecs.join(', '), codec)
  const [option, low, high] = chosen.quality
  if (quality !== undefined && !(quality >= low && quality <= high))
    throw optionError('quality', `a number from ${low} to ${high}`, quality)
  if (bitrate !== undefined && !(bitrate >= 1000 && Number.isFinite(bitrate)))
    throw optionError('bitrate', 'at least 1000 bits a second', bitrate)
  if (effort !== undefined && !Object.hasOwn(chosen.effort, effort)) throw optionError('effort', 'fast or small', effort)
  const full = codec === 'mjpeg'
  const colours = full ? 'scale=out_range=pc' : 'scale=out_color_matrix=bt709:out_range=tv'
  return [
    ...['-vf', [...filters, 'pad=ceil(iw/2)*2:ceil(ih/2)*2', colours].join(',')],
    ...['-c:v', chosen.encoder, '-pix_fmt', chosen.pixels],
    ...(full ? [] : ['-colorspace', 'bt709', '-color_primaries', 'bt709', '-color_trc', 'bt709']),
    ...(bitrate === undefined ? (quality === undefined ? [] : [option, String(quality)]) : ['-b:v', String(Math.round(bitrate))]),
    // VP9 holds to constant quality only where the rate is set free.
    ...(codec === 'vp9' && quality !== undefined && bitrate === undefined ? ['-b:v', '0'] : []),
    ...(effort === undefined ? [] : chosen.effort[effort]),
    ...(chosen.more ?? []),
  ]
}

/** Names of `EncodeOptions`. */
export const encodeNames = ['codec', 'quality', 'bitrate', 'effort'] as const satisfies readonly (keyof EncodeOptions)[]

/** Holds that options are known ones, those of all work on videos among them. @throws FoveaError VIDEO_OPTION */
export function checkWorkOptions(options: object, known: readonly string[]): void {
  checkOptionNames(options, [...known, 'onProgress', 'signal'], optionError)
  const { signal, onProgress } = options as { readonly signal?: unknown; readonly onProgress?: unknown }
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw optionError('signal', 'an AbortSignal', signal)
  if (onProgress !== undefined && typeof onProgress !== 'function') throw optionError('onProgress', 'a function', onProgress)
}

/** @throws FoveaError VIDEO_OPTION for what is no name of a file */
export function checkOutput(output: unknown): void {
  if (typeof output !== 'string' || output === '')
    throw optionError('output', 'the name of a file', output === '' ? 'an empty text' : output)
}

export function optionError(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('VIDEO_OPTION', { field, expected, found: String(found) })
}

/** Has players begin before all is loaded; other containers ignore it. */
export function containerArguments(output: string): string[] {
  return /\.(mp4|m4v|mov)$/i.test(output) ? ['-movflags', '+faststart'] : []
}
