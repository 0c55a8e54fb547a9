// ScatterElements, ScatterND, Scatter and TensorScatter: updates written, or added up, at indices.

import { sizeOf } from '../graph/tensor.ts'
import { checkedAxis, type Sources } from './elements.ts'
import { castTo, expanded, iota, masked, reshapedTo } from './emit.ts'
import { checkedIndex, elementPositions, tuplePositions } from './gather.ts'
import { zeros } from './gradients.ts'
import { wrapTo } from './integers.ts'
import type { NDArray } from './ndarray.ts'
import type {
  Attributes,
  EvaluateContext,
  GradientContext,
  InferContext,
  InferredValue,
  OperatorDefinition,
  OperatorFamily,
} from './operator.ts'

const reductions = {
  none: (_: number, update: number) => update,
  add: (value: number, update: number) => value + update,
  mul: (value: number, update: number) => value * update,
  min: Math.min,
  max: Math.max,
}

type Reduction = keyof typeof reductions

function reductionOf(ctx: Attributes): Reduction {
  const reduction = ctx.string('reduction', 'none')
  return reduction in reductions ? (reduction as Reduction) : ctx.fail(`a reduction of ${Object.keys(reductions).join(', ')}`, reduction)
}

/** Writes each update at its position, one after another. */
function written(x: NDArray, positions: Sources, updates: NDArray, reduction: Reduction): NDArray {
  const wrap = wrapTo(x.dtype)
  const data = x.data.slice()
  positions.forEach((position, i) => {
    data[position] = wrap(reductions[reduction](data[position]!, updates.data[i]!))
  })
  return { ...x, data }
}

/** How one of these operators is emitted, and the gather that reads the same positions. */
interface Access {
  scatter(data: string, updates: string, reduction: Reduction): string
  gather(data: string): string
}

/**
 * Gradients of data and updates. Under `mul` an update of 0 has none that is finite, and where none of the positions repeats
 * the order of equal updates does not matter; under `min` and `max` all that equal the result share its gradient.
 */
function scatterGradient(ctx: GradientContext, { scatter, gather }: Access): (string | undefined)[] {
  const { b } = ctx
  const dy = ctx.gradient(0)!
  const [data, updates, y] = [ctx.input(0), ctx.input(2), ctx.output(0)]
  const dtype = ctx.dtype(data)
  const either = (dData: () => string, dUpdates: () => string) => [
    ctx.needs(0) ? dData() : undefined,
    undefined,
    ctx.needs(2) ? dUpdates() : undefined,
  ]
  const reduction = reductionOf(ctx)
  if (reduction === 'none')
    return either(
      () => scatter(dy, zeros(ctx, ctx.shape(updates), dtype), 'none'),
      () => gather(dy),
    )
  if (reduction === 'add')
    return either(
      () => dy,
      () => gather(dy),
    )
  if (reduction === 'mul')
    return either(
      () => scatter(dy, updates, 'mul'),
      () => b.op('Div', [gather(b.op('Mul', [dy, y])), updates]),
    )
  const winner = b.op('Equal', [data, y])
  const winners = b.op('Equal', [updates, gather(y)])
  const count = scatter(castTo(ctx, winner, dtype), castTo(ctx, winners, dtype), 'add')
  const share = b.op('Div', [dy, count])
  return either(
    () => masked(ctx, share, winner, dtype),
    () => masked(ctx, gather(share), winners, dtype),
  )
}

function inferScatter(ctx: InferContext): InferredValue[] {
  reductionOf(ctx)
  const type = ctx.type(0)
  if (ctx.dtype(2) !== type.dtype) ctx.fail(`updates of ${type.dtype}`, ctx.dtype(2))
  return [{ type }]
}

const scatterElements: OperatorDefinition = {
  infer: (ctx) => {
    const rank = ctx.dims(0)?.length
    if (rank !== undefined) checkedAxis(ctx, ctx.int('axis', 0), rank)
    return inferScatter(ctx)
  },
  gradient: (ctx) => {
    const axis = ctx.int('axis', 0)
    return scatterGradient(ctx, {
      scatter: (data, updates, reduction) => ctx.b.op('ScatterElements', [data, ctx.input(1), updates], { axis, reduction }),
      gather: (data) => ctx.b.op('GatherElements', [data, ctx.input(1)], { axis }),
    })
  },
  flops: (ctx) => (reductionOf(ctx) === 'none' ? 0 : sizeOf(ctx.inputDims(2))),
  evaluate: (ctx) => {
    const [x, indices, updates] = [ctx.input(0), ctx.input(1), ctx.input(2)]
    const axis = checkedAxis(ctx, ctx.int('axis', 0), x.dims.length)
    if (`${indices.dims}` !== `${updates.dims}`) ctx.fail(`updates of shape [${indices.dims}]`, `[${updates.dims}]`)
    return [written(x, elementPositions(ctx, x.dims, axis, indices), updates, reductionOf(ctx))]
  },
}

