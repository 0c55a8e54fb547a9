import { describe, expect, it } from 'vitest'
import type { Model } from '../graph/model.ts'
import { printNode } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { numbersOf } from '../graph/tensor-values.ts'
import { verifyModel } from '../graph/verifier.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { ndarray } from '../ops/ndarray.ts'
import { Random } from '../util/random.ts'
import { createPreprocessing } from '../vision/preprocessing.ts'
import { readMetadata, writeMetadata } from './metadata.ts'
import { replaceHead } from './replace-head.ts'
import { frameworkRange } from './version.ts'

const list = (n: number) => `{${Array.from({ length: n }, (_, i) => ((i % 5) - 2) / 4).join(', ')}}`

function classifier(end: string, weights = `w: float32[6,3] = ${list(18)}`, logits = 'y'): Model {
  const model = readModel(`
    graph main(x: float32[N,6,2,2]) -> (y)
      ${weights}
      k: float32[6,6,1,1] = ${list(36)}
      m = Conv(x, k)
      ${end}`)
  return writeMetadata(model, {
    task: 'classify',
    labels: ['a', 'b', 'c'],
    preprocessing: createPreprocessing({ size: [2, 2], scale: 'raw' }),
    framework: frameworkRange,
    stages: { stem: 'm', logits },
    metrics: { accuracy: 0.5 },
    recipe: { epochs: 3 },
  })
}

const replaced = (model: Model, seed = 1) => {
  const result = replaceHead(model, ['cat', 'dog'], new Random(seed, 'head'))
  verifyModel(result)
  return result
}

