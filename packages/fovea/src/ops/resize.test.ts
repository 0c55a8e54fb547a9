import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../test/gradient-check.ts'
import { buildModel, type GraphBuilder } from '../graph/builder.ts'
import { Tensor } from '../graph/tensor.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { evaluateModel } from './evaluate.ts'
import { ndarray } from './ndarray.ts'

const coordinates = ['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric', 'tf_crop_and_resize']
const drawn = fc.record({
  sizes: fc.array(fc.record({ from: fc.integer({ min: 1, max: 6 }), to: fc.integer({ min: 1, max: 9 }) }), { minLength: 1, maxLength: 3 }),
  mode: fc.constantFrom('nearest', 'linear', 'cubic'),
  coordinate_transformation_mode: fc.constantFrom(...coordinates),
  nearest_mode: fc.constantFrom('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
  antialias: fc.boolean(),
  exclude_outside: fc.boolean(),
})

const floats = (b: GraphBuilder, values: readonly number[]) => b.constant(Tensor.float32([values.length], values), 'floats')

describe('Resize', () => {
  test('has gradients in every mode', () => {
    fc.assert(
      fc.property(drawn, ({ sizes, exclude_outside, ...attributes }) => {
        const axes = sizes.map((_, i) => i + 1)
        const region = [...sizes.map(() => 0.25), ...sizes.map(() => 1.1)]
        // A window that lies wholly outside leaves nothing to divide by; the mode of half a pixel has none.
        const exclude = exclude_outside && attributes.coordinate_transformation_mode === 'half_pixel' && attributes.mode !== 'nearest'
        checkGradient(
          (b) =>
            b.op('Resize', ['x', floats(b, region), '', b.ints(sizes.map(({ to }) => to))], {
              axes,
              exclude_outside: exclude,
              ...attributes,
            }),
          { x: { dims: [2, ...sizes.map(({ from }) => from)] } },
        )
      }),
      { numRuns: 80 },
    )
  })

  test.each(['blocks', 'matrices'])('has gradients where it repeats pixels, by %s', (name) => {
    for (const factors of [
      [1, 1, 2, 3],
      [1, 1, 4, 1],
    ])
      checkGradient(
        (b) => b.op('Resize', ['x', '', floats(b, factors)], { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
        { x: { dims: [2, 3, 3, 2] } },
        { lowering: ({ candidates, preferred }) => (candidates.includes(name) ? name : preferred) },
      )
  })

  test('keeps the aspect ratio where told to', () => {
    const dims = (policy: string) => {
      const model = buildModel((b) => {
        const x = b.input('x', 'float32', [1, 3, 20, 10])
        return b.op('Resize', [x, '', '', b.ints([8, 8])], { axes: [2, 3], keep_aspect_ratio_policy: policy }, 'y')
      })
      return inferValues(model).dims('y')
    }
    expect(dims('stretch')).toEqual([1, 3, 8, 8])
    expect(dims('not_larger')).toEqual([1, 3, 8, 4])
    expect(dims('not_smaller')).toEqual([1, 3, 16, 8])
  })

  test('scales symbols', () => {
    const model = buildModel((b) => {
      const x = b.input('x', 'float32', ['N', 3, 'H', 'W'])
      const doubled = b.op('Resize', [x, '', floats(b, [1, 1, 2, 2])], {}, 'doubled')
      return b.op('Resize', [doubled, '', floats(b, [1, 1, 0.5, 0.25])], {}, 'reduced')
    })
    const table = inferValues(model)
    expect(table.dims('doubled')).toEqual(['N', 3, '2*H', '2*W'])
    expect(table.dims('reduced')).toEqual(['N', 3, 'H', 'floor(W/2)'])
  })
})

describe('Upsample', () => {
  test.each(['nearest', 'linear'])('of opset 9 has gradients in mode %s', (mode) => {
    checkGradient((b) => b.op('Upsample', ['x', floats(b, [1, 1, 2, 1.5])], { mode }), { x: { dims: [1, 2, 3, 4] } }, { opset: 9 })
  })

  test('of opset 7 reads its scales from an attribute', () => {
    const model = buildModel((b) => b.op('Upsample', [b.input('x', 'float64', [1, 1, 1, 2])], { scales: [1, 1, 2, 2] }, 'y'), { opset: 7 })
    const { dims, data } = evaluateModel(model, new Map([['x', ndarray('float64', [1, 1, 1, 2], [3, 4])]])).get('y')!
    expect(dims).toEqual([1, 1, 2, 4])
    expect([...data]).toEqual([3, 3, 4, 4, 3, 3, 4, 4])
  })
})
