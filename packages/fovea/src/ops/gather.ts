// Gather, GatherElements, GatherND: elements picked by index.

import { type Dim, isStatic } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { advance, checkedAxis, type Sources, take } from './elements.ts'
import { reshapedTo } from './emit.ts'
import { scatterBack, zeroPadded, zeros } from './gradients.ts'
import { type NDArray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { noFlops } from './rules.ts'

/** An index counted from the front. @throws FoveaError OP_INVALID where it lies outside the axis */
export function checkedIndex(ctx: Attributes, index: number, dim: number): number {
  if (!(index >= -dim && index < dim)) ctx.fail(`indices from ${-dim} to ${dim - 1}`, `${index}`)
  return index < 0 ? index + dim : index
}

/** Positions that `indices`, an array of the rank of the data, name along one axis; the other coordinates are its own. */
export function elementPositions(ctx: Attributes, dims: readonly number[], axis: number, indices: NDArray): Sources {
  const strides = stridesOf(dims)
  const at = new Int32Array(dims.length)
  return Int32Array.from(indices.data, (index) => {
    let position = 0
    for (let i = 0; i < at.length; i++) position += strides[i]! * (i === axis ? checkedIndex(ctx, index, dims[axis]!) : at[i]!)
    advance(at, indices.dims)
    return position
  })
}

/** Where the slices begin that tuples of indices name, and how long they are. The first `batchDims` axes go together. */
export function tuplePositions(
  ctx: Attributes,
  dims: readonly number[],
  indices: NDArray,
  batchDims = 0,
): { starts: Int32Array; size: number } {
  const width = indices.dims.at(-1) ?? ctx.fail('indices of at least one axis', 'a scalar')
  if (batchDims + width > dims.length) ctx.fail(`tuples of at most ${dims.length - batchDims} indices`, `${width}`)
  const strides = stridesOf(dims)
  const size = sizeOf(dims.slice(batchDims + width))
  const batches = sizeOf(dims.slice(0, batchDims))
  const tuples = sizeOf(indices.dims.slice(0, -1))
  const perBatch = tuples / batches
  const batchSize = sizeOf(dims.slice(batchDims))
  const starts = Int32Array.from({ length: tuples }, (_, tuple) => {
    let start = Math.floor(tuple / perBatch) * batchSize
    for (let i = 0; i < width; i++)
      start += strides[batchDims + i]! * checkedIndex(ctx, indices.data[tuple * width + i]!, dims[batchDims + i]!)
    return start
  })
  return { starts, size }
}

function inferGather(ctx: InferContext): InferredValue[] {
  const [dims, indices] = [ctx.dims(0), ctx.dims(1)]
  const dtype = ctx.dtype(0)
  if (dims === undefined) return [{ type: tensorType(dtype) }]
  const axis = checkedAxis(ctx, ctx.int('axis', 0), dims.length)
  if (indices === undefined) return [{ type: tensorType(dtype) }]
  const type = tensorType(dtype, [...dims.slice(0, axis), ...indices, ...dims.slice(axis + 1)])
  const contents = dims.length === 1 ? pickedContents(ctx) : undefined
  return [contents === undefined ? { type } : { type, contents }]
}

function pickedContents(ctx: InferContext): readonly Dim[] | undefined {
  const contents = ctx.contents(0)
  const indices = ctx.contents(1)
  if (contents === undefined || !isStatic(indices)) return undefined
  return indices.map((index) => contents[checkedIndex(ctx, index, contents.length)]!)
}

function evaluateGather(ctx: EvaluateContext): NDArray[] {
  const [x, indices] = [ctx.input(0), ctx.input(1)]
  const axis = checkedAxis(ctx, ctx.int('axis', 0), x.dims.length)
  const dim = x.dims[axis]!
  const inner = sizeOf(x.dims.slice(axis + 1))
  const outer = sizeOf(x.dims.slice(0, axis))
  const picked = Int32Array.from(indices.data, (index) => checkedIndex(ctx, index, dim))
  const data = new Float64Array(outer * picked.length * inner)
  for (let row = 0, to = 0; row < outer; row++)
    for (const index of picked) {
      const from = (row * dim + index) * inner
      data.set(x.data.subarray(from, from + inner), to)
      to += inner
    }
  return [{ dtype: x.dtype, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)], data }]
}

