// FFmpeg as the user's own program: finding it, what its version can do, and errors that carry what it said.

import { dirname, join } from 'node:path'
import { type ErrorCode, FoveaError } from '../../util/errors.ts'
import { type Child, type Exit, startChild } from './child.ts'

export interface FfmpegProgram {
  readonly path: string
  /** Undefined for builds that state no number: they are taken for new ones. */
  readonly version: readonly [major: number, minor: number] | undefined
}

const found = new Map<string, Promise<FfmpegProgram>>()

/** The path of `ffmpeg` or `ffprobe`: FOVEA_FFMPEG, FOVEA_FFPROBE (or beside FOVEA_FFMPEG), else as PATH finds it. */
export function ffmpegPath(program: 'ffmpeg' | 'ffprobe'): string {
  const { FOVEA_FFMPEG: ffmpeg, FOVEA_FFPROBE: ffprobe } = process.env
  if (program === 'ffmpeg') return ffmpeg || 'ffmpeg'
  return ffprobe || (ffmpeg ? join(dirname(ffmpeg), 'ffprobe') : 'ffprobe')
}

/** Asks FFmpeg for its version, once for each path. @throws FoveaError FFMPEG_MISSING */
export function findFfmpeg(): Promise<FfmpegProgram> {
  const path = ffmpegPath('ffmpeg')
  const known = found.get(path)
  if (known !== undefined) return known
  const asked = ask(path)
  found.set(path, asked)
  // It may be installed while this process runs.
  asked.catch(() => found.delete(path))
  return asked
}

async function ask(path: string): Promise<FfmpegProgram> {
  const child = startChild(path, ['-hide_banner', '-version'], ['ignore', 'pipe', 'pipe'])
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const exit = await child.exited
  if (exit.failure !== undefined || exit.code !== 0) throw missing(path, exit, child.tail())
  return { path, version: parseVersion(text) }
}

/** The number in `ffmpeg version 5.1.9-0+deb12u1 …` or `n7.1`. */
export function parseVersion(text: string): readonly [number, number] | undefined {
  const match = /^ffmpeg version n?(\d+)\.(\d+)/m.exec(text)
  return match === null ? undefined : [Number(match[1]), Number(match[2])]
}

export function isAtLeast({ version }: FfmpegProgram, major: number, minor: number): boolean {
  return version === undefined || version[0] > major || (version[0] === major && version[1] >= minor)
}

/** How frames are passed with the timestamps that they have, neither doubled nor dropped. */
export function passthrough(program: FfmpegProgram): readonly string[] {
  return isAtLeast(program, 5, 1) ? ['-fps_mode', 'passthrough'] : ['-vsync', 'passthrough']
}

/** FFMPEG_MISSING where the program is not there, undefined where it ran. */
export function startError(path: string, exit: Exit): FoveaError | undefined {
  return exit.failure === undefined ? undefined : missing(path, exit, '')
}

function missing(path: string, { failure, code }: Exit, said: string): FoveaError {
  const how = failure?.code === 'ENOENT' ? 'no such program' : (failure?.message ?? `exit code ${code}: ${lastLines(said)}`)
  return new FoveaError('FFMPEG_MISSING', { expected: `${path} to run`, found: how, cause: failure })
}

/** The error of an FFmpeg that ended badly, with the end of what it said, freed of secrets. */
export function exitError(
  code: ErrorCode,
  child: Child,
  path: string,
  exit: Exit,
  file: string,
  hide: (text: string) => string,
): FoveaError {
  const notStarted = startError(path, exit)
  if (notStarted !== undefined) return notStarted
  const how = exit.signal === null ? `exit code ${exit.code}` : `the signal ${exit.signal}`
  const said = lastLines(hide(child.tail()))
  return new FoveaError(code, { file, found: said === '' ? how : `${how}: ${said}` })
}

/** The last lines of a text that say something, in one line, without the addresses in memory that FFmpeg prints. */
export function lastLines(text: string, count = 3): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => line.replaceAll(/ @ 0x[\da-f]+/gi, '').trim())
    .filter((line) => line !== '' && !/^Last message repeated/.test(line))
  return lines.slice(-count).join('; ').slice(-600)
}
