import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { findStages } from './find-stages.ts'

/** Weights of the stated shape, all zero: stages follow from shapes alone. */
const weights = (name: string, ...dims: number[]) =>
  `${name}: float32[${dims}] = {${new Array(dims.reduce((a, b) => a * b, 1)).fill('0.0').join(', ')}}`

const half = '{strides=[2, 2], pads=[1, 1, 1, 1]}'
const halfEach = '{strides=[2, 2], pads=[1, 1, 1, 1], group=8}'
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

  it('ends a stage where an inverted residual block begins, not inside it', () => {
    const stages = stagesOf(
      'x: float32[N,3,64,64]',
      'y',
      `a = Conv(x, first) ${half}
        a1 = Relu(a)
        b = Conv(a1, k) ${half}
        e = Conv(b, wide)
        e1 = HardSigmoid(e)
        e2 = Mul(e, e1)
        d = Conv(e2, each) ${halfEach}
        d1 = Relu(d)
        c = Conv(d1, narrow)
        r = Conv(c, k) ${same}
        c1 = Add(c, r)
        f = Conv(c1, wide)
        n = Clip(f, "", "")
        g = Pad(n, around)
        h = Conv(g, each) {strides=[3, 3], group=8}
        h1 = Relu(h)
        i = Conv(h1, narrow)
        p = GlobalAveragePool(i)
        s = Flatten(p)
        y = Gemm(s, w)`,
      `${weights('wide', 8, 4, 1, 1)}
        ${weights('each', 8, 1, 3, 3)}
        ${weights('narrow', 4, 8, 1, 1)}
        around: int64[8] = {0, 0, 3, 3, 0, 0, 3, 3}`,
    )
    expect(stages).toEqual({ stem: 'a1', conv2: 'b', conv3: 'c1', conv4: 'i', embedding: 's' })
  })

  it('ends a stage with the pointwise half of a separable convolution', () => {
    const stages = stagesOf(
      'x: float32[N,3,128,128]',
      'y',
      `a = Conv(x, first) ${half}
        a1 = Relu(a)
        b = Conv(a1, four) {strides=[2, 2], pads=[1, 1, 1, 1], group=4}
        b1 = Relu(b)
        c = Conv(b1, wide)
        c1 = Relu(c)
        d = Conv(c1, each) ${halfEach}
        d1 = Relu(d)
        e = Conv(d1, narrow)
        y = Conv(e, k) ${half}`,
      `${weights('four', 4, 1, 3, 3)}
        ${weights('wide', 8, 4, 1, 1)}
        ${weights('each', 8, 1, 3, 3)}
        ${weights('narrow', 4, 8, 1, 1)}`,
    )
    expect(stages).toEqual({ stem: 'a1', conv2: 'c1', conv3: 'e', conv4: 'y' })
  })

  it('leaves out the scores that a convolution makes of every place before the pool', () => {
    const stages = stagesOf(
      'x: float32[N,3,128,128]',
      'y',
      `a = Conv(x, first) ${half}
        a1 = Relu(a)
        b = MaxPool(a1) {kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]}
        c = Conv(b, k) ${half}
        c1 = Relu(c)
        s = Conv(c1, classes)
        s1 = Relu(s)
        p = GlobalAveragePool(s1)
        y = Flatten(p)`,
      weights('classes', 5, 4, 1, 1),
    )
    expect(stages).toEqual({ stem: 'a1', conv2: 'b', conv3: 'c1' })
  })

  it('takes the mean of a small map for no deeper level', () => {
    const stages = stagesOf(
      'x: float32[N,3,32,32]',
      'y',
      `a = Conv(x, first) ${half}
        b = Conv(a, k) ${half}
        c = Conv(b, k) ${half}
        d = Conv(c, k) ${half}
        g = ReduceMean(d, axes)
        s = Sigmoid(g)
        d1 = Mul(d, s)
        e = Relu(d1)
        p = GlobalAveragePool(e)
        f = Flatten(p)
        y = Gemm(f, w)`,
      'axes: int64[2] = {2, 3}',
    )
    expect(stages).toEqual({ stem: 'a', conv2: 'b', conv3: 'c', conv4: 'e', embedding: 'f' })
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
