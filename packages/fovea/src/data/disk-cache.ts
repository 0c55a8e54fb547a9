// Decoded pictures kept in a folder, for sets that are larger than the memory and for the next run.

import { createHash } from 'node:crypto'
import { open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { crc32 } from 'node:zlib'
import { type ChannelCount, createImage } from '../vision/image.ts'
import type { Scratch } from './fast-jpeg.ts'
import { makeFolder } from './files.ts'
import type { DecodedPicture } from './picture-reader.ts'

export interface DiskCacheOptions {
  /** Made where it is not there. It should hold nothing else. */
  readonly folder: string
  /** Of all entries. Default 16 GiB. */
  readonly bytes?: number
}

const magic = 0x46_56_50_31
const headerBytes = 32
const ending = '.pixels'
/** After writing this part of the limit the folder is looked through again: other processes may have written too. */
const scanShare = 0.05
/** What is left after a clearing, of the limit. */
const keptShare = 0.9
/** An entry that was used is marked so at most this often, in milliseconds. */
const touchInterval = 60_000
/** Temporary files of this age belong to nobody any more. */
const abandonedAge = 3_600_000

/**
 * One file for each picture, named by what its pixels depend on: the file's path, size and time of change, and the settings of decoding. A
 * changed picture so has another entry. An entry is written under a temporary name and renamed, and its checksum is tested when it is read:
 * one that is broken counts as missing and is written anew. Where the limit is exceeded the entries used longest ago go first. Several
 * processes may share a folder; between two looks each may exceed the limit by a twentieth. A disk that is full or read-only costs speed,
 * never the run.
 */
export class DiskCache {
  readonly #folder: string
  readonly #limit: number
  readonly #settings: string
  #ready: Promise<void> | undefined
  #clearing: Promise<void> | undefined
  /** Bytes in the folder at the last look, and written since. */
  #known = 0
  #written = 0
  #serial = 0

  /** `settings`: all of decoding that changes pixels. */
  constructor({ folder, bytes = 16 * 2 ** 30 }: DiskCacheOptions, settings: string) {
    this.#folder = folder
    this.#limit = bytes
    this.#settings = settings
  }

  /** The name of a picture's entry; undefined where the file cannot be asked. */
  async key(path: string): Promise<string | undefined> {
    const found = await stat(path).catch(() => undefined)
    if (found === undefined) return undefined
    const facts = JSON.stringify([path, found.size, found.mtimeMs, this.#settings])
    return createHash('sha256').update(facts).digest('hex').slice(0, 40)
  }

  /** The picture, in `scratch` where that is given; undefined where there is no entry or a broken one. */
  async get(key: string, source: string, scratch?: Scratch): Promise<DecodedPicture | undefined> {
    const file = this.#file(key)
    const handle = await open(file, 'r').catch(() => undefined)
    if (handle === undefined) return undefined
    try {
      const { size, mtimeMs } = await handle.stat()
      const bytes = scratch?.take(size) ?? new Uint8Array(size)
      const { bytesRead } = await handle.read(bytes, 0, size, 0)
      const picture = bytesRead === size ? decodeEntry(bytes, source) : undefined
      if (picture === undefined) await rm(file, { force: true })
      else if (Date.now() - mtimeMs > touchInterval) {
        const now = new Date()
        await utimes(file, now, now)
      }
      return picture
    } catch {
      return undefined
    } finally {
      await handle.close().catch(() => undefined)
    }
  }

  async put(key: string, picture: DecodedPicture): Promise<void> {
    const size = headerBytes + picture.image.data.length
    if (size > this.#limit * keptShare) return
    const file = this.#file(key)
    const temporary = `${file}.${process.pid}-${threadId}-${this.#serial++}.tmp`
    try {
      this.#ready ??= this.#clear()
      await this.#ready
      const handle = await open(temporary, 'wx')
      try {
        await handle.writev([encodeHeader(picture), picture.image.data])
      } finally {
        await handle.close()
      }
      await rename(temporary, file)
      this.#written += size
      if (this.#known + this.#written > this.#limit || this.#written > this.#limit * scanShare) await this.#clear()
    } catch {
      await rm(temporary, { force: true }).catch(() => undefined)
    }
  }

  #file(key: string): string {
    return join(this.#folder, `${key}${ending}`)
  }

  /** Looks through the folder and removes what is too much; calls that come meanwhile share one look. */
  #clear(): Promise<void> {
    this.#clearing ??= this.#look().finally(() => {
      this.#clearing = undefined
    })
    return this.#clearing
  }

  async #look(): Promise<void> {
    await makeFolder(this.#folder)
    const entries: { file: string; size: number; used: number }[] = []
    for (const name of await readdir(this.#folder)) {
      if (!name.includes(ending)) continue
      const file = join(this.#folder, name)
      const found = await stat(file).catch(() => undefined)
      if (found === undefined) continue
      if (name.endsWith(ending)) entries.push({ file, size: found.size, used: found.mtimeMs })
      else if (Date.now() - found.mtimeMs > abandonedAge) await rm(file, { force: true })
    }
    let total = entries.reduce((sum, { size }) => sum + size, 0)
    if (total > this.#limit)
      for (const { file, size } of entries.sort((a, b) => a.used - b.used)) {
        if (total <= this.#limit * keptShare) break
        await rm(file, { force: true })
        total -= size
      }
    this.#known = total
    this.#written = 0
  }
}

/** Little-endian: magic, width, height, channels, full width, full height, checksum of the pixels, checksum of the header before it. */
function encodeHeader({ image, full }: DecodedPicture): Uint8Array {
  const header = new DataView(new ArrayBuffer(headerBytes))
  const values = [magic, image.width, image.height, image.channels, full.width, full.height, crc32(image.data)]
  values.forEach((value, i) => {
    header.setUint32(4 * i, value, true)
  })
  const bytes = new Uint8Array(header.buffer)
  header.setUint32(28, crc32(bytes.subarray(0, 28)), true)
  return bytes
}

function decodeEntry(bytes: Uint8Array, source: string): DecodedPicture | undefined {
  if (bytes.length < headerBytes) return undefined
  const header = new DataView(bytes.buffer, bytes.byteOffset, headerBytes)
  const [found, width, height, channels, fullWidth, fullHeight, sum, headerSum] = Array.from({ length: 8 }, (_, i) =>
    header.getUint32(4 * i, true),
  ) as [number, number, number, number, number, number, number, number]
  const data = bytes.subarray(headerBytes)
  if (found !== magic || headerSum !== crc32(bytes.subarray(0, 28))) return undefined
  if (data.length !== width * height * channels || sum !== crc32(data)) return undefined
  return { image: createImage(width, height, channels as ChannelCount, data, source), full: { width: fullWidth, height: fullHeight } }
}
