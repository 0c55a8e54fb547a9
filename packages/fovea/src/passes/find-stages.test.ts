import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { findStages } from './find-stages.ts'

/** Weights of the stated shape, all zero: stages follow from shapes alone. */
const weights = (name: string, ...dims: number[]) =>
  `${name}: float32[${dims}] = {${new Array(dims.reduce((a, b) => a * b, 1)).fill('0.0').join(', ')}}`

const half = '{strides=[2, 2], pads=[1, 1, 1, 1]}'
const same = '{pads=[1, 1, 1, 1]}'

function stagesOf(input: string, outputs: string, body: string, extra = ''): Record<string, string> {
  return findStages(
    readModel(`
      graph main(${input}) -> (${outputs})
        ${weights('k', 4, 4, 3, 3)}
        ${weights('first', 4, 3, 3, 3)}
        ${weights('w', 4, 5)}
        ${extra}
        ${body}`),
    'x',
  )
}

describe('findStages', () => {
  it('names the last value at each reduction that all deeper ones pass', () => {
    const stages = stagesOf(
      'x: float32[N,3,64,64]',
      'y',
      `a = Conv(x, first) ${half}
        a1 = Relu(a)
        b = Conv(a1, k) ${half}
        b1 = Conv(b, k) ${same}
        b2 = Add(b, b1)
        c = Conv(b2, k) ${half}
        d = Conv(c, k) ${half}
        e = Conv(d, k) ${half}
        e1 = Relu(e)
        p = GlobalAveragePool(e1)
        f = Flatten(p)
        y = Gemm(f, w)`,
    )
    expect(stages).toEqual({ stem: 'a1', conv2: 'b2', conv3: 'c', conv4: 'd', conv5: 'e1', embedding: 'f' })
  })

  it('counts networks for small pictures from no reduction on', () => {
    const stages = stagesOf(
      'x: float32[N,3,32,32]',
      'y',
      `a = Conv(x, first) ${same}
        a1 = Relu(a)
        a2 = Conv(a1, k) ${same}
        b = Conv(a2, k) ${half}
        c = Conv(b, k) ${half}
        p = AveragePool(c) {kernel_shape=[8, 8]}
        f = Flatten(p)
        y = Gemm(f, w)`,
    )
    expect(stages).toEqual({ stem: 'a1', conv2: 'a2', conv3: 'b', conv4: 'c', embedding: 'f' })
  })

  it('is not led astray by the weights of channels, nor by shuffles', () => {
    const stages = stagesOf(
      'x: float32[N,3,128,128]',
      'y',
      `a = Conv(x, first) ${half}
        b = Conv(a, k) ${half}
        g = GlobalAveragePool(b)
        s = Sigmoid(g)
        b1 = Mul(b, s)
        r = Reshape(b1, split)
        t = Transpose(r) {perm=[0, 2, 1, 3, 4]}
        b2 = Reshape(t, join)
        c = Conv(b2, k) ${half}
        c1 = Conv(b2, k) ${half}
        c2 = Add(c, c1)
        d = Conv(c2, k) ${half}
        y = Relu(d)`,
      `split: int64[5] = {0, 2, 2, 32, 32}
        join: int64[4] = {0, 4, 32, 32}`,
    )
    expect(stages).toEqual({ stem: 'a', conv2: 'b2', conv3: 'c2', conv4: 'y' })
  })

  it('finds where a top-down path meets the backbone, and no embedding in a model of maps', () => {
    const stages = stagesOf(
      'x: float32[N,3,128,128]',
      'heat, small',
      `a = Conv(x, first) ${half}
        b = Conv(a, k) ${half}
        c = Conv(b, k) ${half}
        d = Conv(c, k) ${half}
        u = Resize(d, "", scales) {mode="nearest"}
        l = Conv(c, k) ${same}
        q = Add(l, u)
        u2 = Resize(q, "", scales) {mode="nearest"}
        q2 = Concat(b, u2) {axis=1}
        heat = Relu(q2)
        small = Conv(d, k) ${half}`,
      'scales: float32[4] = {1.0, 1.0, 2.0, 2.0}',
    )
    expect(stages).toMatchObject({ stem: 'a', conv2: 'b', conv3: 'c', conv4: 'd', p3: 'q', p2: 'q2' })
    expect(stages.embedding).toBeUndefined()
  })

  it('names the quarters of a transformer', () => {
    const block = (from: string, i: number) => `m${i} = MatMul(${from}, square)
        s${i} = Add(${from}, m${i})
        n${i} = MatMul(s${i}, square)
        t${i} = Add(s${i}, n${i})`
    const stages = stagesOf(
      'x: float32[N,3,64,64]',
      'y',
      `a = Conv(x, patch) {strides=[16, 16]}
        r = Reshape(a, tokens)
        t0 = Transpose(r) {perm=[0, 2, 1]}
        ${Array.from({ length: 8 }, (_, i) => block(`t${i}`, i + 1)).join('\n        ')}
        f = ReduceMean(t8, axes) {keepdims=0}
        y = MatMul(f, w)`,
      `${weights('patch', 4, 3, 16, 16)}
        ${weights('square', 4, 4)}
        tokens: int64[3] = {0, 4, 16}
        axes: int64[1] = {1}`,
    )
    expect(stages).toEqual({ stem: 'a', block2: 't2', block4: 't4', block6: 't6', block8: 't8', embedding: 'f' })
  })

  it('takes an output that is a row as the embedding where no linear layer ends the model', () => {
    const stages = stagesOf(
      'x: float32[N,3,64,64]',
      'map, row',
      `map = Conv(x, first) ${half}
        p = GlobalAveragePool(map)
        row = Flatten(p)`,
    )
    expect(stages).toEqual({ stem: 'map', embedding: 'row' })
  })

  it('finds nothing where the size of the picture is not known', () => {
    expect(stagesOf('x: float32[N,3,H,W]', 'y', `y = Conv(x, first) ${half}`)).toEqual({})
  })
})
