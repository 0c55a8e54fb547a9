// If, Loop and Scan: operators whose meaning is a subgraph.

import type { Dim } from '../graph/dims.ts'
import { type Graph, type TensorType, tensorType, type ValueType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { isFoveaError } from '../util/errors.ts'
import { checkedAxis, take, viewSources } from './elements.ts'
import { type NDArray, ndarray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { notDifferentiable } from './operator.ts'
import { noFlops } from './rules.ts'

const controlFlow = notDifferentiable('its subgraphs are not differentiated')

function subgraph(ctx: Attributes, name: string): Graph {
  const attribute = ctx.node.attributes.get(name)
  return attribute?.type === 'graph' ? attribute.value : ctx.fail(`the attribute "${name}" as a graph`, attribute?.type ?? 'none')
}

/** What is true of both values: dimensions that differ are not known. */
function common(a: InferredValue | undefined, b: InferredValue | undefined): InferredValue | undefined {
  if (a === undefined || b === undefined) return undefined
  const type = commonType(a.type, b.type)
  return type && { type }
}

function commonType(a: ValueType, b: ValueType): ValueType | undefined {
  if (a.kind !== 'tensor' || b.kind !== 'tensor') return a.kind === b.kind ? a : undefined
  if (a.dtype !== b.dtype) return undefined
  if (a.dims === undefined || b.dims === undefined || a.dims.length !== b.dims.length) return tensorType(a.dtype)
  return tensorType(
    a.dtype,
    a.dims.map((dim, i) => (dim === b.dims![i] ? dim : null)),
  )
}

/** The outputs as far as all are known: a rule cannot leave one out. */
function allKnown(values: readonly (InferredValue | undefined)[]): InferredValue[] {
  return values.includes(undefined) ? [] : (values as InferredValue[])
}

interface Attempt {
  readonly results?: readonly (InferredValue | undefined)[]
  readonly error?: unknown
}

/** A branch that cannot take the shapes at hand is one that will not be taken: exporters choose by rank in this way. */
function attempt(infer: () => readonly (InferredValue | undefined)[]): Attempt {
  try {
    return { results: infer() }
  } catch (error) {
    if (isFoveaError(error, 'OP_INVALID')) return { error }
    throw error
  }
}

function inferIf(ctx: InferContext): InferredValue[] {
  const branches = ['then_branch', 'else_branch'].map((name) => subgraph(ctx, name))
  const condition = ctx.constant(0)?.data[0]
  if (condition !== undefined) return allKnown(ctx.inferGraph(branches[condition === 0 ? 1 : 0]!, []))
  const [yes, no] = branches.map((branch) => attempt(() => ctx.inferGraph(branch, []))) as [Attempt, Attempt]
  if (yes.error !== undefined && no.error !== undefined) throw yes.error
  if (yes.error !== undefined || no.error !== undefined) return allKnown((yes.results ?? no.results)!)
  return allKnown(yes.results!.map((value, i) => common(value, no.results![i])))
}

function withoutContents(type: ValueType | undefined): InferredValue | undefined {
  return type && { type }
}

/** What is known of values that each round replaces: what is true of them before the first round and after any. */
function settle(
  initial: readonly (InferredValue | undefined)[],
  round: (carried: readonly (InferredValue | undefined)[]) => readonly (InferredValue | undefined)[],
): { carried: readonly (InferredValue | undefined)[]; outputs: readonly (InferredValue | undefined)[] } {
  let carried = initial
  for (;;) {
    const outputs = round(carried)
    const next = carried.map((value, i) => common(value, outputs[i]))
    // Each round can only forget, so this ends.
    if (JSON.stringify(next) === JSON.stringify(carried)) return { carried, outputs }
    carried = next
  }
}

function inferLoop(ctx: InferContext): InferredValue[] {
  const body = subgraph(ctx, 'body')
  const initial = Array.from({ length: Math.max(0, ctx.inputCount - 2) }, (_, i) => withoutContents(ctx.anyType(i + 2)))
  const counters = [{ type: tensorType('int64', []) }, { type: tensorType('bool', []) }]
  const { carried, outputs } = settle(initial, (values) => ctx.inferGraph(body, [...counters, ...values]).slice(1))
  return allKnown([...carried, ...outputs.slice(carried.length).map((value) => stacked(value, null, 0))])
}

/** The type of values that are collected along a new axis. */
function stacked(value: InferredValue | undefined, length: Dim, axis: number): InferredValue | undefined {
  if (value?.type.kind !== 'tensor') return undefined
  const { dtype, dims } = value.type
  return { type: tensorType(dtype, dims?.toSpliced(axis < 0 ? axis + dims.length + 1 : axis, 0, length)) }
}

function evaluateLoop(ctx: EvaluateContext): NDArray[] {
  const body = subgraph(ctx, 'body')
  const limit = ctx.inputs[0]?.data[0] ?? Number.POSITIVE_INFINITY
  let condition = ctx.inputs[1]?.data[0] ?? 1
  let carried = ctx.inputs.slice(2).map((_, i) => ctx.input(i + 2))
  const collected: NDArray[][] = body.outputs.slice(carried.length + 1).map(() => [])
  for (let round = 0; round < limit && condition !== 0; round++) {
    const [next, ...rest] = ctx.evaluateGraph(body, [ndarray('int64', [], [round]), ndarray('bool', [], [condition]), ...carried])
    condition = next!.data[0]!
    carried = rest.slice(0, carried.length)
    for (const [i, list] of collected.entries()) list.push(rest[carried.length + i]!)
  }
  return [...carried, ...collected.map((list) => stackArrays(ctx, list, 0))]
}

/** Arrays of one shape along a new axis. */
function stackArrays(ctx: Attributes, arrays: readonly NDArray[], axis: number): NDArray {
  const [first] = arrays
  if (first === undefined) return ctx.fail('at least one round where results are collected')
  const at = axis < 0 ? axis + first.dims.length + 1 : axis
  const dims = first.dims.toSpliced(at, 0, arrays.length)
  const inner = sizeOf(first.dims.slice(at))
  const data = Float64Array.from({ length: sizeOf(dims) }, (_, i) => {
    const from = arrays[Math.floor(i / inner) % arrays.length]!
    return from.data[Math.floor(i / inner / arrays.length) * inner + (i % inner)]!
  })
  return { dtype: first.dtype, dims, data }
}

/** One position along an axis. */
function slab(x: NDArray, axis: number, position: number): NDArray {
  const strides = stridesOf(x.dims)
  const dims = x.dims.toSpliced(axis, 1)
  return take(x, dims, viewSources(dims, strides.toSpliced(axis, 1), position * strides[axis]!))
}

/** How a Scan walks: number of state values, then for each scanned input and output its axis and whether it goes backwards. */
interface Walk {
  readonly states: number
  readonly inputs: readonly { axis: number; backwards: boolean }[]
  readonly outputs: readonly { axis: number; backwards: boolean }[]
}

function walkOf(ctx: Attributes, body: Graph, inputCount: number): Walk {
  const scanned = ctx.int('num_scan_inputs')
  const states = inputCount - scanned
  const steps = (count: number, kind: 'input' | 'output') => {
    const axes = ctx.ints(`scan_${kind}_axes`, [])
    const directions = ctx.ints(ctx.opset < 9 && kind === 'input' ? 'directions' : `scan_${kind}_directions`, [])
    return Array.from({ length: count }, (_, i) => ({ axis: axes[i] ?? 0, backwards: directions[i] === 1 }))
  }
  return { states, inputs: steps(scanned, 'input'), outputs: steps(body.outputs.length - states, 'output') }
}

function inferScan(ctx: InferContext): InferredValue[] {
  // Opset 8 has lengths of sequences as its first input, and a batch axis in front of everything.
  const [skip, batch] = ctx.opset < 9 ? [1, 1] : [0, 0]
  const body = subgraph(ctx, 'body')
  const { states, inputs, outputs } = walkOf(ctx, body, ctx.inputCount - skip)
  const initial = Array.from({ length: states }, (_, i) => within(ctx.anyType(i + skip), batch))
  let length: Dim = null
  const slabs = inputs.map(({ axis }, i) => {
    const dims = ctx.dims(skip + states + i)
    if (dims === undefined) return within(ctx.anyType(skip + states + i), 0, true)
    const at = checkedAxis(ctx, axis + batch, dims.length)
    length ??= dims[at]!
    return { type: tensorType(ctx.dtype(skip + states + i), dims.toSpliced(at, 1).slice(batch)) }
  })
  const settled = settle(initial, (values) => ctx.inferGraph(body, [...values, ...slabs]))
  const results = [...settled.carried, ...settled.outputs.slice(states).map((value, i) => stacked(value, length, outputs[i]!.axis))]
  return allKnown(batch === 0 ? results : results.map((value) => stacked(value, ctx.dims(skip)?.[0] ?? null, 0)))
}

/** A tensor's type without its first `count` axes, or without its shape. */
function within(type: ValueType | undefined, count: number, forgetShape = false): InferredValue | undefined {
  if (type === undefined || type.kind !== 'tensor') return withoutContents(type)
  const { dtype, dims }: TensorType = type
  return { type: tensorType(dtype, forgetShape ? undefined : dims?.slice(count)) }
}

function evaluateScan(ctx: EvaluateContext): NDArray[] {
  const body = subgraph(ctx, 'body')
  if (ctx.opset >= 9)
    return scan(
      ctx,
      body,
      ctx.inputs.map((_, i) => ctx.input(i)),
    )
  if (ctx.inputs[0] !== undefined) ctx.fail('no lengths of sequences: the reference walks whole sequences only')
  const batched = ctx.inputs.slice(1).map((_, i) => ctx.input(i + 1))
  const perItem = Array.from({ length: batched[0]!.dims[0]! }, (_, item) =>
    scan(
      ctx,
      body,
      batched.map((x) => slab(x, 0, item)),
    ),
  )
  return perItem[0]!.map((_, i) =>
    stackArrays(
      ctx,
      perItem.map((results) => results[i]!),
      0,
    ),
  )
}

function scan(ctx: EvaluateContext, body: Graph, inputs: readonly NDArray[]): NDArray[] {
  const walk = walkOf(ctx, body, inputs.length)
  let states = inputs.slice(0, walk.states)
  const scanned = inputs
    .slice(walk.states)
    .map((x, i) => ({ x, ...walk.inputs[i]!, axis: checkedAxis(ctx, walk.inputs[i]!.axis, x.dims.length) }))
  const length = scanned[0]?.x.dims[scanned[0].axis] ?? ctx.fail('at least one scanned input')
  const collected: NDArray[][] = walk.outputs.map(() => [])
  for (let round = 0; round < length; round++) {
    const slabs = scanned.map(({ x, axis, backwards }) => slab(x, axis, backwards ? length - 1 - round : round))
    const results = ctx.evaluateGraph(body, [...states, ...slabs])
    states = results.slice(0, walk.states)
    for (const [i, { backwards }] of walk.outputs.entries()) {
      const result = results[walk.states + i]!
      if (backwards) collected[i]!.unshift(result)
      else collected[i]!.push(result)
    }
  }
  return [...states, ...collected.map((list, i) => stackArrays(ctx, list, walk.outputs[i]!.axis))]
}

export const control: OperatorFamily = {
  If: {
    infer: inferIf,
    gradient: controlFlow,
    // Which nodes run, and how often, is only known when they do: subgraphs are not counted.
    flops: noFlops,
    evaluate: (ctx) => ctx.evaluateGraph(subgraph(ctx, ctx.input(0).data[0] !== 0 ? 'then_branch' : 'else_branch'), []),
  },
  Loop: { infer: inferLoop, gradient: controlFlow, flops: noFlops, evaluate: evaluateLoop },
  Scan: { infer: inferScan, gradient: controlFlow, flops: noFlops, evaluate: evaluateScan },
}
