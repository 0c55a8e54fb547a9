import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../../test/gradient-check.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { Tensor } from '../../graph/tensor.ts'
import { Random } from '../../util/random.ts'
import { evaluateModel } from '../evaluate.ts'
import { type NDArray, ndarray } from '../ndarray.ts'
import type { LoweringQuery } from '../operator.ts'
import type { Windows } from '../windows.ts'
import { blockedBatchNormalizationKey } from './batch-normalization.ts'
import { blockedKind, packingOf } from './convolution.ts'
import { blockedOp, packedPlaces, packTensor, toBlocked, toPlain, unpackTensor } from './layout.ts'
import { poolFits } from './pooling-gradient.ts'

/** Small blocks, so that several of them fit into small shapes. */
const block = 4

interface Axis {
  readonly size: number
  readonly kernel: number
  readonly stride: number
  readonly begin: number
  readonly end: number
}

const axis = fc
  .record({
    size: fc.integer({ min: 1, max: 6 }),
    kernel: fc.integer({ min: 1, max: 3 }),
    stride: fc.integer({ min: 1, max: 3 }),
    begin: fc.integer({ min: 0, max: 1 }),
    end: fc.integer({ min: 0, max: 1 }),
  })
  .filter(({ size, kernel, begin, end }) => kernel <= size + begin + end)

const drawn = fc.record({
  N: fc.constantFrom(1, 2, 3, 4, 5, 8),
  kind: fc.constantFrom('dense' as const, 'first' as const, 'depthwise' as const),
  inputs: fc.integer({ min: 1, max: 2 }),
  outputs: fc.integer({ min: 1, max: 2 }),
  axes: fc.tuple(axis, axis),
  bias: fc.boolean(),
})

type Case = typeof drawn extends fc.Arbitrary<infer T> ? T : never

function shapesOf({ N, kind, inputs, outputs, axes }: Case) {
  const C = kind === 'first' ? 3 : block * inputs
  const O = kind === 'depthwise' ? C : block * outputs
  const group = kind === 'depthwise' ? C : 1
  return {
    x: [N, C, ...axes.map(({ size }) => size)],
    w: [O, C / group, ...axes.map(({ kernel }) => kernel)],
    O,
    group,
  }
}

function attributesOf({ axes }: Pick<Case, 'axes'>, group: number) {
  return {
    group,
    strides: axes.map(({ stride }: Axis) => stride),
    pads: [...axes.map(({ begin }: Axis) => begin), ...axes.map(({ end }: Axis) => end)],
  }
}

/** The blocked form of a convolution of plain values; the weight comes packed. */
function emitConv(b: GraphBuilder, one: Case, x: string, w: string): string {
  const { O, group } = shapesOf(one)
  const input = one.kind === 'first' ? x : blockedOp(b, block, 'ReorderInput', [x])
  const y = blockedOp(b, block, 'Conv', [input, w, one.bias ? 'bias' : undefined], attributesOf(one, group))
  return blockedOp(b, block, 'ReorderOutput', [y], { channels: O })
}

function random(dims: readonly number[], seed: string): NDArray {
  const source = new Random(1, seed)
  return ndarray(
    'float64',
    dims,
    Float64Array.from({ length: dims.reduce((a, c) => a * c, 1) }, () => source.uniform(-1, 1)),
  )
}

function checkConv(one: Case, lowering?: (query: LoweringQuery) => string): void {
  const { x, w, O } = shapesOf(one)
  checkGradient(
    (b) => emitConv(b, one, 'x', 'w'),
    { x: { dims: x }, w: { dims: w }, ...(one.bias ? { bias: { dims: [O] } } : {}) },
    { samples: 6, ...(lowering ? { lowering } : {}) },
  )
}

