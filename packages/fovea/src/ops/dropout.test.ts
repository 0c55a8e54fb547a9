import { expect, test } from 'vitest'
import { evaluateAll } from '../../test/evaluate-one.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { Tensor } from '../graph/tensor.ts'
import { autodiff } from '../passes/autodiff.ts'
import { evaluateModel } from './evaluate.ts'
import { ndarray } from './ndarray.ts'

const x = ndarray('float32', [3], [1, 2, 3])

test('inference is the identity with a mask of ones', () => {
  const [y, mask] = evaluateAll('Dropout', [x], {}, { outputs: 2 })
  expect([...y!.data]).toEqual([1, 2, 3])
  expect(mask).toMatchObject({ dtype: 'bool', data: Float64Array.of(1, 1, 1) })
  expect(evaluateAll('Dropout', [x], { ratio: 0.3 }, { outputs: 2, opset: 7 })[1]!.dtype).toBe('float32')
})

test('training mode is refused: its mask is random', () => {
  const inputs = [x, ndarray('float32', [], [0.5]), ndarray('bool', [], [1])]
  expect(() => evaluateAll('Dropout', inputs)).toThrow(/the mask of training mode is random/)
  expect([...evaluateAll('Dropout', [x, ndarray('float32', [], [0]), inputs[2]!])[0]!.data]).toEqual([1, 2, 3])
})

test('gradient of inference', () => {
  checkGradient((b) => b.op('Dropout', ['x', b.scalar(0.4)]), { x: { dims: [2, 3] } })
  checkGradient((b) => b.op('Dropout', ['x'], { ratio: 0.4 }), { x: { dims: [2, 3] } }, { opset: 10 })
})

/** The gradient of the sum of a Dropout, with the mask fed as if a runtime had drawn it. */
function gradientWithMask(training: (b: GraphBuilder) => string, feeds: [string, ReturnType<typeof ndarray>][]): number[] {
  const b = new GraphBuilder()
  const [y] = b.ops('Dropout', [b.input('x', 'float32', [4]), b.scalar(0.75), training(b)], ['y', 'mask'])
  const loss = b.op('ReduceSum', [y!], { keepdims: 0 })
  const { model, gradients } = autodiff(b.model(), { loss, parameters: ['x'] })
  model.graph.nodes = model.graph.nodes.filter((node) => node.op !== 'Dropout' && node.outputs[0] !== loss)
  const values = new Map([['mask', ndarray('bool', [4], [1, 0, 0, 1])], ['x', ndarray('float32', [4])], ...feeds])
  return [...evaluateModel(model, values, [gradients.get('x')!]).values()].flatMap((array) => [...array.data])
}

test('gradient of training mode passes where the mask kept, scaled by 1 / (1 - ratio)', () => {
  const on = (b: GraphBuilder) => b.constant(new Tensor('bool', [], Uint8Array.of(1)))
  expect(gradientWithMask(on, [])).toEqual([4, 0, 0, 4])
})

test('gradient where only a run knows the mode', () => {
  const fed = (b: GraphBuilder) => b.input('training', 'bool', [])
  expect(gradientWithMask(fed, [['training', ndarray('bool', [], [1])]])).toEqual([4, 0, 0, 4])
  expect(gradientWithMask(fed, [['training', ndarray('bool', [], [0])]])).toEqual([1, 0, 0, 1])
})

test('training mode without its mask has no gradient to give', () => {
  const b = new GraphBuilder()
  const y = b.op('Dropout', [b.input('x', 'float32', [4]), b.scalar(0.5), b.constant(new Tensor('bool', [], Uint8Array.of(1)))])
  const loss = b.op('ReduceSum', [y], { keepdims: 0 })
  expect(() => autodiff(b.model(), { loss, parameters: ['x'] })).toThrow(/the mask as a second output/)
})
