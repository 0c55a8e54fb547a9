// Gradient graphs are standard ONNX: ONNX Runtime executes them and gives what the reference gives.

import { expect, test } from 'vitest'
import type { AttributeInputs } from '../../src/graph/builder.ts'
import { gradientProblem, type Program, type ProgramInput } from './gradient-on-runtime.ts'

type Inputs = Record<string, ProgramInput>

/** A program of one operator that takes the inputs in order. */
function program(op: string, inputs: Inputs, attributes: AttributeInputs = {}, opset?: number): Program {
  const shapes = Object.values(inputs).map(({ dims }) => `[${dims}]`)
  const settings = Object.entries(attributes).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]))
  const name = [op, ...shapes, ...settings, ...(opset === undefined ? [] : [`opset ${opset}`])].join(' ')
  return { name, build: (b) => b.op(op, Object.keys(inputs), attributes), inputs, ...(opset === undefined ? {} : { opset }) }
}

const unaryOperators =
  'Neg Abs Exp Log Sqrt Reciprocal Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Atanh Relu LeakyRelu ThresholdedRelu Shrink Elu Selu Celu ' +
  'Sigmoid HardSigmoid Tanh Softplus Softsign HardSwish Mish Gelu com.microsoft::Gelu com.microsoft::QuickGelu com.microsoft::FastGelu Softmax LogSoftmax'

const unary: Program[] = [
  ...unaryOperators.split(' ').map((op) => program(op, { x: { dims: [2, 3, 4], range: [0.1, 0.9] } })),
  program('Acosh', { x: { dims: [5], range: [1.2, 3] } }),
  program('Gelu', { x: { dims: [5] } }, { approximate: 'tanh' }),
  program('Swish', { x: { dims: [5] } }, { alpha: 1.25 }, 24),
  program('Softmax', { x: { dims: [2, 3, 4] } }, {}, 11),
  program('LogSoftmax', { x: { dims: [2, 3, 4] } }, {}, 11),
  program('Clip', { x: { dims: [2, 3] }, low: { dims: [], values: [-0.5] }, high: { dims: [], values: [0.5] } }),
]

const one: ProgramInput = { dims: [2, 3, 4], range: [0.3, 2] }

const broadcast: Program[] = [
  ...'Add Sub Mul Div Pow Min Max Sum Mean'
    .split(' ')
    .flatMap((op) => [
      program(op, { x: one, y: { dims: [3, 1], range: [0.3, 2] } }),
      program(op, { x: { dims: [4], range: [0.3, 2] }, y: one }, {}, 12),
    ]),
  program('PRelu', { x: { dims: [2, 3, 4] }, slope: { dims: [3, 1] } }),
  program('com.microsoft::BiasGelu', { x: { dims: [2, 4] }, bias: { dims: [4] } }),
  program('Mod', { x: { dims: [4], range: [2.1, 2.9] }, y: { dims: [4], range: [0.98, 1.02] } }, { fmod: 1 }),
  program('Pow', { x: one, y: { dims: [4], values: [0, 1, 2, 3], dtype: 'int64' } }),
  program('Where', { c: { dims: [3, 1], values: [1, 0, 1], dtype: 'bool' }, x: { dims: [2, 3, 4] }, y: { dims: [4] } }),
  { name: 'Pow by a constant', build: (b) => b.op('Pow', ['x', b.scalar(2.5)]), inputs: { x: one } },
  {
    name: 'Cast to float16 and back',
    build: (b) => b.op('Cast', [b.op('Cast', ['x'], { to: 10 })], { to: 1 }),
    inputs: { x: { dims: [3], values: [0.5, 1, 2] } },
  },
]

const reductionOperators =
  'ReduceSum ReduceMean ReduceSumSquare ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceProd ReduceMax ReduceMin'.split(' ')

const reductions: Program[] = [
  ...reductionOperators.flatMap((op): Program[] => [
    { name: `${op} of axes by input`, build: (b) => b.op(op, ['x', b.ints([0, -1])], { keepdims: 0 }), inputs: { x: one } },
    program(op, { x: one }, { axes: [1], keepdims: 0 }, 11),
  ]),
  { name: 'CumSum', build: (b) => b.op('CumSum', ['x', b.scalar(1, 'int64')], { exclusive: 1 }), inputs: { x: one } },
]

const pairs = [
  [
    [2, 3],
    [3, 4],
  ],
  [
    [2, 5, 3],
    [3, 4],
  ],
  [
    [2, 5, 3],
    [2, 3, 4],
  ],
  [[3], [3, 4]],
  [[2, 3], [3]],
  [
    [2, 1, 5, 3],
    [4, 3, 2],
  ],
] as const

