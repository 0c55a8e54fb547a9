import { describe, expect, it } from 'vitest'
import { readModel } from '../graph/reader.ts'
import { countFlops, summarize } from './summary.ts'

const list = (n: number) => `{${new Array(n).fill('0.5').join(', ')}}`

const network = `
  model ir=10 opset=21 opset:com.microsoft=1 producer="someone" producer_version="2"
  graph main(x: float32[N,3,H,W], z: float32[2]) -> (y: float32[N,2], other: sequence(float32[2]))
    k: float32[4,3,3,3] = ${list(108)}
    w: float32[4,2] = ${list(8)}
    b: float32[2] = {0.5, 0.5}
    mean: float32[4] = ${list(4)}
    scale: float32[4] = ${list(4)}
    bias: float32[4] = ${list(4)}
    c = Conv(x, k) {pads=[1,1,1,1]}
    n = BatchNormalization(c, scale, bias, mean, mean)
    r = Relu(n)
    s = Add(r, n)
    p = GlobalAveragePool(s)
    f = Flatten(p)
    y = Gemm(f, w, b)
    other = SequenceConstruct(z)`

const convolution = readModel(`
  graph main(x: float32[N,3,8,8]) -> (y)
    k: float32[4,3,3,3] = ${list(108)}
    c = Conv(x, k) {pads=[1,1,1,1]}
    y = Relu(c)`)

describe('summarize', () => {
  it('tells ports, operators, parameters and residual blocks', () => {
    expect(summarize(readModel(network))).toEqual({
      irVersion: 10,
      opsets: { 'ai.onnx': 21, 'com.microsoft': 1 },
      producer: 'someone 2',
      inputs: [
        { name: 'x', type: 'float32[N,3,H,W]', dtype: 'float32', dims: ['N', 3, 'H', 'W'] },
        { name: 'z', type: 'float32[2]', dtype: 'float32', dims: [2] },
      ],
      outputs: [
        { name: 'y', type: 'float32[N,2]', dtype: 'float32', dims: ['N', 2] },
        { name: 'other', type: 'sequence', dtype: undefined, dims: undefined },
      ],
      nodes: 8,
      operators: { Add: 1, BatchNormalization: 1, Conv: 1, Flatten: 1, Gemm: 1, GlobalAveragePool: 1, Relu: 1, SequenceConstruct: 1 },
      // The running mean is none.
      parameters: 108 + 8 + 2 + 4 + 4,
      weightBytes: 4 * (108 + 8 + 2 + 12),
      flops: undefined,
      flopsAt: { N: 1, H: 224, W: 224 },
      residualBlocks: ['s'],
    })
  })

  it('counts at the size that is asked for where the model takes any', () => {
    expect(summarize(readModel(network), [64, 32]).flopsAt).toEqual({ N: 1, H: 64, W: 32 })
    const { flopsAt, flops } = summarize(convolution, [64, 32])
    expect([flopsAt, flops]).toEqual([{ N: 1 }, countFlops(convolution, { N: 1 })])
  })

  it('counts a detector up to the choice of boxes', () => {
    const chosen = readModel(`
      graph main(x: float32[N,3,8,8]) -> (y)
        k: float32[4,3,3,3] = ${list(108)}
        c = Conv(x, k) {pads=[1,1,1,1]}
        r = Relu(c)
        places = NonZero(r)
        y = Neg(places)`)
    expect(countFlops(chosen, { N: 1 })).toBe(countFlops(convolution, { N: 1 }))
    expect(countFlops(chosen, {})).toBeUndefined()
  })

  it('does not count the scaling of the pixels among the parameters', () => {
    const model = readModel(`
      graph main(images: uint8[N,2,2,3]) -> (y)
        factor: float32[1,3,1,1] = ${list(3)}
        w: float32[12,2] = ${list(24)}
        t = Transpose(images) {perm=[0,3,1,2]}
        c = Cast(t) {to=1}
        pixels = Mul(c, factor)
        f = Flatten(pixels)
        y = MatMul(f, w)`)
    expect(summarize(model).parameters).toBe(24)
  })
})

describe('countFlops', () => {
  it('counts a multiply-add as two', () => {
    const relu = 4 * 64
    expect(countFlops(convolution, { N: 1 })).toBe(2 * 27 * 4 * 64 + relu)
    expect(countFlops(convolution, { N: 3 })).toBe(3 * (2 * 27 * 4 * 64 + relu))
  })

  it('knows nothing where a shape is open', () => {
    expect(countFlops(convolution, {})).toBeUndefined()
  })
})
