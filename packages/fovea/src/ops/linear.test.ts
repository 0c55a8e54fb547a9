import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../test/arbitraries.ts'
import { evaluateOne } from '../../test/evaluate-one.ts'
import { checkGradient } from '../../test/gradient-check.ts'
import { broadcastShapes, seeds } from '../../test/sampled-values.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { autodiff } from '../passes/autodiff.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { determinant } from './matrix.ts'
import { ndarray } from './ndarray.ts'

const size = fc.integer({ min: 1, max: 4 })
const bit = fc.integer({ min: 0, max: 1 })
const matrix = (transposed: number, rows: number, columns: number) => (transposed ? [columns, rows] : [rows, columns])

describe('gradients of matrix products', () => {
  test('MatMul with broadcast batches', () => {
    fc.assert(
      fc.property(broadcastShapes(2), size, size, size, seeds, ([a, b], m, k, n, seed) => {
        checkGradient((g) => g.op('MatMul', ['x', 'y']), { x: { dims: [...a!, m, k] }, y: { dims: [...b!, k, n] } }, { seed })
      }),
      runs,
    )
  })

  test.each([
    ['vector and vector', [3], [3]],
    ['vector and matrix', [3], [3, 2]],
    ['matrix and vector', [2, 3], [3]],
    ['vector and batch', [3], [4, 3, 2]],
    ['batch and vector', [4, 2, 3], [3]],
    ['batches of two ranks', [5, 1, 2, 3], [4, 3, 2]],
  ])('MatMul of %s', (_, x, y) => {
    checkGradient((b) => b.op('MatMul', ['x', 'y']), { x: { dims: x }, y: { dims: y } })
  })

  test('Gemm, transposed, scaled, with and without C', () => {
    fc.assert(
      fc.property(
        size,
        size,
        size,
        bit,
        bit,
        fc.constantFrom([], [1], ['n'], ['m', 'n'], ['m', 1], undefined),
        seeds,
        (m, k, n, transA, transB, shape, seed) => {
          const c = shape?.map((dim) => (dim === 'm' ? m : dim === 'n' ? n : (dim as number)))
          const inputs = { a: { dims: matrix(transA, m, k) }, b: { dims: matrix(transB, k, n) }, ...(c ? { c: { dims: c } } : {}) }
          const attributes = { transA, transB, alpha: 0.5, beta: seed % 2 === 0 ? 1 : 0.25 }
          checkGradient((g) => g.op('Gemm', ['a', 'b', c ? 'c' : undefined], attributes), inputs, { seed })
        },
      ),
      runs,
    )
  })

  test('FusedMatMul, transposed in matrices and batches', () => {
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 1, maxLength: 2 }),
        size,
        size,
        size,
        fc.tuple(bit, bit, bit, bit),
        seeds,
        (batch, m, k, n, flags, seed) => {
          const [transA, transB, transBatchA, transBatchB] = flags
          const operand = (batched: number, [rows, columns]: number[]) =>
            batched ? [rows!, ...batch, columns!] : [...batch, rows!, columns!]
          const inputs = {
            x: { dims: operand(transBatchA, matrix(transA, m, k)) },
            y: { dims: operand(transBatchB, matrix(transB, k, n)) },
          }
          const attributes = { transA, transB, transBatchA, transBatchB, alpha: 0.5 }
          checkGradient((b) => b.op('com.microsoft::FusedMatMul', ['x', 'y'], attributes), inputs, { seed })
        },
      ),
      runs,
    )
  })

  test('FusedMatMul of one matrix for all batches', () => {
    checkGradient((b) => b.op('com.microsoft::FusedMatMul', ['x', 'y'], { transB: 1 }), { x: { dims: [2, 3, 4] }, y: { dims: [5, 4] } })
  })
})

test('the weight of a linear layer gets its gradient by one product, without a sum over batches', () => {
  const b = new GraphBuilder()
  const y = b.op('MatMul', [b.input('x', 'float32', [8, 5, 4]), b.input('w', 'float32', [4, 3])])
  const loss = b.op('ReduceSum', [y], { keepdims: 0 })
  const { model } = autodiff(b.model(), { loss, parameters: ['w'] })
  const added = model.graph.nodes.slice(b.graph.nodes.length).map((node) => node.op)
  expect(added.filter((op) => op === 'MatMul')).toHaveLength(1)
  expect(added).not.toContain('ReduceSum')
})

describe('gradients of Einsum', () => {
  test.each([
    [
      'ij,jk->ik',
      [
        [2, 3],
        [3, 4],
      ],
    ],
    [
      'bij,bjk->bik',
      [
        [2, 3, 4],
        [2, 4, 2],
      ],
    ],
    [
      'bhid,bhjd->bhij',
      [
        [2, 2, 3, 2],
        [2, 2, 4, 2],
      ],
    ],
    [
      '...ij,...jk->...ik',
      [
        [2, 1, 3, 2],
        [4, 2, 3],
      ],
    ],
    [
      '...ij,jk',
      [
        [2, 3, 2],
        [2, 4],
      ],
    ],
    ['i,j->ij', [[3], [2]]],
    ['ij->', [[3, 2]]],
    ['ij->j', [[3, 2]]],
    ['ij->ji', [[3, 2]]],
    ['ii->i', [[3, 3]]],
    ['ii', [[3, 3]]],
    ['bii->bi', [[2, 3, 3]]],
    ['iij,j->i', [[2, 2, 3], [3]]],
    [
      'ij,jk,kl->il',
      [
        [2, 3],
        [3, 2],
        [2, 4],
      ],
    ],
    ['ij,k->i', [[2, 3], [2]]],
    ['...,...->...', [[2, 1], [3]]],
  ])('%s', (equation, dims) => {
    const names = dims.map((_, i) => `x${i}`)
    checkGradient((b) => b.op('Einsum', names, { equation }), Object.fromEntries(dims.map((shape, i) => [names[i], { dims: shape }])))
  })
})

test('Einsum reads ellipses that broadcast and implicit results', () => {
  const [a, b] = [ndarray('float32', [1, 2], [1, 2]), ndarray('float32', [3, 2], [1, 2, 3, 4, 5, 6])]
  expect(evaluateOne('Einsum', [a, b], { equation: '...i,...i->...' })).toMatchObject({ dims: [3], data: Float64Array.of(5, 11, 17) })
  expect(evaluateOne('Einsum', [b], { equation: 'ba' }).dims).toEqual([2, 3])
})

test('a product keeps symbolic batches', () => {
  const b = new GraphBuilder()
  const y = b.op('MatMul', [b.input('x', 'float32', ['N', 'S', 16]), b.input('w', 'float32', [16, 32])])
  const z = b.op('Einsum', [y, b.input('v', 'float32', [32, 4])], { equation: 'nsd,dk->nsk' })
  const table = inferValues(b.model())
  expect(table.dims(y)).toEqual(['N', 'S', 32])
  expect(table.dims(z)).toEqual(['N', 'S', 4])
})

test('a determinant by elimination agrees with the formula of three rows', () => {
  const [a, b, c, d, e, f, g, h, i] = [0, 2, 1, -3, 0.5, 4, 2, -1, 3] as const
  const formula = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
  expect(determinant([a, b, c, d, e, f, g, h, i], 3)).toBeCloseTo(formula, 12)
  expect(determinant([1, 2, 2, 4], 2)).toBe(0)
})
