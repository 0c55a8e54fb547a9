// Concat and Split: arrays joined and taken apart along one axis.

import {
  addDims,
  ceilDivideDims,
  type Dim,
  dimsConflict,
  dimsEqual,
  floorDivideDims,
  formatDims,
  isStatic,
  multiplyDims,
  subtractDims,
} from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { checkedAxis, contentsLimit, listOf } from './elements.ts'
import { zeroPadded, zeros } from './gradients.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { noFlops } from './rules.ts'

function inferConcat(ctx: InferContext): InferredValue[] {
  const dtype = ctx.dtype(0)
  const shapes = Array.from({ length: ctx.inputCount }, (_, i) => {
    if (ctx.dtype(i) !== dtype) ctx.fail(`inputs of one type, ${dtype}`, ctx.dtype(i))
    return ctx.dims(i)
  })
  const known = shapes.filter((dims) => dims !== undefined)
  const rank = known[0]?.length
  if (rank === undefined) return [{ type: tensorType(dtype) }]
  const axis = checkedAxis(ctx, ctx.int('axis'), rank)
  if (known.some((dims) => dims.length !== rank)) ctx.fail('inputs of one rank', known.map(formatDims).join(', '))
  const result = Array.from({ length: rank }, (_, i): Dim => {
    if (i === axis) return shapes.reduce<Dim>((sum, dims) => addDims(sum, dims?.[axis] ?? null), 0)
    const column = known.map((dims) => dims[i]!)
    const number = column.find((dim) => typeof dim === 'number')
    if (number !== undefined && column.some((dim) => dimsConflict(dim, number)))
      ctx.fail(`inputs equal along axis ${i}`, known.map(formatDims).join(', '))
    return number ?? column.find((dim) => dim !== null) ?? null
  })
  const type = tensorType(dtype, result)
  const contents =
    rank === 1 && typeof result[0] === 'number' && result[0] <= contentsLimit ? shapes.map((_, i) => ctx.contents(i)) : [undefined]
  return [contents.includes(undefined) ? { type } : { type, contents: contents.flatMap((list) => list!) }]
}

function evaluateConcat(ctx: EvaluateContext): NDArray[] {
  const arrays = ctx.inputs.map((_, i) => ctx.input(i))
  const first = arrays[0] ?? ctx.fail('at least one input')
  const axis = checkedAxis(ctx, ctx.int('axis'), first.dims.length)
  const dims = first.dims.with(
    axis,
    arrays.reduce((sum, x) => sum + x.dims[axis]!, 0),
  )
  const result = ndarray(first.dtype, dims)
  const rows = sizeOf(dims.slice(0, axis))
  let at = 0
  for (let row = 0; row < rows; row++)
    for (const { data } of arrays) {
      const length = data.length / rows
      result.data.set(data.subarray(row * length, (row + 1) * length), at)
      at += length
    }
  return [result]
}

function concatGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const shapes = ctx.node.inputs.map((_, i) => ctx.shape(ctx.input(i)))
  const axis = checkedAxis(ctx, ctx.int('axis'), shapes[0]!.length)
  const lengths = shapes.map((dims) => dims[axis]!)
  const wanted = [...lengths.keys()].filter((i) => ctx.needs(i))
  if (wanted.length > 1) return splitInto(ctx, ctx.gradient(0)!, lengths, axis)
  return lengths.map((length, i) => {
    if (i !== wanted[0]) return undefined
    const start = lengths.slice(0, i).reduce((sum, other) => sum + other, 0)
    return b.op('Slice', [ctx.gradient(0), b.ints([start]), b.ints([start + length]), b.ints([axis])])
  })
}

/** The lengths became an input in opset 13. */
function splitInto({ b }: GradientContext, value: string, lengths: readonly number[], axis: number): string[] {
  if (b.opset >= 13) return b.ops('Split', [value, b.ints(lengths)], lengths.length, { axis })
  return b.ops('Split', [value], lengths.length, { axis, split: lengths })
}

