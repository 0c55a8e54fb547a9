import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { findResidualBlocks } from './residual-blocks.ts'

function blocksOf(nodes: string) {
  const lines = nodes.trim().split('\n')
  return findResidualBlocks(
    readModel(`
    graph main(x: float32[N,8,4,4]) -> (y)
      w: float32[8] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0}
${lines.map((line) => `      ${line.trim()}`).join('\n')}`).graph,
  )
}

describe('findResidualBlocks', () => {
  it('finds a block with a plain shortcut, its activation included', () => {
    expect(blocksOf('a = Relu(x)\nb = Exp(a)\nc = Neg(b)\ns = Add(c, a)\nr = Relu(s)\ny = Neg(r)')).toEqual([
      { input: 'a', output: 'r', sum: 's' },
    ])
  })

  it('takes neither a gate with an offset nor the joined levels of a pyramid for a block', () => {
    expect(blocksOf('a = Relu(x)\nb = Exp(a)\nc = Neg(a)\ns = Add(b, c)\ny = Tanh(s)')).toEqual([])
    expect(blocksOf('a = Relu(x)\nb = Exp(a)\nc = Resize(b)\nd = Conv(a)\ns = Add(d, c)\ny = Tanh(s)')).toEqual([])
  })

  it('finds a block whose shortcut is a projection, without activation', () => {
    expect(blocksOf('a = Relu(x)\nb = Exp(a)\nc = AveragePool(a)\ns = Add(c, b)\ny = Neg(s)')).toEqual([
      { input: 'a', output: 's', sum: 's' },
    ])
  })

  it('finds the blocks of a chain in order, a block within a block on its own', () => {
    const chain = 'b = Exp(x)\ns = Add(b, x)\nr = Relu(s)\nc = Exp(r)\nd = Neg(c)\nt = Add(c, d)\nu = Add(t, r)\ny = Neg(u)'
    expect(blocksOf(chain).map(({ input, output }) => [input, output])).toEqual([
      ['x', 'r'],
      ['c', 't'],
      ['r', 'u'],
    ])
  })

  it('takes an activation that other nodes share for none of the block', () => {
    expect(blocksOf('b = Exp(x)\ns = Add(b, x)\nr = Relu(s)\nq = Exp(s)\ny = Add(r, w)').map(({ output }) => output)).toEqual(['s'])
  })

  it('leaves biases, doublings and products', () => {
    expect(blocksOf('b = Add(x, w)\nd = Add(b, b)\ng = Sigmoid(d)\ny = Mul(d, g)')).toEqual([])
  })
})
