// Frames over HTTP: a stream of JPEGs (MJPEG), or one picture asked for again and again. Node alone; no FFmpeg.

import type { IncomingMessage } from 'node:http'
import { FoveaError } from '../../util/errors.ts'
import { decodeImage } from '../decode.ts'
import type { Connection, FrameReader, FrameSize, RawFrame } from './frame.ts'
import { httpGet } from './http-get.ts'
import { resized } from './image-files.ts'
import { boundaryOf, splitMultipart } from './multipart.ts'
import { pause } from './pause.ts'

const maxSnapshotBytes = 64 * 2 ** 20

export interface HttpReaderOptions {
  /** @default told by the type of the answer */
  readonly kind?: 'mjpeg' | 'snapshot'
  /** Between two polls, begin to begin. @default 1000 */
  readonly intervalMs?: number
  readonly size?: FrameSize
  /** Named in errors, and as the `source` of the images. */
  readonly name: string
}

export class HttpReader implements FrameReader {
  readonly live = true
  /** Known once the answer says that it is a single picture. */
  gapMs = 0
  readonly #address: string
  readonly #options: HttpReaderOptions

  constructor(address: string, options: HttpReaderOptions) {
    this.#address = address
    this.#options = options
  }

  async *connect({ signal }: Connection): AsyncGenerator<RawFrame> {
    const { kind, name, intervalMs = 1000 } = this.#options
    let begin = performance.now()
    let response = await httpGet(this.#address, signal)
    try {
      const type = response.headers['content-type'] ?? ''
      const boundary = boundaryOf(type)
      if (boundary !== undefined && kind !== 'snapshot') yield* this.#stream(response, boundary)
      else if (kind !== 'mjpeg' && (kind === 'snapshot' || /^\s*image\//i.test(type))) {
        this.gapMs = intervalMs
        for (;;) {
          yield this.#frame(await wholeBody(response, name))
          await pause(begin + intervalMs - performance.now(), signal)
          if (signal.aborted) return
          begin = performance.now()
          response = await httpGet(this.#address, signal)
        }
      } else
        throw new FoveaError('SOURCE_UNKNOWN', {
          file: name,
          expected: kind === 'mjpeg' ? 'multipart/x-mixed-replace with a boundary' : 'a picture or multipart/x-mixed-replace',
          found: `the type ${type || 'none'}`,
        })
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof FoveaError) throw error
      throw new FoveaError('SOURCE_FAILED', { file: name, found: (error as NodeJS.ErrnoException).code ?? String(error), cause: error })
    } finally {
      response.destroy()
    }
  }

  async *#stream(response: IncomingMessage, boundary: string): AsyncGenerator<RawFrame> {
    for await (const { headers, body } of splitMultipart(response, boundary)) {
      // Some cameras date their frames in seconds.
      const time = Number(headers.get('x-timestamp') ?? Number.NaN)
      if (body.length > 0) yield this.#frame(body, Number.isFinite(time) ? time : undefined)
    }
  }

  #frame(bytes: Uint8Array, time?: number): RawFrame {
    const { name, size } = this.#options
    return { image: async () => resized(await decodeImage(bytes, { name }), size), ...(time === undefined ? {} : { time }) }
  }
}

async function wholeBody(response: IncomingMessage, file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    if (size > maxSnapshotBytes)
      throw new FoveaError('SOURCE_FAILED', { file, expected: `a picture of at most ${maxSnapshotBytes} bytes`, found: 'more' })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
