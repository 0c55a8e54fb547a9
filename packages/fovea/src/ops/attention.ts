// Scaled dot-product attention (Vaswani et al. 2017), with grouped heads, masks, soft cap and key-value cache.

import { addDims, type Dim, dimsConflict, floorDivideDims, formatDims, multiplyDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { attentionGradient } from './attention-gradient.ts'
import { permuteArray, reshapeArray } from './matrix.ts'
import { broadcastStrides, type NDArray, ndarray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, InferContext, InferredValue, OperatorDefinition, OperatorFamily } from './operator.ts'
import { rotaryEmbedding } from './rotary.ts'

/** Heads of queries, and of keys and values: given by 4-D shapes, else by attributes. */
function headsOf(ctx: Attributes, index: number, dims: readonly Dim[]): Dim {
  if (dims.length === 4) return dims[1]!
  if (dims.length !== 3) ctx.fail('inputs [B, S, H*D] or [B, H, S, D]', formatDims(dims))
  return ctx.int(index === 0 ? 'q_num_heads' : 'kv_num_heads')
}

/** Shape [B, H, S, D] of input 0, 1 or 2. */
function splitHeads(ctx: Attributes, index: number, dims: readonly Dim[]): readonly Dim[] {
  if (dims.length === 4) return dims
  const heads = headsOf(ctx, index, dims)
  return [dims[0]!, heads, dims[1]!, floorDivideDims(dims[2]!, heads)]
}

function infer(ctx: InferContext): InferredValue[] {
  const dtype = ctx.dtype(0)
  const shapes = [0, 1, 2].map((i) => ctx.dims(i))
  const unknown = { type: tensorType(dtype) }
  if (!shapes.every((shape) => shape !== undefined)) return [unknown, unknown, unknown, unknown]
  const [q, k, v] = shapes.map((shape, i) => splitHeads(ctx, i, shape)) as [readonly Dim[], readonly Dim[], readonly Dim[]]
  if (dimsConflict(q[3]!, k[3]!)) ctx.fail('queries and keys of one head size', `${q[3]} and ${k[3]}`)
  const [heads, groups] = [q[1]!, k[1]!]
  if (typeof heads === 'number' && typeof groups === 'number' && heads % groups !== 0)
    ctx.fail(`query heads in groups of ${groups}`, `${heads}`)
  const past = ctx.hasInput(4) ? (ctx.dims(4)?.[2] ?? null) : 0
  const total = addDims(past, k[2]!)
  const y = shapes[0]!.length === 4 ? [q[0]!, heads, q[2]!, v[3]!] : [q[0]!, q[2]!, multiplyDims(heads, v[3]!)]
  const cache = (x: readonly Dim[]) => ({ type: tensorType(dtype, [x[0]!, x[1]!, total, x[3]!]) })
  return [{ type: tensorType(dtype, y) }, cache(k), cache(v), { type: tensorType(dtype, [q[0]!, heads, q[2]!, total]) }]
}

/** [B, S, H*D] as [B, H, S, D]. */
function toHeads(ctx: EvaluateContext, index: number): NDArray {
  const x = ctx.input(index)
  if (x.dims.length === 4) return x
  const [batch, heads, length, size] = splitHeads(ctx, index, x.dims) as readonly number[]
  return permuteArray(reshapeArray(x, [batch!, length!, heads!, size!]), [0, 2, 1, 3])
}

/** Cached keys or values, followed by the new ones. */
function withPast(past: NDArray | undefined, x: NDArray): NDArray {
  if (past === undefined) return x
  const [batch, heads, length, size] = x.dims as readonly [number, number, number, number]
  const before = past.dims[2]! * size
  const added = length * size
  const data = new Float64Array(past.data.length + x.data.length)
  for (let i = 0; i < batch * heads; i++) {
    data.set(past.data.subarray(i * before, (i + 1) * before), i * (before + added))
    data.set(x.data.subarray(i * added, (i + 1) * added), i * (before + added) + before)
  }
  return ndarray(x.dtype, [batch, heads, past.dims[2]! + length, size], data)
}

/** What the mask adds to a score: -Infinity where attention is not allowed. */
function biasOf(
  ctx: EvaluateContext,
  [batch, heads, rows, total]: readonly number[],
): (b: number, h: number, i: number, j: number) => number {
  const mask = ctx.inputs[3]
  const causal = ctx.int('is_causal', 0) !== 0
  const valid = ctx.inputs[6]?.data
  const past = ctx.inputs[4]?.dims[2]
  const width = mask?.dims.at(-1) ?? 0
  const strides = mask === undefined ? [] : broadcastStrides(mask.dims, [batch!, heads!, rows!, mask.dims.at(-1)!])
  return (b, h, i, j) => {
    const offset = past ?? (valid === undefined ? 0 : valid[b]! - rows!)
    if ((causal && j > i + offset) || (valid !== undefined && j >= valid[b]!)) return Number.NEGATIVE_INFINITY
    if (mask === undefined) return 0
    // A mask narrower than the keys forbids those beyond its end; one column alone is stretched.
    if (width !== 1 && j >= width) return Number.NEGATIVE_INFINITY
    const value = mask.data[b * strides[0]! + h * strides[1]! + i * strides[2]! + (width === 1 && total !== 1 ? 0 : j)]!
    return mask.dtype === 'bool' ? (value === 0 ? Number.NEGATIVE_INFINITY : 0) : value
  }
}

/** Softmax of a row in place; a row in which nothing is allowed becomes zero. */
function softmaxRow(row: Float64Array): void {
  const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  if (top === Number.NEGATIVE_INFINITY) {
    row.fill(0)
    return
  }
  let sum = 0
  row.forEach((value, j) => {
    row[j] = Math.exp(value - top)
    sum += row[j]!
  })
  row.forEach((value, j) => {
    row[j] = value / sum
  })
}

/**
 * Scores are q·k * scale, then the soft cap, then the mask, then softmax: the order of the specification as corrected in ONNX
 * 1.23 and of ONNX Runtime (earlier texts capped after the mask).
 */
function evaluate(ctx: EvaluateContext): NDArray[] {
  const q = toHeads(ctx, 0)
  const k = withPast(ctx.inputs[4], toHeads(ctx, 1))
  const v = withPast(ctx.inputs[5], toHeads(ctx, 2))
  const [batch, heads, rows, size] = q.dims as readonly [number, number, number, number]
  const [total, width] = [k.dims[2]!, v.dims[3]!]
  const group = heads / k.dims[1]!
  const scale = ctx.float('scale', 1 / Math.sqrt(size))
  const cap = ctx.float('softcap', 0)
  const mode = ctx.int('qk_matmul_output_mode', 0)
  const bias = biasOf(ctx, [batch, heads, rows, total])
  const scores = ndarray(q.dtype, [batch, heads, rows, total])
  const y = ndarray(q.dtype, [batch, heads, rows, width])
  const row = new Float64Array(total)
  const [strideQ, strideK, strideV] = [stridesOf(q.dims), stridesOf(k.dims), stridesOf(v.dims)]
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++) {
      const shared = Math.floor(h / group)
      for (let i = 0; i < rows; i++) {
        const at = ((b * heads + h) * rows + i) * total
        const query = b * strideQ[0]! + h * strideQ[1]! + i * size
        const shown = (stage: number) => {
          if (stage === mode) scores.data.set(row, at)
        }
        for (let j = 0; j < total; j++) {
          const key = b * strideK[0]! + shared * strideK[1]! + j * size
          let dot = 0
          for (let d = 0; d < size; d++) dot += q.data[query + d]! * k.data[key + d]!
          row[j] = dot * scale
        }
        shown(0)
        if (cap !== 0) for (let j = 0; j < total; j++) row[j] = cap * Math.tanh(row[j]! / cap)
        shown(1)
        for (let j = 0; j < total; j++) row[j]! += bias(b, h, i, j)
        shown(2)
        softmaxRow(row)
        shown(3)
        const out = ((b * heads + h) * rows + i) * width
        for (let j = 0; j < total; j++) {
          const value = b * strideV[0]! + shared * strideV[1]! + j * width
          for (let d = 0; d < width; d++) y.data[out + d]! += row[j]! * v.data[value + d]!
        }
      }
    }
  const flat = ctx.input(0).dims.length === 3
  const result = flat ? reshapeArray(permuteArray(y, [0, 2, 1, 3]), [batch, rows, heads * width]) : y
  return [result, k, v, scores]
}

const attention: OperatorDefinition = {
  infer,
  gradient: attentionGradient,
  flops: (ctx) => {
    const [q, k, v] = [0, 1, 2].map((i) => splitHeads(ctx, i, ctx.inputDims(i)) as readonly number[])
    const past = ctx.hasInput(4) ? ctx.inputDims(4)[2]! : 0
    const pairs = sizeOf(q!.slice(0, 3)) * (k![2]! + past)
    return pairs * (2 * q![3]! + 2 * v![3]! + 5)
  },
  evaluate,
}

export const attentions: OperatorFamily = { Attention: attention, RotaryEmbedding: rotaryEmbedding }
