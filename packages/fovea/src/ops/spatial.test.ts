// Operators that move or resample pixels: DepthToSpace, SpaceToDepth, CenterCropPad, GridSample, AffineGrid.

import fc from 'fast-check'
import { describe, test } from 'vitest'
import { checkGradient } from '../../test/gradient-check.ts'

const size = fc.integer({ min: 1, max: 4 })

describe('space and depth', () => {
  test.each(['DCR', 'CRD'])('DepthToSpace in mode %s has gradients', (mode) => {
    fc.assert(
      fc.property(size, size, size, size, fc.integer({ min: 1, max: 3 }), (N, C, H, W, blocksize) =>
        checkGradient((b) => b.op('DepthToSpace', ['x'], { blocksize, mode }), { x: { dims: [N, C * blocksize ** 2, H, W] } }),
      ),
      { numRuns: 20 },
    )
  })

  test('SpaceToDepth has gradients', () => {
    checkGradient((b) => b.op('SpaceToDepth', ['x'], { blocksize: 2 }), { x: { dims: [2, 3, 4, 6] } })
  })

  test('CenterCropPad has gradients', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(size, size), { minLength: 1, maxLength: 3 }), (axes) =>
        checkGradient((b) => b.op('CenterCropPad', ['x', b.ints(axes.map(([, to]) => to))], { axes: axes.map((_, i) => i + 1) }), {
          x: { dims: [2, ...axes.map(([from]) => from)] },
        }),
      ),
      { numRuns: 30 },
    )
  })
})

describe('GridSample', () => {
  const spatial = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
  const attributes = fc.record({ padding_mode: fc.constantFrom('zeros', 'border', 'reflection'), align_corners: fc.boolean() })

  test.each(['nearest', 'linear', 'cubic'])('in mode %s has gradients', (mode) => {
    fc.assert(
      fc.property(spatial, attributes, fc.array(size, { minLength: 3, maxLength: 3 }), fc.integer(), (dims, drawn, out, seed) => {
        if (mode === 'cubic' && dims.length > 2) return
        checkGradient(
          (b) => b.op('GridSample', ['x', 'grid'], { mode, ...drawn }),
          { x: { dims: [2, 3, ...dims] }, grid: { dims: [2, ...out.slice(0, dims.length), dims.length], range: [-1.6, 1.6] } },
          { opset: 20, seed },
        )
      }),
      { numRuns: 40 },
    )
  })

  test('of opset 16 is called bilinear', () => {
    checkGradient(
      (b) => b.op('GridSample', ['x', 'grid'], { mode: 'bilinear' }),
      { x: { dims: [1, 2, 4, 5] }, grid: { dims: [1, 3, 2, 2] } },
      { opset: 16 },
    )
  })
})

test.each([
  [[2, 1, 3, 4], 0],
  [[2, 1, 3, 4], 1],
  [[1, 1, 2, 3, 1], 1],
])('AffineGrid of size %o has gradients with align_corners %i', (dims, corners) => {
  const axes = dims.length - 2
  checkGradient(
    (b) => b.op('AffineGrid', ['theta', b.ints(dims)], { align_corners: corners }),
    { theta: { dims: [dims[0]!, axes, axes + 1] } },
    { opset: 20 },
  )
})
