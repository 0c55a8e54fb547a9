// One piece of work by FFmpeg that writes a file: progress, cancelling, a temporary name, and errors that carry what it said.

import { open, rename, rm, writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import type { Writable } from 'node:stream'
import { FoveaError } from '../../util/errors.ts'
import { writeError } from '../files.ts'
import { startChild } from './child.ts'
import { fileAddress } from './ffmpeg-input.ts'
import { exitError, type FfmpegProgram, findFfmpeg } from './ffmpeg-program.ts'
import { secretHider } from './secrets.ts'

export interface VideoProgress {
  /** Seconds of video written so far. */
  readonly seconds: number
  readonly frames: number
  /** 0 to 1; undefined where the length is not known. */
  readonly fraction?: number
}

export interface VideoWorkOptions {
  readonly onProgress?: (progress: VideoProgress) => void
  /** Ends the work with CANCELLED; nothing is left behind. */
  readonly signal?: AbortSignal
}

export interface FfmpegWork extends VideoWorkOptions {
  /** What comes before the output. */
  readonly args: (program: FfmpegProgram) => readonly string[]
  readonly output: string
  /** Named in errors. */
  readonly input: string
  /** Seconds that will be written, where that is known. */
  readonly duration?: number | undefined
  /** Feeds its standard input; where this throws, that is the error. */
  readonly feed?: (stdin: Writable) => Promise<void>
}

let works = 0

/**
 * Runs it. The file appears under its name when all went well, else not at all.
 *
 * @throws FoveaError FFMPEG_MISSING, FFMPEG_FAILED, FILE_WRITE, CANCELLED, and what `feed` throws
 */
export async function runFfmpeg(work: FfmpegWork): Promise<void> {
  const { output, input, signal } = work
  const program = await findFfmpeg()
  if (signal?.aborted) throw new FoveaError('CANCELLED', { file: output })
  // Its ending tells FFmpeg the container.
  const temporary = `${output}.${process.pid}-${works++}.tmp${extname(output)}`
  // Made here, since FFmpeg says of any trouble with it that a file is missing.
  await writeFile(temporary, '').catch((cause: unknown) => {
    throw writeError(output, cause)
  })
  const args = ['-hide_banner', '-loglevel', 'warning', '-y', '-progress', 'pipe:1', ...work.args(program), fileAddress(temporary)]
  const child = startChild(program.path, work.feed ? args : ['-nostdin', ...args], [work.feed ? 'pipe' : 'ignore', 'pipe', 'pipe'])
  const stop = () => void child.stop()
  signal?.addEventListener('abort', stop, { once: true })
  try {
    child.stdout!.setEncoding('utf8').on('data', progressReader(work))
    let feedError: { readonly error: unknown } | undefined
    const fed = work.feed?.(child.stdin!).then(
      () => void child.stdin!.end(),
      async (error: unknown) => {
        feedError = { error }
        await child.stop()
      },
    )
    const exit = await child.exited
    if (signal?.aborted) throw new FoveaError('CANCELLED', { file: output })
    if (feedError !== undefined) throw feedError.error
    if (exit.code !== 0) throw exitError('FFMPEG_FAILED', child, program.path, exit, input, secretHider(input))
    await fed
    await settle(temporary, output)
  } finally {
    signal?.removeEventListener('abort', stop)
    await child.stop()
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

async function settle(temporary: string, output: string): Promise<void> {
  try {
    const handle = await open(temporary, 'r+')
    await handle.sync().finally(() => handle.close())
    await rename(temporary, output)
  } catch (cause) {
    throw writeError(output, cause)
  }
}

/** Reads `key=value` lines; each block of them ends with `progress`. */
function progressReader({ onProgress, duration }: FfmpegWork): (text: string) => void {
  let rest = ''
  let seconds = 0
  let frames = 0
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [key, value = ''] = line.trim().split('=', 2)
      if (key === 'out_time_us' && Number.isFinite(Number(value))) seconds = Math.max(0, Number(value) / 1e6)
      else if (key === 'frame') frames = Number(value) || frames
      else if (key === 'progress')
        onProgress?.({ seconds, frames, ...(duration ? { fraction: value === 'end' ? 1 : Math.min(1, seconds / duration) } : {}) })
    }
  }
}
