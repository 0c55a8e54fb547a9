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

test('a thing that is missed weighs the same in any place, and of regions less by its spread than of cells', () => {
  const size = 12
  const termsOf = (targets: (x: number, y: number) => number) => {
    const b = new GraphBuilder()
    const shape = [1, 1, size, size]
    const [x, t] = [b.input('x', 'float64', shape), b.input('t', 'float64', shape)]
    const { terms } = densityLoss(b, x, t, b.input('k', 'float64', [1]), { dtype: 'float64' })
    const outputs = [terms.cell_loss!, terms.region_loss!].map((term) => b.output(term))
    const cells = Array.from({ length: size * size }, (_, i) => targets(i % size, Math.floor(i / size)))
    const feeds = new Map([
      ['x', ndarray('float64', shape, new Array<number>(size * size).fill(0))],
      ['t', ndarray('float64', shape, cells)],
      ['k', ndarray('float64', [1], [1])],
    ])
    const values = evaluateModel(b.model(), feeds, outputs)
    return outputs.map((name) => values.get(name)!.data[0]!) as [cells: number, regions: number]
  }
  for (const [x, y] of [
    [0, 0],
    [3, 4],
    [11, 7],
  ] as const)
    expect(termsOf((column, row) => (column === x && row === y ? 1 : 0))[1]).toBeCloseTo(1, 12)
  const [sharp, wide] = [
    termsOf((x, y) => (x === 5 && y === 5 ? 1 : 0)),
    termsOf((x, y) => (Math.abs(x - 5) < 2 && Math.abs(y - 5) < 2 ? 1 / 9 : 0)),
  ]
  expect(wide[0] / sharp[0]).toBeCloseTo(1 / 9, 12)
  expect(wide[1] / sharp[1]).toBeGreaterThan(0.4)
})

test('errors count in parts of all that is there, and pictures in which nobody counted say nothing', () => {
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
  expect(cells).toBeCloseTo((1 + 4 + 0.25) / 4, 12)
  // Errors 1, -2, 0, 0 and 0.5, 0, 0, 0: nine regions of 2x2 each, of which four hold a cell.
  const squares = [1, (1 - 2) ** 2, 2 ** 2, 1, (1 - 2) ** 2, 2 ** 2, 0, 0, 0].reduce((sum, square) => sum + square, 0)
  expect(regions).toBeCloseTo((squares / 4 + 0.25) / 4, 12)
  expect(counts).toBeCloseTo((1 + 0.5) / 4, 12)
})
