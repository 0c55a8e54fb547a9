// Elements on the move: from where each element of a result comes. The same answer serves values and known contents.

import { type Dim, isStatic } from '../graph/dims.ts'
import { sizeOf } from '../graph/tensor.ts'
import { forEachOffset, type NDArray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, InferContext } from './operator.ts'

/** For each element of a result, in row-major order, its position in the input; -1 where there is none. */
export type Sources = Int32Array

/** Contents are followed through operators up to this many elements. */
export const contentsLimit = 4096

/** Sources of a strided view of an array. */
export function viewSources(dims: readonly number[], strides: readonly number[], offset = 0): Sources {
  const sources = new Int32Array(sizeOf(dims))
  forEachOffset(dims, [strides], (position, at) => {
    sources[position] = offset + at[0]!
  })
  return sources
}

/** Sources where each axis picks from a list of indices of its own: numpy's `x[np.ix_(...)]`. An index of -1 means none. */
export function crossSources(dims: readonly number[], picks: readonly ArrayLike<number>[]): Sources {
  const strides = stridesOf(dims)
  const target = picks.map((pick) => pick.length)
  const index = new Int32Array(dims.length)
  return Int32Array.from({ length: sizeOf(target) }, () => {
    let source = 0
    for (let axis = 0; axis < index.length && source >= 0; axis++) {
      const at = picks[axis]![index[axis]!]!
      source = at < 0 ? -1 : source + at * strides[axis]!
    }
    advance(index, target)
    return source
  })
}

/** Moves an index to the next one in row-major order. */
export function advance(index: Int32Array, dims: readonly number[]): void {
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    index[axis]!++
    if (index[axis]! < dims[axis]!) return
    index[axis] = 0
  }
}

/** The array that the sources describe, with `fill` where there is no source. */
export function take(x: NDArray, dims: readonly number[], sources: Sources, fill = 0): NDArray {
  const data = new Float64Array(sources.length)
  for (let i = 0; i < data.length; i++) data[i] = sources[i]! < 0 ? fill : x.data[sources[i]!]!
  return { dtype: x.dtype, dims, data }
}

/** Known contents of a result of shape `dims`, from those of input 0; undefined where they are not known. */
export function takeContents(
  ctx: InferContext,
  dims: readonly Dim[] | undefined,
  sources: (from: readonly number[], to: readonly number[]) => Sources | undefined,
): readonly Dim[] | undefined {
  const contents = ctx.contents(0)
  const from = ctx.dims(0)
  if (contents === undefined || !isStatic(from) || !isStatic(dims) || sizeOf(dims) > contentsLimit) return undefined
  const found = sources(from, dims)
  return found && Array.from(found, (source) => (source < 0 ? 0 : contents[source]!))
}

/** An array under another shape, sharing its values. */
export function relabel(x: NDArray, dims: readonly number[]): NDArray {
  return { dtype: x.dtype, dims, data: x.data }
}

/** The axis counted from the front. @throws FoveaError OP_INVALID where it lies outside -rank … rank-1 */
export function checkedAxis(ctx: Attributes, axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) ctx.fail(`an axis from ${-rank} to ${rank - 1}`, `${axis}`)
  return axis < 0 ? axis + rank : axis
}

export function checkedAxes(ctx: Attributes, axes: readonly number[], rank: number): number[] {
  const checked = axes.map((axis) => checkedAxis(ctx, axis, rank))
  if (new Set(checked).size !== checked.length) ctx.fail('each axis once', `[${axes}]`)
  return checked
}

/** A list given as an attribute in older opsets and as an input in newer ones; undefined where it is absent or unknown. */
export function listOf(ctx: InferContext | EvaluateContext, attribute: string, index: number): readonly Dim[] | undefined {
  if (ctx.has(attribute)) return ctx.ints(attribute)
  return 'inputs' in ctx ? integersOf(ctx, index) : ctx.contents(index)
}

/** Like `listOf`, where symbols are of no use. */
export function numberListOf(ctx: InferContext | EvaluateContext, attribute: string, index: number): readonly number[] | undefined {
  const list = listOf(ctx, attribute, index)
  return isStatic(list) ? list : undefined
}

/** Values of an optional input of integers. */
export function integersOf(ctx: EvaluateContext, index: number): readonly number[] | undefined {
  const input = ctx.inputs[index]
  return input === undefined ? undefined : [...input.data]
}
