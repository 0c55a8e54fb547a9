// Mean and variance, as nodes and as numbers: what the normalisations share.

import type { GraphBuilder } from '../graph/builder.ts'
import type { DataType } from '../graph/data-type.ts'
import { sizeOf } from '../graph/tensor.ts'
import { tensorOfNumbers } from '../graph/tensor-values.ts'
import { reduced, reshapedTo } from './emit.ts'
import type { GradientContext } from './operator.ts'

/** Values of a graph, each kept broadcastable to what they describe. */
export interface Moments {
  readonly mean: string
  /** The input less its mean. */
  readonly centred: string
  /** Population variance. */
  readonly variance: string
  /** 1 / sqrt(variance + epsilon) */
  readonly inverseDeviation: string
}

export interface BatchStatisticsOptions {
  /** Shape of the input, [N, C, ...]. */
  readonly dims: readonly number[]
  readonly dtype: DataType
  readonly epsilon: number
}

/**
 * Emits mean and deviation of each channel of [N, C, ...] over batch and space, of shape [1, C, 1, ...]. Always the same nodes for
 * the same input, so that the statistics of a forward pass and those of its gradient become one by common-subexpression elimination.
 * Planes are averaged first and samples after: on ONNX Runtime faster than one reduction over the outer and inner axes.
 */
export function emitBatchStatistics(b: GraphBuilder, x: string, { dims, dtype, epsilon }: BatchStatisticsOptions): Moments {
  const [N, C, ...spatial] = dims as [number, number, ...number[]]
  const mean = (value: string) => {
    const planes = spatial.length === 0 ? value : meanOver(b, reshape(b, value, [N, C, sizeOf(spatial)]), [2])
    return reshape(b, N === 1 ? planes : meanOver(b, planes, [0]), [1, C, ...spatial.map(() => 1)])
  }
  return moments(b, x, mean, dtype, epsilon)
}

/** Emits mean and deviation over `axes`, kept as 1. */
export function emitMoments(b: GraphBuilder, x: string, axes: readonly number[], dtype: DataType, epsilon: number): Moments {
  return moments(b, x, (value) => meanOver(b, value, axes), dtype, epsilon)
}

function moments(b: GraphBuilder, x: string, meanOf: (value: string) => string, dtype: DataType, epsilon: number): Moments {
  const mean = meanOf(x)
  const centred = b.op('Sub', [x, mean])
  const variance = meanOf(b.op('Mul', [centred, centred]))
  const shifted = b.op('Add', [variance, b.constant(tensorOfNumbers(dtype, [], [epsilon]), 'epsilon')])
  return { mean, centred, variance, inverseDeviation: b.op('Reciprocal', [b.op('Sqrt', [shifted])]) }
}

function meanOver(b: GraphBuilder, x: string, axes: readonly number[]): string {
  return b.opset >= 18 ? b.op('ReduceMean', [x, b.ints(axes)]) : b.op('ReduceMean', [x], { axes: [...axes] })
}

function reshape(b: GraphBuilder, x: string, dims: readonly number[]): string {
  return b.op('Reshape', [x, b.ints(dims)])
}

/**
 * The gradient through normalised = (x - mean) * inverse, given that of `normalised`: inverse * (g - mean(g) - normalised * mean(g * normalised)),
 * the means over `axes`.
 */
export function throughNormalisation(
  ctx: GradientContext,
  g: string,
  normalised: string,
  inverse: string,
  axes: readonly number[],
): string {
  const { b } = ctx
  const drift = reduced(ctx, 'ReduceMean', g, axes)
  const tilt = reduced(ctx, 'ReduceMean', b.op('Mul', [g, normalised]), axes)
  const rest = b.op('Sub', [b.op('Sub', [g, drift]), b.op('Mul', [normalised, tilt])])
  return b.op('Mul', [rest, inverse])
}

/** Sum of [N, C, ...] over all but the channels, planes first; of shape [C]. */
export function summedByChannel(ctx: GradientContext, value: string, dims: readonly number[]): string {
  const [N, C, ...spatial] = dims as [number, number, ...number[]]
  const planes = spatial.length === 0 ? value : reduced(ctx, 'ReduceSum', reshapedTo(ctx, value, [N, C, sizeOf(spatial)]), [2], false)
  return reduced(ctx, 'ReduceSum', planes, [0], false)
}

/**
 * Mean and population variance of groups of elements: element i of `data` belongs to the group `groupOf(i)`.
 * Two passes, as the variance of nearly equal numbers needs.
 */
export function momentsOf(
  data: Float64Array,
  groups: number,
  groupOf: (i: number) => number,
): { mean: Float64Array; variance: Float64Array } {
  const mean = averages(data, groups, groupOf)
  const squares = data.map((value, i) => (value - mean[groupOf(i)]!) ** 2)
  return { mean, variance: averages(squares, groups, groupOf) }
}

export function averages(data: Float64Array, groups: number, groupOf: (i: number) => number): Float64Array {
  const sums = new Float64Array(groups)
  const each = data.length / groups
  for (let i = 0; i < data.length; i++) sums[groupOf(i)]! += data[i]!
  return sums.map((sum) => sum / each)
}
