// DeformConv (Dai et al. 2017; Zhu et al. 2019): a convolution whose taps are moved by offsets, optionally weighted by a mask.

import { type Dim, formatDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { zeroPaddedTaps } from './bilinear.ts'
import { kernelOf } from './convolution-shape.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { EvaluateContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { notDifferentiable } from './operator.ts'
import { windowAttributes, windowDims, windowsOver } from './windows.ts'

function infer(ctx: InferContext): InferredValue[] {
  const [x, weight] = [ctx.dims(0), ctx.dims(1)]
  if (x !== undefined && x.length !== 4) ctx.fail('an input [N, C, H, W]', formatDims(x))
  const kernel = kernelOf(ctx, weight)
  const spatial: Dim[] = x === undefined || kernel === undefined ? [null, null] : windowDims(ctx, x.slice(2), windowAttributes(ctx, kernel))
  return [{ type: tensorType(ctx.dtype(0), [x?.[0] ?? null, weight?.[0] ?? null, ...spatial]) }]
}

function evaluate(ctx: EvaluateContext): NDArray[] {
  const [x, weight, offsets, bias, mask] = [ctx.input(0), ctx.input(1), ctx.input(2), ctx.inputs[3], ctx.inputs[4]]
  const [N, C, H, W] = x.dims as [number, number, number, number]
  const [O, each] = weight.dims as [number, number]
  const windows = windowsOver(ctx, [H, W], weight.dims.slice(2))
  const [taps, positions] = [sizeOf(windows.kernel), sizeOf(windows.output)]
  const groups = ctx.int('offset_group', 1)
  const [columnsOut, columnsKernel] = [windows.output[1]!, windows.kernel[1]!]
  if (offsets.dims[1] !== groups * taps * 2) ctx.fail(`${groups * taps * 2} channels of offsets`, `${offsets.dims[1]}`)
  const y = ndarray(x.dtype, [N, O, ...windows.output])
  const filters = O / ctx.int('group', 1)
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++) {
      const plane = x.data.subarray((n * C + c) * H * W, (n * C + c + 1) * H * W)
      const offsetGroup = n * groups + Math.floor(c / (C / groups))
      const first = Math.floor(c / each) * filters
      for (let k = 0; k < taps; k++)
        for (let p = 0; p < positions; p++) {
          const at = (offsetGroup * taps + k) * 2 * positions + p
          const row = coordinate(0, Math.floor(p / columnsOut), Math.floor(k / columnsKernel)) + offsets.data[at]!
          const column = coordinate(1, p % columnsOut, k % columnsKernel) + offsets.data[at + positions]!
          const seen = zeroPaddedTaps(row, column, H, W).reduce((sum, [position, factor]) => sum + factor * plane[position]!, 0)
          const value = seen * (mask?.data[(offsetGroup * taps + k) * positions + p] ?? 1)
          for (let o = first; o < first + filters; o++)
            y.data[(n * O + o) * positions + p]! += weight.data[(o * each + (c % each)) * taps + k]! * value
        }
    }
  if (bias !== undefined) for (let i = 0; i < y.data.length; i++) y.data[i]! += bias.data[Math.floor(i / positions) % O]!
  return [y]

  function coordinate(axis: 0 | 1, position: number, tap: number): number {
    return position * windows.strides[axis]! + tap * windows.dilations[axis]! - windows.begin[axis]!
  }
}

export const deformableConvolution: OperatorFamily = {
  DeformConv: {
    infer,
    gradient: notDifferentiable(
      'its taps lie between pixels, which no other operator gathers; build it from GridSample and Conv to train it',
    ),
    flops: (ctx) => 2 * sizeOf(ctx.outputDims(0)) * sizeOf(ctx.inputDims(1).slice(1)),
    evaluate,
  },
}
