// Decoded pictures kept in shared memory, so that every worker finds what any of them has decoded.

import { type ChannelCount, createImage, type Image } from '../vision/image.ts'
import type { DecodedPicture } from './picture-reader.ts'

/** What travels to a worker: the memory itself, not a copy. */
export interface CacheMemory {
  readonly pixels: SharedArrayBuffer
  /** Where free memory begins, in blocks; then `fields` numbers for each picture. */
  readonly table: SharedArrayBuffer
}

/** Offsets are counted in blocks, so that 32 bits reach far. */
const block = 64
/** State, block, width, height, channels, width and height before reduction, of each picture. */
const fields = 7
const states = { empty: 0, claimed: 1, filled: 2, noRoom: 3 } as const

/** Memory for pictures of a set of `count`, up to `limit` bytes in all. The system commits it as it is filled. */
export function allocateCache(count: number, limit: number): CacheMemory {
  const bytes = Math.floor(limit / block) * block
  return { pixels: new SharedArrayBuffer(bytes), table: new SharedArrayBuffer(4 * (1 + (bytes === 0 ? 0 : count * fields))) }
}

/** The memory that `count` pictures of `bytes` each take. */
export function cacheBytesFor(count: number, bytes: number): number {
  return count * Math.ceil(bytes / block) * block
}

/**
 * Each picture is put there once, until the memory is full; nothing is thrown out, since in orders that visit every sample once an epoch the
 * pictures that stay are worth as much as any others. No locks: who claims a picture's entry fills it, others decode by themselves meanwhile.
 */
export class PictureCache {
  readonly #pixels: Uint8Array
  readonly #table: Int32Array
  readonly #count: number

  constructor({ pixels, table }: CacheMemory) {
    this.#pixels = new Uint8Array(pixels)
    this.#table = new Int32Array(table)
    this.#count = (this.#table.length - 1) / fields
  }

  has(index: number): boolean {
    return index < this.#count && Atomics.load(this.#table, 1 + index * fields) === states.filled
  }

  /** The picture, its bytes to be read only; undefined where it is not there yet. */
  get(index: number, source: string): DecodedPicture | undefined {
    if (!this.has(index)) return undefined
    const [, from, width, height, channels, fullWidth, fullHeight] = this.#entry(index) as unknown as readonly number[]
    const start = from! * block
    const data = this.#pixels.subarray(start, start + width! * height! * channels!)
    const image = createImage(width!, height!, channels as ChannelCount, data, source)
    return { image, full: { width: fullWidth!, height: fullHeight! } }
  }

  put(index: number, { image, full }: DecodedPicture): void {
    if (index >= this.#count) return
    const state = 1 + index * fields
    if (Atomics.compareExchange(this.#table, state, states.empty, states.claimed) !== states.empty) return
    const start = this.#reserve(Math.ceil(image.data.length / block))
    if (start === undefined) {
      Atomics.store(this.#table, state, states.noRoom)
      return
    }
    this.#pixels.set(image.data, start * block)
    this.#table.set([start, image.width, image.height, image.channels, full.width, full.height], state + 1)
    Atomics.store(this.#table, state, states.filled)
  }

  #entry(index: number): Int32Array {
    return this.#table.subarray(1 + index * fields, 1 + (index + 1) * fields)
  }

  /** Pictures of one set differ in size: one that has no room does not keep a smaller one from its own. */
  #reserve(blocks: number): number | undefined {
    const all = this.#pixels.length / block
    for (let start = Atomics.load(this.#table, 0); start + blocks <= all; ) {
      const seen = Atomics.compareExchange(this.#table, 0, start, start + blocks)
      if (seen === start) return start
      start = seen
    }
    return undefined
  }
}

/** The image in memory of its own. */
export function ownCopy(image: Image): Image {
  return { ...image, data: Uint8Array.from(image.data) }
}
