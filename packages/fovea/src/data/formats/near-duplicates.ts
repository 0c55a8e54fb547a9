// Pictures that look alike, found by their hashes: in time that grows with their number, not with the number of pairs.

import { FoveaError } from '../../util/errors.ts'

/** Two pictures whose hashes differ in few bits. */
export interface NearPair {
  readonly picture: number
  /** Always before `picture`. */
  readonly other: number
  /** Bits that differ. */
  readonly distance: number
}

/** Four words of a hash, each an entry to a table. */
const words = 4
const wordValues = 2 ** 16

/** The largest distance that is searched for. */
export const maxHashDistance = 15

/**
 * For each picture the nearest one before it in its own part (split), and the nearest one before it in another part, where they are within
 * `distance` bits. Two hashes that differ in d bits have a word of 16 bits that differs in d / 4 at most, so only pictures that share such a
 * word are compared (multi-index hashing: Norouzi, Punjani, Fleet 2012).
 * @param hashes 0 where there is none @param parts the number of each picture's part
 * @throws DATA_OPTION_INVALID for a distance that is not a whole number from 0 to 15
 */
export function nearPairs(hashes: BigUint64Array, parts: ArrayLike<number>, distance: number): NearPair[] {
  if (!(Number.isInteger(distance) && distance >= 0 && distance <= maxHashDistance))
    throw new FoveaError('DATA_OPTION_INVALID', {
      field: 'near',
      expected: `a whole number from 0 to ${maxHashDistance}`,
      found: String(distance),
    })
  const pairs: NearPair[] = []
  const firsts = firstOfEach(hashes, parts, pairs)
  const halves = new Uint32Array(hashes.buffer, hashes.byteOffset, 2 * hashes.length)
  const shorts = new Uint16Array(hashes.buffer, hashes.byteOffset, words * hashes.length)
  const tables = Array.from({ length: words }, (_, word) => tableOf(firsts, (i) => shorts[words * i + word]!))
  const masks = masksUpTo(Math.floor(distance / words))
  for (const picture of firsts) {
    const [low, high] = [halves[2 * picture]!, halves[2 * picture + 1]!]
    // The nearest in the same part, and in another.
    const best = [-1, -1]
    const least = [distance + 1, distance + 1]
    for (let word = 0; word < words; word++) {
      const { starts, members } = tables[word]!
      const own = shorts[words * picture + word]!
      for (const mask of masks) {
        const value = own ^ mask
        for (let at = starts[value]!; at < starts[value + 1]!; at++) {
          const other = members[at]!
          // Members rise.
          if (other >= picture) break
          const bits = bitCount(low ^ halves[2 * other]!) + bitCount(high ^ halves[2 * other + 1]!)
          const side = parts[other] === parts[picture] ? 0 : 1
          if (bits > least[side]! || (bits === least[side] && best[side]! >= 0 && best[side]! <= other)) continue
          if (bits > distance) continue
          best[side] = other
          least[side] = bits
        }
      }
    }
    for (const [side, other] of best.entries()) if (other >= 0) pairs.push({ picture, other, distance: least[side]! })
  }
  return pairs.sort((a, b) => a.picture - b.picture || a.distance - b.distance || a.other - b.other)
}

/** The first picture of each hash and part; the others are paired with it at once, so that a thousand equal ones are not a million pairs. */
function firstOfEach(hashes: BigUint64Array, parts: ArrayLike<number>, pairs: NearPair[]): Uint32Array {
  const firsts: number[] = []
  const byHash = new Map<bigint, Map<number, number>>()
  for (let picture = 0; picture < hashes.length; picture++) {
    const hash = hashes[picture]!
    if (hash === 0n) continue
    const byPart = byHash.get(hash)
    const first = byPart?.get(parts[picture]!)
    if (first !== undefined) {
      pairs.push({ picture, other: first, distance: 0 })
      continue
    }
    if (byPart === undefined) byHash.set(hash, new Map([[parts[picture]!, picture]]))
    else byPart.set(parts[picture]!, picture)
    firsts.push(picture)
  }
  return Uint32Array.from(firsts)
}

/** Pictures by the value of a word, rising within each. */
function tableOf(pictures: Uint32Array, wordOf: (picture: number) => number): { starts: Uint32Array; members: Uint32Array } {
  const starts = new Uint32Array(wordValues + 1)
  for (const picture of pictures) starts[wordOf(picture) + 1]!++
  for (let value = 0; value < wordValues; value++) starts[value + 1]! += starts[value]!
  const next = starts.slice()
  const members = new Uint32Array(pictures.length)
  for (const picture of pictures) members[next[wordOf(picture)]!++] = picture
  return { starts, members }
}

/** All words of 16 bits with at most so many ones. */
function masksUpTo(bits: number): number[] {
  return Array.from({ length: wordValues }, (_, mask) => mask).filter((mask) => bitCount(mask) <= bits)
}

/** The number of ones among 32 bits (Warren, Hacker's Delight, 5-1). */
export function bitCount(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555)
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333)
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
