// Comparisons, logic and Where.

import { type Dim, isStatic } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { combine, combineContents } from './arithmetic.ts'
import { masked } from './emit.ts'
import { broadcastShape, broadcastStrides, forEachOffset, mapArray } from './ndarray.ts'
import type { InferContext, InferredValue, OperatorDefinition, OperatorFamily } from './operator.ts'
import { zeroGradient } from './operator.ts'
import { broadcastDims, flopsPerOutput, inferBroadcast, sameAsFirstInput } from './rules.ts'

const truthValue = zeroGradient('the result is a truth value')

function comparison(f: (x: number, y: number) => boolean, contents?: (a: Dim, b: Dim) => Dim): OperatorDefinition {
  return {
    infer: (ctx) => {
      if (ctx.dtype(0) !== ctx.dtype(1)) ctx.fail('inputs of one element type', `${ctx.dtype(0)} and ${ctx.dtype(1)}`)
      const [value] = inferBroadcast(ctx, 'bool') as [InferredValue]
      const known = contents === undefined ? undefined : combineContents(ctx, contents)
      return [known === undefined ? value : { ...value, contents: known }]
    },
    gradient: truthValue,
    flops: flopsPerOutput(1),
    evaluate: (ctx) => [combine(ctx, (x, y) => Number(f(x, y)), 'bool')],
  }
}

/** Sizes are never negative, so a symbol differs from every negative number; other unequal symbols may still be equal. */
function sameSize(a: Dim, b: Dim): Dim {
  if (a === null || b === null) return null
  if (a === b) return 1
  if (typeof a === 'number' && typeof b === 'number') return 0
  const number = typeof a === 'number' ? a : b
  const symbol = typeof a === 'number' ? b : a
  return typeof number === 'number' && number < 0 && isPlainSymbol(symbol) ? 0 : null
}

function isPlainSymbol(dim: Dim): boolean {
  return typeof dim === 'string' && !dim.includes('-')
}

const where: OperatorDefinition = {
  infer: (ctx) => {
    if (ctx.dtype(0) !== 'bool') ctx.fail('a condition of type bool', ctx.dtype(0))
    if (ctx.dtype(1) !== ctx.dtype(2)) ctx.fail('branches of one element type', `${ctx.dtype(1)} and ${ctx.dtype(2)}`)
    const type = tensorType(ctx.dtype(1), broadcastDims(ctx, [ctx.dims(0), ctx.dims(1), ctx.dims(2)]))
    const contents = chosenContents(ctx)
    return [contents === undefined ? { type } : { type, contents }]
  },
  gradient: (ctx) => {
    const { b } = ctx
    const [condition, y, dy] = [ctx.input(0), ctx.output(0), ctx.gradient(0)!]
    const back = (input: number, where: string) =>
      ctx.needs(input) ? ctx.unbroadcast(masked(ctx, dy, where, ctx.dtype(y)), ctx.shape(y), ctx.input(input)) : undefined
    return [undefined, back(1, condition), ctx.needs(2) ? back(2, b.op('Not', [condition])) : undefined]
  },
  flops: () => 0,
  evaluate: (ctx) => {
    const [condition, a, b] = [ctx.input(0), ctx.input(1), ctx.input(2)]
    const dims = broadcastShape(condition.dims, a.dims, b.dims)
    if (dims === undefined) return ctx.fail('shapes that broadcast', `[${condition.dims}], [${a.dims}] and [${b.dims}]`)
    const data = new Float64Array(sizeOf(dims))
    const strides = [condition, a, b].map((array) => broadcastStrides(array.dims, dims))
    forEachOffset(dims, strides, (i, at) => {
      data[i] = condition.data[at[0]!]! !== 0 ? a.data[at[1]!]! : b.data[at[2]!]!
    })
    return [{ dtype: a.dtype, dims, data }]
  },
}

function chosenContents(ctx: InferContext): Dim[] | undefined {
  const contents = [0, 1, 2].map((i) => ctx.contents(i))
  const shapes = [0, 1, 2].map((i) => ctx.dims(i))
  if (!contents.every((list) => list !== undefined) || !shapes.every(isStatic)) return undefined
  const dims = broadcastShape(...shapes)
  if (dims === undefined) return undefined
  const [condition, a, b] = contents as [readonly Dim[], readonly Dim[], readonly Dim[]]
  const chosen: Dim[] = new Array(sizeOf(dims))
  const strides = shapes.map((shape) => broadcastStrides(shape, dims))
  forEachOffset(dims, strides, (i, at) => {
    const [c, x, y] = [condition[at[0]!]!, a[at[1]!]!, b[at[2]!]!]
    chosen[i] = typeof c === 'number' ? (c !== 0 ? x : y) : x === y ? x : null
  })
  return chosen
}

export const comparisons: OperatorFamily = {
  Equal: comparison((x, y) => x === y, sameSize),
  Greater: comparison((x, y) => x > y),
  GreaterOrEqual: comparison((x, y) => x >= y),
  Less: comparison((x, y) => x < y),
  LessOrEqual: comparison((x, y) => x <= y),

  And: comparison((x, y) => x !== 0 && y !== 0),
  Or: comparison((x, y) => x !== 0 || y !== 0),
  Xor: comparison((x, y) => (x !== 0) !== (y !== 0)),
  Not: {
    infer: sameAsFirstInput,
    gradient: truthValue,
    flops: flopsPerOutput(1),
    evaluate: (ctx) => [mapArray(ctx.input(0), (x) => Number(x === 0))],
  },

  Where: where,
}
