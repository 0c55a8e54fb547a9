import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isFoveaError } from '../util/errors.ts'
import { byteLength, type DataType, dataTypes } from './data-type.ts'
import { Tensor } from './tensor.ts'
import { numbersOf, tensorOfNumbers } from './tensor-values.ts'

const numeric = (Object.keys(dataTypes) as DataType[]).filter((dtype) => !['string', 'complex64', 'complex128'].includes(dtype))
const inexact = new Set<DataType>(['int64', 'uint64'])

test.each(numeric)('numbers of %s tensors make the same tensor again', (dtype) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const count = Math.floor((bytes.length * 8) / dataTypes[dtype].bits)
      const tensor = new Tensor(dtype, [count], bytes.subarray(0, byteLength(dtype, count)))
      const numbers = numbersOf(tensor)
      expect(numbers.length).toBe(count)
      // NaN has several bit patterns, and wide integers lose low bits: the numbers are what must survive.
      // Saturation would make infinity of float8e5m2 the largest number.
      const again = tensorOfNumbers(dtype, [count], numbers, { saturate: inexact.has(dtype) })
      if (!inexact.has(dtype)) expect(numbersOf(again)).toEqual(numbers)
      else for (const [i, value] of numbersOf(again).entries()) expect(Math.abs(value - numbers[i]!)).toBeLessThanOrEqual(2048)
    }),
  )
})

test('integers round half to even and saturate', () => {
  const values = [-300, -128.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 200, Number.NaN, Number.POSITIVE_INFINITY]
  expect([...numbersOf(tensorOfNumbers('int8', [11], values))]).toEqual([-128, -128, -2, -2, 0, 0, 2, 2, 127, 0, 127])
  expect([...numbersOf(tensorOfNumbers('uint4', [3], [-1, 7.5, 99]))]).toEqual([0, 8, 15])
  expect(tensorOfNumbers('int64', [2], [2 ** 63, -(2 ** 70)]).data).toEqual(BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n)))
})

test('integers keep their low bits when not saturated', () => {
  expect([...numbersOf(tensorOfNumbers('int8', [3], [200, -129, 256], { saturate: false }))]).toEqual([-56, 127, 0])
  expect([...numbersOf(tensorOfNumbers('int4', [3], [-9, 8, 15], { saturate: false }))]).toEqual([7, -8, -1])
  expect(tensorOfNumbers('uint64', [1], [-1], { saturate: false }).data).toEqual(BigUint64Array.of(2n ** 64n - 1n))
})

// The specification's tables of Cast, for numbers out of range.
test.each([
  ['float8e4m3fn', [0x7e, 0x7e, 0xfe, 0x80, 0x7f], [0x7f, 0x7f, 0xff, 0x80, 0x7f]],
  ['float8e4m3fnuz', [0x7f, 0x7f, 0xff, 0x00, 0x80], [0x80, 0x80, 0x80, 0x00, 0x80]],
  ['float8e5m2', [0x7b, 0x7b, 0xfb, 0x80, 0x7e], [0x7c, 0x7c, 0xfc, 0x80, 0x7e]],
  ['float8e5m2fnuz', [0x7f, 0x7f, 0xff, 0x00, 0x80], [0x80, 0x80, 0x80, 0x00, 0x80]],
] as const)('%s saturates as Cast says', (dtype, saturated, plain) => {
  const values = [1e6, Number.POSITIVE_INFINITY, -1e6, -0, Number.NaN]
  expect([...tensorOfNumbers(dtype, [5], values).bytes]).toEqual(saturated)
  expect([...tensorOfNumbers(dtype, [5], values, { saturate: false }).bytes]).toEqual(plain)
})

test('float8e8m0 holds powers of two', () => {
  const values = [0, 0.124, 0.25, 1.1, 1.5, 8, Number.POSITIVE_INFINITY, Number.NaN]
  expect([...tensorOfNumbers('float8e8m0', [8], values).bytes]).toEqual([0, 0x7c, 0x7d, 0x80, 0x80, 0x82, 0xfe, 0xff])
  expect([...tensorOfNumbers('float8e8m0', [3], [1.1, 1.5, 3], { roundMode: 'down' }).bytes]).toEqual([0x7f, 0x7f, 0x80])
  expect([...tensorOfNumbers('float8e8m0', [3], [1.1, 1.5, 3], { roundMode: 'nearest' }).bytes]).toEqual([0x7f, 0x80, 0x81])
  expect([...tensorOfNumbers('float8e8m0', [2], [0, 1e300], { saturate: false }).bytes]).toEqual([0xff, 0xff])
})

test('small elements are packed low bits first', () => {
  expect([...tensorOfNumbers('int4', [3], [1, -2, 3]).bytes]).toEqual([0xe1, 0x03])
  expect([...tensorOfNumbers('uint2', [5], [3, 0, 1, 2, 3]).bytes]).toEqual([0b10_01_00_11, 0b11])
  expect([...numbersOf(new Tensor('float4e2m1', [2], Uint8Array.of(0xf1)))]).toEqual([0.5, -6])
})

test('float16 and bool follow Cast', () => {
  expect([...numbersOf(tensorOfNumbers('float16', [2], [1e6, -1e6]))]).toEqual([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
  expect([...tensorOfNumbers('bool', [4], [0, -0, 0.1, Number.NaN]).bytes]).toEqual([0, 0, 1, 1])
})

test('text and complex numbers are refused', () => {
  for (const attempt of [
    () => numbersOf(new Tensor('string', [1], ['a'])),
    () => numbersOf(new Tensor('complex64', [1], new Uint8Array(8))),
    () => tensorOfNumbers('string', [0], []),
    () => tensorOfNumbers('float32', [2], [1]),
  ])
    expect(attempt).toThrow(expect.toSatisfy((error) => isFoveaError(error, 'TENSOR_INVALID')))
})
