import { describe, expect, it } from 'vitest'
import { checkGradient } from '../../test/gradient-check.ts'
import { type AttributeInputs, GraphBuilder } from '../graph/builder.ts'
import { tensorType } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { evaluateModel } from './evaluate.ts'

function constant(attributes: AttributeInputs) {
  const b = new GraphBuilder()
  const y = b.op('Constant', [], attributes)
  return { type: inferValues(b.model()).get(y)?.type, value: () => evaluateModel(b.model(), new Map(), [y]).get(y)! }
}

describe('Constant', () => {
  it('has a tensor, numbers or a sparse tensor as its value', () => {
    expect(constant({ value: Tensor.float32([2], [1, 2]) }).value()).toEqual({ dtype: 'float32', dims: [2], data: Float64Array.of(1, 2) })
    expect(constant({ value_int: 3 }).value()).toEqual({ dtype: 'int64', dims: [], data: Float64Array.of(3) })
    expect(constant({ value_ints: [3, 4] }).value()).toEqual({ dtype: 'int64', dims: [2], data: Float64Array.of(3, 4) })
    expect(constant({ value_float: 0.5 }).value()).toEqual({ dtype: 'float32', dims: [], data: Float64Array.of(0.5) })
    expect(constant({ value_floats: [1, 0.5] }).value()).toEqual({ dtype: 'float32', dims: [2], data: Float64Array.of(1, 0.5) })
  })
  it('spreads sparse values by position or by coordinates', () => {
    const values = Tensor.float32([2], [7, 8])
    const sparse = (indices: Tensor) => constant({ sparse_value: { type: 'sparseTensor', value: { dims: [2, 3], values, indices } } })
    for (const indices of [Tensor.int64([2], [1, 5]), Tensor.int64([2, 2], [0, 1, 1, 2])]) {
      expect(sparse(indices).type).toEqual(tensorType('float32', [2, 3]))
      expect([...sparse(indices).value().data]).toEqual([0, 7, 0, 0, 0, 8])
    }
  })
  it('has a type also where it is text, which the reference does not compute with', () => {
    const text = constant({ value_strings: ['a', 'b'] })
    expect(text.type).toEqual(tensorType('string', [2]))
    expect(text.value).toThrow(/OP_INVALID/)
  })
  it('has exactly one value', () => {
    expect(() => constant({})).toThrow(/found none/)
    expect(() => constant({ value_int: 1, value_float: 2 })).toThrow(/OP_INVALID/)
  })
})

describe('Range', () => {
  it('has the gradients of its differences', () => {
    const scalar = (value: number, fixed = false) => ({ dims: [], values: [value], fixed })
    const build = (b: GraphBuilder) => {
      const y = b.op('Range', ['start', 'limit', 'delta'])
      b.graph.values.set(y, { name: y, type: tensorType('float64', [4]) })
      return y
    }
    checkGradient(build, { start: scalar(0.5), limit: scalar(3.2, true), delta: scalar(0.7) })
  })
})

describe('random operators', () => {
  it('have shapes, and values that the reference refuses to draw', () => {
    const b = new GraphBuilder()
    b.input('x', 'float32', ['N', 4])
    const normal = b.op('RandomNormal', [], { shape: [2, 3], dtype: 11 })
    const like = b.op('RandomUniformLike', ['x'])
    const drawn = b.op('Multinomial', ['x'], { sample_size: 5 })
    const table = inferValues(b.model())
    expect([normal, like, drawn].map((name) => table.get(name)?.type)).toEqual([
      tensorType('float64', [2, 3]),
      tensorType('float32', ['N', 4]),
      tensorType('int32', ['N', 5]),
    ])
    expect(() => evaluateModel(b.model(), new Map(), [normal])).toThrow(/feed random numbers as an input/)
  })
})
