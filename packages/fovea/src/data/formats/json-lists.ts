// JSON of any length: the elements of its outermost lists one at a time, so that neither the text nor its values lie in memory.

import { open } from 'node:fs/promises'
import { FoveaError } from '../../util/errors.ts'
import { maxJsonDepth, parseShallowJson, tooDeep } from './json.ts'

/** What is done with the lists of a file. */
export interface JsonListReader {
  /** Whether a list of the outermost object is wanted; of the others only brackets and strings are looked at. */
  wants(key: string): boolean
  /** Is given each element of such a list, and the length of its text. */
  element(key: string, index: number, value: unknown, bytes: number): void
  /** Is given the value where a wanted key holds no list. */
  other(key: string, value: unknown): void
}

/** The longest text of one element, in bytes. */
const maxElementBytes = 64_000_000

export interface JsonListOptions {
  readonly signal?: AbortSignal | undefined
  /** How much is read at once. Default 1 MiB. */
  readonly chunkBytes?: number
}

/**
 * Reads a file from front to back.
 * @param path where it lies @param file its name in errors
 * @returns whether it holds an object; of other JSON nothing is read
 * @throws DATASET_MALFORMED; DATASET_TOO_LARGE for elements beyond 64 MB or deeper than `maxJsonDepth`; CANCELLED
 */
export async function readJsonLists(
  path: string,
  file: string,
  reader: JsonListReader,
  { signal, chunkBytes = 1 << 20 }: JsonListOptions = {},
): Promise<boolean> {
  const handle = await open(path).catch((cause: Error) => {
    throw new FoveaError('DATASET_MALFORMED', { file, found: cause.message, cause })
  })
  try {
    const scanner = new Scanner(file, reader)
    const chunk = Buffer.allocUnsafe(chunkBytes)
    for (;;) {
      if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
      const { bytesRead } = await handle.read(chunk, 0, chunkBytes).catch((cause: Error) => {
        throw new FoveaError('DATASET_MALFORMED', { file, found: cause.message, cause })
      })
      if (bytesRead === 0) return scanner.end()
      scanner.push(chunk.subarray(0, bytesRead))
      if (scanner.isOther) return false
    }
  } finally {
    await handle.close()
  }
}

/** What may come next. Inside of a value, `depth` and `inString` say where. */
type State = 'start' | 'first key' | 'key' | 'colon' | 'value' | 'comma' | 'first element' | 'element' | 'element comma' | 'end'

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openObject, closeObject, openList, closeList] = [0x7b, 0x7d, 0x5b, 0x5d]

/** 1: a quote; 2: opens; 3: closes; 0: the rest. */
const kinds = new Uint8Array(256)
kinds[quote] = 1
kinds[openObject] = kinds[openList] = 2
kinds[closeObject] = kinds[closeList] = 3

class Scanner {
  isOther = false
  readonly #file: string
  readonly #reader: JsonListReader
  #state: State = 'start'
  #key = ''
  #index = 0
  /** Bytes before the chunk. */
  #before = 0
  /** The value that is being read: its brackets that are open, and what of it earlier chunks held. */
  #inValue = false
  #isText = false
  #scalar = false
  #depth = 0
  #escaped = false
  #parts: Buffer[] = []
  #partBytes = 0

  constructor(file: string, reader: JsonListReader) {
    this.#file = file
    this.#reader = reader
  }

