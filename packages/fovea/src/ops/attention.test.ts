import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runs } from '../../test/arbitraries.ts'
import { evaluateAll } from '../../test/evaluate-one.ts'
import { type CheckedInput, checkGradient } from '../../test/gradient-check.ts'
import { seeds, values } from '../../test/sampled-values.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { ndarray } from './ndarray.ts'

const size = fc.integer({ min: 1, max: 3 })

const attentionCase = fc.record({
  batch: size,
  groups: size,
  perGroup: size,
  rows: size,
  keys: size,
  headSize: size,
  valueSize: size,
  flat: fc.boolean(),
  causal: fc.integer({ min: 0, max: 1 }),
  softcap: fc.constantFrom(undefined, 1.5),
  scale: fc.constantFrom(undefined, 0.3),
  mask: fc.constantFrom(undefined, 'matrix', 'heads', 'row', 'bool'),
  seed: seeds,
})

type AttentionCase = typeof attentionCase extends fc.Arbitrary<infer T> ? T : never

function inputsOf(drawn: AttentionCase): Record<string, CheckedInput> {
  const { batch, groups, perGroup, rows, keys, headSize, valueSize, flat, mask, seed } = drawn
  const heads = groups * perGroup
  const shape = (count: number, length: number, width: number) => (flat ? [batch, length, count * width] : [batch, count, length, width])
  const maskShapes = { matrix: [rows, keys], heads: [heads, rows, keys], row: [batch, 1, 1, keys], bool: [rows, keys] }
  const bits = () => values(seed, [rows, keys], 0, 1).map((value) => Number(value > 0.3))
  return {
    q: { dims: shape(heads, rows, headSize) },
    k: { dims: shape(groups, keys, headSize) },
    v: { dims: shape(groups, keys, valueSize) },
    ...(mask === undefined
      ? {}
      : { mask: { dims: maskShapes[mask], ...(mask === 'bool' ? { values: bits(), dtype: 'bool', fixed: true } : {}) } }),
  }
}

describe('gradients', () => {
  test('of queries, keys, values and mask, in both layouts, with grouped heads', () => {
    fc.assert(
      fc.property(attentionCase, (drawn) => {
        const { groups, perGroup, flat, causal: is_causal, softcap, scale, mask, seed } = drawn
        const heads = flat ? { q_num_heads: groups * perGroup, kv_num_heads: groups } : {}
        const attributes = { ...heads, is_causal, softcap, scale }
        checkGradient((b) => b.op('Attention', ['q', 'k', 'v', mask ? 'mask' : undefined], attributes), inputsOf(drawn), {
          seed,
          opset: 24,
          samples: 6,
        })
      }),
      { ...runs, numRuns: 60 },
    )
  })

  test('of RotaryEmbedding', () => {
    const cases = fc.record({
      interleaved: fc.integer({ min: 0, max: 1 }),
      part: fc.boolean(),
      flat: fc.boolean(),
      positions: fc.boolean(),
      seed: seeds,
    })
    fc.assert(
      fc.property(cases, ({ interleaved, part, flat, positions, seed }) => {
        const [batch, heads, length, width] = [2, 2, 3, 4]
        const half = part ? 1 : 2
        const caches = positions ? [5, half] : [batch, length, half]
        const inputs: Record<string, CheckedInput> = {
          x: { dims: flat ? [batch, length, heads * width] : [batch, heads, length, width] },
          cos: { dims: caches, fixed: true },
          sin: { dims: caches, fixed: true },
          ...(positions ? { at: { dims: [batch, length], values: [0, 1, 4, 2, 3, 4], dtype: 'int64', fixed: true } } : {}),
        }
        const attributes = { interleaved, num_heads: flat ? heads : undefined, rotary_embedding_dim: part ? 2 : undefined }
        checkGradient((b) => b.op('RotaryEmbedding', ['x', 'cos', 'sin', positions ? 'at' : undefined], attributes), inputs, {
          seed,
          opset: 23,
        })
      }),
      runs,
    )
  })
})

test('a query that may attend to nothing gives zeros', () => {
  const q = ndarray('float32', [1, 1, 2, 1], [1, 2])
  const mask = ndarray('bool', [2, 2], [0, 0, 1, 0])
  const [y, , , weights] = evaluateAll('Attention', [q, q, q, mask], { qk_matmul_output_mode: 3 }, { opset: 24, outputs: 4 })
  expect([...y!.data]).toEqual([0, 1])
  expect([...weights!.data]).toEqual([0, 0, 1, 0])
})

test('the soft cap comes before the mask', () => {
  const [q, k] = [ndarray('float32', [1, 1, 1, 1], [3]), ndarray('float32', [1, 1, 2, 1], [1, 2])]
  const mask = ndarray('float32', [1, 2], [0.5, -0.5])
  const [, , , scores] = evaluateAll('Attention', [q, k, k, mask], { softcap: 2, qk_matmul_output_mode: 2 }, { opset: 24, outputs: 4 })
  expect(scores!.data[0]).toBeCloseTo(2 * Math.tanh(1.5) + 0.5, 12)
  expect(scores!.data[1]).toBeCloseTo(2 * Math.tanh(3) - 0.5, 12)
})

test('shapes of results and cache, with symbols', () => {
  const b = new GraphBuilder({ opset: 24 })
  const inputs = [b.input('q', 'float32', ['N', 'S', 64]), b.input('k', 'float32', ['N', 'T', 32]), b.input('v', 'float32', ['N', 'T', 48])]
  const past = [b.input('pk', 'float32', ['N', 2, 'P', 16]), b.input('pv', 'float32', ['N', 2, 'P', 24])]
  b.ops('Attention', [...inputs, undefined, ...past], ['y', 'pk2', 'pv2', 'qk'], { q_num_heads: 4, kv_num_heads: 2 })
  const table = inferValues(b.model())
  expect(['y', 'pk2', 'pv2', 'qk'].map((name) => table.dims(name))).toEqual([
    ['N', 'S', 96],
    ['N', 2, 'P + T', 16],
    ['N', 2, 'P + T', 24],
    ['N', 4, 'S', 'P + T'],
  ])
})
