// Reductions over axes, their positions (ArgMax, ArgMin), and running sums and products.

import { type DataType, isInteger } from '../graph/data-type.ts'
import { addDims, type Dim, multiplyDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { checkedAxes, checkedAxis, numberListOf } from './elements.ts'
import { castTo, expanded, reduced, reshapedTo } from './emit.ts'
import { wrapTo } from './integers.ts'
import { forEachOffset, type NDArray, stridesOf } from './ndarray.ts'
import type { Attributes, GradientContext, InferContext, InferredValue, OperatorDefinition, OperatorFamily } from './operator.ts'
import { notDifferentiable, zeroGradient } from './operator.ts'
import { sameAsFirstInput } from './rules.ts'

/** Dimensions after a reduction; each reduced axis is 1 or dropped. */
function keptDims<T>(dims: readonly T[], axes: readonly number[], keep: boolean): (T | 1)[] {
  return keep ? dims.map((dim, i) => (axes.includes(i) ? 1 : dim)) : dims.filter((_, i) => !axes.includes(i))
}

/** Reduces an array over axes (counted from the front); `f` gets the elements that become one. */
export function reduceArray(
  x: NDArray,
  axes: readonly number[],
  keep: boolean,
  f: (values: Float64Array) => number,
  dtype: DataType = x.dtype,
): NDArray {
  const kept = keptDims(x.dims, axes, true)
  const strides = stridesOf(kept).map((stride, i) => (axes.includes(i) ? 0 : stride))
  const groups = sizeOf(kept)
  const size = axes.reduce((product, axis) => product * x.dims[axis]!, 1)
  const values = new Float64Array(groups * size)
  const filled = new Int32Array(groups)
  forEachOffset(x.dims, [strides], (i, at) => {
    const group = at[0]!
    values[group * size + filled[group]!++] = x.data[i]!
  })
  const data = Float64Array.from({ length: groups }, (_, group) => f(values.subarray(group * size, (group + 1) * size)))
  return { dtype, dims: keptDims(x.dims, axes, keep), data }
}

const sum = (values: Float64Array) => values.reduce((total, x) => total + x, 0)
const largest = (values: Float64Array) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
const smallest = (values: Float64Array) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)

/** log(sum(exp(x))) without overflow. */
export function logSumExp(values: Float64Array): number {
  const top = largest(values)
  if (!Number.isFinite(top)) return top
  return top + Math.log(values.reduce((total, x) => total + Math.exp(x - top), 0))
}

const keepsDims = (ctx: Attributes) => ctx.int('keepdims', 1) !== 0

/** Axes of a reduction: none given means all, or with `noop_with_empty_axes` none. */
function axesOf(ctx: Attributes, given: readonly number[] | undefined, rank: number): number[] {
  if (given !== undefined && given.length > 0) return checkedAxes(ctx, given, rank)
  return ctx.int('noop_with_empty_axes', 0) !== 0 ? [] : Array.from({ length: rank }, (_, i) => i)
}

/** A reduction as its gradient rule sees it. */
interface ReductionGradient {
  readonly ctx: GradientContext
  readonly dtype: DataType
  readonly x: string
  /** Result and its gradient with the reduced axes kept as 1. */
  readonly y: string
  readonly dy: string
  readonly axes: readonly number[]
  /** How many elements become one. */
  readonly count: number
  readonly op: (name: string, inputs: readonly (string | number)[]) => string
  /** Stretches a kept shape to the shape of x. */
  readonly stretch: (value: string) => string
}

type Rule = (reduction: ReductionGradient) => string

function gradientOf(rule: Rule): OperatorDefinition['gradient'] {
  return (ctx) => {
    if (!ctx.needs(0)) return [undefined]
    const x = ctx.input(0)
    const dims = ctx.shape(x)
    const given = ctx.hasInput(1) ? (ctx.constant(ctx.input(1)) ?? ctx.fail('axes that are constant')).data : undefined
    const axes = axesOf(ctx, ctx.ints('axes', undefined) ?? (given && [...given]), dims.length)
    const kept = keptDims(dims, axes, true)
    const dtype = ctx.dtype(x)
    const keep = (value: string) => (keepsDims(ctx) || axes.length === 0 ? value : reshapedTo(ctx, value, kept))
    const op = (name: string, inputs: readonly (string | number)[]) =>
      ctx.b.op(
        name,
        inputs.map((input) => (typeof input === 'number' ? ctx.scalar(input, dtype) : input)),
      )
    const stretch = (value: string) => (sizeOf(kept) === sizeOf(dims) ? value : expanded(ctx, value, dims))
    const count = sizeOf(dims) / sizeOf(kept)
    const reduction = { ctx, dtype, x, axes, count, op, stretch, dy: keep(ctx.gradient(0)!) }
    // The result is reshaped only for the rules that use it.
    return [
      rule({
        ...reduction,
        get y() {
          return keep(ctx.output(0))
        },
      }),
    ]
  }
}

