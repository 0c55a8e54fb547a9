// BatchNormalization of a batch on the blocked layout: an operator of our own, which a pass writes out before anything runs.

import type { GraphBuilder } from '../../graph/builder.ts'
import { formatDims } from '../../graph/dims.ts'
import { tensorType } from '../../graph/model.ts'
import { sizeOf } from '../../graph/tensor.ts'
import { tensorOfNumbers } from '../../graph/tensor-values.ts'
import { momentsOf } from '../moments.ts'
import { type NDArray, ndarray } from '../ndarray.ts'
import type { EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from '../operator.ts'
import { flopsPerOutput } from '../rules.ts'
import { type BlockedShape, emitAffine, emitChannelDot, emitChannelMean, reshape, scalar } from './emit.ts'
import { blockedDomain, blockOf, toBlocked, toPlain } from './layout.ts'

const defaults = { epsilon: 1e-5, momentum: 0.9 }

/**
 * Inputs as BatchNormalization has them. Outputs: y, the next running mean and variance, and for the gradient the input less its mean and
 * 1 / sqrt(variance + epsilon).
 */
export const blockedBatchNormalizationKey = 'fovea::BlockedBatchNormalization'

function infer(ctx: InferContext): InferredValue[] {
  const x = ctx.dims(0)
  if (x !== undefined && x.length !== 4) ctx.fail('an input [N, C, H, W]', formatDims(x))
  const statistics = { type: tensorType(ctx.dtype(0), x && [x[1]!]) }
  return [{ type: ctx.type(0) }, statistics, statistics, { type: ctx.type(0) }, statistics].slice(0, ctx.outputCount)
}

function evaluate(ctx: EvaluateContext): NDArray[] {
  const block = blockOf(ctx)
  const x = toPlain(ctx.input(0), block)
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => ctx.input(i)) as [NDArray, NDArray, NDArray, NDArray]
  const [, C, ...spatial] = x.dims as [number, number, ...number[]]
  const channelOf = (i: number) => Math.floor(i / sizeOf(spatial)) % C
  const batch = momentsOf(x.data, C, channelOf)
  const inverse = batch.variance.map((value) => 1 / Math.sqrt(value + ctx.float('epsilon', defaults.epsilon)))
  const centred = x.data.map((value, i) => value - batch.mean[channelOf(i)]!)
  const y = centred.map((value, i) => {
    const c = channelOf(i)
    return value * inverse[c]! * scale.data[c]! + bias.data[c]!
  })
  const momentum = ctx.float('momentum', defaults.momentum)
  const channels = (values: Float64Array) => ndarray(x.dtype, [C], values)
  const next = (old: NDArray, now: Float64Array) => channels(old.data.map((value, i) => value * momentum + now[i]! * (1 - momentum)))
  const blocked = (values: Float64Array) => toBlocked(ndarray(x.dtype, x.dims, values), block)
  return [blocked(y), next(mean, batch.mean), next(variance, batch.variance), blocked(centred), channels(inverse)].slice(0, ctx.outputCount)
}

/**
 * With c = x - mean and n values to a channel: dscale = inverse * sum(dy * c), dbias = sum(dy),
 * dx = scale * inverse * (dy - mean(dy) - c * inverse * dscale / n). As an affine function of dy and c, that is two passes.
 */
function gradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const [dy, centred, inverse] = [ctx.gradient(0), ctx.output(3), ctx.output(4)]
  if (dy === undefined || [1, 2, 3, 4].some((i) => ctx.gradient(i) !== undefined)) ctx.fail('a loss that depends on the first output alone')
  const shape: BlockedShape = { dims: ctx.shape(centred), dtype: ctx.dtype(centred), block: blockOf(ctx) }
  const [N, , H, W] = shape.dims as [number, number, number, number]
  const count = scalar(b, N * H * W, shape.dtype)
  const { mul, neg } = operations(b)
  const meanGradient = emitChannelMean(b, shape, dy)
  const tilt = mul(inverse, emitChannelDot(b, shape, dy, centred))
  const inputGradient = () => {
    const factor = mul(ctx.input(1), inverse)
    const slope = mul(mul(inverse, tilt), factor)
    return emitAffine(b, shape, centred, neg(slope), neg(mul(meanGradient, factor)), emitAffine(b, shape, dy, factor))
  }
  return [
    ctx.needs(0) ? inputGradient() : undefined,
    ctx.needs(1) ? mul(tilt, count) : undefined,
    ctx.needs(2) ? mul(meanGradient, count) : undefined,
  ]
}

/** Names of inputs and outputs of one such node. */
export interface BatchNormalizationNames {
  readonly inputs: readonly [x: string, scale: string, bias: string, mean: string, variance: string]
  readonly outputs: readonly (string | undefined)[]
}

/**
 * Writes the operator out: the mean, the input less the mean, the mean of its squares, one affine pass. The difference of mean square and
 * squared mean would spare a pass, a hundredth of a step, and lose digits wherever the mean is large against the deviation.
 */
export function lowerBlockedBatchNormalization(
  b: GraphBuilder,
  { inputs, outputs }: BatchNormalizationNames,
  shape: BlockedShape,
  { epsilon = defaults.epsilon, momentum = defaults.momentum }: { readonly epsilon?: number; readonly momentum?: number },
): void {
  const [x, scale, bias, oldMean, oldVariance] = inputs
  const [y, nextMean, nextVariance, savedCentred, savedInverse] = outputs
  const C = shape.dims[1]!
  const number = (value: number) => scalar(b, value, shape.dtype)
  const { mul, add, neg } = operations(b)
  const affine = (value: string, factor: string, shift: string, output: string | undefined) => {
    const inputs = [value, reshape(b, factor, [C, 1, 1, 1]), shift]
    return b.op(`${blockedDomain}::Conv`, inputs, { kernel_shape: [1, 1], group: C, block: shape.block }, output || undefined)
  }
  const mean = emitChannelMean(b, shape, x)
  const ones = b.constant(tensorOfNumbers(shape.dtype, [C], new Array<number>(C).fill(1)), 'ones')
  const centred = affine(x, ones, neg(mean), savedCentred)
  const variance = emitChannelDot(b, shape, centred, centred)
  const inverse = b.op('Reciprocal', [b.op('Sqrt', [add(variance, number(epsilon))])], {}, savedInverse || undefined)
  affine(centred, mul(scale, inverse), bias, y)
  const running = (old: string, now: string, output: string | undefined) => {
    if (output) b.op('Add', [mul(old, number(momentum)), mul(now, number(1 - momentum))], {}, output)
  }
  running(oldMean, mean, nextMean)
  running(oldVariance, variance, nextVariance)
}

function operations(b: GraphBuilder) {
  return {
    mul: (x: string, y: string) => b.op('Mul', [x, y]),
    add: (x: string, y: string) => b.op('Add', [x, y]),
    neg: (x: string) => b.op('Neg', [x]),
  }
}

export const blockedBatchNormalization: OperatorFamily = {
  [blockedBatchNormalizationKey]: { infer, gradient, flops: flopsPerOutput(2), evaluate },
}
