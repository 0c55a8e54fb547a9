// Floating-point formats of 16 bits and less: from numbers to bits with one rounding, and back.

export interface FloatFormat {
  readonly exponentBits: number
  readonly mantissaBits: number
  readonly bias: number
  /**
   * What the format spends bit patterns on: `ieee` infinities and NaNs under the largest exponent; `fn` one NaN, all ones;
   * `fnuz` one NaN in place of negative zero; `finite` none of them.
   */
  readonly special: 'ieee' | 'fn' | 'fnuz' | 'finite'
}

/** IEEE 754 binary16, bfloat16, the float8 types of ONNX (Micikevicius et al. 2022; Noune et al. 2022), and float4 of OCP MX. */
export const floatFormats = {
  float16: { exponentBits: 5, mantissaBits: 10, bias: 15, special: 'ieee' },
  bfloat16: { exponentBits: 8, mantissaBits: 7, bias: 127, special: 'ieee' },
  float8e4m3fn: { exponentBits: 4, mantissaBits: 3, bias: 7, special: 'fn' },
  float8e4m3fnuz: { exponentBits: 4, mantissaBits: 3, bias: 8, special: 'fnuz' },
  float8e5m2: { exponentBits: 5, mantissaBits: 2, bias: 15, special: 'ieee' },
  float8e5m2fnuz: { exponentBits: 5, mantissaBits: 2, bias: 16, special: 'fnuz' },
  float4e2m1: { exponentBits: 2, mantissaBits: 1, bias: 1, special: 'finite' },
} as const satisfies Record<string, FloatFormat>

/** The number that bits of a format stand for. */
export function numberOfBits(format: FloatFormat, bits: number): number {
  const { mantissaBits, bias, special } = format
  const signBit = 2 ** (format.exponentBits + mantissaBits)
  const magnitude = bits % signBit
  const negative = bits >= signBit
  if (special === 'fnuz' && negative && magnitude === 0) return Number.NaN
  if (special === 'fn' && magnitude === signBit - 1) return Number.NaN
  const step = 2 ** mantissaBits
  const exponent = Math.floor(magnitude / step)
  const mantissa = magnitude % step
  if (special === 'ieee' && exponent === 2 ** format.exponentBits - 1) {
    if (mantissa !== 0) return Number.NaN
    return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  const value = exponent === 0 ? mantissa * 2 ** (1 - bias - mantissaBits) : (mantissa + step) * 2 ** (exponent - bias - mantissaBits)
  return negative ? -value : value
}

/**
 * The bits nearest to a number, ties to even.
 *
 * @param saturate numbers too large, infinities too, become the largest finite number; else infinity, or NaN where there is none
 */
export function bitsOfNumber(format: FloatFormat, value: number, saturate: boolean): number {
  const { mantissaBits, bias, special } = format
  const signBit = 2 ** (format.exponentBits + mantissaBits)
  if (Number.isNaN(value)) return nanBits(format, signBit)
  const magnitude = Math.abs(value)
  const sign = value < 0 || Object.is(value, -0) ? signBit : 0
  const exponent = Math.max(exponentOf(magnitude), 1 - bias)
  // Dividing by a power of two is exact, so the number is rounded once.
  const steps = magnitude === Number.POSITIVE_INFINITY ? magnitude : roundHalfEven(magnitude / 2 ** (exponent - mantissaBits))
  // A mantissa that rounds up to the next power of two carries into the exponent by itself.
  const bits = steps + (exponent + bias - 1) * 2 ** mantissaBits
  const largest = largestBits(format, signBit)
  if (bits <= largest) return special === 'fnuz' && bits === 0 ? 0 : sign + bits
  if (saturate || special === 'finite') return sign + largest
  return special === 'fnuz' ? signBit : sign + largest + 1
}

/** Rounds to the nearest whole number, ties to even. */
export function roundHalfEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function largestBits(format: FloatFormat, signBit: number): number {
  if (format.special === 'ieee') return signBit - 2 ** format.mantissaBits - 1
  return format.special === 'fn' ? signBit - 2 : signBit - 1
}

/** A quiet NaN; formats without one give negative zero, as ONNX's test data do. */
function nanBits(format: FloatFormat, signBit: number): number {
  if (format.special === 'ieee') return signBit - 2 ** (format.mantissaBits - 1)
  return format.special === 'fn' ? signBit - 1 : signBit
}

const float64 = new Float64Array(1)
const words = new Uint32Array(float64.buffer)

/** The power of two just below or at a positive number; -1023 for zero and numbers under the normal range. */
function exponentOf(magnitude: number): number {
  float64[0] = magnitude
  return (words[1]! >>> 20) - 1023
}
