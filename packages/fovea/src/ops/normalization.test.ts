import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../test/gradient-check.ts'
import { buildModel } from '../graph/builder.ts'
import { evaluateModel } from './evaluate.ts'
import { ndarray } from './ndarray.ts'

const size = fc.integer({ min: 1, max: 4 })
const spatial = fc.array(size, { minLength: 0, maxLength: 3 })
const positive = [0.5, 2] as const

describe('BatchNormalization', () => {
  const drawn = fc.record({ N: fc.integer({ min: 2, max: 4 }), C: size, spatial })
  const parameters = (C: number) => ({
    scale: { dims: [C] },
    bias: { dims: [C] },
    mean: { dims: [C] },
    variance: { dims: [C], range: positive },
  })
  const inputs = ['x', 'scale', 'bias', 'mean', 'variance']

  test('has gradients with given statistics, for all five inputs', () => {
    fc.assert(
      fc.property(drawn, ({ N, C, spatial: space }) =>
        checkGradient((b) => b.op('BatchNormalization', inputs, { epsilon: 1e-3 }), { x: { dims: [N, C, ...space] }, ...parameters(C) }),
      ),
      { numRuns: 30 },
    )
  })

  test('has gradients with the statistics of the batch, through its running statistics too', () => {
    fc.assert(
      fc.property(drawn, ({ N, C, spatial: space }) =>
        checkGradient((b) => b.ops('BatchNormalization', inputs, 3, { training_mode: 1, momentum: 0.8, epsilon: 0.1 }), {
          x: { dims: [N, C, ...space] },
          ...parameters(C),
        }),
      ),
      { numRuns: 30 },
    )
  })

  test('has gradients where only the running statistics are used', () => {
    checkGradient((b) => b.ops('BatchNormalization', inputs, 3, { training_mode: 1 }).slice(1), {
      x: { dims: [3, 2, 4] },
      ...parameters(2),
    })
  })

  test('trains in the form of opset 9, which saved the statistics of the batch', () => {
    checkGradient(
      (b) => b.ops('BatchNormalization', inputs, 5, { epsilon: 0.1 }),
      { x: { dims: [3, 2, 4] }, ...parameters(2) },
      { opset: 13 },
    )
  })

  test('keeps statistics for every element where spatial is 0, as opset 7 allowed', () => {
    const element = { dims: [2, 3] }
    const model = (attributes: object) =>
      checkGradient(
        (b) => b.op('BatchNormalization', inputs, { spatial: 0, ...attributes }),
        { x: { dims: [4, 2, 3] }, scale: element, bias: element, mean: element, variance: { ...element, range: positive } },
        { opset: 8 },
      )
    model({})
  })

  test('normalises a batch to mean 0 and deviation 1', () => {
    const x = ndarray('float64', [4, 1, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    const model = buildModel((b) => {
      const value = (name: string, numbers: number) => b.input(name, 'float64', [numbers])
      const [y] = b.ops(
        'BatchNormalization',
        [b.input('x', 'float64'), ...['s', 'b', 'm', 'v'].map((name) => value(name, 1))],
        ['y', 'mean', 'var'],
        {
          training_mode: 1,
          momentum: 0.75,
          epsilon: 0,
        },
      )
      b.output('mean')
      b.output('var')
      return y!
    })
    const one = (number: number) => ndarray('float64', [1], [number])
    const results = evaluateModel(
      model,
      new Map([
        ['x', x],
        ['s', one(1)],
        ['b', one(0)],
        ['m', one(2)],
        ['v', one(1)],
      ]),
    )
    const y = results.get('y')!.data
    expect(y.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 12)
    expect(y.reduce((sum, value) => sum + value * value, 0) / 12).toBeCloseTo(1, 12)
    // Running figures take a quarter of mean 6.5 and population variance 143 / 12.
    expect(results.get('mean')!.data[0]).toBeCloseTo(0.75 * 2 + 0.25 * 6.5, 6)
    expect(results.get('var')!.data[0]).toBeCloseTo(0.75 + (0.25 * 143) / 12, 6)
  })
})

describe('normalisations of groups', () => {
  test('InstanceNormalization has gradients', () => {
    fc.assert(
      fc.property(size, size, fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 1, maxLength: 3 }), (N, C, space) =>
        checkGradient((b) => b.op('InstanceNormalization', ['x', 'scale', 'bias'], { epsilon: 0.01 }), {
          x: { dims: [N, C, ...space] },
          scale: { dims: [C] },
          bias: { dims: [C] },
        }),
      ),
      { numRuns: 25 },
    )
  })

  test.each([18, 21])('GroupNormalization of opset %i has gradients', (opset) => {
    fc.assert(
      fc.property(
        size,
        size,
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 1, maxLength: 2 }),
        (N, groups, each, space) => {
          const parameters = opset < 21 ? groups : groups * each
          checkGradient(
            (b) => b.op('GroupNormalization', ['x', 'scale', 'bias'], { num_groups: groups, epsilon: 0.01 }),
            { x: { dims: [N, groups * each, ...space] }, scale: { dims: [parameters] }, bias: { dims: [parameters] } },
            { opset },
          )
        },
      ),
      { numRuns: 25 },
    )
  })
})

