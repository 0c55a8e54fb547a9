// Parts of a `multipart/x-mixed-replace` stream (RFC 2046, 5.1), as cameras send it, with what they get wrong.

import { FoveaError } from '../../util/errors.ts'

export interface Part {
  /** By their names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
}

const maxHeaderBytes = 16_384
const maxPartBytes = 64 * 2 ** 20

/**
 * The boundary that a content type states; undefined where it is not multipart. Some cameras state it with the two dashes that belong
 * before it in the stream, so leading dashes are taken off: the stream is searched for what is left.
 */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^\s*multipart\//i.test(contentType)) return undefined
  const [, quoted, plain] = /boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))/i.exec(contentType) ?? []
  return (quoted ?? plain)?.replace(/^--/, '')
}

/**
 * The parts, in order, each as soon as it is whole: by the length that it states, else at the next boundary. What lies between a part and
 * the next boundary is passed over, so a wrong length spoils its own part only. A part that the stream's end cuts off is left out.
 *
 * @throws FoveaError SOURCE_FAILED for headers over 16 KiB and parts over 64 MiB
 */
export async function* splitMultipart(chunks: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<Part> {
  const mark = Buffer.from(`--${boundary}`, 'latin1')
  const input = new Gatherer(chunks)
  try {
    for (;;) {
      const passed = await input.until(mark, maxPartBytes)
      if (passed === undefined) return
      input.take(passed + mark.length)
      const rest = await input.line()
      // Two more dashes: the last boundary.
      if (rest === undefined || rest.startsWith('--')) return
      const headers = await readHeaders(input)
      if (headers === undefined) return
      const stated = /^\d+$/.exec(headers.get('content-length') ?? '') ? Number(headers.get('content-length')) : undefined
      if (stated !== undefined && stated > maxPartBytes) throw tooLong('a part', maxPartBytes)
      const length = stated === undefined ? await input.until(mark, maxPartBytes) : await input.atLeast(stated)
      if (length === undefined) return
      const body = input.take(length)
      yield { headers, body: stated === undefined ? withoutLineEnd(body) : body }
    }
  } finally {
    await input.close()
  }
}

async function readHeaders(input: Gatherer): Promise<Map<string, string> | undefined> {
  const headers = new Map<string, string>()
  for (let bytes = 0; ; ) {
    const line = await input.line()
    if (line === undefined) return undefined
    if (line === '') return headers
    bytes += line.length
    if (bytes > maxHeaderBytes) throw tooLong('headers', maxHeaderBytes)
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
}

/** The line end before a boundary belongs to the boundary: CR LF, or LF alone. */
function withoutLineEnd(body: Uint8Array): Uint8Array {
  if (body.at(-1) !== 0x0a) return body
  return body.subarray(0, body.at(-2) === 0x0d ? -2 : -1)
}

function tooLong(expected: string, limit: number): FoveaError {
  return new FoveaError('SOURCE_FAILED', { expected: `${expected} of at most ${limit} bytes in the stream`, found: 'more' })
}

/** Bytes of a stream, gathered until enough are there. */
class Gatherer {
  readonly #chunks: AsyncIterator<Uint8Array>
  #buffer = Buffer.alloc(0)

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** How many bytes come before the text; undefined where the stream ends first. */
  async until(text: Buffer, limit: number): Promise<number | undefined> {
    for (let from = 0; ; ) {
      const at = this.#buffer.indexOf(text, from)
      if (at >= 0) return at
      from = Math.max(0, this.#buffer.length - text.length + 1)
      if (from > limit) throw tooLong('a part', limit)
      if (!(await this.#more())) return undefined
    }
  }

  /** The length, once so many bytes are there; undefined where the stream ends first. */
  async atLeast(length: number): Promise<number | undefined> {
    const more: Buffer[] = []
    let total = this.#buffer.length
    while (total < length) {
      const next = await this.#chunks.next()
      if (next.done) return undefined
      more.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length))
      total += next.value.length
    }
    if (more.length > 0) this.#buffer = Buffer.concat([this.#buffer, ...more])
    return length
  }

  /** A line without its end, which is taken too. */
  async line(): Promise<string | undefined> {
    const length = await this.until(lineFeed, maxHeaderBytes)
    if (length === undefined) return undefined
    const line = Buffer.from(this.take(length + 1)).toString('latin1')
    return line.replace(/\r?\n$/, '')
  }

  /** The next bytes, copied: what is kept of a part does not keep the stream. */
  take(length: number): Uint8Array {
    const taken = new Uint8Array(this.#buffer.subarray(0, length))
    this.#buffer = this.#buffer.subarray(length)
    return taken
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #more(): Promise<boolean> {
    const next = await this.#chunks.next()
    if (next.done) return false
    this.#buffer = Buffer.concat([this.#buffer, next.value])
    return true
  }
}

const lineFeed = Buffer.from('\n')
