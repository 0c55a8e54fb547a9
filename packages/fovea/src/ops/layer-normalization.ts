// LayerNormalization (Ba et al. 2016) and RMSNormalization (Zhang & Sennrich 2019): statistics over the last axes.

import { type DataType, dataTypeOfCode, dataTypes } from '../graph/data-type.ts'
import { type Dim, formatDims, isStatic } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { checkedAxis } from './elements.ts'
import { castTo, numbers, reduced } from './emit.ts'
import { momentsOf, throughNormalisation } from './moments.ts'
import { broadcastShape, type NDArray, ndarray, zipArrays } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { flopsPerOutput } from './rules.ts'

const defaultEpsilon = 1e-5

/** Element type of the statistics. */
function stashType(ctx: Attributes): DataType {
  const code = ctx.int('stash_type', dataTypes.float32.code)
  return dataTypeOfCode(code) ?? ctx.fail('a stash_type that is a float type', `${code}`)
}

function axisOf(ctx: Attributes, rank: number): number {
  return checkedAxis(ctx, ctx.int('axis', -1), rank)
}

/** The first result like the input, then `statistics` results with the normalised axes as 1. */
function infer(statistics: number) {
  return (ctx: InferContext): InferredValue[] => {
    const x = ctx.dims(0)
    const axis = x === undefined ? 0 : axisOf(ctx, x.length)
    const scale = ctx.dims(1)
    if (isStatic(x) && isStatic(scale) && broadcastShape(x, scale)?.join() !== x.join())
      ctx.fail(`a scale that broadcasts to ${formatDims(x)}`, formatDims(scale))
    const reducedDims = x?.map((dim, i): Dim => (i < axis ? dim : 1))
    const statistic = { type: tensorType(stashType(ctx), reducedDims) }
    return [{ type: ctx.type(0) }, ...new Array<InferredValue>(statistics).fill(statistic)].slice(0, ctx.outputCount)
  }
}

/** Applies scale and bias, and lays out the statistics. */
function results(ctx: EvaluateContext, normalised: Float64Array, statistics: readonly Float64Array[]): NDArray[] {
  const x = ctx.input(0)
  const axis = axisOf(ctx, x.dims.length)
  const bias = ctx.inputs[2]
  const scaled = zipArrays(ndarray(x.dtype, x.dims, normalised), ctx.input(1), (value, scale) => value * scale)
  if (scaled.dims.join() !== x.dims.join()) ctx.fail(`a scale that broadcasts to [${x.dims}]`, `[${ctx.input(1).dims}]`)
  const y = bias === undefined ? scaled : zipArrays(scaled, bias, (value, shift) => value + shift)
  const dims = x.dims.map((dim, i) => (i < axis ? dim : 1))
  return [y, ...statistics.map((values) => ndarray(stashType(ctx), dims, values))].slice(0, ctx.outputCount)
}

/** Row of an element where the last axes from `axis` make a row. */
function rowsOf(ctx: EvaluateContext): { rows: number; rowOf: (i: number) => number } {
  const { dims } = ctx.input(0)
  const axis = axisOf(ctx, dims.length)
  const each = sizeOf(dims.slice(axis))
  return { rows: sizeOf(dims.slice(0, axis)), rowOf: (i) => Math.floor(i / each) }
}

function evaluateLayer(ctx: EvaluateContext): NDArray[] {
  const { data } = ctx.input(0)
  const { rows, rowOf } = rowsOf(ctx)
  const { mean, variance } = momentsOf(data, rows, rowOf)
  const inverse = variance.map((value) => 1 / Math.sqrt(value + ctx.float('epsilon', defaultEpsilon)))
  const normalised = data.map((value, i) => (value - mean[rowOf(i)]!) * inverse[rowOf(i)]!)
  return results(ctx, normalised, [mean, inverse])
}

function evaluateRootMeanSquare(ctx: EvaluateContext): NDArray[] {
  const { data } = ctx.input(0)
  const { rows, rowOf } = rowsOf(ctx)
  const inverse = new Float64Array(rows)
  data.forEach((value, i) => {
    inverse[rowOf(i)]! += value * value
  })
  const each = data.length / rows
  inverse.forEach((sum, row) => {
    inverse[row] = 1 / Math.sqrt(sum / each + ctx.float('epsilon', defaultEpsilon))
  })
  return results(
    ctx,
    data.map((value, i) => value * inverse[rowOf(i)]!),
    [inverse],
  )
}

