// Normalisations without parameters: LRN, MeanVarianceNormalization, LpNormalization.

import { sizeOf } from '../graph/tensor.ts'
import { advance, checkedAxes, checkedAxis } from './elements.ts'
import { masked, reduced, reshapedTo } from './emit.ts'
import { emitMoments, momentsOf } from './moments.ts'
import { type NDArray, ndarray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, OperatorFamily } from './operator.ts'
import { flopsPerOutput, sameAsFirstInput } from './rules.ts'

/** Local response normalisation: y = x / scale^beta, scale = bias + alpha / size * (sum of squares of the channels around). */
interface LocalResponse {
  readonly size: number
  readonly alpha: number
  readonly beta: number
  readonly bias: number
}

function localResponse(ctx: Attributes): LocalResponse {
  return { size: ctx.int('size'), alpha: ctx.float('alpha', 1e-4), beta: ctx.float('beta', 0.75), bias: ctx.float('bias', 1) }
}

function evaluateLrn(ctx: EvaluateContext): NDArray[] {
  const { size, alpha, beta, bias } = localResponse(ctx)
  const x = ctx.input(0)
  const C = x.dims[1]!
  const plane = sizeOf(x.dims.slice(2))
  const before = Math.floor((size - 1) / 2)
  const y = x.data.map((value, i) => {
    const channel = Math.floor(i / plane) % C
    let sum = 0
    for (let c = Math.max(0, channel - before); c < Math.min(C, channel - before + size); c++)
      sum += x.data[i + (c - channel) * plane]! ** 2
    return value / (bias + (alpha / size) * sum) ** beta
  })
  return [ndarray(x.dtype, x.dims, y)]
}

/** Averages over windows of channels of [N, C, ...], counting what lies outside as zeros: an average pool over the channel axis. */
function channelAverage(ctx: GradientContext, value: string, size: number, before: number): string {
  const dims = ctx.shape(ctx.input(0))
  const [N, C] = dims as [number, number]
  const planes = reshapedTo(ctx, value, [N, 1, C, sizeOf(dims.slice(2))])
  const pads = [before, 0, size - 1 - before, 0]
  const pooled = ctx.b.op('AveragePool', [planes], { kernel_shape: [size, 1], pads, count_include_pad: 1 })
  return reshapedTo(ctx, pooled, dims)
}

/** dx = dy / scale^beta - 2 alpha beta * x * average(dy * x / scale^(beta + 1)), the average over the mirrored window. */
function lrnGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const { size, alpha, beta, bias } = localResponse(ctx)
  const dtype = ctx.dtype(ctx.input(0))
  const [x, dy] = [ctx.input(0), ctx.gradient(0)!]
  const before = Math.floor((size - 1) / 2)
  const scaled = b.op('Mul', [channelAverage(ctx, b.op('Mul', [x, x]), size, before), ctx.scalar(alpha, dtype)])
  const scale = b.op('Add', [scaled, ctx.scalar(bias, dtype)])
  const direct = b.op('Mul', [dy, b.op('Pow', [scale, ctx.scalar(-beta, dtype)])])
  const spread = channelAverage(ctx, b.op('Div', [b.op('Mul', [direct, x]), scale]), size, size - 1 - before)
  const indirect = b.op('Mul', [b.op('Mul', [spread, x]), ctx.scalar(2 * alpha * beta, dtype)])
  return [b.op('Sub', [direct, indirect])]
}

/** Added to the deviation by the standard's definition. */
const meanVarianceEpsilon = 1e-9

function meanVarianceAxes(ctx: Attributes, rank: number): number[] {
  return checkedAxes(ctx, ctx.ints('axes', [0, 2, 3]), rank)
}

function evaluateMeanVariance(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const axes = meanVarianceAxes(ctx, x.dims.length)
  const kept = x.dims.map((dim, i) => (axes.includes(i) ? 1 : dim))
  const groupOf = groupsOf(x.dims, kept)
  const { mean, variance } = momentsOf(x.data, sizeOf(kept), groupOf)
  const deviation = variance.map((value) => Math.sqrt(value) + meanVarianceEpsilon)
  return [
    ndarray(
      x.dtype,
      x.dims,
      x.data.map((value, i) => (value - mean[groupOf(i)]!) / deviation[groupOf(i)]!),
    ),
  ]
}

