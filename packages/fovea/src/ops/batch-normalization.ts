// BatchNormalization (Ioffe & Szegedy 2015), in training and in inference.

import { type Dim, dimsConflict, formatDims, isStatic } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { reduced, reshapedTo } from './emit.ts'
import { zeros } from './gradients.ts'
import { emitBatchStatistics, emitMoments, type Moments, momentsOf, summedByChannel } from './moments.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { flopsPerOutput } from './rules.ts'

const defaultEpsilon = 1e-5
const defaultMomentum = 0.9

/** True where the batch's own statistics are used. Before opset 14 that followed from the number of outputs. */
function usesBatch(ctx: Attributes): boolean {
  if (ctx.opset >= 14) return ctx.int('training_mode', 0) !== 0
  return ctx.node.outputs.slice(1).some((name) => name !== '') && ctx.int('is_test', 0) === 0
}

/** Before opset 9, `spatial` of 0 kept statistics for every element of a sample. */
function perElement(ctx: Attributes): boolean {
  return ctx.opset < 9 && ctx.int('spatial', 1) === 0
}

function statisticDims<T extends Dim>(ctx: Attributes, dims: readonly T[]): T[] {
  return perElement(ctx) ? dims.slice(1) : dims.slice(1, 2)
}

function infer(ctx: InferContext): InferredValue[] {
  const x = ctx.dims(0)
  if (x !== undefined && x.length < 2) ctx.fail('an input [N, C, ...]', formatDims(x))
  const wanted = x === undefined ? undefined : statisticDims(ctx, x)
  for (let i = 1; i < 5; i++) {
    const dims = ctx.dims(i)
    const fits =
      wanted === undefined || dims === undefined || (dims.length === wanted.length && !dims.some((dim, k) => dimsConflict(dim, wanted[k]!)))
    if (!fits) ctx.fail(`input ${i} of shape ${formatDims(wanted)}`, formatDims(dims))
  }
  const known = [1, 2, 3, 4].map((i) => ctx.dims(i)).find(isStatic)
  const statistics = { type: tensorType(ctx.dtype(3), known ?? wanted) }
  return [{ type: ctx.type(0) }, statistics, statistics, statistics, statistics].slice(0, ctx.outputCount)
}

