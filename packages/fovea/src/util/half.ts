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