describe('normalisations of the last axes', () => {
  const drawn = fc
    .record({ dims: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }), axis: fc.integer({ min: -4, max: 3 }) })
    .filter(({ dims, axis }) => axis >= -dims.length && axis < dims.length)
  // The standard keeps statistics in float32 unless told otherwise.
  const float64 = { stash_type: 11 }

  test('LayerNormalization has gradients, with and without its statistics', () => {
    fc.assert(
      fc.property(drawn, fc.integer({ min: 1, max: 3 }), fc.boolean(), ({ dims, axis }, outputs, biased) => {
        const inner = dims.slice(axis)
        checkGradient(
          (b) =>
            b.ops('LayerNormalization', biased ? ['x', 'scale', 'bias'] : ['x', 'scale'], outputs, { axis, epsilon: 0.05, ...float64 }),
          { x: { dims }, scale: { dims: inner }, ...(biased ? { bias: { dims: inner } } : {}) },
        )
      }),
      { numRuns: 40 },
    )
  })

  test('a scale may broadcast', () => {
    checkGradient((b) => b.op('LayerNormalization', ['x', 'scale'], { axis: 1 }), { x: { dims: [2, 3, 4] }, scale: { dims: [3, 1] } })
  })

  test('RMSNormalization and its older name have gradients', () => {
    fc.assert(
      fc.property(drawn, fc.integer({ min: 1, max: 2 }), ({ dims, axis }, outputs) => {
        const inputs = { x: { dims }, scale: { dims: dims.slice(axis) } }
        checkGradient((b) => b.op('RMSNormalization', ['x', 'scale'], { axis, epsilon: 0.05 }), inputs, { opset: 23 })
        checkGradient((b) => b.ops('SimplifiedLayerNormalization', ['x', 'scale'], outputs, { axis, epsilon: 0.05, ...float64 }), inputs)
      }),
      { numRuns: 25 },
    )
  })
})

describe('normalisations without parameters', () => {
  test('LRN has gradients', () => {
    fc.assert(
      fc.property(
        size,
        fc.integer({ min: 1, max: 6 }),
        fc.array(size, { minLength: 2, maxLength: 2 }),
        fc.integer({ min: 1, max: 5 }),
        (N, C, space, width) =>
          checkGradient((b) => b.op('LRN', ['x'], { size: width, alpha: 0.3, beta: 0.6, bias: 1.5 }), { x: { dims: [N, C, ...space] } }),
      ),
      { numRuns: 25 },
    )
  })

  test('MeanVarianceNormalization has gradients', () => {
    checkGradient((b) => b.op('MeanVarianceNormalization', ['x']), { x: { dims: [2, 3, 3, 2] } })
    checkGradient((b) => b.op('MeanVarianceNormalization', ['x'], { axes: [1, -1] }), { x: { dims: [2, 3, 3] } })
  })

  test.each([1, 2])('LpNormalization of order %i has gradients', (p) => {
    checkGradient((b) => b.op('LpNormalization', ['x'], { p, axis: 1 }), { x: { dims: [2, 4, 3], range: [0.1, 1] } })
    checkGradient((b) => b.op('LpNormalization', ['x'], { p }), { x: { dims: [3, 5], range: [-1, -0.1] } })
  })

  test('LpNormalization leaves a zero vector zero', () => {
    const model = buildModel((b) => b.op('LpNormalization', [b.input('x', 'float64', [2])], {}, 'y'))
    expect([...evaluateModel(model, new Map([['x', ndarray('float64', [2])]])).get('y')!.data]).toEqual([0, 0])
  })
})
