// Label Studio's brush masks: the bits of an RGBA picture packed in runs (thi.ng/rle-pack; Label Studio, "Export brush annotations").

import { FoveaError } from '../../util/errors.ts'
import type { RunLengths } from '../../vision/annotation.ts'
import { decodeMask, encodeMask } from '../../vision/run-lengths.ts'

/** Bits for the length of a block, chosen by two bits of its head; ours, as Label Studio's. */
const sizes = [3, 4, 8, 16] as const

const maxPixels = 2 ** 27

/**
 * Reads packed bytes: 32 bits that say how many values follow, 5 for the bits of a value less one, four times 4 for `sizes` less one; then blocks: a bit
 * that says whether one value is repeated or each is written, two for which size, the length less one, the value or values. A pixel belongs to the mask
 * where its fourth value, alpha, is not 0.
 * @throws DATASET_MALFORMED where the bytes do not hold a picture of that size
 */
export function decodeBrush(bytes: readonly number[], width: number, height: number, field: string, file: string): RunLengths {
  const fail = (expected: string, found: string): never => {
    throw new FoveaError('DATASET_MALFORMED', { file, field, expected, found })
  }
  const wrong = bytes.findIndex((byte) => !(Number.isInteger(byte) && byte >= 0 && byte < 256))
  if (wrong >= 0) fail('bytes', String(bytes[wrong]))
  const pixels = width * height
  if (!(Number.isSafeInteger(pixels) && pixels > 0 && pixels <= maxPixels))
    fail(`a picture of at most ${maxPixels} pixels`, `${width} x ${height}`)
  let at = 0
  const read = (bits: number): number => {
    let value = 0
    for (let i = 0; i < bits; i++, at++) {
      const byte = bytes[at >>> 3] ?? fail('a whole mask', 'a shorter one')
      value = value * 2 + ((byte >>> (7 - (at & 7))) & 1)
    }
    return value
  }
  const count = read(32)
  if (count !== 4 * pixels) fail(`${4 * pixels} values`, String(count))
  const wordBits = read(5) + 1
  const sizeBits = [0, 1, 2, 3].map(() => read(4) + 1)
  const mask = new Uint8Array(pixels)
  for (let i = 0; i < count; ) {
    const repeated = read(1) === 1
    const end = i + 1 + read(sizeBits[read(2)]!)
    if (end > count) fail(`${count} values`, 'more')
    if (!repeated) for (; i < end; i++) setAlpha(mask, i, i + 1, read(wordBits))
    else setAlpha(mask, i, end, read(wordBits))
    i = end
  }
  return encodeMask(mask, width, height)
}

function setAlpha(mask: Uint8Array, from: number, to: number, value: number): void {
  // Pixel p's alpha is value 4p + 3.
  if (value !== 0) mask.fill(1, from >> 2, to >> 2)
}

/** The packed bytes of a mask: all four values of its pixels are 255. */
export function encodeBrush(mask: RunLengths): number[] {
  const pixels = decodeMask(mask)
  const bytes: number[] = []
  let [byte, used] = [0, 0]
  const write = (value: number, bits: number) => {
    for (let i = bits - 1; i >= 0; i--) {
      byte = (byte << 1) | (Math.floor(value / 2 ** i) & 1)
      if (++used < 8) continue
      bytes.push(byte)
      byte = used = 0
    }
  }
  write(4 * pixels.length, 32)
  write(7, 5)
  for (const size of sizes) write(size - 1, 4)
  for (let i = 0; i < pixels.length; ) {
    let end = i + 1
    while (end < pixels.length && pixels[end] === pixels[i]) end++
    for (let left = 4 * (end - i); left > 0; ) {
      const length = Math.min(left, 2 ** 16)
      const size = sizes.findIndex((bits) => length <= 2 ** bits)
      write(1, 1)
      write(size, 2)
      write(length - 1, sizes[size]!)
      write(pixels[i] === 0 ? 0 : 255, 8)
      left -= length
    }
    i = end
  }
  if (used > 0) write(0, 8 - used)
  return bytes
}
