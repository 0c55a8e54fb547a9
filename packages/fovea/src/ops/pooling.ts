// Pools over sliding windows: MaxPool, AveragePool, LpPool, MaxUnpool.

import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { viewSources } from './elements.ts'
import { type NDArray, ndarray, stridesOf } from './ndarray.ts'
import type { EvaluateContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { averagePoolGradient, lpPoolGradient, maxPoolGradient, maxUnpoolGradient } from './pooling-gradient.ts'
import { pooledDims, poolWindows, unpooledDims, windowCounts } from './pooling-shape.ts'
import { noFlops } from './rules.ts'
import { tapPositions, type Windows } from './windows.ts'

function inferPool(ctx: InferContext): InferredValue[] {
  const x = ctx.dims(0)
  const dims = x === undefined ? undefined : pooledDims(ctx, x)
  const results: InferredValue[] = [{ type: tensorType(ctx.dtype(0), dims) }, { type: tensorType('int64', dims) }]
  return results.slice(0, ctx.outputCount)
}

/** Folds every window of every plane: `fold` is called for each element in it, in row-major order of the taps. */
export function foldWindows(x: NDArray, windows: Windows, start: number, fold: (total: number, value: number) => number): NDArray {
  const positions = tapPositions(windows)
  const [inside, outside] = [sizeOf(windows.input), sizeOf(windows.output)]
  const planes = x.dims[0]! * x.dims[1]!
  const y = ndarray(x.dtype, [x.dims[0]!, x.dims[1]!, ...windows.output], new Float64Array(planes * outside).fill(start))
  for (let plane = 0; plane < planes; plane++)
    for (const position of positions)
      for (let i = 0; i < outside; i++) {
        const at = position[i]!
        if (at < inside) y.data[plane * outside + i] = fold(y.data[plane * outside + i]!, x.data[plane * inside + at]!)
      }
  return y
}

function evaluateMaxPool(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const windows = poolWindows(ctx, x.dims)
  const y = foldWindows(x, windows, Number.NEGATIVE_INFINITY, (total, value) => (value > total || Number.isNaN(value) ? value : total))
  return ctx.outputCount > 1 ? [y, maxIndices(ctx, x, y, windows)] : [y]
}

/** Positions of the maxima in the whole input; the first of equal ones. */
function maxIndices(ctx: EvaluateContext, x: NDArray, y: NDArray, windows: Windows): NDArray {
  const positions = tapPositions(windows)
  const [inside, outside] = [sizeOf(windows.input), sizeOf(windows.output)]
  const columnMajor = ctx.int('storage_order', 0) === 1
  const indices = y.data.map((maximum, i) => {
    const plane = Math.floor(i / outside)
    for (const position of positions) {
      const at = position[i % outside]!
      if (at < inside && Object.is(x.data[plane * inside + at]!, maximum))
        return plane * inside + (columnMajor ? columnMajorPosition(at, windows.input) : at)
    }
    return plane * inside
  })
  return ndarray('int64', y.dims, indices)
}

function columnMajorPosition(position: number, dims: readonly number[]): number {
  let rest = position
  return dims.reduceRight((result, size, axis) => {
    const index = rest % size
    rest = Math.floor(rest / size)
    return result + index * sizeOf(dims.slice(0, axis))
  }, 0)
}

function evaluateAveragePool(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const windows = poolWindows(ctx, x.dims)
  const counts = windowCounts(ctx, windows)
  const y = foldWindows(x, windows, 0, (total, value) => total + value)
  y.data.forEach((sum, i) => {
    y.data[i] = sum / counts[i % counts.length]!
  })
  return [y]
}

function evaluateLpPool(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const p = ctx.int('p', 2)
  const y = foldWindows(x, poolWindows(ctx, x.dims), 0, (total, value) => total + Math.abs(value) ** p)
  return [
    ndarray(
      y.dtype,
      y.dims,
      y.data.map((sum) => sum ** (1 / p)),
    ),
  ]
}

function inferMaxUnpool(ctx: InferContext): InferredValue[] {
  const x = ctx.dims(0)
  const stated = ctx.hasInput(2)
  const dims = stated ? (ctx.contents(2) ?? x?.map(() => null)) : x === undefined ? undefined : unpooledDims(ctx, x)
  return [{ type: tensorType(ctx.dtype(0), dims) }]
}

function evaluateMaxUnpool(ctx: EvaluateContext): NDArray[] {
  const [x, indices, stated] = [ctx.input(0), ctx.input(1), ctx.inputs[2]]
  // Positions count in the natural shape; a stated shape only leaves more room after it.
  const natural = unpooledDims(ctx, x.dims) as number[]
  const dims = stated === undefined ? natural : [...stated.data]
  if (dims.length !== natural.length || dims.some((size, axis) => size < natural[axis]!))
    ctx.fail(`a shape of at least [${natural}]`, `[${dims}]`)
  const y = ndarray(x.dtype, dims)
  const places = viewSources(natural, stridesOf(dims))
  x.data.forEach((value, i) => {
    const at = places[indices.data[i]!] ?? ctx.fail(`positions among ${places.length} elements`, `${indices.data[i]}`)
    y.data[at] = value
  })
  return [y]
}

export const pooling: OperatorFamily = {
  MaxPool: {
    infer: inferPool,
    gradient: maxPoolGradient,
    flops: (ctx) => sizeOf(ctx.outputDims(0)) * sizeOf(ctx.ints('kernel_shape')),
    evaluate: evaluateMaxPool,
  },
  AveragePool: {
    infer: inferPool,
    gradient: averagePoolGradient,
    flops: (ctx) => sizeOf(ctx.outputDims(0)) * sizeOf(ctx.ints('kernel_shape')),
    evaluate: evaluateAveragePool,
  },
  LpPool: {
    infer: inferPool,
    gradient: lpPoolGradient,
    flops: (ctx) => 2 * sizeOf(ctx.outputDims(0)) * sizeOf(ctx.ints('kernel_shape')),
    evaluate: evaluateLpPool,
  },
  MaxUnpool: { infer: inferMaxUnpool, gradient: maxUnpoolGradient, flops: noFlops, evaluate: evaluateMaxUnpool },
}
