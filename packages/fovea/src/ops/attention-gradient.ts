// The gradient of attention, in decomposed form: the weights are computed again and differentiated step by step.

import { expanded, iota, masked, reduced, reshapedTo, transposed } from './emit.ts'
import type { GradientContext } from './operator.ts'

const swapHeads = { perm: [0, 2, 1, 3] }

/** Queries, keys and values as [B, H, S, D], with keys and values repeated for each head of their group. */
interface Heads {
  readonly name: string
  readonly dims: readonly number[]
  /** Brings a gradient of that shape back to the shape of the input. */
  back(gradient: string): string
}

function headsOf(ctx: GradientContext, index: number): Heads {
  const { b } = ctx
  const input = ctx.input(index)
  const own = ctx.shape(input)
  if (own.length === 4) return { name: input, dims: own, back: (gradient) => gradient }
  const heads = ctx.int(index === 0 ? 'q_num_heads' : 'kv_num_heads')
  const split = [own[0]!, own[1]!, heads, own[2]! / heads]
  return {
    name: b.op('Transpose', [reshapedTo(ctx, input, split)], swapHeads),
    dims: [own[0]!, heads, own[1]!, own[2]! / heads],
    back: (gradient) => reshapedTo(ctx, b.op('Transpose', [gradient], swapHeads), own),
  }
}

function repeated(ctx: GradientContext, x: Heads, group: number): Heads {
  if (group === 1) return x
  const [batch, heads, length, size] = x.dims as readonly [number, number, number, number]
  const wide = [batch, heads, group, length, size]
  const dims = [batch, heads * group, length, size]
  const apart = expanded(ctx, reshapedTo(ctx, x.name, [batch, heads, 1, length, size]), wide)
  return {
    name: reshapedTo(ctx, apart, dims),
    dims,
    back: (gradient) => x.back(reduced(ctx, 'ReduceSum', reshapedTo(ctx, gradient, wide), [2], false)),
  }
}

/** Where attention is allowed: the boolean mask and the causal triangle; undefined where everything is. */
function allowedOf(ctx: GradientContext, rows: number, total: number): string | undefined {
  const { b } = ctx
  const conditions: string[] = []
  if (ctx.hasInput(3) && ctx.dtype(ctx.input(3)) === 'bool') conditions.push(ctx.input(3))
  if (ctx.int('is_causal', 0) !== 0) {
    const [row, column] = [iota(ctx, 'int64', rows, 0, 2), iota(ctx, 'int64', total, 1, 2)]
    conditions.push(b.op('Not', [b.op('Greater', [column, row])]))
  }
  return conditions.length === 0 ? undefined : conditions.reduce((x, y) => b.op('And', [x, y]))
}

function checkSupported(ctx: GradientContext, rows: number, total: number): void {
  if (ctx.hasInput(4) || ctx.hasInput(5) || ctx.hasInput(6))
    ctx.fail('attention without a key-value cache, where a gradient is wanted', 'past_key, past_value or nonpad_kv_seqlen')
  if ([1, 2, 3].some((output) => ctx.gradient(output) !== undefined))
    ctx.fail('a loss that depends on output 0 alone', 'one that uses another output')
  if (!ctx.hasInput(3)) return
  const mask = ctx.shape(ctx.input(3))
  const width = mask.at(-1)
  if (width !== 1 && width !== total) ctx.fail(`a mask of ${total} columns, where a gradient is wanted`, `${width}`)
  if (mask.length > 1 && mask.at(-2) !== 1 && mask.at(-2) !== rows) ctx.fail(`a mask of ${rows} rows`, `${mask.at(-2)}`)
}

/**
 * With P = softmax(Z), Z = cap * tanh(S / cap) + mask and S = scale * Q Kᵀ:
 * dV = Pᵀ dY, dZ = P * (dP - sum(dP * P)) with dP = dY Vᵀ, dS = dZ * (1 - tanh²), dQ = scale * dS K, dK = scale * dSᵀ Q.
 */
export function attentionGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const q = headsOf(ctx, 0)
  const keys = headsOf(ctx, 1)
  const group = q.dims[1]! / keys.dims[1]!
  const k = repeated(ctx, keys, group)
  const v = repeated(ctx, headsOf(ctx, 2), group)
  const dtype = ctx.dtype(ctx.input(0))
  const [rows, total] = [q.dims[2]!, k.dims[2]!]
  checkSupported(ctx, rows, total)
  const number = (value: number) => ctx.scalar(value, dtype)
  const scale = number(ctx.float('scale', 1 / Math.sqrt(q.dims[3]!)))
  const cap = ctx.float('softcap', 0)
  const scaled = b.op('Mul', [q.name, scale])
  const scores = b.op('MatMul', [scaled, transposed(ctx, k.name, 4)])
  const bend = cap === 0 ? undefined : b.op('Tanh', [b.op('Div', [scores, number(cap)])])
  const capped = bend === undefined ? scores : b.op('Mul', [bend, number(cap)])
  const additive = ctx.hasInput(3) && ctx.dtype(ctx.input(3)) !== 'bool'
  const biased = additive ? b.op('Add', [capped, ctx.input(3)]) : capped
  const allowed = allowedOf(ctx, rows, total)
  // A finite bound instead of -Infinity: a row in which nothing is allowed would else be 0/0. Its weights are then set to 0.
  const bounded = allowed === undefined ? biased : b.op('Where', [allowed, biased, number(dtype === 'float16' ? -6e4 : -1e30)])
  const softmax = b.op('Softmax', [bounded], { axis: -1 })
  const weights = allowed === undefined ? softmax : masked(ctx, softmax, allowed, dtype)

  const flatDy = ctx.gradient(0)!
  const width = v.dims[3]!
  const dy =
    ctx.shape(ctx.input(0)).length === 4
      ? flatDy
      : b.op('Transpose', [reshapedTo(ctx, flatDy, [q.dims[0]!, rows, q.dims[1]!, width])], swapHeads)
  const dv = () => v.back(b.op('MatMul', [transposed(ctx, weights, 4), dy]))
  if (![0, 1, 3].some((i) => ctx.hasInput(i) && ctx.needs(i))) return [undefined, undefined, ctx.needs(2) ? dv() : undefined]
  const dWeights = b.op('MatMul', [dy, transposed(ctx, v.name, 4)])
  const mean = reduced(ctx, 'ReduceSum', b.op('Mul', [dWeights, weights]), [3])
  const dz = b.op('Mul', [weights, b.op('Sub', [dWeights, mean])])
  const ds = bend === undefined ? dz : b.op('Mul', [dz, b.op('Sub', [number(1), b.op('Mul', [bend, bend])])])
  return [
    ctx.needs(0) ? q.back(b.op('Mul', [b.op('MatMul', [ds, k.name]), scale])) : undefined,
    ctx.needs(1) ? k.back(b.op('MatMul', [transposed(ctx, ds, 4), scaled])) : undefined,
    ctx.needs(2) ? dv() : undefined,
    additive && ctx.needs(3) ? ctx.unbroadcast(dz, [q.dims[0]!, q.dims[1]!, rows, total], ctx.input(3)) : undefined,
  ]
}
