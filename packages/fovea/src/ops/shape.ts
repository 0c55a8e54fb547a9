// Operators on shapes: Shape, Size, and those that relabel or stretch axes without touching values. Symbols pass through.

import { type Dim, dimsConflict, dimsEqual, floorDivideDims, formatDims, isStatic, productOfDims } from '../graph/dims.ts'
import { type TensorType, tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { checkedAxes, listOf, numberListOf, relabel, take, takeContents, viewSources } from './elements.ts'
import { reshapedTo } from './emit.ts'
import { broadcastShape, broadcastStrides, type NDArray, ndarray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientRule, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { zeroGradient } from './operator.ts'
import { broadcastDims, noFlops } from './rules.ts'

const integerResult = zeroGradient('the result depends on the shape alone')

/** The elements of input 0 under other dimensions. */
function relabelled(ctx: InferContext, dims: readonly Dim[] | undefined): InferredValue[] {
  const contents = ctx.contents(0)
  const type: TensorType = tensorType(ctx.dtype(0), dims)
  return [contents === undefined ? { type } : { type, contents }]
}

const reshapeBack: GradientRule = (ctx) => [reshapedTo(ctx, ctx.gradient(0)!, ctx.shape(ctx.input(0)))]

/** The part of a shape that the operator Shape returns (`start` and `end` since opset 15, clamped like a slice). */
function shownDims<T>(ctx: Attributes, dims: readonly T[]): T[] {
  return dims.slice(ctx.int('start', 0), ctx.int('end', undefined))
}

/**
 * The dimensions a Reshape asks for: 0 copies the input's (unless `allowzero`), -1 takes what is left. A single dimension that
 * is not known is found the same way.
 */
function reshapeDims(ctx: Attributes, input: readonly Dim[] | undefined, wanted: readonly Dim[]): Dim[] {
  const copies = ctx.int('allowzero', 0) === 0
  if (wanted.filter((dim) => dim === -1).length > 1) ctx.fail('at most one -1 in the shape', formatDims(wanted))
  const dims = wanted.map((dim, i) => {
    if (dim !== 0 || !copies) return dim
    if (input !== undefined && i >= input.length) ctx.fail(`a dimension ${i} to copy`, formatDims(input))
    return input?.[i] ?? null
  })
  const open = dims.indexOf(-1) >= 0 ? dims.indexOf(-1) : dims.indexOf(null)
  const many = dims.filter((dim, i) => dim === -1 || (dim === null && wanted[i] !== 0)).length > 1
  if (open < 0) checkSize(ctx, input, dims)
  else if (input === undefined || many) dims[open] = null
  else if (wanted[open] !== 0) dims[open] = remainder(ctx, input, dims, wanted, open)
  return dims.map((dim) => (dim === -1 ? null : dim))
}

/** What is left for the open dimension. Dimensions that are copied, or equal on both sides, cancel even where they are unknown. */
function remainder(ctx: Attributes, input: readonly Dim[], dims: readonly Dim[], wanted: readonly Dim[], open: number): Dim {
  const left = [...input]
  const right: Dim[] = []
  const cancelled = new Set<number>()
  dims.forEach((dim, i) => {
    if (i === open) return
    const copied = wanted[i] === 0 && !cancelled.has(i)
    const at = copied ? i : left.findIndex((other, j) => !cancelled.has(j) && dimsEqual(other, dim) && dim !== 0)
    if (at < 0) right.push(dim)
    else cancelled.add(at)
  })
  const total = productOfDims(left.filter((_, i) => !cancelled.has(i)))
  const taken = productOfDims(right)
  if (typeof total === 'number' && typeof taken === 'number' && (taken === 0 ? total !== 0 : total % taken !== 0))
    ctx.fail(`a shape that holds the elements of ${formatDims(input)}`, formatDims(wanted))
  return floorDivideDims(total, taken)
}

function checkSize(ctx: Attributes, input: readonly Dim[] | undefined, dims: readonly Dim[]): void {
  if (isStatic(input) && isStatic(dims) && sizeOf(input) !== sizeOf(dims))
    ctx.fail(`a shape of ${sizeOf(input)} elements, as ${formatDims(input)} has`, formatDims(dims))
}

function flattenAxis(ctx: Attributes, rank: number): number {
  const axis = ctx.int('axis', 1)
  if (axis < -rank || axis > rank) ctx.fail(`an axis from ${-rank} to ${rank}`, `${axis}`)
  return axis < 0 ? axis + rank : axis
}

function flattenDims(ctx: Attributes, dims: readonly Dim[]): Dim[] {
  const axis = flattenAxis(ctx, dims.length)
  return [productOfDims(dims.slice(0, axis)), productOfDims(dims.slice(axis))]
}

function squeezeDims(ctx: Attributes, dims: readonly Dim[], axes: readonly number[] | undefined): readonly Dim[] | undefined {
  if (axes === undefined) return isStatic(dims) ? dims.filter((dim) => dim !== 1) : undefined
  const removed = checkedAxes(ctx, axes, dims.length)
  for (const axis of removed) if (dimsConflict(dims[axis]!, 1)) ctx.fail(`dimension ${axis} to be 1`, formatDims(dims))
  return dims.filter((_, axis) => !removed.includes(axis))
}

function unsqueezeDims(ctx: Attributes, dims: readonly Dim[], axes: readonly number[]): Dim[] {
  const added = checkedAxes(ctx, axes, dims.length + axes.length)
  const rest = [...dims]
  return Array.from({ length: dims.length + axes.length }, (_, i) => (added.includes(i) ? 1 : rest.shift()!))
}

/** Dimensions of which only the number is known. */
function unknownDims(rank: number | undefined): Dim[] | undefined {
  return rank === undefined ? undefined : new Array<Dim>(rank).fill(null)
}

/** Number of elements of a list that is an input and not known. */
function lengthOf(ctx: InferContext, index: number): number | undefined {
  const length = ctx.hasInput(index) ? ctx.dims(index)?.[0] : undefined
  return typeof length === 'number' ? length : undefined
}

function inferSqueeze(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  const axes = numberListOf(ctx, 'axes', 1)
  if (dims === undefined) return relabelled(ctx, undefined)
  if (axes !== undefined || !ctx.hasInput(1)) return relabelled(ctx, squeezeDims(ctx, dims, axes))
  const count = lengthOf(ctx, 1)
  return relabelled(ctx, count === undefined ? undefined : unknownDims(dims.length - count))
}

function inferUnsqueeze(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  const axes = numberListOf(ctx, 'axes', 1)
  if (dims === undefined) return relabelled(ctx, undefined)
  if (axes !== undefined) return relabelled(ctx, unsqueezeDims(ctx, dims, axes))
  const count = lengthOf(ctx, 1)
  return relabelled(ctx, count === undefined ? undefined : unknownDims(dims.length + count))
}

function inferExpand(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  const wanted = ctx.contents(1) ?? unknownDims(lengthOf(ctx, 1))
  const result = broadcastDims(ctx, [dims, wanted])
  const contents = takeContents(ctx, result, (from, to) => viewSources(to, broadcastStrides(from, to)))
  const type = tensorType(ctx.dtype(0), result)
  return [contents === undefined ? { type } : { type, contents }]
}

function permutation(ctx: Attributes, rank: number): number[] {
  const perm = ctx.ints('perm', undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  if (perm.length !== rank || new Set(perm).size !== rank || perm.some((axis) => axis < 0 || axis >= rank))
    ctx.fail(`a permutation of ${rank} axes`, `[${perm}]`)
  return perm
}

function inferTranspose(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  const rank = dims?.length ?? ctx.ints('perm', undefined)?.length
  if (rank === undefined) return [{ type: tensorType(ctx.dtype(0)) }]
  const perm = permutation(ctx, rank)
  const result = dims === undefined ? unknownDims(rank) : perm.map((axis) => dims[axis]!)
  const contents = takeContents(ctx, result, (from, to) => viewSources(to, permutedStrides(from, perm)))
  const type = tensorType(ctx.dtype(0), result)
  return [contents === undefined ? { type } : { type, contents }]
}

function permutedStrides(dims: readonly number[], perm: readonly number[]): number[] {
  const strides = stridesOf(dims)
  return perm.map((axis) => strides[axis]!)
}

function evaluateExpand(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const wanted = [...ctx.input(1).data]
  const dims = broadcastShape(x.dims, wanted) ?? ctx.fail(`a shape that [${x.dims}] can be stretched to`, `[${wanted}]`)
  return [take(x, dims, viewSources(dims, broadcastStrides(x.dims, dims)))]
}

export const shape: OperatorFamily = {
  Shape: {
    infer: (ctx) => {
      const dims = ctx.dims(0)
      if (dims === undefined) return [{ type: tensorType('int64', [null]) }]
      const contents = shownDims(ctx, dims)
      return [{ type: tensorType('int64', [contents.length]), contents }]
    },
    gradient: integerResult,
    flops: noFlops,
    evaluate: (ctx) => {
      const dims = shownDims(ctx, ctx.input(0).dims)
      return [ndarray('int64', [dims.length], dims)]
    },
  },
  Size: {
    infer: (ctx) => {
      const dims = ctx.dims(0)
      const type = tensorType('int64', [])
      return [dims === undefined ? { type } : { type, contents: [productOfDims(dims)] }]
    },
    gradient: integerResult,
    flops: noFlops,
    evaluate: (ctx) => [ndarray('int64', [], [ctx.input(0).data.length])],
  },
  Reshape: {
    infer: (ctx) => {
      const wanted = listOf(ctx, 'shape', 1) ?? unknownDims(lengthOf(ctx, 1))
      return relabelled(ctx, wanted === undefined ? undefined : reshapeDims(ctx, ctx.dims(0), wanted))
    },
    gradient: reshapeBack,
    flops: noFlops,
    evaluate: (ctx) => {
      const x = ctx.input(0)
      return [relabel(x, reshapeDims(ctx, x.dims, listOf(ctx, 'shape', 1) ?? ctx.fail('a shape')) as number[])]
    },
  },
  Flatten: {
    infer: (ctx) => {
      const dims = ctx.dims(0)
      return relabelled(ctx, dims === undefined ? [null, null] : flattenDims(ctx, dims))
    },
    gradient: reshapeBack,
    flops: noFlops,
    evaluate: (ctx) => [relabel(ctx.input(0), flattenDims(ctx, ctx.input(0).dims) as number[])],
  },
  Squeeze: {
    infer: inferSqueeze,
    gradient: reshapeBack,
    flops: noFlops,
    evaluate: (ctx) => [relabel(ctx.input(0), squeezeDims(ctx, ctx.input(0).dims, numberListOf(ctx, 'axes', 1)) as number[])],
  },
  Unsqueeze: {
    infer: inferUnsqueeze,
    gradient: reshapeBack,
    flops: noFlops,
    evaluate: (ctx) => {
      const axes = numberListOf(ctx, 'axes', 1) ?? ctx.fail('axes')
      return [relabel(ctx.input(0), unsqueezeDims(ctx, ctx.input(0).dims, axes) as number[])]
    },
  },
  Identity: {
    infer: (ctx) => {
      const contents = ctx.contents(0)
      const type = ctx.anyType(0) ?? ctx.fail('a typed input')
      return [contents === undefined ? { type } : { type, contents }]
    },
    gradient: (ctx) => [ctx.gradient(0)],
    flops: noFlops,
    evaluate: (ctx) => [ctx.input(0)],
  },
  Expand: {
    infer: inferExpand,
    gradient: (ctx) => [ctx.unbroadcast(ctx.gradient(0)!, ctx.shape(ctx.output(0)), ctx.input(0))],
    flops: noFlops,
    evaluate: evaluateExpand,
  },
  Transpose: {
    infer: inferTranspose,
    gradient: (ctx) => {
      const perm = permutation(ctx, ctx.shape(ctx.input(0)).length)
      const inverse = perm.map((_, axis) => perm.indexOf(axis))
      return [ctx.b.op('Transpose', [ctx.gradient(0)], { perm: inverse })]
    },
    flops: noFlops,
    evaluate: (ctx) => {
      const x = ctx.input(0)
      const perm = permutation(ctx, x.dims.length)
      const dims = perm.map((axis) => x.dims[axis]!)
      return [take(x, dims, viewSources(dims, permutedStrides(x.dims, perm)))]
    },
  },
}
