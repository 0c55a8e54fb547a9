import { expect, test } from 'vitest'
import { isFoveaError } from '../util/errors.ts'
import { Tensor } from './tensor.ts'

test('the elements are seen through the bytes, without copying where they are aligned', () => {
  const bytes = new Uint8Array(Float32Array.of(1, 2, 3).buffer)
  const tensor = new Tensor('float32', [3], bytes)
  expect([...(tensor.data as Float32Array)]).toEqual([1, 2, 3])
  expect(tensor.data.buffer).toBe(bytes.buffer)
})

test('bytes that are not aligned are copied once', () => {
  const shifted = new Uint8Array(13)
  shifted.set(new Uint8Array(Float32Array.of(1, 2, 3).buffer), 1)
  const tensor = new Tensor('float32', [3], shifted.subarray(1))
  expect([...(tensor.data as Float32Array)]).toEqual([1, 2, 3])
  expect(tensor.data).toBe(tensor.data)
})

test('a slice of the bytes is a copy, also where they came from a Node Buffer', () => {
  const buffer = Buffer.from([1, 2, 3, 4])
  const tensor = new Tensor('uint8', [4], buffer)
  const copy = tensor.bytes.slice()
  buffer[0] = 9
  expect([tensor.bytes[0], copy[0]]).toEqual([9, 1])
})

test('types under eight bits are counted packed, strings as strings', () => {
  expect(new Tensor('int4', [3], new Uint8Array(2)).size).toBe(3)
  expect(new Tensor('string', [2], ['a', 'b']).strings).toEqual(['a', 'b'])
})

test('contents that do not fill the shape are refused', () => {
  const attempts = [
    () => new Tensor('float32', [2], new Uint8Array(4)),
    () => new Tensor('float32', [-1], new Uint8Array(0)),
    () => new Tensor('string', [1], new Uint8Array(1)),
    () => new Tensor('int4', [3], new Uint8Array(3)),
  ]
  for (const attempt of attempts) {
    let code: unknown
    try {
      attempt()
    } catch (error) {
      code = isFoveaError(error) ? error.code : error
    }
    expect(code).toBe('TENSOR_INVALID')
  }
})
