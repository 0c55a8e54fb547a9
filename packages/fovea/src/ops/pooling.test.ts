import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../test/gradient-check.ts'
import { buildModel } from '../graph/builder.ts'
import { sizeOf } from '../graph/tensor.ts'
import { autodiff } from '../passes/autodiff.ts'
import { evaluateModel } from './evaluate.ts'
import { ndarray } from './ndarray.ts'
import type { LoweringQuery } from './operator.ts'

interface Axis {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly begin: number
  readonly end: number
}

interface Drawn {
  readonly N: number
  readonly C: number
  readonly axes: readonly Axis[]
  readonly ceil: boolean
}

const axis: fc.Arbitrary<Axis> = fc
  .record({
    size: fc.integer({ min: 1, max: 7 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    begin: fc.integer({ min: 0, max: 2 }),
    end: fc.integer({ min: 0, max: 2 }),
  })
  // As everywhere, padding is narrower than the kernel: no window lies in padding alone.
  .filter(({ size, kernel, dilation, begin, end }) => begin < kernel && end < kernel && (kernel - 1) * dilation + 1 <= size + begin + end)

const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    N: fc.integer({ min: 1, max: 2 }),
    C: fc.integer({ min: 1, max: 3 }),
    axes: fc.array(axis, { minLength: 1, maxLength: 3 }),
    ceil: fc.boolean(),
  })
  .filter(({ axes, ceil }) => axes.every((each) => everyWindowSeesInput(each, ceil)))

/** True where each window has at least one tap inside the input. */
function everyWindowSeesInput({ size, kernel, stride, dilation, begin, end }: Axis, ceil: boolean): boolean {
  const room = size + begin + end - (kernel - 1) * dilation - 1
  const count = (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1
  return Array.from({ length: count }, (_, o) => o).every((o) =>
    Array.from({ length: kernel }, (_, k) => o * stride + k * dilation - begin).some((at) => at >= 0 && at < size),
  )
}

function attributesOf({ axes, ceil }: Drawn) {
  return {
    kernel_shape: axes.map(({ kernel }) => kernel),
    strides: axes.map(({ stride }) => stride),
    dilations: axes.map(({ dilation }) => dilation),
    pads: [...axes.map(({ begin }) => begin), ...axes.map(({ end }) => end)],
    ceil_mode: ceil,
  }
}

function dimsOf({ N, C, axes }: Drawn): number[] {
  return [N, C, ...axes.map(({ size }) => size)]
}

/** Numbers far apart, so that no difference step changes an order. */
function spaced(dims: readonly number[]): number[] {
  const count = sizeOf(dims)
  return Array.from({ length: count }, (_, i) => (((i * 7919) % count) - count / 2) / 10)
}

const way =
  (name: string) =>
  ({ candidates, preferred }: LoweringQuery) =>
    candidates.includes(name) ? name : preferred

describe('MaxPool', () => {
  test.each(['taps', 'indices'])('has the gradients that differences give, by %s', (name) => {
    fc.assert(
      fc.property(drawn, (pool) => {
        const dims = dimsOf(pool)
        checkGradient((b) => b.op('MaxPool', ['x'], attributesOf(pool)), { x: { dims, values: spaced(dims) } }, { lowering: way(name) })
      }),
      { numRuns: 40 },
    )
  })

  test.each(['taps', 'indices'])('gives the gradient of equal maxima to the first of them, by %s', (name) => {
    const x = ndarray('float64', [1, 1, 4, 4], [1, 1, 0, 1, 1, 2, 0, 2, 5, 5, 5, 5, 5, 5, 5, 5])
    const model = buildModel((b) => {
      const y = b.op('MaxPool', [b.input('x', 'float64', x.dims)], { kernel_shape: [2, 2], strides: [2, 2] })
      return b.op('ReduceSum', [y], { keepdims: 0 }, 'loss')
    })
    const derived = autodiff(model, { loss: 'loss', parameters: ['x'], lowering: way(name) })
    const gradient = derived.gradients.get('x')!
    const found = evaluateModel(derived.model, new Map([['x', x]]), [gradient]).get(gradient)!
    expect([...found.data]).toEqual([0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0])
  })

  test.each([
    [0, 2],
    [1, 4],
  ])('returns positions in storage order %i', (order, position) => {
    const model = buildModel(
      (b) => b.ops('MaxPool', [b.input('x', 'float64')], ['y', 'at'], { kernel_shape: [2, 3], storage_order: order })[1]!,
    )
    const x = ndarray('float64', [1, 1, 2, 3], [1, 2, 9, 3, 4, 5])
    expect([...evaluateModel(model, new Map([['x', x]])).get('at')!.data]).toEqual([position])
  })
})

describe('AveragePool and LpPool', () => {
  test.each([0, 1])('AveragePool with count_include_pad %i has gradients', (include) => {
    fc.assert(
      fc.property(drawn, (pool) =>
        checkGradient((b) => b.op('AveragePool', ['x'], { ...attributesOf(pool), count_include_pad: include }), {
          x: { dims: dimsOf(pool) },
        }),
      ),
      { numRuns: 40 },
    )
  })

  test.each([1, 2, 3])('LpPool of order %i has gradients', (p) => {
    fc.assert(
      fc.property(drawn, (pool) =>
        checkGradient((b) => b.op('LpPool', ['x'], { ...attributesOf(pool), p }), { x: { dims: dimsOf(pool), range: [-1, -0.2] } }),
      ),
      { numRuns: 25 },
    )
  })
})

describe('pools over whole planes', () => {
  const dims = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 5 })

  test.each(['GlobalAveragePool', 'GlobalMaxPool'])('%s has gradients', (op) => {
    fc.assert(
      fc.property(dims, (drawnDims) => checkGradient((b) => b.op(op, ['x']), { x: { dims: drawnDims, values: spaced(drawnDims) } })),
    )
  })

  test.each([1, 2, 3])('GlobalLpPool of order %i has gradients', (p) => {
    checkGradient((b) => b.op('GlobalLpPool', ['x'], { p }), { x: { dims: [2, 3, 2, 3], range: [0.2, 1] } })
  })
})

test.each([
  [4, 4],
  [5, 6],
])('MaxUnpool into %i x %i reads its gradient where it wrote', (height, width) => {
  const indices = { dims: [1, 1, 2, 2], values: [5, 7, 8, 10], dtype: 'int64', fixed: true } as const
  checkGradient((b) => b.op('MaxUnpool', ['x', 'at', b.ints([1, 1, height, width])], { kernel_shape: [2, 2], strides: [2, 2] }), {
    x: { dims: [1, 1, 2, 2] },
    at: indices,
  })
})

test('Col2Im has gradients', () => {
  fc.assert(
    fc.property(drawn, (pool) => {
      const { kernel_shape: kernel, ceil_mode: _, ...attributes } = attributesOf(pool)
      const image = pool.axes.map(({ size }) => size)
      const positions = pool.axes.map(
        ({ size, kernel: length, stride, dilation, begin, end }) =>
          Math.floor((size + begin + end - (length - 1) * dilation - 1) / stride) + 1,
      )
      checkGradient((b) => b.op('Col2Im', ['x', b.ints(image), b.ints(kernel)], attributes), {
        x: { dims: [pool.N, pool.C * sizeOf(kernel), sizeOf(positions)] },
      })
    }),
    { numRuns: 30 },
  )
})
