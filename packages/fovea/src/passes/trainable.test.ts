import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { findTrainable } from './trainable.ts'

const vector = '{0.1, 0.2, 0.3, 0.4}'
const matrix = `{${new Array(16).fill('0.5').join(', ')}}`

function trainableOf(nodes: string, from = 'x') {
  const lines = nodes.trim().split('\n')
  const { graph } = readModel(`
    graph main(x: float32[N,4]) -> (y)
      w: float32[4,4] = ${matrix}
      v: float32[4,4] = ${matrix}
      a: float32[4] = ${vector}
      b: float32[4] = ${vector}
      mean: float32[4] = ${vector}
      variance: float32[4] = ${vector}
      one: float32[1] = {2.0}
      half: float16[4] = {1.0, 2.0, 3.0, 4.0}
      whole: int64[4] = {1, 2, 3, 4}
      shape: int64[2] = {4, 4}
${lines.map((line) => `      ${line.trim()}`).join('\n')}`)
  return findTrainable(graph, from).map(({ name, kind }) => `${name}: ${kind}`)
}

describe('findTrainable', () => {
  it('knows weights, biases and the parameters of normalisation', () => {
    expect(trainableOf('g = Gemm(x, w, a)\ny = BatchNormalization(g, b, b, mean, variance)')).toEqual(['w: weight', 'a: bias', 'b: norm'])
    expect(trainableOf('m = MatMul(x, w)\np = Add(a, m)\ny = Mul(p, b)')).toEqual(['w: weight', 'a: bias', 'b: norm'])
    expect(trainableOf('y = PRelu(x, a)')).toEqual(['a: bias'])
    expect(trainableOf('c = Greater(x, b)\ny = Where(c, a, x)')).toEqual(['a: bias'])
  })

  it('leaves running statistics, scalars, integers and shapes', () => {
    expect(trainableOf('g = Mul(x, one)\nr = Reshape(g, shape)\ny = BatchNormalization(r, a, b, mean, variance)')).toEqual([
      'a: norm',
      'b: norm',
    ])
    expect(trainableOf('c = Cast(whole) {to=1}\ny = Add(x, c)')).toEqual([])
  })

  it('knows the bias of a layer with one output, and the weight with one input', () => {
    expect(trainableOf('c = Conv(x, w, one)\ny = Add(c, one)')).toEqual(['w: weight'])
    expect(trainableOf('y = Conv(x, w, one)')).toEqual(['w: weight', 'one: bias'])
    expect(trainableOf('y = Gemm(x, one, a)')).toEqual(['a: bias', 'one: weight'])
  })

  it('looks through reshapes and the like, to the operand that the weight is', () => {
    expect(trainableOf('t = Transpose(w)\nr = Reshape(t, shape)\ny = MatMul(x, r)')).toEqual(['w: weight'])
    expect(trainableOf('y = Conv(x, w)')).toEqual(['w: weight'])
    expect(trainableOf('y = Conv(w, x)')).toEqual([])
  })

  it('takes only what acts behind the value, and nothing that also acts before it', () => {
    const two = 'm = MatMul(x, w)\nr = Relu(m)\ny = MatMul(r, v)'
    expect(trainableOf(two, 'x')).toEqual(['w: weight', 'v: weight'])
    expect(trainableOf(two, 'r')).toEqual(['v: weight'])
    expect(trainableOf('m = MatMul(x, w)\nr = Relu(m)\ny = MatMul(r, w)', 'r')).toEqual([])
  })

  it('leaves weights of which one use is none that is trained', () => {
    expect(trainableOf('m = MatMul(x, w)\nt = ReduceSum(w)\ny = Div(m, t)')).toEqual([])
    expect(trainableOf('m = MatMul(x, w)\nn = MatMul(m, w)\ny = Add(n, m)')).toEqual(['w: weight'])
  })
})