/** Lengths of the parts: as stated, else equal, the last one shorter where that does not come out even (opset 18). */
function splitLengths(ctx: InferContext | EvaluateContext, dim: Dim): readonly Dim[] {
  const count = ctx.int('num_outputs', ctx.outputCount)
  const stated = listOf(ctx, 'split', 1)
  if (stated !== undefined) {
    const sum = stated.reduce<Dim>((total, length) => addDims(total, length), 0)
    if (stated.length !== ctx.outputCount) ctx.fail(`${ctx.outputCount} lengths`, formatDims(stated))
    if (dimsConflict(sum, dim)) ctx.fail(`lengths that add up to ${dim}`, formatDims(stated))
    return stated
  }
  if ('hasInput' in ctx && ctx.hasInput(1)) return new Array<Dim>(ctx.outputCount).fill(null)
  if (typeof dim === 'number' && dim % count !== 0 && ctx.opset < 18) ctx.fail(`a dimension divisible by ${count}`, `${dim}`)
  const even = floorDivideDims(dim, count)
  if (ctx.opset < 18 || dimsEqual(multiplyDims(even, count), dim)) return new Array<Dim>(count).fill(even)
  const part = ceilDivideDims(dim, count)
  return Array.from({ length: count }, (_, i): Dim => {
    if (i === count - 1) return subtractDims(dim, multiplyDims(part, count - 1))
    return part
  })
}

function inferSplit(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  const dtype = ctx.dtype(0)
  if (dims === undefined) return Array.from({ length: ctx.outputCount }, () => ({ type: tensorType(dtype) }))
  const axis = checkedAxis(ctx, ctx.int('axis', 0), dims.length)
  const lengths = splitLengths(ctx, dims[axis]!)
  const contents = dims.length === 1 && isStatic(lengths) ? ctx.contents(0) : undefined
  let at = 0
  return lengths.map((length) => {
    const type = tensorType(dtype, dims.with(axis, length))
    if (contents === undefined) return { type }
    at += Number(length)
    return { type, contents: contents.slice(at - Number(length), at) }
  })
}

function evaluateSplit(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const axis = checkedAxis(ctx, ctx.int('axis', 0), x.dims.length)
  const rows = sizeOf(x.dims.slice(0, axis))
  const inner = sizeOf(x.dims.slice(axis + 1))
  const width = x.dims[axis]! * inner
  let at = 0
  return (splitLengths(ctx, x.dims[axis]!) as readonly number[]).map((length) => {
    const part = ndarray(x.dtype, x.dims.with(axis, length))
    for (let row = 0; row < rows; row++) {
      const start = row * width + at * inner
      part.data.set(x.data.subarray(start, start + length * inner), row * length * inner)
    }
    at += length
    return part
  })
}

function splitGradient(ctx: GradientContext): (string | undefined)[] {
  const dims = ctx.shape(ctx.input(0))
  const axis = checkedAxis(ctx, ctx.int('axis', 0), dims.length)
  const shapes = ctx.node.outputs.map((_, i) => ctx.shape(ctx.output(i)))
  const arrived = shapes.map((_, i) => ctx.gradient(i))
  const present = [...arrived.keys()].filter((i) => arrived[i] !== undefined)
  if (present.length === 1) {
    const at = present[0]!
    const start = shapes.slice(0, at).reduce((sum, shape) => sum + shape[axis]!, 0)
    const none = dims.map(() => 0)
    return [zeroPadded(ctx, arrived[at]!, none.with(axis, start), none.with(axis, dims[axis]! - start - shapes[at]![axis]!))]
  }
  const parts = arrived.map((gradient, i) => gradient ?? zeros(ctx, shapes[i]!, ctx.dtype(ctx.input(0))))
  return [ctx.b.op('Concat', parts, { axis })]
}

export const concat: OperatorFamily = {
  Concat: { infer: inferConcat, gradient: concatGradient, flops: noFlops, evaluate: evaluateConcat },
  Split: { infer: inferSplit, gradient: splitGradient, flops: noFlops, evaluate: evaluateSplit },
}
