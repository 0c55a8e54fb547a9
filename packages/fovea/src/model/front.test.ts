import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../graph/builder.ts'
import { printModel, printNode } from '../graph/printer.ts'
import { readModel } from '../graph/reader.ts'
import { verifyModel } from '../graph/verifier.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { ndarray } from '../ops/ndarray.ts'
import { createPreprocessing, type Preprocessing, pixelAffine } from '../vision/preprocessing.ts'
import { completeClassifier, emitPixels, imagesType } from './front.ts'

function pixelsOf(parts: Partial<Preprocessing>) {
  const preprocessing = createPreprocessing({ size: [2, 2], ...parts })
  const b = new GraphBuilder()
  b.graph.inputs.push({ name: 'images', type: imagesType(preprocessing) })
  b.output(emitPixels(b, 'images', preprocessing))
  const model = b.model()
  verifyModel(model)
  return { model, preprocessing, nodes: model.graph.nodes.map((node) => printNode(node)) }
}

const before = ['Transpose = Transpose(images) {perm=[0,3,1,2]}', 'Cast = Cast(Transpose) {to=1}']

describe('emitPixels', () => {
  it.each([
    ['raw', {}, ['pixels = Identity(Cast)']],
    ['unit', {}, ['pixels = Mul(Cast, pixel_scale)']],
    ['imagenet', {}, ['Mul = Mul(Cast, pixel_scale)', 'pixels = Add(Mul, pixel_scale_1)']],
    ['custom', { mean: [0.5, 0.5, 0.5], std: [1 / 255, 1 / 255, 1 / 255] }, ['pixels = Add(Cast, pixel_scale)']],
  ] as const)('scales %s pixels with no more nodes than needed', (scale, figures, after) => {
    expect(pixelsOf({ scale, ...figures }).nodes).toEqual([...before, ...after])
  })

  it.each(['rgb', 'gray'] as const)('gives planes of scaled floats of %s pictures', (color) => {
    const { model, preprocessing } = pixelsOf({ scale: 'imagenet', color })
    const channels = color === 'gray' ? 1 : 3
    const bytes = Float64Array.from({ length: 2 * 4 * channels }, (_, i) => (i * 37) % 256)
    const found = evaluateModel(model, new Map([['images', ndarray('uint8', [2, 2, 2, channels], bytes)]])).get('pixels')!
    expect(found.dims).toEqual([2, channels, 2, 2])
    const { factor, offset } = pixelAffine(preprocessing)
    found.data.forEach((value, i) => {
      const [n, c, at] = [Math.floor(i / (4 * channels)), Math.floor(i / 4) % channels, i % 4]
      expect(value).toBeCloseTo(bytes[(n * 4 + at) * channels + c]! * factor[c]! + offset[c]!, 5)
    })
  })
})

describe('imagesType', () => {
  it('leaves the size open where the model does', () => {
    expect(imagesType(createPreprocessing({})).dims).toEqual(['N', 'H', 'W', 3])
    expect(imagesType(createPreprocessing({ size: [5, 7], color: 'gray' })).dims).toEqual(['N', 5, 7, 1])
  })
})

describe('completeClassifier', () => {
  const body = (end: string, output: string) => `
    graph main(x: float32[N,3,2,2]) -> (${output})
      w: float32[12,2] = {${new Array(24).fill('0.5').join(', ')}}
      f = Flatten(x)
      ${end}`
  const raw = createPreprocessing({ size: [2, 2], scale: 'raw' })

  it('puts the front before a model, and softmax behind its scores', () => {
    const source = readModel(body('y = MatMul(f, w)', 'y'))
    const { model, stages } = completeClassifier(source, raw, { logits: 'y', activation: 'none' })
    verifyModel(model)
    expect(printModel(model)).toBe(
      printModel(
        readModel(`
    graph main(images: uint8[N,2,2,3]) -> (probabilities, y)
      w: float32[12,2] = {${new Array(24).fill('0.5').join(', ')}}
      Transpose = Transpose(images) {perm=[0,3,1,2]}
      Cast = Cast(Transpose) {to=1}
      x = Identity(Cast)
      f = Flatten(x)
      y = MatMul(f, w)
      probabilities = Softmax(y) {axis=-1}`),
      ),
    )
    expect(stages).toEqual({ pixels: 'x', logits: 'y', probabilities: 'probabilities' })
    expect(printModel(source)).toBe(printModel(readModel(body('y = MatMul(f, w)', 'y'))))
  })

  it('takes the probabilities that the model gives', () => {
    const source = readModel(body('g = MatMul(f, w)\n      y = Softmax(g)', 'y'))
    const { model, stages } = completeClassifier(source, raw, { logits: 'g', activation: 'softmax' })
    verifyModel(model)
    expect(model.graph.outputs.map(({ name }) => name)).toEqual(['y', 'g'])
    expect(stages).toEqual({ pixels: 'x', logits: 'g', probabilities: 'y' })
  })

  it('finds names that the model does not have', () => {
    const text = body('Cast = MatMul(f, w)\n      probabilities = Neg(Cast)', 'probabilities')
    const { model, stages } = completeClassifier(readModel(text), raw, { logits: 'probabilities', activation: 'none' })
    verifyModel(model)
    expect(stages).toEqual({ pixels: 'x', logits: 'probabilities', probabilities: 'probabilities_1' })
  })
})
