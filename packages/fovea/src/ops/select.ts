// Operators that choose by value: TopK, Compress, Unique, NonZero, OneHot.

import { type Dim, productOfDims } from '../graph/dims.ts'
import { type TensorType, tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { checkedAxis, crossSources, take } from './elements.ts'
import { numbers, reduced, reshapedTo } from './emit.ts'
import { scatterBack, zeros } from './gradients.ts'
import { type NDArray, ndarray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { notDifferentiable, zeroGradient } from './operator.ts'
import { noFlops } from './rules.ts'

function inferTopK(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  const k = ctx.has('k') ? ctx.int('k') : (ctx.contents(1)?.[0] ?? null)
  const axis = dims && checkedAxis(ctx, ctx.int('axis', -1), dims.length)
  const dim = axis === undefined ? null : dims![axis]!
  if (typeof k === 'number' && typeof dim === 'number' && k > dim) ctx.fail(`k up to ${dim}`, `${k}`)
  const result = axis === undefined ? undefined : dims!.with(axis, k)
  return [{ type: tensorType(ctx.dtype(0), result) }, { type: tensorType('int64', result) }]
}

/** Of equal values the one with the lower index comes first. The result is sorted also where that is not asked for. */
function evaluateTopK(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const axis = checkedAxis(ctx, ctx.int('axis', -1), x.dims.length)
  const k = ctx.has('k') ? ctx.int('k') : ctx.input(1).data[0]!
  const sign = ctx.int('largest', 1) !== 0 ? -1 : 1
  const length = x.dims[axis]!
  if (k < 0 || k > length) ctx.fail(`k from 0 to ${length}`, `${k}`)
  const inner = sizeOf(x.dims.slice(axis + 1))
  const dims = x.dims.with(axis, k)
  const values = ndarray(x.dtype, dims)
  const indices = ndarray('int64', dims)
  for (let row = 0; row < x.data.length / length; row++) {
    const [block, column] = [Math.floor(row / inner), row % inner]
    const at = (i: number) => x.data[(block * length + i) * inner + column]!
    const order = Array.from({ length }, (_, i) => i).sort((i, j) => sign * (at(i) - at(j)) || i - j)
    for (let i = 0; i < k; i++) {
      const to = (block * k + i) * inner + column
      values.data[to] = at(order[i]!)
      indices.data[to] = order[i]!
    }
  }
  return [values, indices]
}

function topKGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dy = ctx.gradient(0)
  if (dy === undefined) return []
  const axis = ctx.int('axis', -1)
  const known = ctx.node.outputs[1] ?? ''
  const again = () => b.ops('TopK', ctx.node.inputs, 2, Object.fromEntries(ctx.node.attributes))[1]!
  const empty = zeros(ctx, ctx.shape(ctx.input(0)), ctx.dtype(ctx.input(0)))
  return [b.op('ScatterElements', [empty, known === '' ? again() : known, dy], { axis })]
}

function compressAxis(ctx: Attributes, rank: number): number | undefined {
  const axis = ctx.int('axis', undefined)
  return axis === undefined ? undefined : checkedAxis(ctx, axis, rank)
}

function evaluateCompress(ctx: EvaluateContext): NDArray[] {
  const [x, condition] = [ctx.input(0), ctx.input(1)]
  const axis = compressAxis(ctx, x.dims.length)
  const dims = axis === undefined ? [x.data.length] : x.dims
  const along = axis ?? 0
  if (condition.data.length > dims[along]!) ctx.fail(`at most ${dims[along]} conditions`, `${condition.data.length}`)
  const picked = [...condition.data.keys()].filter((i) => condition.data[i] !== 0)
  const picks = dims.map((dim, i) => (i === along ? picked : Array.from({ length: dim }, (_, j) => j)))
  return [take(x, dims.with(along, picked.length), crossSources(dims, picks))]
}

function inferUnique(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  const axis = dims && compressAxis(ctx, dims.length)
  const flat = !ctx.has('axis')
  const values: TensorType = tensorType(ctx.dtype(0), flat ? [null] : dims?.with(axis!, null))
  const all: Dim = dims === undefined ? null : flat ? productOfDims(dims) : dims[axis!]!
  const list = (length: Dim): InferredValue => ({ type: tensorType('int64', [length]) })
  return [{ type: values }, list(null), list(all), list(null)].slice(0, ctx.outputCount)
}

/** The different rows (slices along the axis, or single elements): first index, inverse and count of each. */
function evaluateUnique(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const axis = compressAxis(ctx, x.dims.length)
  const dims = axis === undefined ? [x.data.length] : x.dims
  const along = axis ?? 0
  const [inner, length] = [sizeOf(dims.slice(along + 1)), dims[along]!]
  const outer = sizeOf(dims.slice(0, along))
  const row = (i: number) =>
    Array.from({ length: outer * inner }, (_, j) => x.data[(Math.floor(j / inner) * length + i) * inner + (j % inner)]!)
  const groups = new Map<string, { values: number[]; first: number; members: number[] }>()
  for (let i = 0; i < length; i++) {
    const values = row(i)
    const group = groups.get(`${values}`) ?? { values, first: i, members: [] }
    group.members.push(i)
    groups.set(`${values}`, group)
  }
  const found = [...groups.values()]
  if (ctx.int('sorted', 1) !== 0) found.sort((a, b) => compareRows(a.values, b.values))
  const inverse = new Float64Array(length)
  found.forEach(({ members }, rank) => {
    for (const member of members) inverse[member] = rank
  })
  const picks = dims.map((dim, i) => (i === along ? found.map(({ first }) => first) : Array.from({ length: dim }, (_, j) => j)))
  const counts = found.map(({ members }) => members.length)
  return [
    take(x, dims.with(along, found.length), crossSources(dims, picks)),
    ndarray('int64', [found.length], picks[along]!),
    ndarray('int64', [length], inverse),
    ndarray('int64', [found.length], counts),
  ].slice(0, ctx.outputCount)
}

function compareRows(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : a[at]! - b[at]!
}

function evaluateNonZero(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const strides = stridesOf(x.dims)
  const found = [...x.data.keys()].filter((i) => x.data[i] !== 0)
  const coordinates = x.dims.flatMap((dim, axis) => found.map((i) => Math.floor(i / strides[axis]!) % dim))
  return [ndarray('int64', [x.dims.length, found.length], coordinates)]
}

function oneHotAxis(ctx: Attributes, rank: number): number {
  return checkedAxis(ctx, ctx.int('axis', -1), rank + 1)
}

function inferOneHot(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  if (dims === undefined) return [{ type: tensorType(ctx.dtype(2)) }]
  const depth = ctx.constant(1)?.data[0] ?? ctx.contents(1)?.[0] ?? null
  return [{ type: tensorType(ctx.dtype(2), dims.toSpliced(oneHotAxis(ctx, dims.length), 0, depth)) }]
}

/** Indices outside -depth … depth-1 light nothing. */
function evaluateOneHot(ctx: EvaluateContext): NDArray[] {
  const indices = ctx.input(0)
  const depth = ctx.input(1).data[0]!
  const [off, on] = ctx.input(2).data as unknown as [number, number]
  const axis = oneHotAxis(ctx, indices.dims.length)
  const inner = sizeOf(indices.dims.slice(axis))
  const result = ndarray(ctx.input(2).dtype, indices.dims.toSpliced(axis, 0, depth))
  result.data.fill(off)
  indices.data.forEach((index, i) => {
    const lit = index < 0 ? index + depth : index
    if (lit >= 0 && lit < depth) result.data[(Math.floor(i / inner) * depth + lit) * inner + (i % inner)] = on
  })
  return [result]
}

/** The two values' gradients: what falls on the lit elements, and the rest. */
function oneHotGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dy = ctx.gradient(0)!
  const rank = ctx.shape(ctx.output(0)).length
  const dtype = ctx.dtype(ctx.output(0))
  const axes = Array.from({ length: rank }, (_, i) => i)
  const total = (value: string) => reshapedTo(ctx, reduced(ctx, 'ReduceSum', value, axes), [1])
  const lit = b.op('OneHot', [ctx.input(0), ctx.input(1), numbers(ctx, dtype, [2], [0, 1])], { axis: ctx.int('axis', -1) })
  const on = total(b.op('Mul', [dy, lit]))
  return [undefined, undefined, b.op('Concat', [b.op('Sub', [total(dy), on]), on], { axis: 0 })]
}

