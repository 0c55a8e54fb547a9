import { expect, test } from 'vitest'
import { evaluateOne } from '../../test/evaluate-one.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { dataTypes } from '../graph/data-type.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { ndarray } from './ndarray.ts'

const to = (dtype: keyof typeof dataTypes) => ({ to: dataTypes[dtype].code })

test('gradient between float types, and none through whole numbers', () => {
  checkGradient((b) => b.op('Cast', [b.op('Cast', ['x'], to('float32'))], to('float64')), { x: { dims: [3] } })
  checkGradient((b) => b.op('CastLike', ['x', b.scalar(1, 'float64')]), { x: { dims: [3] } })
  // Steps of whole numbers are flat where a difference looks.
  const steps = (b: GraphBuilder) => b.op('Add', ['x', b.op('Cast', [b.op('Cast', ['x'], to('int64'))], to('float64'))])
  checkGradient(steps, { x: { dims: [3], values: [0.3, 1.6, -2.2] } })
})

test('whole numbers are cut off towards zero and wrap around', () => {
  const x = ndarray('float32', [4], [2.9, -2.9, 300, -1])
  expect([...evaluateOne('Cast', [x], to('int32')).data]).toEqual([2, -2, 300, -1])
  expect([...evaluateOne('Cast', [x], to('uint8')).data]).toEqual([2, 254, 44, 255])
  expect([...evaluateOne('Cast', [x], to('bool')).data]).toEqual([1, 1, 1, 1])
})

test('narrow floats round and saturate, float32 keeps the reference exact', () => {
  const x = ndarray('float64', [3], [1 + 2 ** -12, 1e5, 500])
  expect([...evaluateOne('Cast', [x], to('float32')).data]).toEqual([...x.data])
  expect([...evaluateOne('Cast', [x], to('float16')).data]).toEqual([1, Number.POSITIVE_INFINITY, 500])
  expect([...evaluateOne('Cast', [x], to('float8e4m3fn')).data]).toEqual([1, 448, 448])
  expect([...evaluateOne('Cast', [x], { ...to('float8e4m3fn'), saturate: 0 }).data]).toEqual([1, Number.NaN, Number.NaN])
})

test('sizes are followed through casts between integers', () => {
  const b = new GraphBuilder()
  const shape = b.op('Cast', [b.op('Shape', [b.input('x', 'float32', ['N', 4])])], to('int32'))
  expect(inferValues(b.model()).contents(shape)).toEqual(['N', 4])
})

test('BitCast reads the same bits as another type', () => {
  expect([...evaluateOne('BitCast', [ndarray('float32', [2], [1, -0])], to('int32')).data]).toEqual([0x3f800000, -(2 ** 31)])
})