/** Position, in an array with some axes kept as 1, of what each element belongs to. */
function groupsOf(dims: readonly number[], kept: readonly number[]): (i: number) => number {
  const strides = stridesOf(kept)
  const index = new Int32Array(dims.length)
  const groups = Int32Array.from({ length: sizeOf(dims) }, () => {
    const group = strides.reduce((sum, stride, axis) => sum + (kept[axis] === 1 ? 0 : stride * index[axis]!), 0)
    advance(index, dims)
    return group
  })
  return (i) => groups[i]!
}

/** With d = x - mean and s the deviation: dx = (g - mean(g)) / (s + e) - d * mean(g * d) / (s (s + e)^2). */
function meanVarianceGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dtype = ctx.dtype(ctx.input(0))
  const axes = meanVarianceAxes(ctx, ctx.shape(ctx.input(0)).length)
  const dy = ctx.gradient(0)!
  const { centred, variance } = emitMoments(b, ctx.input(0), axes, dtype, 0)
  const deviation = b.op('Sqrt', [variance])
  const inverse = b.op('Reciprocal', [b.op('Add', [deviation, ctx.scalar(meanVarianceEpsilon, dtype)])])
  const drift = reduced(ctx, 'ReduceMean', dy, axes)
  const tilt = reduced(ctx, 'ReduceMean', b.op('Mul', [dy, centred]), axes)
  const slope = b.op('Div', [b.op('Mul', [tilt, b.op('Mul', [inverse, inverse])]), deviation])
  return [b.op('Sub', [b.op('Mul', [b.op('Sub', [dy, drift]), inverse]), b.op('Mul', [centred, slope])])]
}

function lpOrder(ctx: Attributes): 1 | 2 {
  const p = ctx.int('p', 2)
  return p === 1 || p === 2 ? p : ctx.fail('p of 1 or 2', `${p}`)
}

function evaluateLp(ctx: EvaluateContext): NDArray[] {
  const p = lpOrder(ctx)
  const x = ctx.input(0)
  const axis = checkedAxis(ctx, ctx.int('axis', -1), x.dims.length)
  const kept = x.dims.map((dim, i) => (i === axis ? 1 : dim))
  const groupOf = groupsOf(x.dims, kept)
  const norms = new Float64Array(sizeOf(kept))
  x.data.forEach((value, i) => {
    norms[groupOf(i)]! += Math.abs(value) ** p
  })
  const inverse = norms.map((sum) => (sum === 0 ? 0 : 1 / sum ** (1 / p)))
  return [
    ndarray(
      x.dtype,
      x.dims,
      x.data.map((value, i) => value * inverse[groupOf(i)]!),
    ),
  ]
}

/** dx = (g - d|x| * sum(g * y)) / norm, where d|x| is sign(x) for p = 1 and y for p = 2. A zero vector gets a zero gradient. */
function lpGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const p = lpOrder(ctx)
  const [x, y, dy] = [ctx.input(0), ctx.output(0), ctx.gradient(0)!]
  const dtype = ctx.dtype(x)
  const axis = checkedAxis(ctx, ctx.int('axis', -1), ctx.shape(x).length)
  const total = reduced(ctx, 'ReduceSum', p === 1 ? b.op('Abs', [x]) : b.op('Mul', [x, x]), [axis])
  const norm = p === 1 ? total : b.op('Sqrt', [total])
  // 1 where the norm is 0, so that nothing is divided by it; the mask then removes the result.
  const isZero = b.op('Equal', [norm, ctx.scalar(0, dtype)])
  const safe = b.op('Where', [isZero, ctx.scalar(1, dtype), norm])
  const inverse = masked(ctx, b.op('Reciprocal', [safe]), b.op('Not', [isZero]), dtype)
  const along = reduced(ctx, 'ReduceSum', b.op('Mul', [dy, y]), [axis])
  const slope = p === 1 ? b.op('Sign', [x]) : y
  return [b.op('Mul', [b.op('Sub', [dy, b.op('Mul', [slope, along])]), inverse])]
}

export const responseNormalizations: OperatorFamily = {
  LRN: { infer: sameAsFirstInput, gradient: lrnGradient, flops: flopsPerOutput(10), evaluate: evaluateLrn },
  MeanVarianceNormalization: {
    infer: sameAsFirstInput,
    gradient: meanVarianceGradient,
    flops: flopsPerOutput(6),
    evaluate: evaluateMeanVariance,
  },
  LpNormalization: { infer: sameAsFirstInput, gradient: lpGradient, flops: flopsPerOutput(4), evaluate: evaluateLp },
}