describe('replaceHead', () => {
  const gemm = 'p = GlobalAveragePool(m)\n      f = Flatten(p)\n      g = Gemm(f, w)\n      y = Softmax(g)'

  it('puts a fresh linear layer behind the embedding, and clears the old one away', () => {
    const model = classifier(gemm, `w: float32[6,3] = ${list(18)}`, 'g')
    const result = replaced(model)
    expect(result.graph.nodes.map((node) => printNode(node))).toEqual([
      'm = Conv(x, k)',
      'p = GlobalAveragePool(m)',
      'f = Flatten(p)',
      'logits = Gemm(f, head.weight, head.bias) {transB=1}',
      'probabilities = Softmax(logits) {axis=-1}',
    ])
    expect([...result.graph.initializers.keys()]).toEqual(['k', 'head.weight', 'head.bias'])
    expect(result.graph.outputs.map(({ name }) => name)).toEqual(['probabilities', 'logits'])
    expect(model.graph.initializers.has('w')).toBe(true)
  })

  it.each([[[]], [['x']], [['x', 'x']], [['x', '']]])('refuses the labels %j', (labels) => {
    expect(() => replaceHead(classifier(gemm, undefined, 'g'), labels)).toThrow(/field "labels".*\[MODEL_LABELS\]/)
  })

  it('renews the metadata: labels and stages, and no figures of the old head', () => {
    const metadata = readMetadata(replaced(classifier(gemm, undefined, 'g')))
    expect(metadata).toMatchObject({
      labels: ['cat', 'dog'],
      stages: { stem: 'm', embedding: 'f', logits: 'logits', probabilities: 'probabilities' },
      recipe: { epochs: 3 },
    })
    expect(metadata.metrics).toBeUndefined()
  })

  it('draws weights evenly within 1 / sqrt(features), the same for the same seed, and a bias of zero', () => {
    const weights = (seed: number) => [...numbersOf(replaced(classifier(gemm), seed).graph.initializers.get('head.weight')!)]
    expect(weights(1)).toEqual(weights(1))
    expect(weights(1)).not.toEqual(weights(2))
    const bound = 1 / Math.sqrt(6)
    expect(weights(1).every((weight) => Math.abs(weight) <= bound)).toBe(true)
    expect(Math.max(...weights(1).map(Math.abs))).toBeGreaterThan(bound / 2)
    expect([...numbersOf(replaced(classifier(gemm)).graph.initializers.get('head.bias')!)]).toEqual([0, 0])
  })

  it('averages a map first, where the old head was a convolution', () => {
    const result = replaced(
      classifier('c = Conv(m, v)\n      p = GlobalAveragePool(c)\n      y = Flatten(p)', `v: float32[3,6,1,1] = ${list(18)}`),
    )
    expect(result.graph.nodes.map(({ op }) => op)).toEqual(['Conv', 'GlobalAveragePool', 'Flatten', 'Gemm', 'Softmax'])
    const x = ndarray(
      'float32',
      [2, 6, 2, 2],
      Float64Array.from({ length: 48 }, (_, i) => i / 10),
    )
    const found = evaluateModel(result, new Map([['x', x]]))
    expect(found.get('probabilities')!.dims).toEqual([2, 2])
    expect(found.get('probabilities')!.data[0]! + found.get('probabilities')!.data[1]!).toBeCloseTo(1, 9)
  })

  const features = (end: string, outputs: string, stages: Record<string, string>) => {
    const { graph, ...rest } = readModel(`
      graph main(x: float32[N,6,2,2]) -> (${outputs})
        k: float32[6,6,1,1] = ${list(36)}
        w: float32[6,5] = ${list(30)}
        s: int64[3] = {0, 4, 6}
        m = Conv(x, k)
        ${end}`)
    return writeMetadata(
      { ...rest, graph },
      {
        task: 'features',
        labels: [],
        preprocessing: createPreprocessing({ size: [2, 2], scale: 'raw' }),
        framework: frameworkRange,
        stages,
      },
    )
  }

  it.each([
    [
      'its embedding',
      'p = GlobalAveragePool(m)\n        f = Flatten(p)\n        e = Gemm(f, w)\n        q = Relu(m)',
      'q, e',
      { stem: 'm', p3: 'q', embedding: 'e' },
      'Conv GlobalAveragePool Flatten Gemm Gemm Softmax',
    ],
    [
      'tokens as its embedding',
      'r = Reshape(m, s)\n        q = Relu(m)',
      'q, r',
      { stem: 'm', embedding: 'r' },
      'Conv Reshape ReduceMean Gemm Softmax',
    ],
    [
      'its deepest stage',
      'c = Relu(m)\n        q = Exp(c)',
      'q',
      { stem: 'm', conv2: 'c' },
      'Conv Relu GlobalAveragePool Flatten Gemm Softmax',
    ],
    ['its last map', 'q = Exp(m)', 'q', {}, 'Conv Exp GlobalAveragePool Flatten Gemm Softmax'],
  ])('makes a classifier of a model of features behind %s, and leaves out what that does not need', (_, end, outputs, stages, ops) => {
    const result = replaced(features(end, outputs, stages))
    expect(result.graph.nodes.map(({ op }) => op).join(' ')).toBe(ops)
    const metadata = readMetadata(result)
    expect(metadata).toMatchObject({
      task: 'classify',
      labels: ['cat', 'dog'],
      stages: { logits: 'logits', probabilities: 'probabilities' },
    })
    expect(metadata.stages.p3).toBeUndefined()
    const x = ndarray(
      'float32',
      [2, 6, 2, 2],
      Float64Array.from({ length: 48 }, (_, i) => i / 40),
    )
    expect(evaluateModel(result, new Map([['x', x]])).get('probabilities')!.dims).toEqual([2, 2])
  })

  it('keeps a weight that is used elsewhere too', () => {
    const shared = 'p = GlobalAveragePool(m)\n      e = Flatten(p)\n      f = MatMul(e, w)\n      g = Relu(f)\n      y = MatMul(g, w)'
    const { initializers } = replaced(classifier(shared, `w: float32[6,6] = ${list(36)}`)).graph
    expect(initializers.has('w')).toBe(true)
  })

  it('clears away a weight that passed through a Reshape', () => {
    const reshaped = 'p = GlobalAveragePool(m)\n      f = Flatten(p)\n      v = Reshape(w, s)\n      y = MatMul(f, v)'
    const { graph } = replaced(classifier(reshaped, `w: float32[2,3,3] = ${list(18)}\n      s: int64[2] = {6, 3}`))
    expect([...graph.initializers.keys()]).toEqual(['k', 'head.weight', 'head.bias'])
  })

  it('finds names that the model does not have', () => {
    const { graph } = replaced(classifier('p = GlobalAveragePool(m)\n      logits = Flatten(p)\n      y = Gemm(logits, w)'))
    expect(graph.outputs.map(({ name }) => name)).toEqual(['probabilities', 'logits_1'])
  })

  it.each([
    ['has no linear layer before its scores', 'y = Exp(m)', /a linear last layer before the scores/],
    [
      'takes features of three dimensions',
      'r = Reshape(m, s)\n      y = MatMul(r, w)',
      /features \[N, C\] or \[N, C, H, W\].*found \[N,4,6\]/,
    ],
  ])('refuses a model that %s', (_, end, message) => {
    const model = classifier(end, `w: float32[6,3] = ${list(18)}\n      s: int64[3] = {0, 4, 6}`)
    expect(() => replaced(model)).toThrow(message)
    expect(() => replaced(model)).toThrow(/MODEL_NOT_CLASSIFIER/)
  })
})
