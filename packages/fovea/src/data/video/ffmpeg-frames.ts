// Frames from an FFmpeg of its own process: raw RGB with timestamps through a pipe, that FFmpeg waits at when nobody reads.

import { FoveaError } from '../../util/errors.ts'
import { createImage } from '../../vision/image.ts'
import { type Child, startChild } from './child.ts'
import { exitError, type FfmpegProgram, findFfmpeg, passthrough } from './ffmpeg-program.ts'
import type { Connection, FrameReader, FrameSize, OpenSourceOptions, RawFrame } from './frame.ts'
import { readNut } from './nut.ts'
import { secretHider } from './secrets.ts'
import { selectFilter } from './timeline.ts'

/** Pixels that are said to be longer than this by their other side are taken for square. */
export const mostSkewed = 16

/** Exact enough for every rate in use, and the same for every input. */
const timeBase = '1:1000000'

export interface FfmpegFrameOptions extends Pick<OpenSourceOptions, 'fps' | 'size' | 'squarePixels' | 'hwaccel'> {
  /** Added to every timestamp, in seconds. */
  readonly offset?: number
  readonly live?: boolean
  /** Where the input is this process's own standard input. */
  readonly stdin?: boolean
  /** Named in errors, and as the `source` of the images. */
  readonly name: string
  /** The address, for its secrets to be kept out of errors. */
  readonly address?: string
}

/** A reader that decodes what the arguments open. */
export class FfmpegReader implements FrameReader {
  readonly live: boolean
  readonly samples = true
  readonly gapMs: number
  readonly #input: (program: FfmpegProgram) => readonly string[]
  readonly #options: FfmpegFrameOptions
  /** Hardware that failed is not asked again. */
  #software = false

  constructor(input: (program: FfmpegProgram) => readonly string[], options: FfmpegFrameOptions) {
    this.live = options.live ?? false
    this.gapMs = options.fps === undefined ? 0 : 1000 / options.fps
    this.#input = input
    this.#options = options
  }

  async *connect(connection: Connection): AsyncGenerator<RawFrame> {
    const { hwaccel } = this.#options
    let frames = 0
    try {
      const accelerated = hwaccel === undefined || this.#software ? [] : ['-hwaccel', hwaccel]
      for await (const frame of this.#decode(accelerated, connection)) {
        frames++
        yield frame
      }
    } catch (error) {
      const hardwareFailed = hwaccel !== undefined && !this.#software && frames === 0 && !connection.signal.aborted
      // Standard input cannot be read a second time.
      if (!hardwareFailed || this.#options.stdin) throw error
      this.#software = true
      yield* this.#decode([], connection)
    }
  }

  async *#decode(acceleration: readonly string[], { signal }: Connection): AsyncGenerator<RawFrame> {
    const { name, address = name, offset = 0, stdin = false, live = false } = this.#options
    const program = await findFfmpeg()
    if (signal.aborted) return
    const input = this.#input(program)
    const args = [...quiet, ...acceleration, ...input, ...rawOutput(program, this.#options)]
    const child = startChild(program.path, args, [stdin ? 'inherit' : 'ignore', 'pipe', 'pipe'])
    const stop = () => void child.stop()
    signal.addEventListener('abort', stop, { once: true })
    const fail = async (cause?: unknown) => {
      const exit = await ended(child)
      if (cause !== undefined && exit.code === 0) return cause
      const denied = /\b(401 Unauthorized|403 Forbidden)\b/i.test(child.tail())
      const code = denied ? 'SOURCE_DENIED' : live ? 'SOURCE_FAILED' : 'VIDEO_UNREADABLE'
      return exitError(code, child, program.path, exit, name, secretHider(address))
    }
    const memory = new FrameMemory()
    let frames = 0
    try {
      for await (const { width, height, time, data } of readNut(child.stdout!, (bytes) => memory.take(bytes))) {
        frames++
        yield {
          image: createImage(width, height, 3, data, name),
          time: time + offset,
          release: () => memory.give(data),
        }
      }
    } catch (error) {
      if (signal.aborted) return
      throw await fail(error)
    } finally {
      signal.removeEventListener('abort', stop)
      if (signal.aborted) await child.stop()
    }
    if (signal.aborted) return
    const exit = await ended(child)
    if (exit.code !== 0) throw await fail()
    if (frames === 0)
      throw new FoveaError('VIDEO_UNREADABLE', {
        file: name,
        expected: 'a stream of pictures',
        found: offset > 0 ? `no frame from second ${offset} on` : 'no frame',
      })
  }
}

/** The exit of a child whose output has ended, or is no use any more. */
async function ended(child: Child) {
  const patience = setTimeout(() => void child.stop(), 1000)
  const exit = await child.exited
  clearTimeout(patience)
  return exit
}

/** Memory of dropped frames, used again: at most one frame of it. */
class FrameMemory {
  #spare: Uint8Array | undefined

  take(bytes: number): Uint8Array {
    const spare = this.#spare
    this.#spare = undefined
    // Not cleared: every byte is written.
    return spare?.length === bytes ? spare : new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer)
  }

  give(data: Uint8Array): void {
    this.#spare = data
  }
}

/** What every FFmpeg of ours is told: no questions, no banner, only what went wrong. */
export const quiet: readonly string[] = ['-nostdin', '-hide_banner', '-loglevel', 'warning']

function rawOutput(program: FfmpegProgram, { fps, size, squarePixels = true }: FfmpegFrameOptions): string[] {
  const filters = [...(fps === undefined ? [] : [selectFilter(fps)]), ...scaleFilters(size, squarePixels)]
  return [
    ...['-map', '0:V:0', '-an', '-sn', '-dn'],
    ...(filters.length === 0 ? [] : ['-vf', filters.join(',')]),
    ...passthrough(program),
    ...['-enc_time_base', timeBase, '-pix_fmt', 'rgb24', '-c:v', 'rawvideo', '-f', 'nut', '-write_index', '0', 'pipe:1'],
  ]
}

/** The width of a pixel by its height; what is not stated, or cannot be meant, is 1. */
const pixelShape = `if(between(sar,${1 / mostSkewed},${mostSkewed}),sar,1)`

/**
 * Scales to a size; with one side given, the other follows by the shape of the picture as it is shown. Without a size, pixels that are not square
 * become so by their width, as players do it: the lines stay.
 */
export function scaleFilters(size: FrameSize | undefined, square: boolean): string[] {
  const shape = square ? pixelShape : '1'
  const side = (value: string) => `'max(1,round(${value}))'`
  if (size === undefined) return square ? [`scale=${side(`iw*${shape}`)}:ih`] : []
  const { width = side(`oh*iw*${shape}/ih`), height = side(`ow*ih/(iw*${shape})`) } = size
  return [`scale=${width}:${height}`]
}