/** What both gradients share: dx from the gradient of the normalised values, and those of scale and bias. */
function gradients(
  ctx: GradientContext,
  normalised: string,
  throughInput: (g: string | undefined, axes: readonly number[]) => string | undefined,
): (string | undefined)[] {
  const { b } = ctx
  const dims = ctx.shape(ctx.input(0))
  const axes = dims.map((_, i) => i).slice(axisOf(ctx, dims.length))
  const dy = ctx.gradient(0)
  return [
    ctx.needs(0) ? throughInput(dy && b.op('Mul', [dy, ctx.input(1)]), axes) : undefined,
    dy && ctx.needs(1) ? ctx.unbroadcast(b.op('Mul', [dy, normalised]), dims, ctx.input(1)) : undefined,
    dy && ctx.hasInput(2) && ctx.needs(2) ? ctx.unbroadcast(dy, dims, ctx.input(2)) : undefined,
  ]
}

/** The normalised values are computed again, by the operator itself without scale: one fused pass. */
function layerGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dtype = ctx.dtype(ctx.input(0))
  const dims = ctx.shape(ctx.input(0))
  const axis = axisOf(ctx, dims.length)
  const inner = dims.slice(axis)
  const stash = dtype === 'float64' ? 'float64' : stashType(ctx)
  const attributes = { axis, epsilon: ctx.float('epsilon', defaultEpsilon), stash_type: dataTypes[stash].code }
  const ones = numbers(ctx, dtype, inner, new Array<number>(sizeOf(inner)).fill(1))
  const [normalised, , deviation] = b.ops('LayerNormalization', [ctx.input(0), ones], 3, attributes) as [string, string, string]
  const inverse = stash === dtype ? deviation : castTo(ctx, deviation, dtype)
  return gradients(ctx, normalised, (g, axes) => {
    const flows = g === undefined ? [] : [throughNormalisation(ctx, g, normalised, inverse, axes)]
    // What flows into the results Mean and InvStdDev: their slopes are 1 / n and -normalised * inverse^2 / n.
    const share = ctx.scalar(1 / sizeOf(inner), dtype)
    const into = (output: number) => {
      const flow = ctx.gradient(output)
      return flow && b.op('Mul', [stashType(ctx) === dtype ? flow : castTo(ctx, flow, dtype), share])
    }
    const [mean, scatter] = [into(1), into(2)]
    if (mean !== undefined) flows.push(b.op('Expand', [mean, b.ints(dims)]))
    if (scatter !== undefined) {
      const slope = b.op('Neg', [b.op('Mul', [scatter, b.op('Mul', [inverse, inverse])])])
      flows.push(b.op('Mul', [normalised, slope]))
    }
    return flows.length === 0 ? undefined : flows.reduce((sum, flow) => b.op('Add', [sum, flow]))
  })
}

/** With r = 1 / sqrt(mean(x^2) + epsilon): dx = r * (g - normalised * mean(g * normalised)). */
function rootMeanSquareGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const x = ctx.input(0)
  const dtype = ctx.dtype(x)
  const dims = ctx.shape(x)
  const own = dims.map((_, i) => i).slice(axisOf(ctx, dims.length))
  const square = reduced(ctx, 'ReduceMean', b.op('Mul', [x, x]), own)
  const inverse = b.op('Reciprocal', [b.op('Sqrt', [b.op('Add', [square, ctx.scalar(ctx.float('epsilon', defaultEpsilon), dtype)])])])
  const normalised = b.op('Mul', [x, inverse])
  return gradients(ctx, normalised, (g, axes) => {
    const flows: string[] = []
    if (g !== undefined) {
      const tilt = reduced(ctx, 'ReduceMean', b.op('Mul', [g, normalised]), axes)
      flows.push(b.op('Mul', [b.op('Sub', [g, b.op('Mul', [normalised, tilt])]), inverse]))
    }
    const flow = ctx.gradient(1)
    if (flow !== undefined) {
      const share = b.op('Mul', [
        stashType(ctx) === dtype ? flow : castTo(ctx, flow, dtype),
        ctx.scalar(-1 / sizeOf(dims.slice(own[0])), dtype),
      ])
      flows.push(b.op('Mul', [normalised, b.op('Mul', [share, b.op('Mul', [inverse, inverse])])]))
    }
    return flows.length === 0 ? undefined : flows.reduce((sum, part) => b.op('Add', [sum, part]))
  })
}

export const layerNormalizations: OperatorFamily = {
  LayerNormalization: { infer: infer(2), gradient: layerGradient, flops: flopsPerOutput(8), evaluate: evaluateLayer },
  RMSNormalization: { infer: infer(0), gradient: rootMeanSquareGradient, flops: flopsPerOutput(5), evaluate: evaluateRootMeanSquare },
  /** ONNX Runtime's name for RMSNormalization, with the inverse root mean square as a second result. */
  SimplifiedLayerNormalization: {
    infer: infer(1),
    gradient: rootMeanSquareGradient,
    flops: flopsPerOutput(5),
    evaluate: evaluateRootMeanSquare,
  },
}