function evaluate(ctx: EvaluateContext): NDArray[] {
  const [x, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map((i) => ctx.input(i)) as [NDArray, NDArray, NDArray, NDArray, NDArray]
  const wanted = statisticDims(ctx, x.dims)
  const count = sizeOf(wanted)
  if (scale.data.length !== count) ctx.fail(`a scale of shape [${wanted}]`, `[${scale.dims}]`)
  const plane = perElement(ctx) ? 1 : sizeOf(x.dims.slice(2))
  const groupOf = (i: number) => Math.floor(i / plane) % count
  const epsilon = ctx.float('epsilon', defaultEpsilon)
  const used = usesBatch(ctx) ? momentsOf(x.data, count, groupOf) : { mean: mean.data, variance: variance.data }
  const factor = scale.data.map((value, i) => value / Math.sqrt(used.variance[i]! + epsilon))
  const y = x.data.map((value, i) => {
    const at = groupOf(i)
    return (value - used.mean[at]!) * factor[at]! + bias.data[at]!
  })
  const results = [ndarray(x.dtype, x.dims, y)]
  if (!usesBatch(ctx)) return results
  const momentum = ctx.float('momentum', defaultMomentum)
  const running = (old: NDArray, now: Float64Array) =>
    ndarray(
      old.dtype,
      old.dims,
      old.data.map((value, i) => value * momentum + now[i]! * (1 - momentum)),
    )
  const saved = (now: Float64Array) => ndarray(mean.dtype, mean.dims, now)
  results.push(running(mean, used.mean), running(variance, used.variance), saved(used.mean), saved(used.variance))
  return results.slice(0, ctx.outputCount)
}

/** What both modes need to write their gradients. */
interface Parts {
  readonly ctx: GradientContext
  readonly dims: readonly number[]
  readonly dy: string
  /** Elements that share one statistic. */
  readonly count: number
  /** A statistic as it broadcasts to the input. */
  stretch(value: string): string
  /** Sum over all that share one statistic, in the statistic's shape. */
  sum(value: string): string
}

function gradient(ctx: GradientContext): (string | undefined)[] {
  const dims = ctx.shape(ctx.input(0))
  const own = statisticDims(ctx, dims)
  const stretched = perElement(ctx) ? [1, ...own] : [1, ...own, ...dims.slice(2).map(() => 1)]
  const parts: Parts = {
    ctx,
    dims,
    dy: ctx.gradient(0) ?? zeros(ctx, dims, ctx.dtype(ctx.input(0))),
    count: sizeOf(dims) / sizeOf(own),
    stretch: (value) => reshapedTo(ctx, value, stretched),
    sum: (value) => (perElement(ctx) ? reduced(ctx, 'ReduceSum', value, [0], false) : summedByChannel(ctx, value, dims)),
  }
  return usesBatch(ctx) ? batchGradient(parts) : frozenGradient(parts)
}

/** With given statistics the operator is affine: y = (x - mean) * scale / sqrt(variance + epsilon) + bias. */
function frozenGradient({ ctx, dy, stretch, sum }: Parts): (string | undefined)[] {
  const { b } = ctx
  const epsilon = ctx.scalar(ctx.float('epsilon', defaultEpsilon), ctx.dtype(ctx.input(4)))
  const inverse = b.op('Reciprocal', [b.op('Sqrt', [b.op('Add', [ctx.input(4), epsilon])])])
  const factor = b.op('Mul', [ctx.input(1), inverse])
  const total = ctx.needs(2) || ctx.needs(3) ? sum(dy) : undefined
  // Sum of dy times the normalised input, which is needed only where scale or variance is trained.
  const tilt = () => {
    const centred = b.op('Sub', [ctx.input(0), stretch(ctx.input(3))])
    return b.op('Mul', [sum(b.op('Mul', [dy, centred])), inverse])
  }
  const scaleGradient = ctx.needs(1) || ctx.needs(4) ? tilt() : undefined
  const half = ctx.scalar(-0.5, ctx.dtype(ctx.input(4)))
  return [
    ctx.needs(0) ? b.op('Mul', [dy, stretch(factor)]) : undefined,
    ctx.needs(1) ? scaleGradient : undefined,
    ctx.needs(2) ? total : undefined,
    ctx.needs(3) ? b.op('Neg', [b.op('Mul', [total, factor])]) : undefined,
    ctx.needs(4) ? b.op('Mul', [b.op('Mul', [b.op('Mul', [scaleGradient, factor]), inverse]), half]) : undefined,
  ]
}

/** With the batch's statistics the input also acts through its mean and variance. They are computed again. */
function batchGradient(parts: Parts): (string | undefined)[] {
  const { ctx, dy, stretch, sum } = parts
  const { b } = ctx
  const { centred, inverseDeviation } = batchMoments(parts)
  const inverse = reshapedTo(ctx, inverseDeviation, ctx.shape(ctx.input(1)))
  const total = sum(dy)
  const scaleGradient = b.op('Mul', [sum(b.op('Mul', [dy, centred])), inverse])
  const momentum = ctx.scalar(ctx.float('momentum', defaultMomentum), ctx.dtype(ctx.input(3)))
  const kept = (output: number, input: number) => {
    const flow = ctx.gradient(output)
    return flow !== undefined && ctx.needs(input) ? b.op('Mul', [flow, momentum]) : undefined
  }
  const slopes = ctx.needs(0) ? inputSlopes(parts, inverse, total, scaleGradient) : undefined
  const rest = slopes && b.op('Add', [b.op('Mul', [centred, stretch(slopes.centred)]), stretch(slopes.offset)])
  return [
    slopes && b.op('Sub', [b.op('Mul', [dy, stretch(slopes.dy)]), rest]),
    ctx.needs(1) ? scaleGradient : undefined,
    ctx.needs(2) ? total : undefined,
    kept(1, 3),
    kept(2, 4),
  ]
}

function batchMoments({ ctx, dims }: Parts): Moments {
  const [x, dtype, epsilon] = [ctx.input(0), ctx.dtype(ctx.input(0)), ctx.float('epsilon', defaultEpsilon)]
  return perElement(ctx) ? emitMoments(ctx.b, x, [0], dtype, epsilon) : emitBatchStatistics(ctx.b, x, { dims, dtype, epsilon })
}

/** dx = dy * slopes.dy - centred * slopes.centred - slopes.offset, each per channel: whole arrays are read as seldom as can be. */
function inputSlopes({ ctx, count }: Parts, inverse: string, total: string, scaleGradient: string) {
  const { b } = ctx
  const dtype = ctx.dtype(ctx.input(1))
  const share = ctx.scalar(1 / count, dtype)
  const factor = b.op('Mul', [ctx.input(1), inverse])
  const shared = b.op('Mul', [factor, share])
  const slopes = {
    dy: factor,
    centred: b.op('Mul', [b.op('Mul', [shared, inverse]), scaleGradient]),
    offset: b.op('Mul', [shared, total]),
  }
  // What flows into the statistics themselves: the running ones take a part of the batch's, the saved ones (to opset 13) all of it.
  const now = 1 - ctx.float('momentum', defaultMomentum)
  const flow = (running: number, saved: number) => {
    const part = ctx.gradient(running)
    const weighted = part && b.op('Mul', [part, ctx.scalar(now, dtype)])
    const whole = ctx.gradient(saved)
    return weighted !== undefined && whole !== undefined ? b.op('Add', [weighted, whole]) : (weighted ?? whole)
  }
  const [intoMean, intoVariance] = [flow(1, 3), flow(2, 4)]
  if (intoMean !== undefined) slopes.offset = b.op('Sub', [slopes.offset, b.op('Mul', [intoMean, share])])
  if (intoVariance !== undefined) slopes.centred = b.op('Sub', [slopes.centred, b.op('Mul', [intoVariance, ctx.scalar(2 / count, dtype)])])
  return slopes
}

export const batchNormalization: OperatorFamily = {
  BatchNormalization: { infer, gradient, flops: flopsPerOutput(2), evaluate },
}