interface Reduction {
  readonly f: (values: Float64Array) => number
  /** FLOPs per element of the input. */
  readonly cost: number
  /** What becomes of known sizes, all of them reduced to one. */
  readonly contents?: (a: Dim, b: Dim) => Dim
  readonly gradient: Rule
}

function reduction({ f, cost, contents, gradient }: Reduction): OperatorDefinition {
  return {
    infer: (ctx) => [inferReduction(ctx, contents)],
    gradient: gradientOf(gradient),
    flops: (ctx) => cost * sizeOf(ctx.inputDims(0)),
    evaluate: (ctx) => {
      const x = ctx.input(0)
      const axes = axesOf(ctx, numberListOf(ctx, 'axes', 1), x.dims.length)
      const wrap = wrapTo(x.dtype)
      return [reduceArray(x, axes, keepsDims(ctx), (values) => wrap(f(values)))]
    },
  }
}

function inferReduction(ctx: InferContext, contents: Reduction['contents']): InferredValue {
  const dtype = ctx.dtype(0)
  const dims = ctx.dims(0)
  if (dims === undefined) return { type: tensorType(dtype) }
  const given = numberListOf(ctx, 'axes', 1)
  if (given === undefined && ctx.hasInput(1)) {
    // Which axes are reduced is known only at run time; their number may be.
    const many = ctx.dims(1)?.[0]
    if (keepsDims(ctx)) return { type: tensorType(dtype, new Array<Dim>(dims.length).fill(null)) }
    return { type: tensorType(dtype, typeof many === 'number' && many > 0 ? new Array<Dim>(dims.length - many).fill(null) : undefined) }
  }
  const axes = axesOf(ctx, given, dims.length)
  const type = tensorType(dtype, keptDims<Dim>(dims, axes, keepsDims(ctx)))
  const known = ctx.contents(0)
  const toOne = contents !== undefined && known !== undefined && dims.length === 1 && axes.length === 1 && isInteger(dtype)
  return toOne ? { type, contents: [known.reduce((a, b) => contents(a, b), contents === multiplyDims ? 1 : 0)] } : { type }
}

/** The gradient is shared equally among the elements that attain the extremum. */
const shared: Rule = ({ ctx, dtype, x, y, dy, axes, op }) => {
  const attained = castTo(ctx, op('Equal', [x, y]), dtype)
  return op('Mul', [attained, op('Div', [dy, reduced(ctx, 'ReduceSum', attained, axes)])])
}

/** The product of the other factors: y / x, and where factors are zero the product without them. */
const productOfOthers: Rule = ({ ctx, dtype, x, dy, axes, op }) => {
  const zero = op('Equal', [x, 0])
  const rest = op('Where', [zero, 1, x])
  const product = op('Mul', [reduced(ctx, 'ReduceProd', rest, axes), dy])
  const zeros = reduced(ctx, 'ReduceSum', castTo(ctx, zero, dtype), axes)
  const when = (count: number) => op('Mul', [product, castTo(ctx, op('Equal', [zeros, count]), dtype)])
  return op('Where', [zero, when(1), op('Div', [when(0), rest])])
}

interface Position {
  readonly better: (a: number, b: number) => boolean
}

function argument({ better }: Position): OperatorDefinition {
  return {
    infer: (ctx) => {
      const dims = ctx.dims(0)
      if (dims === undefined) return [{ type: tensorType('int64') }]
      const axis = checkedAxis(ctx, ctx.int('axis', 0), dims.length)
      return [{ type: tensorType('int64', keptDims<Dim>(dims, [axis], keepsDims(ctx))) }]
    },
    gradient: zeroGradient('the result is a position'),
    flops: (ctx) => sizeOf(ctx.inputDims(0)),
    evaluate: (ctx) => {
      const x = ctx.input(0)
      const axis = checkedAxis(ctx, ctx.int('axis', 0), x.dims.length)
      const last = ctx.int('select_last_index', 0) !== 0
      const find = (values: Float64Array) =>
        values.reduce((best, value, i) => (better(value, values[best]!) || (last && value === values[best]) ? i : best), 0)
      return [reduceArray(x, [axis], keepsDims(ctx), find, 'int64')]
    },
  }
}

