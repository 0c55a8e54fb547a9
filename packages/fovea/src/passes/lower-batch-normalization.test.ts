import { describe, expect, it } from 'vitest'
import { checkText } from '../../test/pass-check.ts'
import { randomFeeds } from '../../test/random-feeds.ts'
import { readModel } from '../graph/reader.ts'
import { evaluateModel } from '../ops/evaluate.ts'
import { lowerBatchNormalization } from './lower-batch-normalization.ts'

const text = (dims: string, attributes: string, outputs = '(y, m, v)', results = 'y, m, v') => `
  graph main(x: float32[${dims}], s: float32[3], b: float32[3], mean: float32[3], variance: float32[3]) -> (${results})
    ${outputs} = BatchNormalization(x, s, b, mean, variance) {${attributes}}`

describe('lowerBatchNormalization', () => {
  it.each(['4,3', '2,3,5', '2,3,4,5', '1,3,2,2', '5,3,1,1'])('computes what the operator means on [%s]', (dims) => {
    for (const attributes of ['training_mode=1', 'epsilon=0.1, momentum=0.7, training_mode=1']) {
      const model = readModel(text(dims, attributes))
      const lowered = lowerBatchNormalization(model).model
      expect(lowered.graph.nodes.some(({ op }) => op === 'BatchNormalization')).toBe(false)
      const feeds = randomFeeds(model)
      const [wanted, found] = [evaluateModel(model, feeds), evaluateModel(lowered, feeds)]
      for (const [name, { dims: shape, data }] of wanted) {
        expect(found.get(name)!.dims).toEqual(shape)
        data.forEach((value, i) => {
          // Constants of the lowering are float32.
          expect(found.get(name)!.data[i]).toBeCloseTo(value, 6)
        })
      }
    }
  })

  it('writes the statistics once, batch after planes', () => {
    checkText(
      lowerBatchNormalization,
      text('2,3,4', 'training_mode=1', 'y', 'y'),
      `
      graph main(x: float32[2,3,4], s: float32[3], b: float32[3], mean: float32[3], variance: float32[3]) -> (y)
        shape: int64[3] = {1, 3, 1}
        ints: int64[3] = {2, 3, 4}
        ints_1: int64[1] = {2}
        ints_2: int64[1] = {0}
        epsilon: float32[] = {1e-5}
        shape_1: int64[1] = {3}
        Reshape = Reshape(x, ints)
        ReduceMean = ReduceMean(Reshape, ints_1)
        ReduceMean_1 = ReduceMean(ReduceMean, ints_2)
        Reshape_1 = Reshape(ReduceMean_1, shape)
        Sub = Sub(x, Reshape_1)
        Mul = Mul(Sub, Sub)
        Reshape_2 = Reshape(Mul, ints)
        ReduceMean_2 = ReduceMean(Reshape_2, ints_1)
        ReduceMean_3 = ReduceMean(ReduceMean_2, ints_2)
        Reshape_3 = Reshape(ReduceMean_3, shape)
        Add = Add(Reshape_3, epsilon)
        Sqrt = Sqrt(Add)
        Reciprocal = Reciprocal(Sqrt)
        Reshape_4 = Reshape(s, shape)
        Mul_1 = Mul(Reshape_4, Reciprocal)
        Mul_2 = Mul(Sub, Mul_1)
        Reshape_5 = Reshape(b, shape)
        y = Add(Mul_2, Reshape_5)`,
    )
  })

  it('leaves inference alone', () => {
    checkText(lowerBatchNormalization, text('2,3,4', 'epsilon=0.1', 'y', 'y'))
  })

  it('needs a static shape', () => {
    const model = readModel(text('N,3,4', 'training_mode=1'))
    expect(() => lowerBatchNormalization(model)).toThrow(/expected a static shape.*field "x".*SHAPE_UNKNOWN/)
  })
})
