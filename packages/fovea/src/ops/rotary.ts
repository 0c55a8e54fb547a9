// Rotary position embedding (Su et al. 2021).

import type { Dim } from '../graph/dims.ts'
import { formatDims } from '../graph/dims.ts'
import { ndarray } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, OperatorDefinition } from './operator.ts'
import { flopsPerOutput, sameAsFirstInput } from './rules.ts'

/** How X [B, H, S, D] or [B, S, H*D] is laid out. */
interface Layout {
  readonly batch: number
  readonly heads: number
  readonly length: number
  readonly size: number
  at(b: number, h: number, s: number): number
}

function layoutOf(ctx: Attributes, dims: readonly number[]): Layout {
  if (dims.length === 4) {
    const [batch, heads, length, size] = dims as readonly [number, number, number, number]
    return { batch, heads, length, size, at: (b, h, s) => ((b * heads + h) * length + s) * size }
  }
  const [batch, length, hidden] = dims as readonly [number, number, number]
  const heads = ctx.int('num_heads')
  const size = hidden / heads
  return { batch, heads, length, size, at: (b, h, s) => (b * length + s) * hidden + h * size }
}

function checkShape(ctx: Attributes, dims: readonly Dim[] | undefined): void {
  if (dims !== undefined && dims.length !== 3 && dims.length !== 4) ctx.fail('X [B, H, S, D] or [B, S, H*D]', formatDims(dims))
}

/** Rotates pairs of features by angles whose cosine and sine are given for every position. */
function evaluate(ctx: EvaluateContext) {
  const x = ctx.input(0)
  checkShape(ctx, x.dims)
  const [cos, sin, positions] = [ctx.input(1).data, ctx.input(2).data, ctx.inputs[3]?.data]
  const { batch, heads, length, size, at } = layoutOf(ctx, x.dims)
  const rotated = ctx.int('rotary_embedding_dim', 0) || size
  const half = rotated / 2
  const interleaved = ctx.int('interleaved', 0) !== 0
  if (ctx.input(1).dims.at(-1) !== half) ctx.fail(`caches of ${half} columns`, `[${ctx.input(1).dims}]`)
  const data = x.data.slice()
  for (let b = 0; b < batch; b++)
    for (let s = 0; s < length; s++) {
      const row = (positions === undefined ? b * length + s : positions[b * length + s]!) * half
      for (let h = 0; h < heads; h++)
        for (let i = 0; i < half; i++) {
          const first = at(b, h, s) + (interleaved ? 2 * i : i)
          const second = interleaved ? first + 1 : first + half
          const [c, d] = [cos[row + i]!, sin[row + i]!]
          data[first] = c * x.data[first]! - d * x.data[second]!
          data[second] = d * x.data[first]! + c * x.data[second]!
        }
    }
  return [ndarray(x.dtype, x.dims, data)]
}

export const rotaryEmbedding: OperatorDefinition = {
  infer: (ctx) => {
    checkShape(ctx, ctx.dims(0))
    return sameAsFirstInput(ctx)
  },
  // A rotation is undone by the opposite angle. The caches are tables, not parameters.
  gradient: (ctx: GradientContext) => {
    if (ctx.needs(1) || ctx.needs(2)) ctx.fail('cosine and sine caches that are not trained')
    const sizes = { interleaved: ctx.int('interleaved', undefined), num_heads: ctx.int('num_heads', undefined) }
    const attributes = { ...sizes, rotary_embedding_dim: ctx.int('rotary_embedding_dim', undefined) }
    const opposite = ctx.b.op('Neg', [ctx.input(2)])
    const positions = ctx.hasInput(3) ? ctx.input(3) : undefined
    return [ctx.b.op('RotaryEmbedding', [ctx.gradient(0), ctx.input(1), opposite, positions], attributes)]
  },
  flops: flopsPerOutput(3),
  evaluate,
}
