// The file of an index: records one after another, columns of numbers, and a table of what lies where at its end.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { FoveaError, isFoveaError } from '../../util/errors.ts'
import { writeError } from '../files.ts'
import { isObject, type JsonObject } from './json.ts'

/*
 * All numbers are little-endian.
 *   0            "FOVEAIDX", then the version as uint32, then 0 as uint32
 *   16           records, without gaps: UTF-8 JSON, one a picture
 *   …            columns, each at a multiple of 8: float64, uint32, or bytes
 *   …            the table as UTF-8 JSON: `columns` by name as [type, place, length], and what else describes the whole
 *   last 32      place of the table as float64, its length as uint32, its CRC-32 as uint32, the size of the file as float64, "FOVEAIDX"
 * A file without a whole end is no index, so nothing that was cut off is read.
 */
const magic = Buffer.from('FOVEAIDX')
const version = 1
const headBytes = 16
const tailBytes = 32
/** Longest table that is read. */
const maxTable = 200_000_000

type Column = Float64Array | Uint32Array | Uint8Array
type ColumnType = 'float64' | 'uint32' | 'bytes'

const bytesOf: Readonly<Record<ColumnType, number>> = { float64: 8, uint32: 4, bytes: 1 }

function typeOf(column: Column): ColumnType {
  return column instanceof Float64Array ? 'float64' : column instanceof Uint32Array ? 'uint32' : 'bytes'
}

/** Writes an index under a temporary name; `finish` gives it its own, `abandon` removes it. */
export class IndexWriter {
  readonly #file: string
  readonly #temporary: string
  readonly #handle: FileHandle
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #size = 0
  readonly #columns: Record<string, readonly [ColumnType, number, number]> = {}

  private constructor(file: string, temporary: string, handle: FileHandle) {
    this.#file = file
    this.#temporary = temporary
    this.#handle = handle
  }

  /** @throws FILE_WRITE */
  static async create(file: string): Promise<IndexWriter> {
    const temporary = `${file}.${process.pid}.tmp`
    const handle = await open(temporary, 'w').catch((cause) => {
      throw writeError(file, cause)
    })
    const writer = new IndexWriter(file, temporary, handle)
    const head = Buffer.alloc(headBytes)
    magic.copy(head)
    head.writeUInt32LE(version, 8)
    await writer.append(head)
    return writer
  }

  /** Appends bytes; gives the place where they begin. @throws FILE_WRITE */
  async append(bytes: Uint8Array): Promise<number> {
    const at = this.#size
    this.#size += bytes.length
    this.#waitingBytes += bytes.length
    this.#waiting.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    if (this.#waitingBytes >= 1 << 20) await this.#flush()
    return at
  }

