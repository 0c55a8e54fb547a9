// InstanceNormalization (Ulyanov et al. 2016) and GroupNormalization (Wu & He 2018): statistics of each sample's groups of channels.

import { type Dim, dimsConflict, formatDims } from '../graph/dims.ts'
import { sizeOf } from '../graph/tensor.ts'
import { reduced, reshapedTo } from './emit.ts'
import { emitMoments, momentsOf, throughNormalisation } from './moments.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type {
  Attributes,
  EvaluateContext,
  GradientContext,
  InferContext,
  InferredValue,
  OperatorDefinition,
  OperatorFamily,
} from './operator.ts'
import { flopsPerOutput } from './rules.ts'

/** How an operator forms its groups and how many parameters it has. */
interface Grouping {
  groups(ctx: Attributes, channels: number): number
  /** Length of scale and bias. */
  parameters(ctx: Attributes, channels: Dim): Dim
}

const eachChannel: Grouping = { groups: (_, channels) => channels, parameters: (_, channels) => channels }

const statedGroups: Grouping = {
  groups: (ctx, channels) => {
    const groups = ctx.int('num_groups')
    return groups > 0 && channels % groups === 0 ? groups : ctx.fail(`num_groups that divides ${channels} channels`, `${groups}`)
  },
  // Opset 18 had one scale and bias a group, 21 made it one a channel.
  parameters: (ctx, channels) => (ctx.opset < 21 ? ctx.int('num_groups') : channels),
}

function infer(grouping: Grouping) {
  return (ctx: InferContext): InferredValue[] => {
    const x = ctx.dims(0)
    if (x !== undefined) {
      if (x.length < 3) ctx.fail('an input [N, C, size, ...]', formatDims(x))
      if (typeof x[1] === 'number') grouping.groups(ctx, x[1])
      const wanted = grouping.parameters(ctx, x[1]!)
      for (const i of [1, 2]) {
        const dims = ctx.dims(i)
        if (dims !== undefined && (dims.length !== 1 || dimsConflict(dims[0]!, wanted)))
          ctx.fail(`input ${i} of shape [${wanted}]`, formatDims(dims))
      }
    }
    return [{ type: ctx.type(0) }]
  }
}

function evaluate(grouping: Grouping) {
  return (ctx: EvaluateContext): NDArray[] => {
    const [x, scale, bias] = [ctx.input(0), ctx.input(1), ctx.input(2)]
    const [N, C] = x.dims as [number, number]
    const groups = grouping.groups(ctx, C)
    const each = x.data.length / (N * groups)
    const { mean, variance } = momentsOf(x.data, N * groups, (i) => Math.floor(i / each))
    const epsilon = ctx.float('epsilon', 1e-5)
    const inverse = variance.map((value) => 1 / Math.sqrt(value + epsilon))
    const share = x.data.length / N / scale.data.length
    const y = x.data.map((value, i) => {
      const group = Math.floor(i / each)
      const parameter = Math.floor(i / share) % scale.data.length
      return (value - mean[group]!) * inverse[group]! * scale.data[parameter]! + bias.data[parameter]!
    })
    return [ndarray(x.dtype, x.dims, y)]
  }
}

function gradient(grouping: Grouping) {
  return (ctx: GradientContext): (string | undefined)[] => {
    const { b } = ctx
    const dims = ctx.shape(ctx.input(0))
    const [N, C] = dims as [number, number]
    const [groups, parameters] = [grouping.groups(ctx, C), ctx.shape(ctx.input(1))[0]!]
    const inner = sizeOf(dims) / N
    const [byGroup, byParameter] = [
      [N, groups, inner / groups],
      [N, parameters, inner / parameters],
    ]
    const dy = reshapedTo(ctx, ctx.gradient(0)!, byParameter)
    const x = reshapedTo(ctx, ctx.input(0), byGroup)
    const { centred, inverseDeviation } = emitMoments(b, x, [2], ctx.dtype(ctx.input(0)), ctx.float('epsilon', 1e-5))
    const normalised = b.op('Mul', [centred, inverseDeviation])
    const throughInput = () => {
      const scaled = b.op('Mul', [dy, reshapedTo(ctx, ctx.input(1), [1, parameters, 1])])
      return reshapedTo(ctx, throughNormalisation(ctx, reshapedTo(ctx, scaled, byGroup), normalised, inverseDeviation, [2]), dims)
    }
    const sum = (value: string) => reduced(ctx, 'ReduceSum', reduced(ctx, 'ReduceSum', value, [2], false), [0], false)
    return [
      ctx.needs(0) ? throughInput() : undefined,
      ctx.needs(1) ? sum(b.op('Mul', [dy, reshapedTo(ctx, normalised, byParameter)])) : undefined,
      ctx.needs(2) ? sum(dy) : undefined,
    ]
  }
}

function normalization(grouping: Grouping): OperatorDefinition {
  return { infer: infer(grouping), gradient: gradient(grouping), flops: flopsPerOutput(8), evaluate: evaluate(grouping) }
}

export const groupNormalizations: OperatorFamily = {
  InstanceNormalization: normalization(eachChannel),
  GroupNormalization: normalization(statedGroups),
}
