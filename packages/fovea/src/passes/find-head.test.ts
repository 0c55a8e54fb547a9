import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { findHead, findScores } from './find-head.ts'

/** A model whose last nodes are these; `f` are features [N, 8], `m` a map [N, 8, 4, 4]. */
function model(nodes: string, output = 'y') {
  return readModel(
    `
    graph main(f: float32[N,8], m: float32[N,8,4,4]) -> (${output})
      w: float32[8,3] = #w
      k: float32[3,8,1,1] = #k
      b: float32[3] = {0.1, 0.2, 0.3}
      rows: int64[2] = {0, -1}
      w8: int8[8,3] = #i
      s8: float32[] = {0.5}
${nodes
  .trim()
  .split('\n')
  .map((line) => `      ${line.trim()}`)
  .join('\n')}`.replaceAll(/#(\w)/g, (_, name: string) => `{${new Array(24).fill(name === 'i' ? '1' : '0.5').join(', ')}}`),
  )
}

describe('findHead', () => {
  it.each([
    ['a Gemm', 'y = Gemm(f, w, b)', { features: 'f', logits: 'y', parameters: ['w', 'b'], activation: 'none' }],
    [
      'a Gemm behind softmax and identities',
      'g = Gemm(f, w, b)\ni = Identity(g)\ns = Softmax(i)\ny = Identity(s)',
      { features: 'f', logits: 'i', parameters: ['w', 'b'], activation: 'softmax' },
    ],
    ['a Gemm behind sigmoid', 'g = Gemm(f, w)\ny = Sigmoid(g)', { features: 'f', logits: 'g', parameters: ['w'], activation: 'sigmoid' }],
    [
      'a MatMul with its bias on either side',
      'p = MatMul(f, w)\ny = Add(b, p)',
      { features: 'f', logits: 'y', parameters: ['w', 'b'], activation: 'none' },
    ],
    [
      'a MatMul of a reshaped weight',
      'r = Reshape(w, rows)\ny = MatMul(f, r)',
      { features: 'f', logits: 'y', parameters: ['r'], activation: 'none' },
    ],
    [
      'a convolution before a flattening',
      'c = Conv(m, k, b)\nl = Flatten(c)\ny = Softmax(l)',
      { features: 'm', logits: 'l', parameters: ['k', 'b'], activation: 'softmax' },
    ],
    [
      'a convolution before a global pool, as SqueezeNet has it',
      'c = Conv(m, k)\nr = Relu(c)\np = GlobalAveragePool(r)\ny = Softmax(p) {axis=1}',
      { features: 'm', logits: 'p', parameters: ['k'], activation: 'softmax' },
    ],
    [
      'softmax between two transposes',
      'c = Conv(m, k)\nt = Transpose(c) {perm=[0,3,2,1]}\ns = Softmax(t)\ny = Transpose(s) {perm=[0,3,2,1]}',
      { features: 'm', logits: 't', parameters: ['k'], activation: 'softmax' },
    ],
    [
      'a quantized Gemm',
      'q = DequantizeLinear(w8, s8)\ng = Gemm(f, q)\ni = QuantizeLinear(g, s8)\nd = DequantizeLinear(i, s8)\ny = Softmax(d)',
      { features: 'f', logits: 'd', parameters: ['q'], activation: 'softmax' },
    ],
    ['log-softmax, which scores as logits do', 'g = Gemm(f, w)\ny = LogSoftmax(g)', { logits: 'y', activation: 'none', parameters: ['w'] }],
  ])('finds %s', (_, nodes, wanted) => {
    expect(findHead(model(nodes))).toMatchObject(wanted)
  })

  it.each([
    ['ends in no linear layer', 'y = Relu(f)'],
    ['multiplies two values that both depend on the data', 'y = MatMul(f, f)'],
    ['adds something else to a product', 'p = MatMul(f, w)\nq = MatMul(f, w)\ny = Add(p, q)'],
    ['has a Relu behind the last layer, and no pool', 'g = Gemm(f, w)\ny = Relu(g)'],
  ])('finds none in a model that %s', (_, nodes) => {
    expect(findHead(model(nodes))).toBeUndefined()
  })

  it('looks before the output that it is told of', () => {
    const two = model('g = Gemm(f, w)\ny = Relu(f)', 'y, g')
    expect(findHead(two)).toBeUndefined()
    expect(findHead(two, 'g')?.features).toBe('f')
  })
})

describe('findScores', () => {
  it('tells scores from probabilities whatever gives them', () => {
    expect(findScores(model('r = Relu(f)\ns = Softmax(r)\ny = Flatten(s)'), 'y')).toEqual({ logits: 'r', activation: 'softmax' })
    expect(findScores(model('y = Relu(f)'), 'y')).toEqual({ logits: 'y', activation: 'none' })
    expect(findScores(model('y = Relu(f)'), 'f')).toEqual({ logits: 'f', activation: 'none' })
  })
})
