import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs, shapeWithAxis } from '../../test/arbitraries.ts'
import { evaluateAll, evaluateOne } from '../../test/evaluate-one.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { seeds } from '../../test/sampled-values.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { sizeOf } from '../graph/tensor.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { Random } from '../util/random.ts'
import { ndarray } from './ndarray.ts'

const bytes = (seed: number, count: number) => {
  const random = new Random(seed)
  return Array.from({ length: count }, () => random.integer(-128, 128))
}

test('gradient of the scale of DequantizeLinear, per tensor and per axis', () => {
  fc.assert(
    fc.property(shapeWithAxis(1, 4), fc.boolean(), fc.boolean(), seeds, ({ dims, axis, length }, perAxis, shifted, seed) => {
      const scales = perAxis ? [length] : []
      checkGradient(
        (b) => b.op('DequantizeLinear', ['x', 'scale', shifted ? 'zero' : undefined], { axis }),
        {
          x: { dims, values: bytes(seed, sizeOf(dims)), dtype: 'int8', fixed: true },
          scale: { dims: scales, range: [0.01, 0.1] },
          ...(shifted ? { zero: { dims: scales, values: bytes(seed + 1, sizeOf(scales)), dtype: 'int8', fixed: true } as const } : {}),
        },
        { seed },
      )
    }),
    runs,
  )
})

describe('quantization', () => {
  test('rounds half to even, shifts and saturates', () => {
    const x = ndarray('float32', [6], [0.5, 1.5, -0.5, 2.5, 1000, -1000])
    const zero = ndarray('uint8', [], [10])
    expect([...evaluateOne('QuantizeLinear', [x, ndarray('float32', [], [1]), zero]).data]).toEqual([10, 12, 10, 12, 255, 0])
  })

  test('there and back is off by at most half a step', () => {
    const random = new Random(5)
    const x = ndarray(
      'float32',
      [2, 3, 4],
      Float64Array.from({ length: 24 }, () => Math.fround(random.uniform(-1, 1))),
    )
    const scale = ndarray('float32', [3], [0.01, 0.02, 0.05].map(Math.fround))
    const zero = ndarray('int8', [3], [0, 1, -2])
    const back = evaluateOne('DequantizeLinear', [evaluateOne('QuantizeLinear', [x, scale, zero], { axis: 1 }), scale, zero], { axis: 1 })
    back.data.forEach((value, i) => {
      const step = scale.data[Math.floor(i / 4) % 3]!
      expect(Math.abs(value - x.data[i]!)).toBeLessThanOrEqual(step * 0.500001)
    })
  })

  test('blocks along an axis, the last one shorter', () => {
    const x = ndarray('int8', [2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    const scale = ndarray('float32', [2, 3], [1, 10, 100, 2, 20, 200])
    const result = evaluateOne('DequantizeLinear', [x, scale], { axis: 1, block_size: 2 })
    expect([...result.data]).toEqual([1, 2, 30, 40, 500, 12, 14, 160, 180, 2000])
  })

  test('a range of zeros has no scale', () => {
    const [y, scale, zero] = evaluateAll('DynamicQuantizeLinear', [ndarray('float32', [2])], {}, { outputs: 3 })
    expect([...y!.data, ...scale!.data, ...zero!.data]).toEqual([0, 0, 0, 0])
  })
})

test('a quantized convolution is the convolution of what its integers stand for, quantized', () => {
  const random = new Random(9)
  const draw = (dims: number[], low: number, high: number, dtype: 'uint8' | 'int8') =>
    ndarray(
      dtype,
      dims,
      Float64Array.from({ length: sizeOf(dims) }, () => random.integer(low, high)),
    )
  const scalar = (value: number) => ndarray('float32', [], [value])
  const [x, w] = [draw([1, 2, 4, 4], 0, 256, 'uint8'), draw([3, 2, 3, 3], -128, 128, 'int8')]
  const [xZero, yZero] = [ndarray('uint8', [], [120]), ndarray('uint8', [], [128])]
  const [wScale, wZero] = [ndarray('float32', [3], [0.5, 0.25, 0.125]), ndarray('int8', [3], [0, 0, 0])]
  const bias = ndarray('int32', [3], [100, -200, 300])
  const attributes = { pads: [1, 1, 1, 1] }
  const quantized = evaluateOne('QLinearConv', [x, scalar(0.5), xZero, w, wScale, wZero, scalar(64), yZero, bias], attributes)
  const [fx, fw] = [
    evaluateOne('DequantizeLinear', [x, scalar(0.5), xZero]),
    evaluateOne('DequantizeLinear', [w, wScale, wZero], { axis: 0 }),
  ]
  const fb = ndarray(
    'float32',
    [3],
    [...bias.data].map((value, i) => value * 0.5 * wScale.data[i]!),
  )
  const plain = evaluateOne('QuantizeLinear', [evaluateOne('Conv', [fx, fw, fb], attributes), scalar(64), yZero])
  expect([...quantized.data]).toEqual([...plain.data])
})

test('types and shapes of quantized results', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 3, 8, 8])
  const scale = b.input('scale', 'float32', [])
  const q = b.op('QuantizeLinear', [x, scale, b.input('zero', 'int8', [])])
  const plain = b.op('QuantizeLinear', [x, scale])
  const conv = b.op('ConvInteger', [q, b.input('w', 'int8', [4, 3, 3, 3])])
  const table = inferValues(b.model())
  expect(table.type(q)).toMatchObject({ dtype: 'int8', dims: ['N', 3, 8, 8] })
  expect(table.type(plain)!.dtype).toBe('uint8')
  expect(table.type(conv)).toMatchObject({ dtype: 'int32', dims: ['N', 4, 6, 6] })
})
