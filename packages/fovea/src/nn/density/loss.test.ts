import { expect, test } from 'vitest'
import { checkGradient } from '../../../test/gradient-check.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { densityLoss } from './loss.ts'

const dims = [3, 1, 2, 2]

test('gradients agree with differences', () => {
  const large = [3, 2, 4, 5]
  checkGradient((b) => densityLoss(b, 'x', 't', 'k', { window: 2, dtype: 'float64' }).loss, {
    x: { dims: large, range: [0, 2] },
    t: { dims: large, range: [0, 3], fixed: true },
    k: { dims: [3], values: [1, 0, 1], fixed: true },
  })
})

test('errors count in parts of what is there, and pictures in which nobody counted say nothing', () => {
  const b = new GraphBuilder()
  const [x, t] = [b.input('x', 'float64', dims), b.input('t', 'float64', dims)]
  const { terms } = densityLoss(b, x, t, b.input('k', 'float64', [3]), { window: 2, dtype: 'float64' })
  const outputs = Object.values(terms).map((term) => b.output(term))
  const feeds = new Map([
    ['x', ndarray('float64', dims, [3, 0, 0, 0, 9, 9, 9, 9, 0.5, 0, 0, 0])],
    ['t', ndarray('float64', dims, [2, 2, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0])],
    ['k', ndarray('float64', [3], [1, 0, 1])],
  ])
  const values = evaluateModel(b.model(), feeds, outputs)
  const [cells, regions, counts] = outputs.map((name) => values.get(name)!.data[0]!)
  expect(cells).toBeCloseTo(((1 + 4) / 4 + 0.25) / 2, 12)
  expect(regions).toBeCloseTo((1 / 4 + 0.25) / 2, 12)
  expect(counts).toBeCloseTo((1 / 4 + 0.5) / 2, 12)
})
