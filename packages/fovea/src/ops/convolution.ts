// Conv and ConvTranspose.

import { type Dim, multiplyDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { convolutionGradient, transposedConvolutionGradient } from './convolution-gradient.ts'
import { checkChannels, checkRank, kernelOf, transposedDims, transposedWindows } from './convolution-shape.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { EvaluateContext, FlopsContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { tapPositions, type Windows, windowAttributes, windowDims, windowsOver } from './windows.ts'

function inferConv(ctx: InferContext): InferredValue[] {
  const [x, weight] = [ctx.dims(0), ctx.dims(1)]
  checkRank(ctx, x, weight)
  if (x !== undefined && weight !== undefined) checkChannels(ctx, x[1]!, weight, 1, ctx.hasInput(2) ? ctx.dims(2) : undefined)
  const rank = x?.length ?? weight?.length
  if (rank === undefined) return [{ type: tensorType(ctx.dtype(0)) }]
  const kernel = kernelOf(ctx, weight)
  const spatial: Dim[] =
    x === undefined || kernel === undefined
      ? new Array<Dim>(rank - 2).fill(null)
      : windowDims(ctx, x.slice(2), windowAttributes(ctx, kernel))
  return [{ type: tensorType(ctx.dtype(0), [x?.[0] ?? null, weight?.[0] ?? null, ...spatial]) }]
}

function inferConvTranspose(ctx: InferContext): InferredValue[] {
  const [x, weight] = [ctx.dims(0), ctx.dims(1)]
  checkRank(ctx, x, weight)
  if (x !== undefined && weight !== undefined) checkChannels(ctx, x[1]!, weight, 0, ctx.hasInput(2) ? ctx.dims(2) : undefined)
  const rank = x?.length ?? weight?.length
  if (rank === undefined) return [{ type: tensorType(ctx.dtype(0)) }]
  const kernel = kernelOf(ctx, weight)
  const spatial: Dim[] =
    x === undefined || kernel === undefined ? new Array<Dim>(rank - 2).fill(null) : transposedDims(ctx, x.slice(2), kernel)
  const channels = weight === undefined ? null : multiplyDims(weight[1]!, ctx.int('group', 1))
  return [{ type: tensorType(ctx.dtype(0), [x?.[0] ?? null, channels, ...spatial]) }]
}

/** How many multiply-adds meet one element of the side that the weight's first axis counts. */
function flopsOf(ctx: FlopsContext, side: readonly number[]): number {
  const [, ...taps] = ctx.inputDims(1)
  const bias = ctx.hasInput(2) ? sizeOf(ctx.outputDims(0)) : 0
  return 2 * sizeOf(side) * sizeOf(taps) + bias
}

/**
 * Visits every pair of planes that a convolution connects: sample, plane of the larger side, plane of the smaller side, and where
 * their taps begin in the weight [smaller channels, larger channels / group, kernel].
 */
function forEachPlanePair(
  [samples, large, small]: readonly [number, number, number],
  group: number,
  taps: number,
  visit: (largePlane: number, smallPlane: number, weightOffset: number) => void,
): void {
  const [largeEach, smallEach] = [large / group, small / group]
  for (let n = 0; n < samples; n++)
    for (let c = 0; c < large; c++) {
      const first = Math.floor(c / largeEach) * smallEach
      for (let o = first; o < first + smallEach; o++) visit(n * large + c, n * small + o, (o * largeEach + (c % largeEach)) * taps)
    }
}

/** Convolution of x [N,C,...] with weight [O,C/group,...], without bias. */
export function convolve(x: NDArray, weight: NDArray, group: number, windows: Windows): NDArray {
  const [N, C] = x.dims as [number, number]
  const O = weight.dims[0]!
  const y = ndarray(x.dtype, [N, O, ...windows.output])
  const positions = tapPositions(windows)
  const [inside, outside] = [sizeOf(windows.input), sizeOf(windows.output)]
  // One plane with a zero behind it, which padding reads.
  const plane = new Float64Array(inside + 1)
  let held = -1
  forEachPlanePair([N, C, O], group, positions.length, (from, to, offset) => {
    if (held !== from) plane.set(x.data.subarray(from * inside, (from + 1) * inside))
    held = from
    const target = y.data.subarray(to * outside, (to + 1) * outside)
    positions.forEach((position, tap) => {
      const factor = weight.data[offset + tap]!
      for (let i = 0; i < target.length; i++) target[i]! += factor * plane[position[i]!]!
    })
  })
  return y
}

/** The transpose of `convolve`: from x [N,O,...] of the smaller side to [N,C,...] of the larger. */
export function convolveTransposed(x: NDArray, weight: NDArray, group: number, windows: Windows): NDArray {
  const [N, O] = x.dims as [number, number]
  const C = weight.dims[1]! * group
  const y = ndarray(x.dtype, [N, C, ...windows.input])
  const positions = tapPositions(windows)
  const [inside, outside] = [sizeOf(windows.output), sizeOf(windows.input)]
  forEachPlanePair([N, C, O], group, positions.length, (to, from, offset) => {
    const source = x.data.subarray(from * inside, (from + 1) * inside)
    const target = y.data.subarray(to * outside, (to + 1) * outside)
    positions.forEach((position, tap) => {
      const factor = weight.data[offset + tap]!
      for (let i = 0; i < source.length; i++) {
        const at = position[i]!
        if (at < outside) target[at]! += factor * source[i]!
      }
    })
  })
  return y
}

function addBias(ctx: EvaluateContext, y: NDArray): NDArray[] {
  const bias = ctx.inputs[2]
  if (bias === undefined) return [y]
  const plane = sizeOf(y.dims.slice(2))
  for (let i = 0; i < y.data.length; i++) y.data[i]! += bias.data[Math.floor(i / plane) % bias.data.length]!
  return [y]
}

export const convolution: OperatorFamily = {
  Conv: {
    infer: inferConv,
    gradient: convolutionGradient,
    flops: (ctx) => flopsOf(ctx, ctx.outputDims(0)),
    evaluate: (ctx) => {
      const [x, weight] = [ctx.input(0), ctx.input(1)]
      checkRank(ctx, x.dims, weight.dims)
      checkChannels(ctx, x.dims[1]!, weight.dims, 1, ctx.inputs[2]?.dims)
      const windows = windowsOver(ctx, x.dims.slice(2), weight.dims.slice(2))
      return addBias(ctx, convolve(x, weight, ctx.int('group', 1), windows))
    },
  },
  ConvTranspose: {
    infer: inferConvTranspose,
    gradient: transposedConvolutionGradient,
    flops: (ctx) => flopsOf(ctx, ctx.inputDims(0)),
    evaluate: (ctx) => {
      const [x, weight] = [ctx.input(0), ctx.input(1)]
      checkRank(ctx, x.dims, weight.dims)
      checkChannels(ctx, x.dims[1]!, weight.dims, 0, ctx.inputs[2]?.dims)
      const windows = transposedWindows(ctx, x.dims.slice(2), weight.dims.slice(2))
      return addBias(ctx, convolveTransposed(x, weight, ctx.int('group', 1), windows))
    },
  },
}
