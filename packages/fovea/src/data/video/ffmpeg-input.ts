// The arguments that have FFmpeg open each kind of input. Always a list, never a shell, and every name behind its protocol.

import { type FfmpegProgram, isAtLeast } from './ffmpeg-program.ts'
import type { OpenSourceOptions } from './frame.ts'

/** What a file may open: a playlist names further files, but no address of a network. */
export const fileProtocols = 'file,crypto,data'

/** A path as FFmpeg's own protocol: a name that begins with a dash is no option, one with a colon no protocol. */
export function fileAddress(path: string): string {
  return `file:${path}`
}

export function fileInput(path: string, { start, end }: Pick<OpenSourceOptions, 'start' | 'end'> = {}): string[] {
  return [...seek(start, end), '-protocol_whitelist', fileProtocols, '-i', fileAddress(path)]
}

/** Seconds to begin at and end before, as options of the input that follows. */
export function seek(start?: number, end?: number): string[] {
  return [...(start ? ['-ss', String(start)] : []), ...(end === undefined ? [] : ['-t', String(end - (start ?? 0))])]
}

export function rtspInput(url: string, options: Pick<OpenSourceOptions, 'transport' | 'openMs'>, program: FfmpegProgram): string[] {
  // In microseconds: a camera that falls silent does not keep an orphaned FFmpeg alive.
  const timeout = String((options.openMs ?? 15_000) * 1000)
  return [
    ...['-rtsp_transport', options.transport ?? 'tcp', '-allowed_media_types', 'video'],
    ...[isAtLeast(program, 5, 0) ? '-timeout' : '-stimeout', timeout],
    ...['-fflags', 'nobuffer', '-analyzeduration', '1000000'],
    ...['-protocol_whitelist', 'rtsp,rtsps,rtp,srtp,udp,tcp,tls,http,https,crypto', '-i', url],
  ]
}

/** Video over HTTP: a file, or a playlist of HLS. */
export function httpVideoInput(url: string, options: Pick<OpenSourceOptions, 'start' | 'end' | 'openMs'>): string[] {
  const timeout = String((options.openMs ?? 15_000) * 1000)
  return [
    ...seek(options.start, options.end),
    ...['-rw_timeout', timeout, '-protocol_whitelist', 'http,https,httpproxy,tcp,tls,crypto,data', '-i', url],
  ]
}

/** A camera of Video4Linux2, such as /dev/video0. */
export function v4l2Input(device: string, options: Pick<OpenSourceOptions, 'inputFormat' | 'inputSize' | 'inputFps'>): string[] {
  const { inputFormat, inputSize, inputFps } = options
  return [
    ...['-f', 'v4l2'],
    ...(inputFormat === undefined ? [] : ['-input_format', inputFormat]),
    ...(inputSize === undefined ? [] : ['-video_size', `${inputSize.width}x${inputSize.height}`]),
    ...(inputFps === undefined ? [] : ['-framerate', String(inputFps)]),
    ...['-i', device],
  ]
}

/** Standard input, in any format that can be read without seeking. */
export function stdinInput(options: Pick<OpenSourceOptions, 'inputFormat' | 'inputSize' | 'inputFps' | 'pixelFormat'>): string[] {
  const { inputFormat, inputSize, inputFps, pixelFormat } = options
  const raw = inputFormat === 'rawvideo'
  return [
    ...(inputFormat === undefined ? [] : ['-f', inputFormat]),
    ...(raw ? ['-pixel_format', pixelFormat ?? 'rgb24'] : []),
    ...(inputSize === undefined ? [] : ['-video_size', `${inputSize.width}x${inputSize.height}`]),
    ...(inputFps === undefined ? [] : ['-framerate', String(inputFps)]),
    ...['-protocol_whitelist', 'pipe,crypto,data', '-i', 'pipe:0'],
  ]
}