  /** @throws FILE_WRITE */
  async column(name: string, column: Column): Promise<void> {
    await this.append(Buffer.alloc((8 - (this.#size % 8)) % 8))
    const at = await this.append(new Uint8Array(column.buffer, column.byteOffset, column.byteLength))
    this.#columns[name] = [typeOf(column), at, column.length]
  }

  /** Writes the table, flushes all to the disk and gives the file its name. @throws FILE_WRITE */
  async finish(table: JsonObject): Promise<void> {
    const text = Buffer.from(JSON.stringify({ ...table, columns: this.#columns }))
    const at = await this.append(text)
    const tail = Buffer.alloc(tailBytes)
    tail.writeDoubleLE(at, 0)
    tail.writeUInt32LE(text.length, 8)
    tail.writeUInt32LE(crc32(text), 12)
    tail.writeDoubleLE(this.#size + tailBytes, 16)
    magic.copy(tail, 24)
    await this.append(tail)
    await this.#flush()
    try {
      await this.#handle.sync()
      await this.#handle.close()
      await rename(this.#temporary, this.#file)
    } catch (cause) {
      throw writeError(this.#file, cause)
    }
  }

  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    await rm(this.#temporary, { force: true }).catch(() => undefined)
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    await this.#handle.writeFile(bytes).catch((cause) => {
      throw writeError(this.#file, cause)
    })
  }
}

/** Closes what nobody closed. */
const forgotten = new FinalizationRegistry<number>(closeSync)

/** An index that is open: reads what is asked for from the disk, and holds only its table. */
export class IndexReader {
  readonly file: string
  readonly table: JsonObject
  readonly #descriptor: number
  readonly #end: number
  #buffer = Buffer.allocUnsafe(16_384)

  /** @throws DATASET_INDEX_INVALID */
  constructor(file: string) {
    this.file = file
    try {
      this.#descriptor = openSync(file, 'r')
    } catch (cause) {
      throw this.invalid((cause as Error).message, cause)
    }
    forgotten.register(this, this.#descriptor, this)
    try {
      this.#end = fstatSync(this.#descriptor).size
      this.table = this.#readTable()
    } catch (cause) {
      this.close()
      throw isFoveaError(cause) ? cause : this.invalid((cause as Error).message, cause)
    }
  }

  close(): void {
    forgotten.unregister(this)
    closeSync(this.#descriptor)
  }

  invalid(found: string, cause?: unknown): FoveaError {
    return new FoveaError('DATASET_INDEX_INVALID', { file: this.file, found, ...(cause === undefined ? {} : { cause }) })
  }

  /** Bytes of the file; they are overwritten by the next call where they fit its buffer. @throws DATASET_INDEX_INVALID */
  read(at: number, length: number): Buffer {
    if (!(Number.isSafeInteger(at) && Number.isSafeInteger(length) && at >= 0 && length >= 0 && at + length <= this.#end))
      throw this.invalid(`${length} bytes at ${at} of ${this.#end}`)
    if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(2 * length)
    return this.#fill(this.#buffer.subarray(0, length), at)
  }

  /** A column, or a part of it, in memory of its own. @throws DATASET_INDEX_INVALID where it is not there or of another type */
  column(name: string, type: 'float64', from?: number, to?: number): Float64Array
  column(name: string, type: 'uint32', from?: number, to?: number): Uint32Array
  column(name: string, type: 'bytes', from?: number, to?: number): Uint8Array
  column(name: string, type: ColumnType, from = 0, to?: number): Column {
    const stated = (this.table.columns as JsonObject)[name]
    if (!this.has(name) || !Array.isArray(stated) || stated[0] !== type) throw this.invalid(`no column ${name} of ${type}`)
    const [, at, length] = stated as [string, number, number]
    const end = to ?? length
    if (!(Number.isSafeInteger(length) && from >= 0 && from <= end && end <= length))
      throw this.invalid(`column ${name} from ${from} to ${end}`)
    const size = (end - from) * bytesOf[type]
    const begin = at + from * bytesOf[type]
    if (!(Number.isSafeInteger(begin) && begin >= 0 && begin + size <= this.#end)) throw this.invalid(`column ${name} at ${begin}`)
    const bytes = new Uint8Array(size)
    this.#fill(bytes, begin)
    return type === 'float64' ? new Float64Array(bytes.buffer) : type === 'uint32' ? new Uint32Array(bytes.buffer) : bytes
  }

  has(name: string): boolean {
    return Object.hasOwn(this.table.columns as JsonObject, name)
  }

  #fill<T extends Uint8Array>(bytes: T, at: number): T {
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(this.#descriptor, bytes, done, bytes.length - done, at + done)
      if (read === 0) throw this.invalid('a file that became shorter')
      done += read
    }
    return bytes
  }

  #readTable(): JsonObject {
    if (this.#end < headBytes + tailBytes) throw this.invalid(`${this.#end} bytes`)
    const head = Buffer.from(this.read(0, headBytes))
    if (!head.subarray(0, 8).equals(magic)) throw this.invalid('another kind of file')
    if (head.readUInt32LE(8) !== version) throw this.invalid(`version ${head.readUInt32LE(8)}, not ${version}`)
    const tail = Buffer.from(this.read(this.#end - tailBytes, tailBytes))
    if (!tail.subarray(24).equals(magic) || tail.readDoubleLE(16) !== this.#end) throw this.invalid('a file that was cut off')
    const length = tail.readUInt32LE(8)
    if (length > maxTable) throw this.invalid(`a table of ${length} bytes`)
    const text = this.read(tail.readDoubleLE(0), length)
    if (crc32(text) !== tail.readUInt32LE(12)) throw this.invalid('a table that was changed')
    const table: unknown = JSON.parse(text.toString('utf8'))
    if (!isObject(table) || !isObject(table.columns)) throw this.invalid('a table of another kind')
    return table
  }
}