function evaluateScatterND(ctx: EvaluateContext): NDArray[] {
  const [x, indices, updates] = [ctx.input(0), ctx.input(1), ctx.input(2)]
  const { starts, size } = tuplePositions(ctx, x.dims, indices)
  if (updates.data.length !== starts.length * size) ctx.fail(`${starts.length * size} updates`, `${updates.data.length}`)
  const positions = Int32Array.from(updates.data, (_, i) => starts[Math.floor(i / size)]! + (i % size))
  return [written(x, positions, updates, reductionOf(ctx))]
}

/** Along the sequence axis, each sequence of the batch is written from its own index on; `circular` goes on at the front. */
function evaluateTensorScatter(ctx: EvaluateContext): NDArray[] {
  const [cache, update] = [ctx.input(0), ctx.input(1)]
  const rank = cache.dims.length
  const axis = checkedAxis(ctx, ctx.int('axis', -2), rank)
  if (axis === 0) ctx.fail('a sequence axis behind the batch axis', '0')
  const circular = ctx.string('mode', 'linear') === 'circular'
  const [inner, length, capacity] = [sizeOf(cache.dims.slice(axis + 1)), update.dims[axis]!, cache.dims[axis]!]
  const perBatch = sizeOf(update.dims.slice(1))
  const positions = Int32Array.from(update.data, (_, i) => {
    const first = ctx.inputs[2]?.data[Math.floor(i / perBatch)] ?? 0
    const at = first + (Math.floor(i / inner) % length)
    const row = circular ? ((at % capacity) + capacity) % capacity : checkedIndex(ctx, at, capacity)
    return (Math.floor(i / (inner * length)) * capacity + row) * inner + (i % inner)
  })
  return [written(cache, positions, update, 'none')]
}

function tensorScatterGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const [cache, update] = [ctx.shape(ctx.input(0)), ctx.shape(ctx.input(1))]
  const axis = checkedAxis(ctx, ctx.int('axis', -2), cache.length)
  const attributes = { axis, mode: ctx.string('mode', 'linear') }
  const first = ctx.node.inputs[2]
  const kept = () => b.op('TensorScatter', [ctx.gradient(0), zeros(ctx, update, ctx.dtype(ctx.input(0))), first], attributes)
  const read = () => {
    const steps = iota(ctx, 'int64', update[axis]!, axis, cache.length)
    const at = first
      ? b.op('Add', [
          reshapedTo(
            ctx,
            first,
            cache.map((_, i) => (i === 0 ? cache[0]! : 1)),
          ),
          steps,
        ])
      : steps
    const rows = b.op('Mod', [at, b.scalar(cache[axis]!, 'int64')])
    return b.op('GatherElements', [ctx.gradient(0), expanded(ctx, rows, update)], { axis })
  }
  return [ctx.needs(0) ? kept() : undefined, ctx.needs(1) ? read() : undefined]
}

export const scatter: OperatorFamily = {
  ScatterElements: scatterElements,
  /** The name of ScatterElements in opsets 9 and 10. */
  Scatter: scatterElements,
  ScatterND: {
    infer: inferScatter,
    gradient: (ctx) =>
      scatterGradient(ctx, {
        scatter: (data, updates, reduction) => ctx.b.op('ScatterND', [data, ctx.input(1), updates], { reduction }),
        gather: (data) => ctx.b.op('GatherND', [data, ctx.input(1)]),
      }),
    flops: (ctx) => (reductionOf(ctx) === 'none' ? 0 : sizeOf(ctx.inputDims(2))),
    evaluate: evaluateScatterND,
  },
  TensorScatter: {
    infer: (ctx) => [{ type: ctx.type(0) }],
    gradient: tensorScatterGradient,
    flops: () => 0,
    evaluate: evaluateTensorScatter,
  },
}
