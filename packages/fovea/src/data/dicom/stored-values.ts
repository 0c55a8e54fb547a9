// Stored pixel values as numbers: from the bits of a frame to a typed array (PS3.5, 8.1 and Annex D).

import type { PixelModule } from './pixel-module.ts'

export type StoredValues = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array

/** Bits that a frame takes where it is not compressed. */
export function nativeFrameBits({ rows, columns, samplesPerPixel, bitsAllocated, photometricInterpretation }: PixelModule): number {
  // Two pixels share their colour (PS3.3, C.7.6.3.1.2): Y1 Y2 Cb Cr.
  const samples = photometricInterpretation === 'YBR_FULL_422' ? 2 : samplesPerPixel
  return rows * columns * samples * bitsAllocated
}

/** An array of zeros of the type that holds the values. */
export function storedArray({ bitsAllocated, signed }: PixelModule, length: number): StoredValues {
  if (bitsAllocated <= 8) return signed && bitsAllocated === 8 ? new Int8Array(length) : new Uint8Array(length)
  if (bitsAllocated === 16) return signed ? new Int16Array(length) : new Uint16Array(length)
  return signed ? new Int32Array(length) : new Uint32Array(length)
}

/**
 * Reads samples of whole bytes in the given order, and takes from each the bits that are stored: Bits Stored ending at High Bit, with their
 * sign. What other bits hold (overlays of old files) is left out.
 */
export function readSamples(bytes: Uint8Array, module: PixelModule, littleEndian: boolean): StoredValues {
  const { bitsAllocated, bitsStored, highBit, signed } = module
  const size = bitsAllocated / 8
  const out = storedArray(module, Math.floor(bytes.length / size))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const up = 31 - highBit
  const down = 32 - bitsStored
  for (let i = 0; i < out.length; i++) {
    const raw = size === 1 ? bytes[i]! : size === 2 ? view.getUint16(2 * i, littleEndian) : view.getUint32(4 * i, littleEndian)
    // The sign bit, or the highest of the stored ones, is moved to the top, and the rest falls off both ends.
    out[i] = signed ? (raw << up) >> down : (raw << up) >>> down
  }
  return out
}

/** Single bits, the lowest of a byte first; frames follow each other without padding. */
export function readBits(bytes: Uint8Array, firstBit: number, length: number): Uint8Array {
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i++) out[i] = (bytes[(firstBit + i) >>> 3]! >> ((firstBit + i) & 7)) & 1
  return out
}

/** Planes of colours (Planar Configuration 1) as colours of pixels. */
export function interleave<T extends StoredValues>(planes: T, samples: number): T {
  const out = planes.slice() as T
  const pixels = planes.length / samples
  for (let sample = 0, from = 0; sample < samples; sample++) for (let i = 0; i < pixels; i++) out[i * samples + sample] = planes[from++]!
  return out
}

/** Y1 Y2 Cb Cr of two pixels as Y Cb Cr of each; both take the shared colour. */
export function spread422(pairs: Uint8Array, pixels: number): Uint8Array {
  const out = new Uint8Array(pixels * 3)
  for (let i = 0; i < pixels; i++) {
    const pair = (i >> 1) * 4
    out[3 * i] = pairs[pair + (i & 1)]!
    out[3 * i + 1] = pairs[pair + 2]!
    out[3 * i + 2] = pairs[pair + 3]!
  }
  return out
}
