import { describe, expect, it } from 'vitest'
import type { Model } from '../graph/model.ts'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import type { ModelMetadata } from '../model/metadata.ts'
import { frameworkRange } from '../model/version.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { ndarray } from '../ops/ndarray.ts'
import { createPreprocessing } from '../vision/preprocessing.ts'
import { freeze } from './freeze.ts'

const list = (n: number) => `{${Array.from({ length: n }, (_, i) => ((i % 7) - 3) / 8).join(', ')}}`

/** A stem, two residual blocks (the second with a projection), a head. */
const model = readModel(`
  graph main(images: uint8[N,4,4,3]) -> (probabilities, logits)
    factor: float32[1,3,1,1] = {0.1, 0.2, 0.3}
    stem: float32[4,3,1,1] = ${list(12)}
    k1: float32[4,4,1,1] = ${list(16)}
    k2: float32[4,4,1,1] = ${list(16)}
    k3: float32[4,4,1,1] = ${list(16)}
    w: float32[4,2] = ${list(8)}
    bias: float32[2] = {0.5, -0.5}
    t = Transpose(images) {perm=[0,3,1,2]}
    c = Cast(t) {to=1}
    pixels = Mul(c, factor)
    s = Conv(pixels, stem)
    r0 = Relu(s)
    a1 = Conv(r0, k1)
    b1 = Add(a1, r0)
    r1 = Relu(b1)
    a2 = Conv(r1, k2)
    p2 = Conv(r1, k3)
    b2 = Add(a2, p2)
    r2 = Relu(b2)
    g = GlobalAveragePool(r2)
    f = Flatten(g)
    logits = Gemm(f, w, bias)
    probabilities = Softmax(logits)`)

const metadata: ModelMetadata = {
  task: 'classify',
  labels: ['a', 'b'],
  preprocessing: createPreprocessing({ size: [4, 4] }),
  framework: frameworkRange,
  stages: { pixels: 'pixels', stem: 'r0', logits: 'logits' },
}

const images = ndarray(
  'uint8',
  [2, 4, 4, 3],
  Float64Array.from({ length: 96 }, (_, i) => (i * 29) % 256),
)

function logitsOf(source: Model, feeds: Record<string, typeof images>) {
  verifyModel(source)
  return evaluateModel(source, new Map(Object.entries(feeds)), ['logits']).get('logits')!
}

describe('freeze', () => {
  it.each([
    ['none', 'images', ['stem', 'k1', 'k2', 'k3', 'w', 'bias']],
    ['blocks:2', 'r0', ['k1', 'k2', 'k3', 'w', 'bias']],
    ['blocks:1', 'r1', ['k2', 'k3', 'w', 'bias']],
    ['head', 'f', ['w', 'bias']],
    ['stem', 'r0', ['k1', 'k2', 'k3', 'w', 'bias']],
    ['b2', 'b2', ['w', 'bias']],
  ])('%s cuts at %s', (spec, cut, parameters) => {
    const frozen = freeze(model, metadata, spec)
    expect(frozen.cut).toBe(cut)
    expect(frozen.parameters.map(({ name }) => name)).toEqual(parameters)
    const wanted = logitsOf(model, { images })
    if (frozen.prefix === undefined) {
      expect(spec).toBe('none')
      expect(logitsOf(frozen.suffix, { images })).toEqual(wanted)
    } else {
      verifyModel(frozen.prefix)
      expect(frozen.prefix.graph.outputs.map(({ name }) => name)).toEqual([cut])
      const features = evaluateModel(frozen.prefix, new Map([['images', images]])).get(cut)!
      expect(logitsOf(frozen.suffix, { [cut]: features })).toEqual(wanted)
      const both = [...frozen.prefix.graph.nodes, ...frozen.suffix.graph.nodes].map((node) => node.outputs[0])
      expect(new Set(both).size, 'no node on both sides').toBe(both.length)
    }
  })

  it('tells weights from biases', () => {
    expect(freeze(model, metadata, 'head').parameters).toEqual([
      { name: 'w', kind: 'weight' },
      { name: 'bias', kind: 'bias' },
    ])
  })

  it.each([
    ['blocks:0', /expected blocks:1 to blocks:2, found blocks:0/],
    ['blocks:3', /expected blocks:1 to blocks:2, found blocks:3/],
    ['nowhere', /expected none, head, blocks:1 to blocks:2, or one of pixels, stem, logits, found nowhere/],
    ['constructor', /found constructor/],
    ['a2', /a value that every path to the scores passes, found "a2"/],
    ['probabilities', /a value that every path to the scores passes/],
    ['logits', /parameters behind the cut, found none behind "logits"/],
  ])('refuses %s', (spec, message) => {
    expect(() => freeze(model, metadata, spec)).toThrow(message)
    expect(() => freeze(model, metadata, spec)).toThrow(/\[MODEL_FREEZE\]/)
  })

  it('says that a model without residual blocks has none', () => {
    const plain = readModel(`
      graph main(images: float32[N,4]) -> (logits)
        w: float32[4,2] = ${list(8)}
        logits = MatMul(images, w)`)
    expect(() => freeze(plain, metadata, 'blocks:1')).toThrow(
      /none, head or a stage, since the model has no residual blocks, found blocks:1/,
    )
  })

  it('needs scores and a last layer', () => {
    expect(() => freeze(model, { ...metadata, stages: {} }, 'none')).toThrow(/a linear last layer before the scores.*MODEL_NOT_CLASSIFIER/)
  })
})
