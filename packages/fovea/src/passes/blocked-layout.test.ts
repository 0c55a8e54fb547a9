import { describe, expect, test } from 'vitest'
import { printModel } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { Tensor } from '../graph/tensor.ts'
import { verifyModel } from '../graph/verifier.ts'
import { unpackTensor } from '../ops/blocked/layout.ts'
import { evaluateModel, ndarrayOf } from '../ops/evaluate.ts'
import { Random } from '../util/random.ts'
import { toBlockedLayout } from './blocked-layout.ts'
import { fuseBlocked } from './fuse-blocked.ts'
import { lowerBlocked, withoutBlockSizes } from './lower-blocked.ts'

const block = 4

/** A model from text whose weights are drawn. */
function modelOf(text: string, weights: Readonly<Record<string, readonly number[]>>) {
  const model = readModel(text)
  const random = new Random(1, 'blocked-layout')
  for (const [name, dims] of Object.entries(weights)) {
    const size = dims.reduce((product, dim) => product * dim, 1)
    const low = name.startsWith('variance') ? 0.5 : -1
    model.graph.initializers.set(
      name,
      Tensor.float32(
        dims,
        Float32Array.from({ length: size }, () => random.uniform(low, 1)),
      ),
    )
  }
  return model
}

/** Nodes, one a line, `com.microsoft.nchwc::` as `nchwc::` and without attributes. */
function nodesOf(model: Parameters<typeof printModel>[0]): string[] {
  return model.graph.nodes.map(
    ({ op, domain, inputs, outputs }) => `${outputs.filter(Boolean)} = ${domain ? `${domain.split('.').at(-1)}::` : ''}${op}(${inputs})`,
  )
}

const residual = `
  graph main(x: float32[2,3,6,6]) -> (y: float32[2,5])
    a = Conv(x, w1) {pads=[1,1,1,1]}
    b = BatchNormalization(a, scale, bias, mean, variance)
    c = Relu(b)
    d = Conv(c, w2, bias2) {pads=[1,1,1,1]}
    e = Add(d, c)
    f = Relu(e)
    g = GlobalAveragePool(f)
    h = Flatten(g)
    y = Gemm(h, w3)`

const residualWeights = { w1: [8, 3, 3, 3], w2: [8, 8, 3, 3], w3: [8, 5], bias2: [8], scale: [8], bias: [8], mean: [8], variance: [8] }

function valuesOf(model: Parameters<typeof evaluateModel>[0]) {
  const random = new Random(2, 'feeds')
  const [input] = model.graph.inputs
  const { dims } = input!.type as { dims: readonly number[] } & NonNullable<typeof input>['type']
  const size = dims.reduce((product, dim) => product * dim, 1)
  const x = Tensor.float32(
    dims,
    Float32Array.from({ length: size }, () => random.uniform(-1, 1)),
  )
  return [...evaluateModel(model, new Map([[input!.name, ndarrayOf(x)]])).values()]
}

function expectSameValues(before: Parameters<typeof evaluateModel>[0], after: Parameters<typeof evaluateModel>[0]): void {
  const [old, now] = [valuesOf(before), valuesOf(after)]
  old.forEach((value, i) => {
    expect(now[i]!.dims).toEqual(value.dims)
    value.data.forEach((element, at) => {
      expect(now[i]!.data[at]).toBeCloseTo(element, 8)
    })
  })
}