/** Running sums or products along an axis. */
function running(f: (total: number, x: number) => number, start: number, gradient: OperatorDefinition['gradient']): OperatorDefinition {
  return {
    infer: sameAsFirstInput,
    gradient,
    flops: (ctx) => sizeOf(ctx.inputDims(0)),
    evaluate: (ctx) => {
      const x = ctx.input(0)
      const wrap = wrapTo(x.dtype)
      const axis = checkedAxis(ctx, ctx.input(1).data[0]!, x.dims.length)
      const stride = stridesOf(x.dims)[axis]!
      const length = x.dims[axis]!
      const exclusive = ctx.int('exclusive', 0) !== 0
      const reverse = ctx.int('reverse', 0) !== 0
      const data = new Float64Array(x.data.length)
      for (let first = 0; first < data.length; first++) {
        if (Math.floor(first / stride) % length !== 0) continue
        let total = start
        for (let step = 0; step < length; step++) {
          const at = first + stride * (reverse ? length - 1 - step : step)
          const next = wrap(f(total, x.data[at]!))
          data[at] = exclusive ? total : next
          total = next
        }
      }
      return [{ dtype: x.dtype, dims: x.dims, data }]
    },
  }
}

export const reductions: OperatorFamily = {
  ReduceSum: reduction({ f: sum, cost: 1, contents: addDims, gradient: ({ dy, stretch }) => stretch(dy) }),
  ReduceMean: reduction({
    f: (values) => sum(values) / values.length,
    cost: 1,
    gradient: ({ dy, count, op, stretch }) => stretch(op('Mul', [dy, 1 / count])),
  }),
  ReduceSumSquare: reduction({
    f: (values) => values.reduce((total, x) => total + x * x, 0),
    cost: 2,
    gradient: ({ x, dy, op }) => op('Mul', [x, op('Mul', [dy, 2])]),
  }),
  ReduceL1: reduction({
    f: (values) => values.reduce((total, x) => total + Math.abs(x), 0),
    cost: 2,
    gradient: ({ x, dy, op }) => op('Mul', [op('Sign', [x]), dy]),
  }),
  ReduceL2: reduction({
    f: (values) => Math.sqrt(values.reduce((total, x) => total + x * x, 0)),
    cost: 2,
    // Where the norm is 0 all elements are, and 0 is a subgradient.
    gradient: ({ x, y, dy, op }) => op('Mul', [x, op('Div', [dy, op('Where', [op('Equal', [y, 0]), 1, y])])]),
  }),
  ReduceLogSum: reduction({
    f: (values) => Math.log(sum(values)),
    cost: 1,
    gradient: ({ y, dy, op, stretch }) => stretch(op('Div', [dy, op('Exp', [y])])),
  }),
  ReduceLogSumExp: reduction({
    f: logSumExp,
    cost: 4,
    gradient: ({ x, y, dy, op }) => op('Mul', [op('Exp', [op('Sub', [x, y])]), dy]),
  }),
  ReduceProd: reduction({
    f: (values) => values.reduce((product, x) => product * x, 1),
    cost: 1,
    contents: multiplyDims,
    gradient: productOfOthers,
  }),
  ReduceMax: reduction({ f: largest, cost: 1, gradient: shared }),
  ReduceMin: reduction({ f: smallest, cost: 1, gradient: shared }),

  ArgMax: argument({ better: (a, b) => a > b }),
  ArgMin: argument({ better: (a, b) => a < b }),

  CumSum: running(
    (total, x) => total + x,
    0,
    (ctx) => [
      ctx.b.op('CumSum', [ctx.gradient(0), ctx.input(1)], {
        exclusive: ctx.int('exclusive', 0),
        reverse: 1 - ctx.int('reverse', 0),
      }),
    ],
  ),
  CumProd: running(
    (product, x) => product * x,
    1,
    notDifferentiable('its gradient divides by the elements; for positive elements write Exp(CumSum(Log(x)))'),
  ),
}
