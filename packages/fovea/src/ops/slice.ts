// Slice: parts of an array by start, end and step along each axis.

import { addDims, ceilDivideDims, type Dim, subtractDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { checkedAxes, crossSources, listOf, numberListOf, take, takeContents } from './elements.ts'
import { reshapedTo } from './emit.ts'
import { scatterBack, zeroPadded, zeros } from './gradients.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { noFlops } from './rules.ts'

/** From this on an end means "to the end of the axis": exporters write the largest int32 or int64. */
const unbounded = 2 ** 31 - 1

/** One axis of a slice over a known dimension: where it starts, how far each step goes, how many elements it has. */
interface Range {
  readonly start: number
  readonly step: number
  readonly length: number
}

/** Clamps as numpy does: a negative position counts from the end, one outside is moved to the border. */
function clampedRange(dim: number, start: number, end: number, step: number): Range {
  const low = step > 0 ? 0 : -1
  const high = step > 0 ? dim : dim - 1
  const clamp = (position: number, least: number) => Math.min(Math.max(position < 0 ? position + dim : position, least), high)
  const first = clamp(start, step > 0 ? 0 : Math.min(0, high))
  return { start: first, step, length: Math.max(0, Math.ceil((clamp(end, low) - first) / step)) }
}

/** Starts, ends and steps as they are given; undefined where one of the lists is not known. */
interface SliceLists {
  readonly starts: readonly Dim[]
  readonly ends: readonly Dim[]
  readonly axes: readonly number[]
  readonly steps: readonly number[]
}

function listsOf(ctx: InferContext | EvaluateContext, rank: number): SliceLists | undefined {
  const starts = listOf(ctx, 'starts', 1)
  const ends = listOf(ctx, 'ends', 2)
  if (starts === undefined || ends === undefined) return undefined
  const axes = numberListOf(ctx, 'axes', 3) ?? (given(ctx, 3) ? undefined : starts.map((_, i) => i))
  const steps = numberListOf(ctx, 'steps', 4) ?? (given(ctx, 4) ? undefined : starts.map(() => 1))
  return axes === undefined || steps === undefined ? undefined : checkedLists(ctx, { starts, ends, axes, steps }, rank)
}

function given(ctx: InferContext | EvaluateContext, index: number): boolean {
  return 'inputs' in ctx ? ctx.inputs[index] !== undefined : ctx.hasInput(index)
}

function checkedLists(ctx: Attributes, lists: SliceLists, rank: number): SliceLists {
  const { starts, ends, axes, steps } = lists
  const lengths = [starts, ends, axes, steps].map((list) => list.length)
  if (new Set(lengths).size > 1) ctx.fail('starts, ends, axes and steps of one length', lengths.join(', '))
  if (steps.includes(0)) ctx.fail('steps other than 0', `[${steps}]`)
  return { ...lists, axes: checkedAxes(ctx, axes, rank) }
}

/** The ranges along all axes of a known shape; undefined where a start or end is a symbol. */
function rangesOf({ starts, ends, axes, steps }: SliceLists, dims: readonly number[]): Range[] | undefined {
  const ranges = dims.map((dim): Range => ({ start: 0, step: 1, length: dim }))
  for (const [i, axis] of axes.entries()) {
    const start = starts[i]
    const end = ends[i]
    if (typeof start !== 'number' || typeof end !== 'number') return undefined
    ranges[axis] = clampedRange(dims[axis]!, start, end, steps[i]!)
  }
  return ranges
}

function picks(ranges: readonly Range[]): number[][] {
  return ranges.map(({ start, step, length }) => Array.from({ length }, (_, i) => start + i * step))
}

/**
 * Length of a slice. Positions are trusted to lie within the axis where symbols are involved; but nobody knows whether a symbolic
 * axis has ten elements, so that its first ten are not said to be ten.
 */
function slicedDim(dim: Dim, start: Dim | undefined, end: Dim | undefined, step: number): Dim {
  if (start === undefined || end === undefined || start === null || end === null) return null
  if (typeof dim === 'number' && typeof start === 'number' && typeof end === 'number') return clampedRange(dim, start, end, step).length
  const from = position(dim, start, step > 0 ? 0 : -1)
  const to = position(dim, end, step > 0 ? 0 : -1)
  const span = step > 0 ? subtractDims(to, from) : subtractDims(from, to)
  if (typeof span === 'number' && span > 1 && typeof dim !== 'number') return null
  return typeof span === 'number' && span <= 0 ? 0 : ceilDivideDims(span, Math.abs(step))
}

/** A position within an axis that may be a symbol; `low` is where a position far below zero ends. */
function position(dim: Dim, at: Dim, low: number): Dim {
  if (typeof at !== 'number') return at
  if (at >= unbounded) return low < 0 ? addDims(dim, -1) : dim
  if (at <= -unbounded) return low
  if (at < 0) return addDims(dim, at)
  return at
}

function infer(ctx: InferContext): InferredValue[] {
  const dims = ctx.dims(0)
  if (dims === undefined) return [{ type: tensorType(ctx.dtype(0)) }]
  const lists = listsOf(ctx, dims.length)
  const result = dims.map((dim, axis): Dim => {
    if (lists === undefined) return slicedAxes(ctx, dims.length)?.includes(axis) === false ? dim : null
    const i = lists.axes.indexOf(axis)
    return i < 0 ? dim : slicedDim(dim, lists.starts[i], lists.ends[i], lists.steps[i]!)
  })
  const type = tensorType(ctx.dtype(0), result)
  const contents = takeContents(ctx, result, (from) => {
    const ranges = lists && rangesOf(lists, from)
    return ranges && crossSources(from, picks(ranges))
  })
  return [contents === undefined ? { type } : { type, contents }]
}

/** The axes that are sliced, where at least those are known. */
function slicedAxes(ctx: InferContext, rank: number): number[] | undefined {
  const axes = numberListOf(ctx, 'axes', 3)
  return axes === undefined ? undefined : checkedAxes(ctx, axes, rank)
}

/** The lists in a forward graph whose positions are constants, or undefined. */
function constantRanges(ctx: GradientContext, dims: readonly number[]): Range[] | undefined {
  const read = (attribute: string, index: number, fallback: (i: number) => number, count: number): number[] | undefined => {
    if (ctx.has(attribute)) return ctx.ints(attribute)
    if (!ctx.hasInput(index)) return Array.from({ length: count }, (_, i) => fallback(i))
    const constant = ctx.constant(ctx.input(index))
    return constant && [...constant.data]
  }
  const starts = read('starts', 1, () => 0, 0)
  const ends = read('ends', 2, () => 0, 0)
  const axes = starts && read('axes', 3, (i) => i, starts.length)
  const steps = starts && read('steps', 4, () => 1, starts.length)
  if (!starts || !ends || !axes || !steps) return undefined
  return rangesOf(checkedLists(ctx, { starts, ends, axes, steps }, dims.length), dims)
}

/**
 * Zeros around the gradient where the slice cut off. Steps are undone before: a negative one by a slice backwards, a longer one by
 * zeros between the elements, through a padded axis that is then merged.
 */
function gradient(ctx: GradientContext): (string | undefined)[] {
  const dims = ctx.shape(ctx.input(0))
  const ranges = constantRanges(ctx, dims)
  const { b } = ctx
  if (ranges === undefined)
    return [
      scatterBack(ctx, (positions) => b.op('Slice', [positions, ...ctx.node.inputs.slice(1)], Object.fromEntries(ctx.node.attributes))),
    ]
  if (ranges.some(({ length }) => length === 0)) return [zeros(ctx, dims, ctx.dtype(ctx.input(0)))]
  let value = ctx.gradient(0)!
  const backwards = [...ranges.keys()].filter((axis) => ranges[axis]!.step < 0 && ranges[axis]!.length > 1)
  if (backwards.length > 0) {
    const each = (position: number) => b.ints(backwards.map(() => position))
    value = b.op('Slice', [value, each(-1), each(-unbounded), b.ints(backwards), each(-1)])
  }
  const forwards = ranges.map(({ start, step, length }) => ({
    start: step < 0 ? start + step * (length - 1) : start,
    step: length > 1 ? Math.abs(step) : 1,
    length,
  }))
  value = spreadOut(ctx, value, forwards)
  return [
    zeroPadded(
      ctx,
      value,
      forwards.map(({ start }) => start),
      forwards.map(({ start, step, length }, axis) => dims[axis]! - start - step * length),
    ),
  ]
}

/** Puts `step - 1` zeros after every element along each axis. */
function spreadOut(ctx: GradientContext, value: string, ranges: readonly Range[]): string {
  if (ranges.every(({ step }) => step === 1)) return value
  const split = ranges.flatMap(({ length, step }) => (step === 1 ? [length] : [length, 1]))
  const after = ranges.flatMap(({ step }) => (step === 1 ? [0] : [0, step - 1]))
  const padded = zeroPadded(
    ctx,
    reshapedTo(ctx, value, split),
    after.map(() => 0),
    after,
  )
  return reshapedTo(
    ctx,
    padded,
    ranges.map(({ length, step }) => length * step),
  )
}

export const slice: OperatorFamily = {
  Slice: {
    infer,
    gradient,
    flops: noFlops,
    evaluate: (ctx) => {
      const x = ctx.input(0)
      const lists = listsOf(ctx, x.dims.length) ?? ctx.fail('starts and ends')
      const ranges = rangesOf(lists, x.dims)!
      return [
        take(
          x,
          ranges.map(({ length }) => length),
          crossSources(x.dims, picks(ranges)),
        ),
      ]
    },
  },
}
