import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16, widenBfloat16, widenFloat16 } from './half.ts'
import { bitsOfNumber, floatFormats, numberOfBits } from './small-float.ts'

const formats = Object.entries(floatFormats)

test.each(formats)('every %s number has its own bits', (_, format) => {
  const patterns = 2 ** (format.exponentBits + format.mantissaBits + 1)
  for (let bits = 0; bits < patterns; bits++) {
    const value = numberOfBits(format, bits)
    if (!Number.isNaN(value)) expect(bitsOfNumber(format, value, false)).toBe(bits)
  }
})

test.each(formats)('a number becomes the nearest %s, ties to even', (_, format) => {
  const patterns = 2 ** (format.exponentBits + format.mantissaBits)
  const finite = Array.from({ length: patterns }, (_, bits) => numberOfBits(format, bits)).filter(Number.isFinite)
  const largest = Math.max(...finite)
  fc.assert(
    fc.property(fc.double({ min: -largest, max: largest, noNaN: true }), (value) => {
      const bits = bitsOfNumber(format, value, true)
      const distance = Math.abs(Math.abs(value) - Math.abs(numberOfBits(format, bits)))
      const magnitude = bits % patterns
      for (const neighbour of [magnitude - 1, magnitude + 1]) {
        const other = neighbour >= 0 ? finite[neighbour] : undefined
        if (other === undefined) continue
        const otherDistance = Math.abs(Math.abs(value) - other)
        expect(distance).toBeLessThanOrEqual(otherDistance)
        if (distance === otherDistance) expect(magnitude % 2).toBe(0)
      }
    }),
  )
  for (let bits = 0; bits + 1 < finite.length; bits++) {
    const middle = (finite[bits]! + finite[bits + 1]!) / 2
    expect(bitsOfNumber(format, middle, true)).toBe(bits % 2 === 0 ? bits : bits + 1)
  }
})

test('known numbers', () => {
  expect(numberToFloat16(1)).toBe(0x3c00)
  expect(numberToFloat16(65504)).toBe(0x7bff)
  expect(numberToFloat16(65520)).toBe(0x7c00)
  expect(numberToFloat16(-0)).toBe(0x8000)
  expect(numberToFloat16(Number.NaN)).toBe(0x7e00)
  expect(float16ToNumber(0x0001)).toBe(2 ** -24)
  expect(numberToBfloat16(1)).toBe(0x3f80)
  expect(bfloat16ToNumber(0x4049)).toBe(3.140625)
  // 1 + 2^-11 + 2^-40 is above the tie of float16; rounding through float32 first would lose that.
  expect(numberToFloat16(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01)
  expect(numberOfBits(floatFormats.float8e4m3fn, 0x7e)).toBe(448)
  expect(numberOfBits(floatFormats.float8e5m2, 0x7b)).toBe(57344)
  expect(numberOfBits(floatFormats.float8e4m3fnuz, 0x7f)).toBe(240)
  expect(numberOfBits(floatFormats.float8e5m2fnuz, 0x7f)).toBe(57344)
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((bits) => numberOfBits(floatFormats.float4e2m1, bits))).toEqual([0, 0.5, 1, 1.5, 2, 3, 4, 6])
})

test('bfloat16 is float32 cut after 16 bits', () => {
  const view = new DataView(new ArrayBuffer(4))
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
      view.setUint32(0, bits * 65536)
      expect(bfloat16ToNumber(bits)).toBe(view.getFloat32(0))
    }),
  )
})

test.each([
  ['float16', widenFloat16, float16ToNumber],
  ['bfloat16', widenBfloat16, bfloat16ToNumber],
] as const)('all 65,536 patterns of %s are widened to the number they stand for', (_, widen, toNumber) => {
  const patterns = Uint16Array.from({ length: 65_536 }, (_, i) => i)
  const numbers = Array.from(patterns, toNumber)
  // Subnormals, infinities and negative zero too; float32 holds every one of them.
  for (const target of [new Float32Array(65_536), new Float64Array(65_536)]) {
    widen(patterns, target)
    expect(target.findIndex((value, i) => !Object.is(value, numbers[i]))).toBe(-1)
  }
  // Into a part of a larger array, whose rest stays.
  const part = new Float32Array(5).fill(7)
  widen(Uint16Array.of(0x3f80, 0xbf80), part.subarray(2, 4))
  expect([...part]).toEqual([7, 7, toNumber(0x3f80), toNumber(0xbf80), 7])
})
