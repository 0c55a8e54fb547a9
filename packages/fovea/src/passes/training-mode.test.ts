import { describe, expect, it } from 'vitest'
import { printModel, printNode } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import { toTrainingMode } from './training-mode.ts'

function train(text: string, ...trained: string[]) {
  const model = readModel(text)
  const result = toTrainingMode(model, new Set(trained))
  verifyModel(result.model)
  expect(printModel(model), 'the model that was given').toBe(printModel(readModel(text)))
  return { ...result, text: printModel(result.model) }
}

const parameters = `
    w: float32[2,2] = {1.0, 2.0, 3.0, 4.0}
    scale: float32[2] = {1.0, 1.0}
    bias: float32[2] = {0.0, 0.0}
    mean: float32[2] = {0.0, 0.0}
    variance: float32[2] = {1.0, 1.0}`

describe('toTrainingMode', () => {
  const network = (normalisation: string) => `
  graph main(x: float32[4,2]) -> (y: float32[4,2])${parameters}
    a = MatMul(x, w)
    ${normalisation}`

  it('lets a BatchNormalization train whose scale or bias is trained', () => {
    const { text, running } = train(network('y = BatchNormalization(a, scale, bias, mean, variance) {epsilon=0.01}'), 'bias')
    expect(text).toBe(
      printModel(
        readModel(
          network('(y, "mean/next", "variance/next") = BatchNormalization(a, scale, bias, mean, variance) {epsilon=0.01, training_mode=1}'),
        ),
      ),
    )
    expect([...running]).toEqual([
      ['mean', 'mean/next'],
      ['variance', 'variance/next'],
    ])
  })

  it('leaves a frozen BatchNormalization with its running figures, also where what lies before it is trained', () => {
    const text = network('y = BatchNormalization(a, scale, bias, mean, variance)')
    const result = train(text, 'w')
    expect(result.text).toBe(printModel(readModel(text)))
    expect(result.running.size).toBe(0)
  })

  it('refuses running statistics that two nodes would write', () => {
    const text = network(
      'b = BatchNormalization(a, scale, bias, mean, variance)\n    y = BatchNormalization(b, scale, bias, mean, variance)',
    )
    expect(() => train(text, 'scale')).toThrow(/running statistics of one BatchNormalization only.*GRAPH_INVALID/)
  })

  const dropping = (nodes: string, mask = '') => `
  graph main(x: float32[4,2]${mask}) -> (y: float32[4,2])${parameters}
    ratio: float32[] = {0.25}
    ${nodes}`

  it('multiplies by a mask in the trained part, with the ratio that the file says', () => {
    const { text, masks } = train(dropping('a = MatMul(x, w)\n    y = Dropout(a, ratio)'), 'w')
    const mask = ', "y/mask": float32[4,2]'
    expect(text).toBe(printModel(readModel(dropping('a = MatMul(x, w)\n    y = Mul(a, "y/mask")', mask))))
    expect(masks).toEqual([{ input: 'y/mask', dims: [4, 2], ratio: 0.25 }])
  })

  it('takes half where no ratio is said', () => {
    expect(train(dropping('a = MatMul(x, w)\n    y = Dropout(a)'), 'w').masks[0]!.ratio).toBe(0.5)
  })

  it('leaves Dropout before what is trained', () => {
    const nodes = 'd = Dropout(x, ratio)\n    y = MatMul(d, w)'
    const { text, masks } = train(dropping(nodes), 'w')
    expect(text).toBe(printModel(readModel(dropping(nodes))))
    expect(masks).toEqual([])
  })

  it('gives the mask as truth values to who asks for it', () => {
    const nodes = 'a = MatMul(x, w)\n    (d, kept) = Dropout(a, ratio)\n    n = Cast(kept) {to=1}\n    y = Mul(d, n)'
    const { graph } = train(dropping(nodes), 'w').model
    expect(graph.nodes.map((node) => printNode(node))).toEqual([
      'a = MatMul(x, w)',
      'kept = Greater(d/mask, constant)',
      'd = Mul(a, d/mask)',
      'n = Cast(kept) {to=1}',
      'y = Mul(d, n)',
    ])
  })

  it('needs a static shape for the mask', () => {
    const text = dropping('a = MatMul(x, w)\n    y = Dropout(a, ratio)')
      .replace('x: float32[4,2]', 'x: float32[N,2]')
      .replace('y: float32[4,2]', 'y')
    expect(() => train(text, 'w')).toThrow(/expected a static shape for the dropout mask.*SHAPE_UNKNOWN/)
  })
})
