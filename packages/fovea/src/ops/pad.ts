// Pad in all its modes.

import { addDims, type Dim } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { checkedAxes, crossSources, listOf, numberListOf, take } from './elements.ts'
import { reduced } from './emit.ts'
import { scatterBack, zeroPadded } from './gradients.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { noFlops } from './rules.ts'

type PadMode = 'constant' | 'reflect' | 'edge' | 'wrap'

interface Pads<T> {
  readonly before: readonly T[]
  readonly after: readonly T[]
}

function modeOf(ctx: Attributes): PadMode {
  const mode = ctx.string('mode', 'constant')
  const known: readonly string[] = ['constant', 'reflect', 'edge', 'wrap']
  return known.includes(mode) ? (mode as PadMode) : ctx.fail(`a mode of ${known.join(', ')}`, mode)
}

/** Spreads a list [begins…, ends…] over the axes it is meant for. */
function padsOf<T>(ctx: Attributes, list: readonly T[], axes: readonly number[] | undefined, rank: number, none: T): Pads<T> {
  const chosen = axes === undefined ? Array.from({ length: rank }, (_, i) => i) : checkedAxes(ctx, axes, rank)
  if (list.length !== 2 * chosen.length) ctx.fail(`${2 * chosen.length} pads`, `${list.length}`)
  const before = new Array<T>(rank).fill(none)
  const after = new Array<T>(rank).fill(none)
  chosen.forEach((axis, i) => {
    before[axis] = list[i]!
    after[axis] = list[i + chosen.length]!
  })
  return { before, after }
}

/** For each position of the padded axis, the position it repeats; -1 for the constant. Repeats go on where a pad exceeds the axis. */
function sourcesAlong(mode: PadMode, length: number, before: number, after: number): number[] {
  const period = mode === 'reflect' ? Math.max(1, 2 * (length - 1)) : length
  return Array.from({ length: Math.max(0, before + length + after) }, (_, i) => {
    const at = i - before
    if (at >= 0 && at < length) return at
    if (mode === 'constant') return -1
    if (mode === 'edge') return at < 0 ? 0 : length - 1
    const cycled = ((at % period) + period) % period
    return mode === 'wrap' ? cycled : Math.min(cycled, period - cycled)
  })
}

function infer(ctx: InferContext): InferredValue[] {
  modeOf(ctx)
  const dims = ctx.dims(0)
  const list = listOf(ctx, 'pads', 1)
  const axes = numberListOf(ctx, 'axes', 3)
  if (dims === undefined) return [{ type: tensorType(ctx.dtype(0)) }]
  if (list === undefined || (axes === undefined && ctx.hasInput(3))) {
    const touched = axes && checkedAxes(ctx, axes, dims.length)
    return [
      {
        type: tensorType(
          ctx.dtype(0),
          dims.map((dim, axis) => (touched?.includes(axis) === false ? dim : null)),
        ),
      },
    ]
  }
  const { before, after } = padsOf<Dim>(ctx, list, axes, dims.length, 0)
  return [
    {
      type: tensorType(
        ctx.dtype(0),
        dims.map((dim, axis) => addDims(addDims(before[axis]!, dim), after[axis]!)),
      ),
    },
  ]
}

function evaluate(ctx: EvaluateContext) {
  const x = ctx.input(0)
  const mode = modeOf(ctx)
  const list = numberListOf(ctx, 'pads', 1) ?? ctx.fail('pads')
  const { before, after } = padsOf(ctx, list, numberListOf(ctx, 'axes', 3), x.dims.length, 0)
  const picks = x.dims.map((dim, axis) => sourcesAlong(mode, dim, before[axis]!, after[axis]!))
  const fill = ctx.inputs[2]?.data[0] ?? ctx.float('value', 0)
  return [
    take(
      x,
      picks.map((pick) => pick.length),
      crossSources(x.dims, picks),
      fill,
    ),
  ]
}

function gradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const dims = ctx.shape(ctx.input(0))
  const read = (attribute: string, index: number) => {
    if (ctx.has(attribute)) return ctx.ints(attribute)
    const constant = ctx.hasInput(index) ? ctx.constant(ctx.input(index)) : undefined
    return constant && [...constant.data]
  }
  const list = read('pads', 1)
  const axes = read('axes', 3)
  const mode = modeOf(ctx)
  const [dx, dpad] = [ctx.needs(0), ctx.hasInput(2) && ctx.needs(2)]
  if (list === undefined || (axes === undefined && ctx.hasInput(3))) {
    if (dpad) ctx.fail('constant pads where the padding value has a gradient')
    const outside = mode === 'constant' ? ctx.fail('constant pads where a gradient passes') : mode
    return [scatterBack(ctx, (positions) => b.op('Pad', [positions, ctx.input(1), '', ctx.node.inputs[3]], { mode: outside }))]
  }
  const { before, after } = padsOf(ctx, list, axes, dims.length, 0)
  const inner = mode === 'constant' ? zeroPadded(ctx, ctx.gradient(0)!, before.map(negated), after.map(negated)) : undefined
  if (inner === undefined) return [foldBack(ctx, mode, dims, before, after)]
  const total = (value: string) => b.op('ReduceSum', [value], { keepdims: 0 })
  const value = dpad ? b.op('Sub', [total(ctx.gradient(0)!), total(inner)]) : undefined
  return [dx ? inner : undefined, undefined, value]
}

function negated(pad: number): number {
  return pad === 0 ? 0 : -pad
}

/** Adds the gradient of repeated elements to the elements, axis after axis, a run of consecutive positions at a time. */
function foldBack(
  ctx: GradientContext,
  mode: PadMode,
  dims: readonly number[],
  before: readonly number[],
  after: readonly number[],
): string {
  let value = ctx.gradient(0)!
  dims.forEach((dim, axis) => {
    const sources = sourcesAlong(mode, dim, before[axis]!, after[axis]!)
    if (before[axis] === 0 && after[axis] === 0) return
    const parts = runsOf(sources).map((run) => placed(ctx, value, axis, dims, run))
    value = parts.reduce((sum, part) => ctx.b.op('Add', [sum, part]))
  })
  return value
}

/** Positions `at … at+length-1` of the padded axis that come from `source`, `source + step`, … */
interface Run {
  at: number
  length: number
  source: number
  step: number
}

function runsOf(sources: readonly number[]): Run[] {
  const runs: Run[] = []
  sources.forEach((source, at) => {
    const run = runs.at(-1)
    const step = run === undefined ? 0 : source - sources[at - 1]!
    if (run !== undefined && Math.abs(step) <= 1 && (run.length === 1 || run.step === step)) {
      run.step = step
      run.length++
    } else runs.push({ at, length: 1, source, step: 1 })
  })
  return runs
}

/** The gradient of one run, zeros elsewhere along the axis. */
function placed(ctx: GradientContext, value: string, axis: number, dims: readonly number[], run: Run): string {
  const { b } = ctx
  const { at, length, source, step } = run
  const cut = (start: number, end: number, by: number) =>
    b.op('Slice', [value, b.ints([start]), b.ints([end]), b.ints([axis]), b.ints([by])])
  const none = dims.map(() => 0)
  const end = at + length
  const part = step < 0 ? cut(end - 1, at === 0 ? -(2 ** 31) : at - 1, -1) : cut(at, end, 1)
  const summed = step === 0 ? reduced(ctx, 'ReduceSum', part, [axis]) : part
  const first = step < 0 ? source - length + 1 : source
  const size = step === 0 ? 1 : length
  return zeroPadded(ctx, summed, none.with(axis, first), none.with(axis, dims[axis]! - first - size))
}

export const pad: OperatorFamily = { Pad: { infer, gradient, flops: noFlops, evaluate } }
