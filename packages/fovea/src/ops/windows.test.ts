// Shapes of windowed operators before anything runs: symbols, automatic padding, and what is refused.

import { describe, expect, test } from 'vitest'
import { type AttributeInputs, buildModel, type GraphBuilder } from '../graph/builder.ts'
import type { Dim } from '../graph/dims.ts'
import { inferValues } from '../passes/infer-shapes.ts'

function shapeOf(build: (b: GraphBuilder) => string): readonly Dim[] | undefined {
  const model = buildModel(build)
  return inferValues(model).dims(model.graph.outputs[0]!.name)
}

function conv(x: readonly Dim[], w: readonly Dim[], attributes: AttributeInputs = {}, op = 'Conv') {
  return shapeOf((b) => b.op(op, [b.input('x', 'float32', x), b.input('w', 'float32', w)], attributes))
}

describe('shapes with symbols', () => {
  test('a convolution that keeps the size keeps the symbol', () => {
    expect(conv(['N', 3, 'H', 'W'], [8, 3, 3, 3], { pads: [1, 1, 1, 1] })).toEqual(['N', 8, 'H', 'W'])
  })

  test('a stride divides', () => {
    expect(conv(['N', 3, 'H', 32], [8, 3, 3, 3], { pads: [1, 1, 1, 1], strides: [2, 2] })).toEqual(['N', 8, 'ceil(H/2)', 16])
  })

  test('SAME rounds up', () => {
    expect(conv(['N', 3, 7, 'W'], [8, 3, 3, 3], { auto_pad: 'SAME_UPPER', strides: [2, 1] })).toEqual(['N', 8, 4, 'W'])
  })

  test('an unknown kernel leaves the size unknown, a stated one does not', () => {
    expect(conv(['N', 3, 7, 7], ['O', 3, 'K', 'K'])).toEqual(['N', 'O', null, null])
    expect(conv(['N', 3, 7, 7], ['O', 3, 'K', 'K'], { kernel_shape: [3, 3] })).toEqual(['N', 'O', 5, 5])
  })

  test('a transposed convolution multiplies', () => {
    expect(conv(['N', 4, 'H', 5], [4, 6, 2, 2], { strides: [2, 2] }, 'ConvTranspose')).toEqual(['N', 6, '2*H', 10])
  })

  test('ceil_mode leaves out a window that would begin in the padding after the end', () => {
    const pool = (size: number, attributes: AttributeInputs) =>
      shapeOf((b) => b.op('MaxPool', [b.input('x', 'float32', [1, 1, size])], { ceil_mode: 1, ...attributes }))
    expect(pool(8, { kernel_shape: [3], strides: [2] })).toEqual([1, 1, 4])
    expect(pool(2, { kernel_shape: [1], strides: [2], pads: [0, 1] })).toEqual([1, 1, 1])
  })
})

describe('what does not fit is refused with the place', () => {
  test.each([
    ['channels', () => conv([1, 4, 5, 5], [8, 3, 3, 3]), /expected 3 input channels/],
    ['a group', () => conv([1, 4, 5, 5], [9, 2, 3, 3], { group: 2 }), /a group that divides 9/],
    ['a window larger than its input', () => conv([1, 3, 2, 2], [8, 3, 3, 3]), /windows that fit the padded input of size 2/],
    ['the number of axes', () => conv([1, 3, 9], [8, 3, 3, 3]), /a weight of 3 axes/],
    ['pads', () => conv([1, 3, 9, 9], [8, 3, 3, 3], { pads: [1, 1] }), /4 pads of zero or more/],
    ['auto_pad', () => conv([1, 3, 9, 9], [8, 3, 3, 3], { auto_pad: 'SAME' }), /auto_pad NOTSET, SAME_UPPER/],
    ['kernel_shape', () => conv([1, 3, 9, 9], [8, 3, 3, 3], { kernel_shape: [2, 2] }), /kernel_shape \[3,3\]/],
    ['strides', () => conv([1, 3, 9, 9], [8, 3, 3, 3], { strides: [0, 1] }), /2 positive strides/],
  ])('%s', (_, build, message) => {
    expect(build).toThrow(message)
  })

  test('a bias of the wrong length', () => {
    const build = () =>
      shapeOf((b) =>
        b.op('Conv', [b.input('x', 'float32', [1, 3, 5, 5]), b.input('w', 'float32', [8, 3, 3, 3]), b.input('bias', 'float32', [7])]),
      )
    expect(build).toThrow(/a bias \[8\], found \[7\]/)
  })
})