describe('toBlockedLayout', () => {
  test('keeps a residual network blocked from the picture to the mean, and computes the same', () => {
    const model = modelOf(residual, residualWeights)
    const text = printModel(model)
    const { model: result, packing } = toBlockedLayout(model, { block })
    expect(printModel(model), 'the model that was given').toBe(text)
    verifyModel(result)
    expectSameValues(model, result)
    expect(nodesOf(result).filter((line) => line.includes('Reorder'))).toEqual([])
    expect(Object.fromEntries(packing)).toEqual({ w1: { kind: 'outer', block }, w2: { kind: 'both', block } })
    for (const [name, how] of packing)
      expect(unpackTensor(result.graph.initializers.get(name)!, how).bytes).toEqual(model.graph.initializers.get(name)!.bytes)
  })

  test('changes the layout only where a node outside needs it', () => {
    const model = modelOf(
      `graph main(x: float32[1,8,4,4]) -> (y: float32[1,8,4,4], z: float32[1,8,4,4])
        a = Conv(x, w1)
        b = Sigmoid(a)
        c = Mul(a, b)
        z = Softmax(c) {axis=1}
        y = Conv(z, w2)`,
      { w1: [8, 8, 1, 1], w2: [8, 8, 1, 1] },
    )
    const { model: result } = toBlockedLayout(model, { block })
    expectSameValues(model, result)
    expect(nodesOf(result)).toEqual([
      'ReorderInput = nchwc::ReorderInput(x)',
      'Conv = nchwc::Conv(ReorderInput,w1)',
      'b/blocked = Sigmoid(Conv)',
      'c/blocked = Mul(Conv,b/blocked)',
      'c = nchwc::ReorderOutput(c/blocked)',
      'z = Softmax(c)',
      'ReorderInput_1 = nchwc::ReorderInput(z)',
      'Conv_1 = nchwc::Conv(ReorderInput_1,w2)',
      'y = nchwc::ReorderOutput(Conv_1)',
    ])
  })

  test('takes pools and whole blocks side by side along', () => {
    const model = modelOf(
      `graph main(x: float32[2,4,6,6]) -> (y: float32[2,12,3,3])
        a = Conv(x, w1) {pads=[1,1,1,1]}
        m = MaxPool(a) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]}
        n = AveragePool(a) {kernel_shape=[2,2], strides=[2,2]}
        y = Concat(m, n, m) {axis=1}`,
      { w1: [4, 4, 3, 3] },
    )
    const { model: result } = toBlockedLayout(model, { block })
    expectSameValues(model, result)
    expect(nodesOf(result).filter((line) => line.includes('ReorderOutput'))).toHaveLength(1)
  })

  test.each([
    ['channels that are no whole blocks', { w: [6, 8, 1, 1] }, 'w'],
    ['a weight that is an output too', { w: [8, 8, 1, 1] }, 'w, w'],
  ])('leaves alone %s', (what, weights) => {
    const outputs = what.includes('output') ? '(y: float32[1,8,4,4], w: float32[8,8,1,1])' : `(y: float32[1,${weights.w[0]},4,4])`
    const model = modelOf(
      `graph main(x: float32[1,8,4,4]) -> ${outputs}
        y = Conv(x, w)`,
      weights,
    )
    expect(toBlockedLayout(model, { block }).model).toBe(model)
  })

  test('leaves alone a weight that another operator reads, and one that is no constant', () => {
    const shared = modelOf(
      `graph main(x: float32[1,8,4,4]) -> (y: float32[1,8,4,4], s: float32[8,8,1,1])
        y = Conv(x, w)
        s = Abs(w)`,
      { w: [8, 8, 1, 1] },
    )
    expect(toBlockedLayout(shared, { block }).model).toBe(shared)
    const given = readModel(`graph main(x: float32[1,8,4,4], w: float32[8,8,1,1]) -> (y: float32[1,8,4,4])
      y = Conv(x, w)`)
    expect(toBlockedLayout(given, { block }).model).toBe(given)
  })
})

describe('fuseBlocked', () => {
  test('lets convolutions add and rectify, but never overwrites a skip that lives on', () => {
    const model = modelOf(residual, residualWeights)
    const { model: blocked } = toBlockedLayout(model, { block })
    const { model: fused, modified } = fuseBlocked(blocked)
    expect(modified).toBe(true)
    expectSameValues(model, fused)
    const lines = nodesOf(fused).filter((line) => line.includes('Add(') || line.includes('Relu('))
    expect(lines.filter((line) => line.includes('Relu('))).toEqual([])
    // The skip is what the convolution reads: overwritten, it would be read too late.
    expect(nodesOf(fused).find((line) => line.startsWith('f/blocked'))).toMatch(/^f\/blocked = nchwc::Conv\(c\/blocked,ones,,Conv_\d\)$/)
    expect(fuseBlocked(fused).modified).toBe(false)
  })

  test('adds to a summand that ends there', () => {
    const model = modelOf(
      `graph main(x: float32[1,8,4,4]) -> (y: float32[1,8,4,4])
        a = Conv(x, w1)
        b = Conv(x, w2)
        c = Add(a, b)
        y = Relu(c)`,
      { w1: [8, 8, 1, 1], w2: [8, 8, 1, 1] },
    )
    const { model: fused } = fuseBlocked(toBlockedLayout(model, { block }).model)
    expectSameValues(model, fused)
    expect(nodesOf(fused)).toContain('y/blocked = nchwc::Conv(ReorderInput,w2,,Conv)')
  })

  test('passes a skip with later uses through a convolution that adds the branch', () => {
    const model = modelOf(
      residual.replace(
        'y = Gemm(h, w3)',
        'i = Sigmoid(c)\n    j = GlobalAveragePool(i)\n    k = Flatten(j)\n    l = Add(h, k)\n    y = Gemm(l, w3)',
      ),
      residualWeights,
    )
    const { model: fused } = fuseBlocked(toBlockedLayout(model, { block }).model)
    expectSameValues(model, fused)
    expect(nodesOf(fused).find((line) => line.startsWith('f/blocked'))).toMatch(/^f\/blocked = nchwc::Conv\(c\/blocked,ones,,Conv_\d\)$/)
  })
})

describe('lowering', () => {
  test('writes out the normalisation of a batch and takes the block sizes away', () => {
    const model = modelOf(residual.replace('variance)', 'variance) {training_mode=1}'), residualWeights)
    const { model: blocked } = toBlockedLayout(model, { block: 16 })
    expect(blocked).toBe(model)
    const result = toBlockedLayout(model, { block }).model
    const lowered = lowerBlocked(result).model
    expectSameValues(model, lowered)
    verifyModel(lowered)
    expect(lowered.graph.nodes.some(({ domain }) => domain === 'fovea')).toBe(false)
    expect(lowerBlocked(lowered).modified).toBe(false)
    const bare = withoutBlockSizes(lowered).model
    expect(bare.graph.nodes.some(({ attributes }) => attributes.has('block'))).toBe(false)
    expect(withoutBlockSizes(bare).modified).toBe(false)
  })
})
