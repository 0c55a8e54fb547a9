// Rounding to the narrow float types: float16, bfloat16, the 8-bit and the 4-bit ones.

import type { DataType } from '../graph/data-type.ts'
import { roundHalfToEven } from './integers.ts'

interface FloatFormat {
  readonly mantissa: number
  /** Exponent of the smallest normal number. */
  readonly minExponent: number
  readonly max: number
  /** What overflow becomes where it does not saturate. */
  readonly overflow: number
  /** Overflow always gives the largest number. */
  readonly saturates?: boolean
}

const formats: Partial<Record<DataType, FloatFormat>> = {
  float16: { mantissa: 10, minExponent: -14, max: 65504, overflow: Number.POSITIVE_INFINITY },
  bfloat16: { mantissa: 7, minExponent: -126, max: 3.3895313892515355e38, overflow: Number.POSITIVE_INFINITY },
  float8e4m3fn: { mantissa: 3, minExponent: -6, max: 448, overflow: Number.NaN },
  float8e4m3fnuz: { mantissa: 3, minExponent: -7, max: 240, overflow: Number.NaN },
  float8e5m2: { mantissa: 2, minExponent: -14, max: 57344, overflow: Number.POSITIVE_INFINITY },
  float8e5m2fnuz: { mantissa: 2, minExponent: -15, max: 57344, overflow: Number.NaN },
  float4e2m1: { mantissa: 1, minExponent: 0, max: 6, overflow: 6, saturates: true },
}

/** The largest integer e with 2^e <= x, for positive finite x. */
function exponentOf(x: number): number {
  const e = Math.floor(Math.log2(x))
  if (2 ** e > x) return e - 1
  return 2 ** (e + 1) <= x ? e + 1 : e
}

export interface RoundingOptions {
  /** For 8-bit types: overflow gives the largest number instead of infinity or NaN. @default true */
  readonly saturate?: boolean
  /** For float8e8m0, whose numbers are powers of two. @default up */
  readonly mode?: string
}

/**
 * The function that rounds to the nearest number of a float type, ties to even. float32 and float64 keep the value: the
 * reference computes in float64.
 */
export function roundToFloat(dtype: DataType, { saturate = true, mode = 'up' }: RoundingOptions = {}): (value: number) => number {
  if (dtype === 'float8e8m0') return (value) => roundToPowerOfTwo(value, saturate, mode)
  const format = formats[dtype]
  if (format === undefined) return (value) => value
  const { mantissa, minExponent, max, overflow, saturates = saturate && dtype.startsWith('float8') } = format
  return (value) => {
    const size = Math.abs(value)
    if (size === 0 || Number.isNaN(value)) return value
    const beyond = saturates ? max : overflow
    if (size === Number.POSITIVE_INFINITY) return Math.sign(value) * beyond
    const step = 2 ** (Math.max(exponentOf(size), minExponent) - mantissa)
    const rounded = roundHalfToEven(size / step) * step
    return Math.sign(value) * (rounded > max ? beyond : rounded)
  }
}

/** The OCP microscaling scale type: 2^-127 to 2^127, without sign and zero. */
function roundToPowerOfTwo(value: number, saturate: boolean, mode: string): number {
  if (Number.isNaN(value)) return value
  const size = Math.abs(value)
  if (size > 2 ** 127) return saturate ? 2 ** 127 : Number.NaN
  if (size < 2 ** -127) return saturate || size > 0 ? 2 ** -127 : Number.NaN
  const down = 2 ** exponentOf(size)
  if (down === size || mode === 'down') return down
  const up = Math.min(2 * down, 2 ** 127)
  return mode === 'nearest' && size < 1.5 * down ? down : up
}
