import { expect, test } from 'vitest'
import { GraphBuilder } from '../graph/builder.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { ndarray } from '../ops/ndarray.ts'
import { isFoveaError } from '../util/errors.ts'
import { autodiff } from './autodiff.ts'

test('no gradient passes a value that counts as a constant', () => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float64', [3])
  const detached = b.op('Identity', [b.op('Mul', [x, x])])
  const loss = b.output(b.op('ReduceSum', [b.op('Mul', [x, detached])], { keepdims: 0 }))
  const feeds = new Map([['x', ndarray('float64', [3], [1, -2, 3])]])
  const gradientOf = (constants: readonly string[]) => {
    const { model, gradients } = autodiff(b.model(), { loss, parameters: ['x'], constants })
    return [...evaluateModel(model, feeds, [gradients.get('x')!]).get(gradients.get('x')!)!.data]
  }
  expect(gradientOf([])).toEqual([3, 12, 27])
  expect(gradientOf([detached])).toEqual([1, 4, 9])
})

test('a loss that depends on a parameter through constants alone cannot be trained', () => {
  const b = new GraphBuilder()
  const detached = b.op('Identity', [b.input('x', 'float64', [])])
  const loss = b.output(b.op('Mul', [detached, b.input('y', 'float64', [])]))
  try {
    autodiff(b.model(), { loss, parameters: ['x', 'y'], constants: [detached] })
    expect.fail('it was differentiated')
  } catch (error) {
    expect(isFoveaError(error) && [error.code, error.details.field]).toEqual(['AUTODIFF_TARGET', 'x'])
  }
})
