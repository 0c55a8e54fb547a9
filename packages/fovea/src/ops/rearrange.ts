// Operators that repeat, mask or reorder elements: Tile, Trilu, ReverseSequence.

import { type Dim, multiplyDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { checkedAxis, take, takeContents, viewSources } from './elements.ts'
import { reduced, reshapedTo } from './emit.ts'
import { type NDArray, stridesOf } from './ndarray.ts'
import type { EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { noFlops, sameAsFirstInput } from './rules.ts'

/** A tiled array is a view of twice the rank, in which every second axis is stretched. */
function tileSources(dims: readonly number[], repeats: readonly number[]): Int32Array {
  const strides = stridesOf(dims)
  return viewSources(
    dims.flatMap((dim, axis) => [repeats[axis]!, dim]),
    strides.flatMap((stride) => [0, stride]),
  )
}

function inferTile(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  const repeats = ctx.contents(1)
  if (dims !== undefined && repeats !== undefined && repeats.length !== dims.length) ctx.fail(`${dims.length} repeats`, `${repeats.length}`)
  const result = dims?.map((dim, axis): Dim => (repeats === undefined ? null : multiplyDims(dim, repeats[axis]!)))
  const type = tensorType(ctx.dtype(0), result)
  const contents = takeContents(ctx, result, (from, to) =>
    tileSources(
      from,
      to.map((dim, axis) => dim / (from[axis] || 1)),
    ),
  )
  return [contents === undefined ? { type } : { type, contents }]
}

function tileGradient(ctx: GradientContext): (string | undefined)[] {
  const from = ctx.shape(ctx.input(0))
  const to = ctx.shape(ctx.output(0))
  const repeats = from.map((dim, axis) => (dim === 0 ? 1 : to[axis]! / dim))
  const split: number[] = []
  const axes: number[] = []
  from.forEach((dim, axis) => {
    if (repeats[axis] !== 1) axes.push(split.push(repeats[axis]!) - 1)
    split.push(dim)
  })
  if (axes.length === 0) return [ctx.gradient(0)]
  return [reduced(ctx, 'ReduceSum', reshapedTo(ctx, ctx.gradient(0)!, split), axes, false)]
}

function evaluateTrilu(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const k = ctx.inputs[1]?.data[0] ?? 0
  const upper = ctx.int('upper', 1) !== 0
  if (x.dims.length < 2) ctx.fail('a matrix', `[${x.dims}]`)
  const [rows, columns] = x.dims.slice(-2) as [number, number]
  const data = x.data.map((value, i) => {
    const distance = (i % columns) - (Math.floor(i / columns) % rows)
    return (upper ? distance >= k : distance <= k) ? value : 0
  })
  return [{ ...x, data }]
}

/** Batch and time axis: 0 and 1 in either order. */
function sequenceAxes(ctx: EvaluateContext): [batch: number, time: number] {
  const batch = ctx.int('batch_axis', 1)
  const time = ctx.int('time_axis', 0)
  if (batch + time !== 1 || batch * time !== 0) ctx.fail('batch_axis and time_axis 0 and 1', `${batch} and ${time}`)
  return [batch, time]
}

function evaluateReverse(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const lengths = ctx.input(1).data
  const [batch, time] = sequenceAxes(ctx)
  if (lengths.length !== x.dims[batch]) ctx.fail(`${x.dims[batch]} sequence lengths`, `${lengths.length}`)
  const inner = sizeOf(x.dims.slice(2))
  const sources = Int32Array.from(x.data, (_, i) => {
    const position = [Math.floor(i / inner / x.dims[1]!), Math.floor(i / inner) % x.dims[1]!]
    const length = lengths[position[batch]!]!
    if (position[time]! < length) position[time] = length - 1 - position[time]!
    return (position[0]! * x.dims[1]! + position[1]!) * inner + (i % inner)
  })
  return [take(x, x.dims, sources)]
}

/** The axis is checked where the rank is known. */
function inferReverse(ctx: InferContext): InferredValue[] {
  const rank = ctx.dims(0)?.length
  if (rank !== undefined) checkedAxis(ctx, 1, rank)
  return sameAsFirstInput(ctx)
}

export const rearrange: OperatorFamily = {
  Tile: {
    infer: inferTile,
    gradient: tileGradient,
    flops: noFlops,
    evaluate: (ctx) => {
      const x = ctx.input(0)
      const repeats = [...ctx.input(1).data]
      if (repeats.length !== x.dims.length) ctx.fail(`${x.dims.length} repeats`, `${repeats.length}`)
      return [
        take(
          x,
          x.dims.map((dim, axis) => dim * repeats[axis]!),
          tileSources(x.dims, repeats),
        ),
      ]
    },
  },
  Trilu: {
    infer: sameAsFirstInput,
    gradient: (ctx) => [ctx.b.op('Trilu', [ctx.gradient(0), ctx.node.inputs[1]], { upper: ctx.int('upper', 1) })],
    flops: noFlops,
    evaluate: evaluateTrilu,
  },
  ReverseSequence: {
    infer: inferReverse,
    gradient: (ctx) => {
      const axes = { batch_axis: ctx.int('batch_axis', 1), time_axis: ctx.int('time_axis', 0) }
      return [ctx.b.op('ReverseSequence', [ctx.gradient(0), ctx.input(1)], axes)]
    },
    flops: noFlops,
    evaluate: evaluateReverse,
  },
}
