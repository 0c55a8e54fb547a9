// Integer types on float64: results brought back into the range of their type.

import { type DataType, dataTypes, isInteger } from '../graph/data-type.ts'
import { roundHalfEven } from '../util/small-float.ts'

/** Smallest and largest value of an integer type. The ends of 64-bit types are rounded to float64. */
export function integerRange(dtype: DataType): readonly [low: number, high: number] {
  const { bits, kind } = dataTypes[dtype]
  return kind === 'signed' ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1]
}

/**
 * The function that brings a result into its type as hardware does: integers wrap around (two's complement), other types keep
 * the value. 64-bit results are exact only within 2^53.
 */
export function wrapTo(dtype: DataType): (value: number) => number {
  if (!isInteger(dtype)) return (value) => value
  const [low, high] = integerRange(dtype)
  const span = 2 ** dataTypes[dtype].bits
  return (value) => {
    if (!Number.isFinite(value)) return 0
    const whole = Math.trunc(value) + 0
    return whole >= low && whole <= high ? whole : whole - span * Math.floor((whole - low) / span)
  }
}

/** The function that rounds half to even and clamps to an integer type. */
export function saturateTo(dtype: DataType): (value: number) => number {
  const [low, high] = integerRange(dtype)
  return (value) => Math.min(high, Math.max(low, roundHalfEven(value)))
}
