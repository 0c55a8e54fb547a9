// Pools on the blocked layout.

import { type Dim, formatDims } from '../../graph/dims.ts'
import { tensorType } from '../../graph/model.ts'
import { sizeOf } from '../../graph/tensor.ts'
import { type NDArray, ndarray } from '../ndarray.ts'
import type { Attributes, EvaluateContext, InferContext, InferredValue, OperatorFamily } from '../operator.ts'
import { foldWindows } from '../pooling.ts'
import { pooledDims, poolWindows, windowCounts } from '../pooling-shape.ts'
import { blockOf, toBlocked, toPlain } from './layout.ts'
import { blockedAveragePoolGradient, blockedMaxPoolGradient, globalAverageGradient } from './pooling-gradient.ts'

function checkChannels(ctx: Attributes, dims: readonly Dim[]): void {
  const channels = dims[1]!
  if (dims.length !== 4 || (typeof channels === 'number' && channels % blockOf(ctx) !== 0))
    ctx.fail(`an input [N, C, H, W] with channels in blocks of ${blockOf(ctx)}`, formatDims(dims))
}

function inferWith(dimsOf: (ctx: InferContext, x: readonly Dim[]) => Dim[]) {
  return (ctx: InferContext): InferredValue[] => {
    const x = ctx.dims(0)
    if (x !== undefined) checkChannels(ctx, x)
    return [{ type: tensorType(ctx.dtype(0), x && dimsOf(ctx, x)) }]
  }
}

/** Evaluates by way of the plain layout. */
function evaluateWith(pool: (ctx: EvaluateContext, x: NDArray) => NDArray) {
  return (ctx: EvaluateContext): NDArray[] => {
    checkChannels(ctx, ctx.input(0).dims)
    return [toBlocked(pool(ctx, toPlain(ctx.input(0), blockOf(ctx))), blockOf(ctx))]
  }
}

function average(ctx: EvaluateContext, x: NDArray): NDArray {
  const windows = poolWindows(ctx, x.dims)
  const counts = windowCounts(ctx, windows)
  const sums = foldWindows(x, windows, 0, (total, value) => total + value)
  return ndarray(
    x.dtype,
    sums.dims,
    sums.data.map((sum, i) => sum / counts[i % counts.length]!),
  )
}

function globalAverage(x: NDArray): NDArray {
  const plane = sizeOf(x.dims.slice(2))
  const dims = [x.dims[0]!, x.dims[1]!, 1, 1]
  const mean = (i: number) => x.data.subarray(i * plane, (i + 1) * plane).reduce((sum, value) => sum + value, 0) / plane
  return ndarray(
    x.dtype,
    dims,
    Float64Array.from({ length: sizeOf(dims) }, (_, i) => mean(i)),
  )
}

export const blockedPooling: OperatorFamily = {
  'com.microsoft.nchwc::MaxPool': {
    infer: inferWith(pooledDims),
    gradient: blockedMaxPoolGradient,
    flops: (ctx) => sizeOf(ctx.outputDims(0)) * sizeOf(ctx.ints('kernel_shape')),
    evaluate: evaluateWith((ctx, x) => foldWindows(x, poolWindows(ctx, x.dims), Number.NEGATIVE_INFINITY, Math.max)),
  },
  'com.microsoft.nchwc::AveragePool': {
    infer: inferWith(pooledDims),
    gradient: blockedAveragePoolGradient,
    flops: (ctx) => sizeOf(ctx.outputDims(0)) * sizeOf(ctx.ints('kernel_shape')),
    evaluate: evaluateWith(average),
  },
  'com.microsoft.nchwc::GlobalAveragePool': {
    infer: inferWith((_, x) => x.map((dim, axis): Dim => (axis < 2 ? dim : 1))),
    gradient: globalAverageGradient,
    flops: (ctx) => sizeOf(ctx.inputDims(0)),
    evaluate: evaluateWith((_, x) => globalAverage(x)),
  },
}
