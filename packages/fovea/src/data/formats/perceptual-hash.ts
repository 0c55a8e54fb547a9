// A hash of what a picture looks like: near pictures have near hashes (the "pHash" of C. Zauner, Implementation and Benchmarking of
// Perceptual Image Hash Functions, 2010, section 3.1.2).

import sharp from 'sharp'
import { bitCount } from './near-duplicates.ts'

const side = 32
const kept = 8

/** cos((2x + 1) u pi / 64), [u from 0 to 7, x]: rows of the discrete cosine transform. */
const waves: Float64Array = Float64Array.from({ length: kept * side }, (_, i) =>
  Math.cos(((2 * (i % side) + 1) * Math.floor(i / side) * Math.PI) / (2 * side)),
)

/** Grey levels must differ by this much (standard deviation of the 32 x 32 picture): what is flat looks like everything that is flat. */
const leastContrast = 2

/** A frequency counts as above the median where it is so by this part of the strongest: of stripes, most frequencies are nothing but rounding. */
const leastAbove = 1e-3

/**
 * 64 bits: for each of the 8 x 8 lowest frequencies of the picture at 32 x 32 grey pixels, upright, whether it is above their median; the bit of the mean
 * brightness, which tells nothing, is always 1. Recompressing, resizing, slight shifts and changes of light move few of them. Never 0.
 * @returns undefined where the picture cannot be decoded, or is flat
 */
export async function perceptualHash(source: string | Uint8Array): Promise<bigint | undefined> {
  try {
    const { data } = await sharp(source, { limitInputPixels: 2 ** 28 })
      .autoOrient()
      .flatten()
      .greyscale()
      .resize(side, side, { fit: 'fill' })
      .raw()
      .toBuffer({ resolveWithObject: true })
    return hashOfGrey(data)
  } catch {
    return undefined
  }
}

/** As `perceptualHash`, of 32 x 32 grey values, row by row. */
export function hashOfGrey(grey: ArrayLike<number>): bigint | undefined {
  let [sum, squares] = [0, 0]
  for (let i = 0; i < side * side; i++) {
    sum += grey[i]!
    squares += grey[i]! ** 2
  }
  if (squares / side ** 2 - (sum / side ** 2) ** 2 < leastContrast ** 2) return undefined
  // Along the rows, then down the columns.
  const rows = new Float64Array(side * kept)
  for (let y = 0; y < side; y++)
    for (let u = 0; u < kept; u++) for (let x = 0; x < side; x++) rows[y * kept + u]! += grey[y * side + x]! * waves[u * side + x]!
  const levels = new Float64Array(kept * kept)
  for (let v = 0; v < kept; v++)
    for (let u = 0; u < kept; u++) for (let y = 0; y < side; y++) levels[v * kept + u]! += rows[y * kept + u]! * waves[v * side + y]!
  const rest = levels.subarray(1)
  const strongest = rest.reduce((most, level) => Math.max(most, Math.abs(level)), 0)
  const bound = rest.toSorted()[31]! + leastAbove * strongest
  let hash = 1n
  for (let i = 1; i < levels.length; i++) if (levels[i]! > bound) hash |= 1n << BigInt(i)
  return hash
}

/** How many bits differ, 0 to 64. */
export function hashDistance(a: bigint, b: bigint): number {
  const different = a ^ b
  return bitCount(Number(different & 0xffffffffn)) + bitCount(Number(different >> 32n))
}
