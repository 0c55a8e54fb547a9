// Pools over regions of interest: RoiAlign (He et al. 2017) and MaxRoiPool (Girshick 2015).

import { type Dim, formatDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { maxOf } from '../util/extremes.ts'
import { bilinearTaps } from './bilinear.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { Attributes, EvaluateContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { notDifferentiable } from './operator.ts'

/** [regions, C, height, width] */
function inferPooled(size: (ctx: Attributes) => readonly number[], columns: number) {
  return (ctx: InferContext): InferredValue[] => {
    const [x, regions] = [ctx.dims(0), ctx.dims(1)]
    if (x !== undefined && x.length !== 4) ctx.fail('an input [N, C, H, W]', formatDims(x))
    if (regions !== undefined && (regions.length !== 2 || (typeof regions[1] === 'number' && regions[1] !== columns)))
      ctx.fail(`regions [count, ${columns}]`, formatDims(regions))
    const dims: Dim[] = [regions?.[0] ?? null, x?.[1] ?? null, ...size(ctx)]
    return [{ type: tensorType(ctx.dtype(0), dims) }]
  }
}

function alignedSize(ctx: Attributes): [number, number] {
  return [ctx.int('output_height', 1), ctx.int('output_width', 1)]
}

function pooledSize(ctx: Attributes): readonly number[] {
  const shape = ctx.ints('pooled_shape')
  return shape.length === 2 && shape.every((size) => size > 0) ? shape : ctx.fail('pooled_shape [height, width]', `[${shape}]`)
}

function batchIndex(ctx: EvaluateContext, index: number, batch: number): number {
  return index >= 0 && index < batch ? index : ctx.fail(`batch indices under ${batch}`, `${index}`)
}

/** The points at which one bin of a region is sampled along an axis. */
function samplePoints(start: number, bin: number, count: number, at: number): number[] {
  return Array.from({ length: count }, (_, i) => start + at * bin + ((i + 0.5) * bin) / count)
}

function evaluateRoiAlign(ctx: EvaluateContext): NDArray[] {
  const [x, regions, batches] = [ctx.input(0), ctx.input(1), ctx.input(2)]
  const [N, C, H, W] = x.dims as [number, number, number, number]
  const [height, width] = alignedSize(ctx)
  const scale = ctx.float('spatial_scale', 1)
  const ratio = ctx.int('sampling_ratio', 0)
  // Until opset 16 pixels were taken to lie at their corners.
  const half = ctx.string('coordinate_transformation_mode', ctx.opset < 16 ? 'output_half_pixel' : 'half_pixel') === 'half_pixel'
  const takesMaximum = ctx.string('mode', 'avg') === 'max'
  const y = ndarray(x.dtype, [regions.dims[0]!, C, height, width])
  for (let r = 0; r < regions.dims[0]!; r++) {
    const [x1, y1, x2, y2] = [...regions.data.subarray(4 * r, 4 * r + 4)].map((value) => value * scale - (half ? 0.5 : 0)) as [
      number,
      number,
      number,
      number,
    ]
    const extent = (from: number, to: number) => (half ? to - from : Math.max(1, to - from))
    const [binH, binW] = [extent(y1, y2) / height, extent(x1, x2) / width]
    const [rows, columns] = [ratio > 0 ? ratio : Math.ceil(binH), ratio > 0 ? ratio : Math.ceil(binW)]
    const image = batchIndex(ctx, batches.data[r]!, N) * C
    for (let p = 0; p < height * width; p++) {
      const ys = samplePoints(y1, binH, rows, Math.floor(p / width))
      const xs = samplePoints(x1, binW, columns, p % width)
      const samples = ys.flatMap((sy) => xs.map((sx) => bilinearTaps(sy, sx, H, W)))
      for (let c = 0; c < C; c++) {
        const plane = x.data.subarray((image + c) * H * W, (image + c + 1) * H * W)
        const parts = samples.map((taps) => taps.map(([at, weight]) => weight * plane[at]!))
        const sum = () =>
          parts.reduce((total, values) => total + values.reduce((all, value) => all + value, 0), 0) / Math.max(1, parts.length)
        // The maximum is taken over the weighted neighbours, as the standard's own cases have it.
        const most = () => (parts.length === 0 ? 0 : maxOf(parts.map((values) => maxOf(values.length === 0 ? [0] : values))))
        y.data[(r * C + c) * height * width + p] = takesMaximum ? most() : sum()
      }
    }
  }
  return [y]
}

function evaluateMaxRoiPool(ctx: EvaluateContext): NDArray[] {
  const [x, regions] = [ctx.input(0), ctx.input(1)]
  const [N, C, H, W] = x.dims as [number, number, number, number]
  const [height, width] = pooledSize(ctx) as [number, number]
  const scale = ctx.float('spatial_scale', 1)
  const y = ndarray(x.dtype, [regions.dims[0]!, C, height, width])
  /** Pixels of a bin along an axis. */
  const span = (start: number, end: number, bins: number, bin: number, size: number) => {
    const step = Math.max(end - start + 1, 1) / bins
    const clamp = (value: number) => Math.min(size, Math.max(0, value + start))
    return [clamp(Math.floor(bin * step)), clamp(Math.ceil((bin + 1) * step))] as const
  }
  for (let r = 0; r < regions.dims[0]!; r++) {
    const [image, x1, y1, x2, y2] = [...regions.data.subarray(5 * r, 5 * r + 5)].map((value, i) =>
      i === 0 ? value : Math.round(value * scale),
    ) as [number, number, number, number, number]
    const first = batchIndex(ctx, image, N) * C
    for (let p = 0; p < height * width; p++) {
      const [top, bottom] = span(y1, y2, height, Math.floor(p / width), H)
      const [left, right] = span(x1, x2, width, p % width, W)
      for (let c = 0; c < C; c++) {
        let most = bottom > top && right > left ? Number.NEGATIVE_INFINITY : 0
        for (let h = top; h < bottom; h++) for (let w = left; w < right; w++) most = Math.max(most, x.data[((first + c) * H + h) * W + w]!)
        y.data[(r * C + c) * height * width + p] = most
      }
    }
  }
  return [y]
}

const reason = 'how often a region is sampled depends on its values; train with GridSample, which has a gradient'

export const regions: OperatorFamily = {
  RoiAlign: {
    infer: inferPooled(alignedSize, 4),
    gradient: notDifferentiable(reason),
    flops: (ctx) => 32 * sizeOf(ctx.outputDims(0)),
    evaluate: evaluateRoiAlign,
  },
  MaxRoiPool: {
    infer: inferPooled(pooledSize, 5),
    gradient: notDifferentiable(reason),
    flops: (ctx) => sizeOf(ctx.outputDims(0)),
    evaluate: evaluateMaxRoiPool,
  },
}
