// Decoded pictures kept in shared memory, so that every worker finds what any of them has decoded.

/** What travels to a worker: the memory itself, not a copy. */
export interface CacheMemory {
  readonly slots: number
  readonly slotBytes: number
  readonly pixels: SharedArrayBuffer
  readonly filled: SharedArrayBuffer
}

/** Room for the first `count` pictures, or as many of them as `limit` bytes hold. The system commits the memory as it is filled. */
export function allocateCache(count: number, slotBytes: number, limit: number): CacheMemory {
  const slots = Math.max(0, Math.min(count, Math.floor(limit / slotBytes)))
  return { slots, slotBytes, pixels: new SharedArrayBuffer(slots * slotBytes), filled: new SharedArrayBuffer(slots * 4) }
}

/** Picture number i lives in slot i; two workers that fill the same slot write the same bytes, so no lock is needed. */
export class ImageCache {
  readonly #memory: CacheMemory
  readonly #pixels: Uint8Array
  readonly #filled: Int32Array

  constructor(memory: CacheMemory) {
    this.#memory = memory
    this.#pixels = new Uint8Array(memory.pixels)
    this.#filled = new Int32Array(memory.filled)
  }

  /** The bytes of a picture, to be read only; undefined where it is not there yet. */
  get(index: number): Uint8Array | undefined {
    if (index >= this.#memory.slots || Atomics.load(this.#filled, index) === 0) return undefined
    return this.#pixels.subarray(index * this.#memory.slotBytes, (index + 1) * this.#memory.slotBytes)
  }

  put(index: number, bytes: Uint8Array): void {
    if (index >= this.#memory.slots) return
    this.#pixels.set(bytes, index * this.#memory.slotBytes)
    Atomics.store(this.#filled, index, 1)
  }
}