/**
 * Consecutive constant indices (a class token, one of several heads) are a slice, whose gradient is padded with zeros. Rows of
 * a table are added up by ScatterND.
 */
function gatherGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dims = ctx.shape(ctx.input(0))
  const indexDims = ctx.shape(ctx.input(1))
  const axis = checkedAxis(ctx, ctx.int('axis', 0), dims.length)
  const constant = ctx.constant(ctx.input(1))
  const dy = ctx.gradient(0)!
  if (constant !== undefined && constant.data.length > 0) {
    const indices = [...constant.data].map((index) => checkedIndex(ctx, index, dims[axis]!))
    if (indices.every((index, i) => index === indices[0]! + i)) {
      const none = dims.map(() => 0)
      const rows = reshapedTo(ctx, dy, dims.with(axis, indices.length))
      return [zeroPadded(ctx, rows, none.with(axis, indices[0]!), none.with(axis, dims[axis]! - indices[0]! - indices.length))]
    }
  }
  if (axis !== 0) return [scatterBack(ctx, (positions) => b.op('Gather', [positions, ctx.input(1)], { axis }))]
  const tuples = reshapedTo(ctx, ctx.input(1), [...indexDims, 1])
  return [b.op('ScatterND', [zeros(ctx, dims, ctx.dtype(ctx.input(0))), tuples, dy], { reduction: 'add' })]
}

function inferGatherElements(ctx: InferContext): InferredValue[] {
  const rank = ctx.dims(0)?.length
  if (rank !== undefined) checkedAxis(ctx, ctx.int('axis', 0), rank)
  return [{ type: tensorType(ctx.dtype(0), ctx.dims(1)) }]
}

function inferGatherND(ctx: InferContext): InferredValue[] {
  const [dims, indices] = [ctx.dims(0), ctx.dims(1)]
  const width = indices?.at(-1)
  if (dims === undefined || indices === undefined || typeof width !== 'number') return [{ type: tensorType(ctx.dtype(0)) }]
  const batchDims = ctx.int('batch_dims', 0)
  if (batchDims + width > dims.length) ctx.fail(`tuples of at most ${dims.length - batchDims} indices`, `${width}`)
  return [{ type: tensorType(ctx.dtype(0), [...indices.slice(0, -1), ...dims.slice(batchDims + width)]) }]
}

export const gather: OperatorFamily = {
  Gather: { infer: inferGather, gradient: gatherGradient, flops: noFlops, evaluate: evaluateGather },
  GatherElements: {
    infer: inferGatherElements,
    gradient: (ctx) => {
      const empty = zeros(ctx, ctx.shape(ctx.input(0)), ctx.dtype(ctx.input(0)))
      const attributes = { axis: ctx.int('axis', 0), reduction: 'add' }
      return [ctx.b.op('ScatterElements', [empty, ctx.input(1), ctx.gradient(0)], attributes)]
    },
    flops: noFlops,
    evaluate: (ctx) => {
      const [x, indices] = [ctx.input(0), ctx.input(1)]
      const axis = checkedAxis(ctx, ctx.int('axis', 0), x.dims.length)
      return [take(x, indices.dims, elementPositions(ctx, x.dims, axis, indices))]
    },
  },
  GatherND: {
    infer: inferGatherND,
    gradient: (ctx) => {
      const batchDims = ctx.int('batch_dims', 0)
      if (batchDims > 0)
        return [scatterBack(ctx, (positions) => ctx.b.op('GatherND', [positions, ctx.input(1)], { batch_dims: batchDims }))]
      const empty = zeros(ctx, ctx.shape(ctx.input(0)), ctx.dtype(ctx.input(0)))
      return [ctx.b.op('ScatterND', [empty, ctx.input(1), ctx.gradient(0)], { reduction: 'add' })]
    },
    flops: noFlops,
    evaluate: (ctx) => {
      const [x, indices] = [ctx.input(0), ctx.input(1)]
      const batchDims = ctx.int('batch_dims', 0)
      const { starts, size } = tuplePositions(ctx, x.dims, indices, batchDims)
      const sources = new Int32Array(starts.length * size)
      starts.forEach((start, i) => {
        for (let k = 0; k < size; k++) sources[i * size + k] = start + k
      })
      return [take(x, [...indices.dims.slice(0, -1), ...x.dims.slice(batchDims + indices.dims.at(-1)!)], sources)]
    },
  },
}
