// Bytes, numbers and blocks read in order from a stream of chunks; the stream is read no further than is asked for.

import { FoveaError } from '../../util/errors.ts'

export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  /** Bytes that may still be read: a part of a stream ends before the stream does. */
  #left: number
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  #ended = false
  readonly #parent: ByteReader | undefined

  constructor(chunks: AsyncIterable<Uint8Array> | ByteReader, length = Number.POSITIVE_INFINITY) {
    this.#parent = chunks instanceof ByteReader ? chunks : undefined
    this.#chunks = chunks instanceof ByteReader ? chunks.#chunks : chunks[Symbol.asyncIterator]()
    this.#left = length
  }

  /** Whether the stream has ended. */
  get ended(): boolean {
    return (this.#parent ?? this).#ended
  }

  /** The next byte; undefined at the end. */
  async byte(): Promise<number | undefined> {
    const source = this.#parent ?? this
    if (this.#left < 1 || !(await source.#more())) return undefined
    this.#left--
    return source.#chunk[source.#at++]
  }

  /** Fills the whole target; false where the stream ends before. */
  async fill(target: Uint8Array): Promise<boolean> {
    const source = this.#parent ?? this
    if (this.#left < target.length) return false
    this.#left -= target.length
    for (let done = 0; done < target.length; ) {
      if (!(await source.#more())) return false
      const count = Math.min(target.length - done, source.#chunk.length - source.#at)
      target.set(source.#chunk.subarray(source.#at, source.#at + count), done)
      source.#at += count
      done += count
    }
    return true
  }

  async text(length: number): Promise<string> {
    const bytes = new Uint8Array(length)
    await this.fill(bytes)
    return Buffer.from(bytes).toString('latin1')
  }

  async skip(length: number): Promise<void> {
    for (let i = 0; i < length; i++) await this.#needed()
  }

  /** Big-endian. */
  async uint32(): Promise<number> {
    let value = 0
    for (let i = 0; i < 4; i++) value = value * 256 + (await this.#needed())
    return value
  }

  /** A number in groups of seven bits, highest first, as NUT and others write it. */
  async variable(): Promise<number> {
    let value = 0
    for (let i = 0; i < 9; i++) {
      const byte = await this.#needed()
      value = value * 128 + (byte & 127)
      if (byte < 128) return value
    }
    throw new FoveaError('VIDEO_UNREADABLE', { expected: 'a number of at most nine bytes', found: 'a longer one' })
  }

  /** A signed number: 1, -1, 2, -2 … are written as 1, 2, 3, 4 … */
  async signed(): Promise<number> {
    const value = (await this.variable()) + 1
    return value % 2 === 1 ? -(value - 1) / 2 : value / 2
  }

  /** A reader of the next `length` bytes only; this one is not to be used until that is finished. */
  part(length: number): ByteReader {
    this.#left -= length
    return new ByteReader(this, length)
  }

  /** Passes over what is left of a part. */
  async finish(): Promise<void> {
    await this.skip(this.#left)
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #needed(): Promise<number> {
    const byte = await this.byte()
    if (byte === undefined) throw new FoveaError('VIDEO_UNREADABLE', { expected: 'more bytes', found: 'the end' })
    return byte
  }

  async #more(): Promise<boolean> {
    while (this.#at >= this.#chunk.length) {
      const next = this.#ended ? undefined : await this.#chunks.next()
      if (next === undefined || next.done) {
        this.#ended = true
        return false
      }
      this.#chunk = next.value
      this.#at = 0
    }
    return true
  }
}