const bits = [0, 1]
const transposedMatrix = (transposed: number, [rows, columns]: readonly [number, number]) =>
  transposed ? [columns, rows] : [rows, columns]

/** An operand of FusedMatMul with batches [5, 6]. */
function batchOperand(transposed: number, batched: number, size: readonly [number, number]): number[] {
  const [rows, columns] = transposedMatrix(transposed, size) as [number, number]
  return batched ? [rows, 5, 6, columns] : [5, 6, rows, columns]
}

const products: Program[] = [
  ...pairs.map(([x, y]) => program('MatMul', { x: { dims: x }, y: { dims: y } })),
  ...bits.flatMap((transA) =>
    bits.flatMap((transB) => [
      ...[9, 21].map((opset) => {
        const inputs = { x: { dims: transposedMatrix(transA, [2, 3]) }, y: { dims: transposedMatrix(transB, [3, 4]) }, z: { dims: [4] } }
        return program('Gemm', inputs, { transA, transB, alpha: 0.5, beta: 2 }, opset)
      }),
      ...bits.flatMap((transBatchA) =>
        bits.map((transBatchB) => {
          const inputs = { x: { dims: batchOperand(transA, transBatchA, [2, 3]) }, y: { dims: batchOperand(transB, transBatchB, [3, 4]) } }
          return program('com.microsoft::FusedMatMul', inputs, { transA, transB, transBatchA, transBatchB, alpha: 0.5 })
        }),
      ),
    ]),
  ),
  program('Einsum', { x: { dims: [2, 2, 3, 2] }, y: { dims: [2, 2, 4, 2] } }, { equation: 'bhid,bhjd->bhij' }),
  program('Einsum', { x: { dims: [2, 3] }, y: { dims: [2] } }, { equation: 'ij,k->i' }),
  program('Einsum', { x: { dims: [3, 3] } }, { equation: 'ii->i' }),
  program('Einsum', { x: { dims: [3, 2] } }, { equation: 'ij->j' }),
]

const losses: Program[] = ['NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss'].flatMap((op) =>
  ['none', 'sum', 'mean'].flatMap((reduction) =>
    [undefined, 0, -1].flatMap((ignore_index) =>
      [12, 21].map((opset) => {
        const target: ProgramInput = { dims: [3, 2], values: [1, 3, 2, 1, ignore_index ?? 0, 2], dtype: 'int64' }
        const weight: Inputs = opset === 21 ? { weight: { dims: [4], range: [0.5, 2] } } : {}
        return program(op, { x: { dims: [3, 4, 2] }, target, ...weight }, { reduction, ignore_index }, opset)
      }),
    ),
  ),
)

const masks: (ProgramInput | undefined)[] = [
  undefined,
  { dims: [3, 3] },
  { dims: [3, 3], values: [1, 0, 1, 1, 1, 0, 0, 1, 1], dtype: 'bool' },
]

const attention: Program[] = [
  ...bits.flatMap((flat) =>
    bits.flatMap((is_causal) =>
      masks.map((mask) => {
        const [q, k, v] = flat
          ? [
              [2, 3, 12],
              [2, 3, 6],
              [2, 3, 4],
            ]
          : [
              [2, 4, 3, 3],
              [2, 2, 3, 3],
              [2, 2, 3, 2],
            ]
        const heads = flat ? { q_num_heads: 4, kv_num_heads: 2 } : {}
        const inputs = { q: { dims: q! }, k: { dims: k! }, v: { dims: v! }, ...(mask ? { mask } : {}) }
        return program('Attention', inputs, { ...heads, is_causal, softcap: flat ? 2 : 0 }, 23)
      }),
    ),
  ),
  program(
    'RotaryEmbedding',
    { x: { dims: [2, 2, 3, 4] }, cos: { dims: [2, 3, 2], fixed: true }, sin: { dims: [2, 3, 2], fixed: true } },
    {},
    23,
  ),
]

const quantized: Program[] = [
  program('DequantizeLinear', {
    x: { dims: [2, 3, 2], values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], dtype: 'int8' },
    scale: { dims: [3], range: [0.05, 0.1] },
    zero: { dims: [3], values: [1, 2, 3], dtype: 'int8' },
  }),
]

test.each([
  ['functions of one value', unary],
  ['operators that broadcast', broadcast],
  ['reductions', reductions],
  ['matrix products', products],
  ['losses', losses],
  ['attention', attention],
  ['quantization', quantized],
])('gradients of %s', async (_, programs) => {
  const problems: string[] = []
  for (const each of programs) {
    const problem = await gradientProblem(each).catch((error: unknown) => String(error))
    if (problem !== undefined) problems.push(`${each.name}: ${problem}`)
  }
  expect(problems).toEqual([])
})