  push(chunk: Buffer): void {
    let at = 0
    if (this.#before === 0 && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf) at = 3
    while (at < chunk.length && !this.isOther) at = this.#inValue ? this.#scanValue(chunk, at) : this.#step(chunk, at)
    this.#before += chunk.length
  }

  end(): boolean {
    if (this.#state !== 'end') this.#fail('the end of the file', this.#before)
    return true
  }

  #fail(found: string, at: number): never {
    throw new FoveaError('DATASET_MALFORMED', { file: this.#file, expected: 'JSON', found: `${found} at byte ${at}` })
  }

  /** One byte between values. */
  #step(chunk: Buffer, at: number): number {
    const byte = chunk[at]!
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return at + 1
    const wrong = (): never => this.#fail(JSON.stringify(String.fromCharCode(byte)), this.#before + at)
    switch (this.#state) {
      case 'start':
        if (byte === openObject) this.#state = 'first key'
        else this.isOther = true
        return at + 1
      case 'first key':
      case 'key':
        if (byte === closeObject && this.#state === 'first key') this.#state = 'end'
        else if (byte === quote) return this.#begin(chunk, at)
        else wrong()
        return at + 1
      case 'colon':
        if (byte !== colon) wrong()
        this.#state = 'value'
        return at + 1
      case 'value':
        if (byte !== openList || !this.#reader.wants(this.#key)) return this.#begin(chunk, at)
        this.#state = 'first element'
        this.#index = 0
        return at + 1
      case 'first element':
      case 'element':
        if (byte !== closeList || this.#state === 'element') return this.#begin(chunk, at)
        this.#state = 'comma'
        return at + 1
      case 'element comma':
        if (byte === comma) this.#state = 'element'
        else if (byte === closeList) this.#state = 'comma'
        else wrong()
        return at + 1
      case 'comma':
        if (byte === comma) this.#state = 'key'
        else if (byte === closeObject) this.#state = 'end'
        else wrong()
        return at + 1
      default:
        return wrong()
    }
  }

  #begin(chunk: Buffer, at: number): number {
    const kind = kinds[chunk[at]!]!
    if (kind === 3 || chunk[at] === comma || chunk[at] === colon)
      this.#fail(JSON.stringify(String.fromCharCode(chunk[at]!)), this.#before + at)
    this.#inValue = true
    this.#isText = kind === 1
    this.#scalar = kind === 0
    this.#depth = kind === 2 ? 1 : 0
    this.#escaped = false
    return this.#scanValue(chunk, at, at + (kind === 0 ? 0 : 1))
  }

  /** Goes on to the end of the value, or of the chunk. */
  #scanValue(chunk: Buffer, start: number, from = start): number {
    const end = chunk.length
    let [at, depth, isText, escaped] = [from, this.#depth, this.#isText, this.#escaped]
    let done = false
    if (this.#scalar)
      for (; at < end && !done; ) {
        const byte = chunk[at]!
        if (byte === comma || byte <= 0x20 || kinds[byte]! > 0) done = true
        else at++
      }
    else
      while (at < end && !done) {
        const byte = chunk[at++]!
        if (isText) {
          if (escaped) escaped = false
          else if (byte === backslash) escaped = true
          else if (byte === quote) {
            isText = false
            done = depth === 0
          }
          continue
        }
        const kind = kinds[byte]!
        if (kind === 0) continue
        if (kind === 1) isText = true
        else if (kind === 3) done = --depth === 0
        else if (++depth > maxJsonDepth) throw tooDeep(this.#file)
      }
    ;[this.#depth, this.#isText, this.#escaped] = [depth, isText, escaped]
    this.#keep(chunk, start, at, done)
    if (done) this.#finish(chunk, start, at)
    return at
  }

  /** Whether the text of the value is needed. */
  get #isWanted(): boolean {
    return this.#state !== 'value' || this.#reader.wants(this.#key)
  }

  #keep(chunk: Buffer, start: number, at: number, done: boolean): void {
    if (!this.#isWanted) return
    this.#partBytes += at - start
    if (this.#partBytes > maxElementBytes)
      throw new FoveaError('DATASET_TOO_LARGE', {
        file: this.#file,
        field: `${this.#key}[${this.#index}]`,
        expected: `at most ${maxElementBytes} bytes`,
        found: 'more',
      })
    // The chunk's memory is used again.
    if (!done) this.#parts.push(Buffer.from(chunk.subarray(start, at)))
  }

  #finish(chunk: Buffer, start: number, at: number): void {
    this.#inValue = false
    if (!this.#isWanted) {
      this.#state = 'comma'
      return
    }
    const bytes = this.#partBytes
    const text =
      this.#parts.length === 0 ? chunk.toString('utf8', start, at) : Buffer.concat([...this.#parts, chunk.subarray(start, at)]).toString()
    this.#parts = []
    this.#partBytes = 0
    const value = parseShallowJson(text, this.#file)
    if (this.#state === 'first key' || this.#state === 'key') {
      this.#key = String(value)
      this.#state = 'colon'
    } else if (this.#state === 'value') {
      this.#state = 'comma'
      this.#reader.other(this.#key, value)
    } else {
      this.#state = 'element comma'
      this.#reader.element(this.#key, this.#index++, value, bytes)
    }
  }
}
