// Seeded random numbers: the same seed gives the same stream on every machine.

/** The state of a generator, as four unsigned 32-bit integers; it can be stored and given back. */
export type RandomState = readonly [number, number, number, number]

/** xoshiro128** (Blackman & Vigna 2018), seeded through splitmix32. */
export class Random {
  #a = 0
  #b = 0
  #c = 0
  #d = 0

  /** `parts` are mixed one after another, so `new Random(seed, epoch, index)` gives independent streams. */
  constructor(...parts: (number | string)[]) {
    let mixed = 0x9e3779b9
    for (const part of parts)
      mixed = hash32(mixed ^ (typeof part === 'string' ? hashText(part) : hash32(part >>> 0) ^ hash32(Math.floor(part / 2 ** 32))))
    const next = () => {
      mixed = (mixed + 0x9e3779b9) | 0
      return hash32(mixed)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  get state(): RandomState {
    return [this.#a >>> 0, this.#b >>> 0, this.#c >>> 0, this.#d >>> 0]
  }

  set state(state: RandomState) {
    this.#a = state[0] | 0
    this.#b = state[1] | 0
    this.#c = state[2] | 0
    this.#d = state[3] | 0
  }

  /** A whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9)
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = rotateLeft(this.#d, 11)
    return result >>> 0
  }

  /** A number in [0, 1), with 53 random bits. */
  next(): number {
    return ((this.uint32() >>> 5) * 0x4000000 + (this.uint32() >>> 6)) / 0x20000000000000
  }

  /** Fills with what as many calls of `next` would give, faster. */
  fill(values: Float64Array): void {
    let [a, b, c, d] = [this.#a, this.#b, this.#c, this.#d]
    for (let i = 0; i < values.length; i++) {
      const high = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 5
      let t = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= t
      d = rotateLeft(d, 11)
      const low = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 6
      t = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= t
      d = rotateLeft(d, 11)
      values[i] = (high * 0x4000000 + low) / 0x20000000000000
    }
    this.state = [a, b, c, d]
  }

  /** A number in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * this.next()
  }

  /** A whole number in [low, high). */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low))
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** A number from the normal distribution (Box & Muller 1958). */
  normal(mean = 0, deviation = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()))
    return mean + deviation * radius * Math.cos(2 * Math.PI * this.next())
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length)]!
  }

  /** The numbers 0 to `count` - 1 in random order (Fisher-Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i)
    for (let i = count - 1; i > 0; i--) {
      const j = this.integer(0, i + 1)
      const swapped = order[i]!
      order[i] = order[j]!
      order[j] = swapped
    }
    return order
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

/** The finaliser of MurmurHash3 (Appleby): every input bit reaches every output bit. */
function hash32(value: number): number {
  let h = value | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return h
}