describe('the blocked layout', () => {
  test('is left as it was entered', () => {
    const x = random([2, 8, 2, 3], 'x')
    expect(toPlain(toBlocked(x, block), block)).toEqual(x)
    // Pixel 0 of the first picture: channels 0 to 3.
    expect([...toBlocked(x, block).data.subarray(0, 4)]).toEqual([0, 6, 12, 18].map((i) => x.data[i]))
  })

  test('weights are packed and unpacked bit for bit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), (o, i, k) => {
        for (const kind of ['both', 'outer'] as const) {
          const dims = [o * block, kind === 'both' ? i * block : i, k, 2]
          // Patterns of bits that are no numbers keep their payload.
          const bits = Uint32Array.from({ length: dims.reduce((a, c) => a * c, 1) }, (_, at) => 0x7fa00000 + at)
          // As a view into a file that begins in the middle of a word.
          const file = Buffer.alloc(4 * bits.length + 9)
          file.set(new Uint8Array(bits.buffer), 5)
          const tensor = new Tensor('float32', dims, file.subarray(5, file.length - 4))
          const packed = packTensor(tensor, { kind, block })
          expect(unpackTensor(packed, { kind, block }).bytes).toEqual(new Uint8Array(tensor.bytes))
          expect(new Set(packedPlaces(dims, { kind, block })).size).toBe(bits.length)
        }
      }),
      { numRuns: 20 },
    )
  })
})

describe('Conv', () => {
  test('computes what the plain one computes', () => {
    fc.assert(
      fc.property(drawn, (one) => {
        const { x, w, O, group } = shapesOf(one)
        const b = new GraphBuilder()
        for (const name of ['x', 'w', 'packed', 'bias']) b.input(name, 'float64')
        b.output(emitConv(b, one, 'x', 'packed'), undefined, 'blocked')
        b.output(b.op('Conv', ['x', 'w', one.bias ? 'bias' : undefined], attributesOf(one, group)), undefined, 'plain')
        const weight = random(w, 'w')
        const packing = packingOf(blockedKind(w, group, block)!, block)
        const packed = ndarray(
          'float64',
          w,
          Float64Array.from(packedPlaces(w, packing), (place) => weight.data[place]!),
        )
        const feeds = new Map([
          ['x', random(x, 'x')],
          ['w', weight],
          ['packed', packed],
          ['bias', random([O], 'bias')],
        ])
        const { blocked, plain } = Object.fromEntries(evaluateModel(b.model(), feeds)) as { blocked: NDArray; plain: NDArray }
        expect(blocked.dims).toEqual(plain.dims)
        plain.data.forEach((value, i) => {
          expect(blocked.data[i]).toBeCloseTo(value, 12)
        })
      }),
      { numRuns: 40 },
    )
  })

  test('has the gradients that differences give, whatever the shape', () => {
    fc.assert(
      fc.property(drawn, (one) => checkConv(one)),
      { numRuns: 60 },
    )
  })

  test.each(['images', 'plain', 'phases'])('has the same gradients as %s', (name) => {
    const chosen = ({ candidates, preferred }: LoweringQuery) => (candidates.includes(name) ? name : preferred)
    fc.assert(
      fc.property(drawn, (one) => checkConv(one, chosen)),
      { numRuns: 25 },
    )
  })

  test('adds a summand, through which the gradient passes', () => {
    checkGradient(
      (b) => {
        const sum = blockedOp(b, block, 'ReorderInput', ['s'])
        const y = blockedOp(b, block, 'Conv', [blockedOp(b, block, 'ReorderInput', ['x']), 'w', undefined, sum])
        return blockedOp(b, block, 'ReorderOutput', [y], { channels: 8 })
      },
      { x: { dims: [2, 4, 3, 2] }, w: { dims: [8, 4, 1, 1] }, s: { dims: [2, 8, 3, 2] } },
    )
  })
})