export const select: OperatorFamily = {
  TopK: { infer: inferTopK, gradient: topKGradient, flops: noFlops, evaluate: evaluateTopK },
  Compress: {
    infer: (ctx) => {
      const dims = ctx.dims(0)
      const axis = dims && compressAxis(ctx, dims.length)
      return [{ type: tensorType(ctx.dtype(0), ctx.has('axis') ? dims?.with(axis!, null) : [null]) }]
    },
    gradient: (ctx) => {
      const axis = ctx.int('axis', undefined)
      return [scatterBack(ctx, (positions) => ctx.b.op('Compress', [positions, ctx.input(1)], { axis }))]
    },
    flops: noFlops,
    evaluate: evaluateCompress,
  },
  Unique: {
    infer: inferUnique,
    gradient: notDifferentiable('which elements are equal changes with any of them'),
    flops: noFlops,
    evaluate: evaluateUnique,
  },
  NonZero: {
    infer: (ctx) => [{ type: tensorType('int64', [ctx.dims(0)?.length ?? null, null]) }],
    gradient: zeroGradient('the result is indices'),
    flops: noFlops,
    evaluate: evaluateNonZero,
  },
  OneHot: { infer: inferOneHot, gradient: oneHotGradient, flops: noFlops, evaluate: evaluateOneHot },
}
