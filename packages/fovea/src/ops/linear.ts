// Matrix products: MatMul, Gemm, ONNX Runtime's FusedMatMul, and determinants.

import { type Dim, dimsConflict, formatDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { einsum } from './einsum.ts'
import { reshapedTo, transposed } from './emit.ts'
import { wrapTo } from './integers.ts'
import { determinant, multiplyArrays, permuteArray, transposeArray } from './matrix.ts'
import { broadcastShape, mapArray, type NDArray, zipArrays } from './ndarray.ts'
import type {
  Attributes,
  EvaluateContext,
  FlopsContext,
  GradientContext,
  InferContext,
  OperatorDefinition,
  OperatorFamily,
} from './operator.ts'
import { notDifferentiable } from './operator.ts'
import { broadcastDims } from './rules.ts'

/** The shape of a matrix product by numpy's rules; vectors lose their axis. */
export function productDims(ctx: InferContext, a: readonly Dim[] | undefined, b: readonly Dim[] | undefined): readonly Dim[] | undefined {
  if (a === undefined || b === undefined) return undefined
  if (a.length === 0 || b.length === 0) ctx.fail('matrices or vectors', 'a scalar')
  const rows = a.length === 1 ? [] : [a.at(-2)!]
  const columns = b.length === 1 ? [] : [b.at(-1)!]
  if (dimsConflict(a.at(-1)!, b.length === 1 ? b[0]! : b.at(-2)!))
    ctx.fail('equal inner dimensions', `${formatDims(a)} and ${formatDims(b)}`)
  return [...broadcastDims(ctx, [a.slice(0, -2), b.slice(0, -2)])!, ...rows, ...columns]
}

/** Two FLOPs for each multiply-add: twice the result's size times the inner dimension. */
function productFlops(inner: (ctx: FlopsContext) => number): (ctx: FlopsContext) => number {
  return (ctx) => 2 * sizeOf(ctx.outputDims(0)) * inner(ctx)
}

export function evaluateProduct(ctx: EvaluateContext, a: NDArray, b: NDArray): NDArray {
  return multiplyArrays(a, b) ?? ctx.fail('matrices that can be multiplied', `[${a.dims}] and [${b.dims}]`)
}

/**
 * dA = dY Bᵀ, dB = Aᵀ dY. Where B is one matrix for all batches (a linear layer), the batches of A become rows: its gradient is
 * then one product without a sum over batches. The transposes are folded into the products by ONNX Runtime.
 */
function productGradient(ctx: GradientContext): (string | undefined)[] {
  const { b } = ctx
  const [nameA, nameB] = [ctx.input(0), ctx.input(1)]
  const [dimsA, dimsB] = [ctx.shape(nameA), ctx.shape(nameB)]
  const left = dimsA.length === 1 ? [1, ...dimsA] : dimsA
  const right = dimsB.length === 1 ? [...dimsB, 1] : dimsB
  const batch = broadcastShape(left.slice(0, -2), right.slice(0, -2))!
  const shaped = (value: string, from: readonly number[], to: readonly number[]) =>
    from.length === to.length ? value : reshapedTo(ctx, value, to)
  const dims = [...batch, left.at(-2)!, right.at(-1)!]
  const x = shaped(nameA, dimsA, left)
  const w = shaped(nameB, dimsB, right)
  const dy = shaped(ctx.gradient(0)!, ctx.shape(ctx.output(0)), dims)
  /** Sums over broadcast batches and gives the input's own shape. */
  const finish = (gradient: string, matrix: readonly number[], own: readonly number[], name: string) => {
    const from = [...batch, ...matrix]
    const same = from.join() === own.join()
    if (same) return gradient
    // A vector's gradient has an axis of 1 too many.
    const vector = own.length === 1
    const bare = vector ? reshapedTo(ctx, gradient, [...batch, ...own]) : gradient
    return ctx.unbroadcast(bare, vector ? [...batch, ...own] : from, name)
  }
  const gradientOfA = () => finish(b.op('MatMul', [dy, transposed(ctx, w, right.length)]), left.slice(-2), dimsA, nameA)
  const gradientOfB = () => {
    if (right.length > 2 || left.length === 2)
      return finish(b.op('MatMul', [transposed(ctx, x, left.length), dy]), right.slice(-2), dimsB, nameB)
    const rows = sizeOf(left.slice(0, -1))
    const flatX = reshapedTo(ctx, x, [rows, left.at(-1)!])
    const flatDy = reshapedTo(ctx, dy, [rows, right.at(-1)!])
    return shaped(b.op('MatMul', [transposed(ctx, flatX, 2), flatDy]), right, dimsB)
  }
  return [ctx.needs(0) ? gradientOfA() : undefined, ctx.needs(1) ? gradientOfB() : undefined]
}

const matMul: OperatorDefinition = {
  infer: (ctx) => {
    if (ctx.dtype(0) !== ctx.dtype(1)) ctx.fail('inputs of one element type', `${ctx.dtype(0)} and ${ctx.dtype(1)}`)
    return [{ type: tensorType(ctx.dtype(0), productDims(ctx, ctx.dims(0), ctx.dims(1))) }]
  },
  gradient: productGradient,
  flops: productFlops((ctx) => ctx.inputDims(0).at(-1)!),
  evaluate: (ctx) => {
    const product = evaluateProduct(ctx, ctx.input(0), ctx.input(1))
    return [mapArray(product, wrapTo(product.dtype))]
  },
}

const flag = (ctx: Attributes, name: string) => ctx.int(name, 0) !== 0

/** Y = alpha * op(A) op(B) + beta * C. */
const gemm: OperatorDefinition = {
  infer: (ctx) => {
    const [a, b] = [ctx.dims(0), ctx.dims(1)]
    if (a === undefined || b === undefined) return [{ type: tensorType(ctx.dtype(0), [null, null]) }]
    if (a.length !== 2 || b.length !== 2) ctx.fail('two matrices', `${formatDims(a)} and ${formatDims(b)}`)
    const [rows, inner] = flag(ctx, 'transA') ? [a[1]!, a[0]!] : [a[0]!, a[1]!]
    const [other, columns] = flag(ctx, 'transB') ? [b[1]!, b[0]!] : [b[0]!, b[1]!]
    if (dimsConflict(inner, other)) ctx.fail('equal inner dimensions', `${formatDims(a)} and ${formatDims(b)}`)
    const dims = [rows, columns]
    if (ctx.hasInput(2)) broadcastDims(ctx, [dims, ctx.dims(2)])
    return [{ type: tensorType(ctx.dtype(0), dims) }]
  },
  gradient: (ctx) => {
    const { b } = ctx
    const [x, w, dy] = [ctx.input(0), ctx.input(1), ctx.gradient(0)!]
    const [transA, transB, beta] = [flag(ctx, 'transA'), flag(ctx, 'transB'), ctx.float('beta', 1)]
    const alpha = ctx.float('alpha', 1)
    // C may be left out since opset 11.
    const none = b.opset >= 11 ? [] : [ctx.scalar(0, ctx.dtype(x))]
    const product = (left: string, right: string, leftT: boolean, rightT: boolean) =>
      b.op('Gemm', [left, right, ...none], {
        alpha: alpha === 1 ? undefined : alpha,
        transA: leftT || undefined,
        transB: rightT || undefined,
      })
    const dc = () => {
      const dims = ctx.shape(ctx.output(0))
      const sum = ctx.unbroadcast(dy, dims, ctx.input(2))
      return beta === 1 ? sum : b.op('Mul', [sum, ctx.scalar(beta, ctx.dtype(x))])
    }
    return [
      ctx.needs(0) ? (transA ? product(w, dy, transB, true) : product(dy, w, false, !transB)) : undefined,
      ctx.needs(1) ? (transB ? product(dy, x, true, transA) : product(x, dy, !transA, false)) : undefined,
      ctx.hasInput(2) && ctx.needs(2) ? dc() : undefined,
    ]
  },
  flops: productFlops((ctx) => ctx.inputDims(0)[flag(ctx, 'transA') ? 0 : 1]!),
  evaluate: (ctx) => {
    const a = flag(ctx, 'transA') ? transposeArray(ctx.input(0)) : ctx.input(0)
    const b = flag(ctx, 'transB') ? transposeArray(ctx.input(1)) : ctx.input(1)
    const [alpha, beta] = [ctx.float('alpha', 1), ctx.float('beta', 1)]
    const product = mapArray(evaluateProduct(ctx, a, b), (x) => alpha * x)
    const c = ctx.inputs[2]
    if (c === undefined) return [product]
    if (broadcastShape(product.dims, c.dims)?.join() !== product.dims.join())
      ctx.fail(`C that broadcasts to [${product.dims}]`, `[${c.dims}]`)
    return [zipArrays(product, c, (x, y) => x + beta * y)]
  },
}

/** How FusedMatMul reads an operand: `transBatch` moves axis 0 behind the batch axes, `trans` swaps the last two axes. */
function operandAxes(ctx: Attributes, side: 'A' | 'B', rank: number): number[] {
  const axes = Array.from({ length: rank }, (_, i) => i)
  if (rank < 2) return axes
  if (flag(ctx, `transBatch${side}`)) axes.splice(0, rank - 1, ...axes.slice(1, rank - 1), 0)
  if (flag(ctx, `trans${side}`)) axes.push(...axes.splice(rank - 2, 1))
  return axes
}

/** alpha * op(A) op(B) with broadcast batches: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md */
const fusedMatMul: OperatorDefinition = {
  infer: (ctx) => {
    const [a, b] = (['A', 'B'] as const).map((side, i) => {
      const dims = ctx.dims(i)
      return dims && operandAxes(ctx, side, dims.length).map((axis) => dims[axis]!)
    })
    return [{ type: tensorType(ctx.dtype(0), productDims(ctx, a, b)) }]
  },
  gradient: (ctx) => {
    const { b } = ctx
    const dims = [0, 1].map((i) => ctx.shape(ctx.input(i)))
    if (dims.some((shape) => shape.length < 2))
      ctx.fail('matrices where a gradient is wanted', dims.map((shape) => `[${shape}]`).join(' and '))
    const dy = ctx.gradient(0)!
    const alpha = ctx.float('alpha', 1)
    const fused = (left: string, right: string, attributes: Record<string, boolean | number>) => {
      const set = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== false))
      return b.op('com.microsoft::FusedMatMul', [left, right], { ...set, alpha })
    }
    const [transA, transB] = [flag(ctx, 'transA'), flag(ctx, 'transB')]
    const [batchA, batchB] = [flag(ctx, 'transBatchA'), flag(ctx, 'transBatchB')]
    const [x, w] = [ctx.input(0), ctx.input(1)]
    const back = (gradient: string, input: number, batched: boolean) => {
      const rank = dims[input]!.length
      // The gradient with batches in front; axis 0 goes back to where the operand has it.
      if (batched) return b.op('Transpose', [gradient], { perm: [rank - 2, ...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1] })
      const y = ctx.shape(ctx.output(0))
      return ctx.unbroadcast(gradient, [...y.slice(0, -2), ...dims[input]!.slice(-2)], ctx.input(input))
    }
    const da = () =>
      transA ? fused(w, dy, { transA: transB, transBatchA: batchB, transB: true }) : fused(dy, w, { transB: !transB, transBatchB: batchB })
    const db = () =>
      transB ? fused(dy, x, { transA: true, transB: transA, transBatchB: batchA }) : fused(x, dy, { transA: !transA, transBatchA: batchA })
    return [ctx.needs(0) ? back(da(), 0, batchA) : undefined, ctx.needs(1) ? back(db(), 1, batchB) : undefined]
  },
  flops: productFlops((ctx) => {
    const dims = ctx.inputDims(0)
    return dims[operandAxes(ctx, 'A', dims.length).at(-1)!]!
  }),
  evaluate: (ctx) => {
    const [a, b] = (['A', 'B'] as const).map((side, i) => permuteArray(ctx.input(i), operandAxes(ctx, side, ctx.input(i).dims.length)))
    const alpha = ctx.float('alpha', 1)
    return [mapArray(evaluateProduct(ctx, a!, b!), (x) => alpha * x)]
  },
}

const det: OperatorDefinition = {
  infer: (ctx) => {
    const dims = ctx.dims(0)
    if (dims !== undefined && (dims.length < 2 || dimsConflict(dims.at(-1)!, dims.at(-2)!))) ctx.fail('square matrices', formatDims(dims))
    return [{ type: tensorType(ctx.dtype(0), dims?.slice(0, -2)) }]
  },
  gradient: notDifferentiable('it needs the inverse matrix, which standard ONNX does not have'),
  flops: (ctx) => {
    const dims = ctx.inputDims(0)
    return (2 / 3) * sizeOf(dims) * dims.at(-1)!
  },
  evaluate: (ctx) => {
    const { dtype, dims, data } = ctx.input(0)
    const n = dims.at(-1)!
    const batch = dims.slice(0, -2)
    const values = Float64Array.from({ length: sizeOf(batch) }, (_, i) => determinant(data.subarray(i * n * n, (i + 1) * n * n), n))
    return [{ dtype, dims: batch, data: values }]
  },
}

export const linear: OperatorFamily = {
  MatMul: matMul,
  Gemm: gemm,
  Einsum: einsum,
  'com.microsoft::FusedMatMul': fusedMatMul,
  Det: det,
}