/** Windows without dilation. */
function windowsOver(axes: readonly Axis[]): Windows {
  const pick = (value: (axis: Axis) => number) => axes.map(value)
  return {
    input: pick(({ size }) => size),
    output: pick(({ size, kernel, stride, begin, end }) => Math.floor((size + begin + end - kernel) / stride) + 1),
    kernel: pick(({ kernel }) => kernel),
    strides: pick(({ stride }) => stride),
    dilations: pick(() => 1),
    begin: pick(({ begin }) => begin),
    end: pick(({ end }) => end),
  }
}

describe('pools', () => {
  const pool = fc
    .record({
      N: fc.integer({ min: 1, max: 2 }),
      C: fc.constantFrom(4, 8),
      axes: fc.tuple(axis, axis),
      op: fc.constantFrom('MaxPool', 'AveragePool'),
      included: fc.boolean(),
    })
    .filter(({ axes }) => axes.every(({ kernel, begin, end }) => begin < kernel && end < kernel))

  test('have the gradients that differences give', () => {
    fc.assert(
      fc.property(pool, ({ N, C, axes, op, included }) => {
        const attributes = { ...attributesOf({ axes }, 1), group: undefined, kernel_shape: axes.map(({ kernel }) => kernel) }
        const counted = op === 'AveragePool' ? { count_include_pad: included } : {}
        // What does not fit stays on the plain layout.
        fc.pre(poolFits(windowsOver(axes)))
        const size = N * C * axes[0].size * axes[1].size
        // Values that differ by more than the step of the differences: a maximum must not change.
        const values = Array.from({ length: size }, (_, i) => ((i * 7919) % size) / size)
        checkGradient(
          (b) => {
            const y = blockedOp(b, block, op, [blockedOp(b, block, 'ReorderInput', ['x'])], { ...attributes, ...counted })
            return blockedOp(b, block, 'ReorderOutput', [y], { channels: C })
          },
          { x: { dims: [N, C, axes[0].size, axes[1].size], values } },
          { samples: 6 },
        )
      }),
      { numRuns: 60 },
    )
  })

  test('over the whole plane has the same layout blocked and plain', () => {
    checkGradient((b) => blockedOp(b, block, 'GlobalAveragePool', [blockedOp(b, block, 'ReorderInput', ['x'])]), {
      x: { dims: [2, 8, 3, 2] },
    })
  })
})

describe('BatchNormalization of a batch', () => {
  const attributes = { epsilon: 1e-3, momentum: 0.8 }

  test('has the gradients that differences give', () => {
    checkGradient(
      (b) => {
        const x = blockedOp(b, block, 'ReorderInput', ['x'])
        const [y] = b.ops(blockedBatchNormalizationKey, [x, 'scale', 'bias', 'mean', 'variance'], 5, { ...attributes, block })
        return blockedOp(b, block, 'ReorderOutput', [y], { channels: 8 })
      },
      {
        x: { dims: [3, 8, 2, 3] },
        scale: { dims: [8] },
        bias: { dims: [8] },
        mean: { dims: [8], fixed: true },
        variance: { dims: [8], fixed: true, range: [0.5, 1] },
      },
    )
  })

  test('computes what the plain one computes', () => {
    const b = new GraphBuilder()
    const names = ['x', 'scale', 'bias', 'mean', 'variance']
    for (const name of names) b.input(name, 'float64')
    const x = blockedOp(b, block, 'ReorderInput', ['x'])
    const [y, ...next] = b.ops(blockedBatchNormalizationKey, [x, ...names.slice(1)], 3, { ...attributes, block })
    const results = [blockedOp(b, block, 'ReorderOutput', [y], { channels: 8 }), ...next]
    const expected = b.ops('BatchNormalization', names, 3, { ...attributes, training_mode: 1 })
    const feeds = new Map(names.map((name) => [name, random(name === 'x' ? [3, 8, 2, 3] : [8], name)]))
    const values = evaluateModel(b.model(), feeds, [...results, ...expected])
    results.forEach((name, i) => {
      values.get(expected[i]!)!.data.forEach((value, at) => {
        expect(values.get(name)!.data[at]).toBeCloseTo(value, 12)
      })
    })
  })
})
