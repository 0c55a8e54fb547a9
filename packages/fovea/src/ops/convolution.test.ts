import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../test/gradient-check.ts'
import { buildModel } from '../graph/builder.ts'
import { evaluateModel } from './evaluate.ts'
import { ndarray } from './ndarray.ts'
import type { LoweringQuery } from './operator.ts'

interface Case {
  readonly N: number
  readonly group: number
  readonly inputs: number
  readonly outputs: number
  readonly axes: readonly Axis[]
  readonly bias: boolean
}

interface Axis {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly begin: number
  readonly end: number
  readonly extra: number
}

const axis = fc
  .record({
    size: fc.integer({ min: 1, max: 7 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    begin: fc.integer({ min: 0, max: 2 }),
    end: fc.integer({ min: 0, max: 2 }),
    extra: fc.integer({ min: 0, max: 2 }),
  })
  .filter(({ size, kernel, dilation, begin, end }) => (kernel - 1) * dilation + 1 <= size + begin + end)

const plainAxis = axis.map((drawn) => ({ ...drawn, stride: 1 }))

function cases(spatial: fc.Arbitrary<readonly Axis[]>): fc.Arbitrary<Case> {
  return fc.record({
    N: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 2 }),
    inputs: fc.integer({ min: 1, max: 2 }),
    outputs: fc.integer({ min: 1, max: 2 }),
    axes: spatial,
    bias: fc.boolean(),
  })
}

const anyCase = cases(fc.array(axis, { minLength: 1, maxLength: 3 }))
const planeCase = cases(fc.array(fc.oneof(axis, plainAxis), { minLength: 2, maxLength: 2 }))

function attributesOf({ group, axes }: Case) {
  return {
    group,
    strides: axes.map(({ stride }) => stride),
    dilations: axes.map(({ dilation }) => dilation),
    pads: [...axes.map(({ begin }) => begin), ...axes.map(({ end }) => end)],
  }
}

function checkConv(drawn: Case, lowering?: (query: LoweringQuery) => string): void {
  const { N, group, inputs, outputs, axes, bias } = drawn
  checkGradient(
    (b) => b.op('Conv', bias ? ['x', 'w', 'bias'] : ['x', 'w'], attributesOf(drawn)),
    {
      x: { dims: [N, group * inputs, ...axes.map(({ size }) => size)] },
      w: { dims: [group * outputs, inputs, ...axes.map(({ kernel }) => kernel)] },
      ...(bias ? { bias: { dims: [group * outputs] } } : {}),
    },
    lowering === undefined ? {} : { lowering },
  )
}

/** Takes the way of this name wherever it is offered. */
function always(name: string) {
  return ({ candidates, preferred }: LoweringQuery) => (candidates.includes(name) ? name : preferred)
}

describe('Conv', () => {
  test('has the gradients that differences give, whatever the shape', () => {
    fc.assert(
      fc.property(anyCase, (drawn) => checkConv(drawn)),
      { numRuns: 40 },
    )
  })

  test.each(['transposed', 'gathered', 'batched', 'folded', 'rows', 'folded-rows', 'correlated'])(
    'has the same gradients as %s',
    (name) => {
      fc.assert(
        fc.property(planeCase, (drawn) => checkConv(drawn, always(name))),
        { numRuns: 25 },
      )
    },
  )

  test.each(['SAME_UPPER', 'SAME_LOWER', 'VALID'])('has gradients under auto_pad %s', (autoPad) => {
    checkGradient((b) => b.op('Conv', ['x', 'w'], { auto_pad: autoPad, strides: [2, 1], dilations: [1, 2] }), {
      x: { dims: [2, 3, 6, 7] },
      w: { dims: [2, 3, 3, 2] },
    })
  })
})

describe('ConvTranspose', () => {
  const drawnCase = planeCase.filter(({ axes }) =>
    axes.every(({ size, kernel, stride, dilation, begin, end }) => (size - 1) * stride + (kernel - 1) * dilation + 1 > begin + end),
  )

  test('has the gradients that differences give', () => {
    fc.assert(
      fc.property(drawnCase, (drawn) => {
        const { N, group, inputs, outputs, axes, bias } = drawn
        const padding = axes.map(({ extra, stride, dilation }) => Math.min(extra, Math.max(stride, dilation) - 1))
        checkGradient(
          (b) => b.op('ConvTranspose', bias ? ['x', 'w', 'bias'] : ['x', 'w'], { ...attributesOf(drawn), output_padding: padding }),
          {
            x: { dims: [N, group * inputs, ...axes.map(({ size }) => size)] },
            w: { dims: [group * inputs, outputs, ...axes.map(({ kernel }) => kernel)] },
            ...(bias ? { bias: { dims: [group * outputs] } } : {}),
          },
        )
      }),
      { numRuns: 40 },
    )
  })

  test.each([
    { output_shape: [10, 8], strides: [3, 2] },
    { output_shape: [6, 9], strides: [2, 2], auto_pad: 'SAME_UPPER' },
    { auto_pad: 'SAME_LOWER', strides: [2, 3] },
    { auto_pad: 'VALID', strides: [2, 1] },
  ])('has gradients where the pads are automatic: %o', (attributes) => {
    checkGradient((b) => b.op('ConvTranspose', ['x', 'w'], attributes), { x: { dims: [1, 2, 3, 4] }, w: { dims: [2, 2, 3, 2] } })
  })

  test('is the transpose of Conv', () => {
    const attributes = { strides: [2, 1], dilations: [1, 2], pads: [1, 0, 1, 1], group: 2 }
    const x = ndarray(
      'float64',
      [1, 4, 5, 6],
      Float64Array.from({ length: 120 }, (_, i) => Math.sin(i)),
    )
    const w = ndarray(
      'float64',
      [6, 2, 3, 2],
      Float64Array.from({ length: 72 }, (_, i) => Math.cos(3 * i)),
    )
    const forward = buildModel((b) => b.op('Conv', [b.input('x', 'float64'), b.input('w', 'float64')], attributes, 'y'))
    const y = evaluateModel(
      forward,
      new Map([
        ['x', x],
        ['w', w],
      ]),
    ).get('y')!
    const u = ndarray(
      'float64',
      y.dims,
      y.data.map((_, i) => Math.sin(2 * i)),
    )
    const back = buildModel((b) => b.op('ConvTranspose', [b.input('u', 'float64'), b.input('w', 'float64')], attributes, 'z'))
    const z = evaluateModel(
      back,
      new Map([
        ['u', u],
        ['w', w],
      ]),
    ).get('z')!
    const dot = (left: Float64Array, right: Float64Array) => left.reduce((sum, value, i) => sum + value * right[i]!, 0)
    expect(z.dims).toEqual(x.dims)
    expect(dot(z.data, x.data)).toBeCloseTo(dot(u.data, y.data), 9)
  })
})
