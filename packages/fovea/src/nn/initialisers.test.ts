import { describe, expect, test } from 'vitest'
import { Random } from '../util/random.ts'
import * as initialisers from './initialisers.ts'

const { fanOf, kaimingNormal, kaimingUniform, xavierNormal, xavierUniform, truncatedNormal, uniformByFan, normal, zeros, ones } =
  initialisers

const dims = [40, 30, 3, 3]

function drawn(initialise: initialisers.Initialiser, seed = 1): Float32Array {
  const values = new Float32Array(dims.reduce((a, b) => a * b))
  initialise(values, dims, new Random(seed))
  return values
}

function moments(values: Float32Array): { mean: number; deviation: number; largest: number } {
  const mean = values.reduce((a, b) => a + b) / values.length
  return {
    mean,
    deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length),
    largest: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0),
  }
}

test('the fan of a weight counts its kernel', () => {
  expect(fanOf(dims)).toEqual({ in: 270, out: 360 })
  expect(fanOf([8, 5])).toEqual({ in: 5, out: 8 })
})

describe('deviations are those of the papers', () => {
  // Fan in 270, fan out 360; 10,800 values, so a deviation is known to about 1 %.
  const cases: [string, initialisers.Initialiser, deviation: number, uniform: boolean][] = [
    ['He, normal, fan in', kaimingNormal(), Math.sqrt(2 / 270), false],
    ['He, normal, fan out', kaimingNormal({ mode: 'fanOut' }), Math.sqrt(2 / 360), false],
    ['He, uniform, leaky', kaimingUniform({ negativeSlope: 1 }), Math.sqrt(1 / 270), true],
    ['Glorot, normal', xavierNormal(), Math.sqrt(2 / 630), false],
    ['Glorot, uniform, gain 2', xavierUniform(2), 2 * Math.sqrt(2 / 630), true],
    ['torch, by fan in', uniformByFan(), Math.sqrt(1 / 270 / 3), true],
    // The deviation of a normal variable cut at two deviations is 0.8796 of it.
    ['truncated normal', truncatedNormal(0.5), 0.5 * 0.87962566, false],
    ['normal', normal(0, 3), 3, false],
  ]
  test.each(cases)('%s', (_, initialise, expected, uniform) => {
    const { mean, deviation, largest } = moments(drawn(initialise))
    expect(Math.abs(mean)).toBeLessThan(0.05 * expected)
    expect(Math.abs(deviation / expected - 1)).toBeLessThan(0.03)
    const limit = Math.sqrt(3) * expected
    if (uniform) expect(largest / limit).toBeGreaterThan(0.99)
    if (uniform) expect(largest).toBeLessThanOrEqual(limit * (1 + 1e-6))
    else expect(largest).toBeGreaterThan(limit)
  })
})

test('truncated normals stay within their limit', () => {
  expect(moments(drawn(truncatedNormal(1, 0, 1.5))).largest).toBeLessThanOrEqual(1.5)
})

test('the same stream gives the same values', () => {
  expect(drawn(kaimingNormal(), 4)).toEqual(drawn(kaimingNormal(), 4))
  expect(drawn(kaimingNormal(), 4)).not.toEqual(drawn(kaimingNormal(), 5))
  expect(new Set(drawn(zeros))).toEqual(new Set([0]))
  expect(new Set(drawn(ones))).toEqual(new Set([1]))
})
