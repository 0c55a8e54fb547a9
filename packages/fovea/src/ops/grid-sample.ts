// GridSample and AffineGrid (Jaderberg et al. 2015, spatial transformers), for images and volumes.

import { type Dim, dimsConflict, formatDims, isStatic } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { roundHalfEven } from '../util/small-float.ts'
import { affineGridGradient, gridSampleGradient } from './grid-sample-gradient.ts'
import { type Sampling, samplingOf } from './grid-sampling.ts'
import { homogeneousPoints } from './homogeneous-points.ts'
import { type NDArray, ndarray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'

function inferGridSample(ctx: InferContext): InferredValue[] {
  const [x, grid] = [ctx.dims(0), ctx.dims(1)]
  checkGrid(ctx, x, grid)
  const rank = x?.length ?? grid?.length
  const spatial = grid?.slice(1, -1) ?? (rank === undefined ? undefined : new Array<Dim>(rank - 2).fill(null))
  return [{ type: tensorType(ctx.dtype(0), spatial && [x?.[0] ?? null, x?.[1] ?? null, ...spatial]) }]
}

function checkGrid(ctx: Attributes, x: readonly Dim[] | undefined, grid: readonly Dim[] | undefined): void {
  if (x !== undefined && x.length < 3) ctx.fail('an input [N, C, size, ...]', formatDims(x))
  if (x === undefined || grid === undefined) return
  if (grid.length !== x.length || dimsConflict(grid[grid.length - 1]!, x.length - 2) || dimsConflict(grid[0]!, x[0]!))
    ctx.fail(`a grid [${x[0]}, ..., ${x.length - 2}] of ${x.length} axes`, formatDims(grid))
}

/** Folds a coordinate back into a range, as between two mirrors. */
function reflect(value: number, low: number, high: number): number {
  const range = high - low
  if (range === 0) return low
  const rest = Math.abs(value - low) % (2 * range)
  return low + range - Math.abs(rest - range)
}

/** Position along an axis that a value of the grid stands for, brought back into the input where padding says so. */
function positionOf(value: number, size: number, { alignCorners, padding, mode }: Sampling): number {
  const scale = alignCorners ? (size - 1) / 2 : size / 2
  const exact = value * scale + (size - 1) / 2
  const position = mode === 'nearest' ? roundHalfEven(exact) : exact
  const [low, high] = alignCorners ? [0, size - 1] : [-0.5, size - 0.5]
  // The cubic kernel brings back every element that it reads instead.
  if (mode === 'cubic' || (position >= low && position <= high)) return position
  if (padding === 'border') return Math.min(size - 1, Math.max(0, position))
  return padding === 'reflection' ? reflect(position, low, high) : position
}

/** The element that a tap reads, or -1. */
function elementOf(index: number, size: number, { alignCorners, padding }: Sampling): number {
  if (index >= 0 && index < size) return index
  if (padding === 'zeros') return -1
  const reflected = alignCorners ? reflect(index, 0, size - 1) : reflect(index, -0.5, size - 0.5)
  return Math.min(size - 1, Math.max(0, padding === 'border' ? index : reflected))
}

/** Coefficients of Keys' cubic kernel (1981) with a = -0.75 around a position, for the taps floor - 1 to floor + 2. */
function cubicWeights(t: number): number[] {
  const a = -0.75
  const near = (x: number) => ((a + 2) * x - (a + 3)) * x * x + 1
  const far = (x: number) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
  return [far(t + 1), near(t), near(1 - t), far(2 - t)]
}

function axisTaps(value: number, size: number, sampling: Sampling): [element: number, weight: number][] {
  const position = positionOf(value, size, sampling)
  const floor = Math.floor(position)
  const t = position - floor
  const weights = sampling.mode === 'linear' ? [1 - t, t] : sampling.mode === 'cubic' ? cubicWeights(t) : [1]
  const first = sampling.mode === 'cubic' ? floor - 1 : sampling.mode === 'nearest' ? Math.round(position) : floor
  const taps = weights.map((weight, i): [number, number] => [elementOf(first + i, size, sampling), weight])
  return taps.filter(([element]) => element >= 0)
}

function evaluateGridSample(ctx: EvaluateContext): NDArray[] {
  const [x, grid] = [ctx.input(0), ctx.input(1)]
  checkGrid(ctx, x.dims, grid.dims)
  const sampling = samplingOf(ctx)
  const [N, C, ...spatial] = x.dims as [number, number, ...number[]]
  const out = grid.dims.slice(1, -1)
  const y = ndarray(x.dtype, [N, C, ...out])
  const [plane, positions] = [sizeOf(spatial), sizeOf(out)]
  const strides = stridesOf(spatial)
  for (let n = 0; n < N; n++)
    for (let p = 0; p < positions; p++) {
      // The grid names coordinates from the last axis to the first: x, y, z.
      const at = (n * positions + p) * spatial.length
      let taps: [number, number][] = [[0, 1]]
      spatial.forEach((size, axis) => {
        const own = axisTaps(grid.data[at + spatial.length - 1 - axis]!, size, sampling)
        taps = taps.flatMap(([offset, weight]) =>
          own.map(([element, factor]): [number, number] => [offset + element * strides[axis]!, weight * factor]),
        )
      })
      for (let c = 0; c < C; c++) {
        const base = (n * C + c) * plane
        y.data[(n * C + c) * positions + p] = taps.reduce((sum, [offset, weight]) => sum + weight * x.data[base + offset]!, 0)
      }
    }
  return [y]
}

function affineGridDims(ctx: Attributes, theta: readonly Dim[] | undefined, size: readonly Dim[] | undefined): readonly Dim[] | undefined {
  if (size !== undefined && size.length !== 4 && size.length !== 5) ctx.fail('a size [N, C, H, W] or [N, C, D, H, W]', formatDims(size))
  const axes = size === undefined ? (typeof theta?.[1] === 'number' ? theta[1] : undefined) : size.length - 2
  if (axes === undefined) return undefined
  const fits = theta === undefined || (theta.length === 3 && !dimsConflict(theta[1]!, axes) && !dimsConflict(theta[2]!, axes + 1))
  if (!fits) ctx.fail(`a theta [N, ${axes}, ${axes + 1}]`, formatDims(theta))
  return size === undefined ? [theta![0]!, ...new Array<Dim>(axes).fill(null), axes] : [size[0]!, ...size.slice(2), axes]
}

function evaluateAffineGrid(ctx: EvaluateContext): NDArray[] {
  const [theta, size] = [ctx.input(0), ctx.input(1)]
  const inferred = affineGridDims(ctx, theta.dims, [...size.data])
  const dims = isStatic(inferred) ? inferred : ctx.fail('a known size')
  const spatial = dims.slice(1, -1)
  const points = homogeneousPoints(spatial, ctx.int('align_corners', 0) !== 0)
  const [axes, width] = [spatial.length, spatial.length + 1]
  const grid = ndarray(theta.dtype, dims)
  const positions = sizeOf(spatial)
  grid.data.forEach((_, i) => {
    const [n, p, row] = [Math.floor(i / (positions * axes)), Math.floor(i / axes) % positions, i % axes]
    for (let k = 0; k < width; k++) grid.data[i]! += theta.data[(n * axes + row) * width + k]! * points[p * width + k]!
  })
  return [grid]
}

export const sampling: OperatorFamily = {
  GridSample: {
    infer: inferGridSample,
    gradient: gridSampleGradient,
    flops: (ctx) => sizeOf(ctx.outputDims(0)) * 2 ** (ctx.inputDims(0).length - 1),
    evaluate: evaluateGridSample,
  },
  AffineGrid: {
    infer: (ctx) => [{ type: tensorType(ctx.dtype(0), affineGridDims(ctx, ctx.dims(0), ctx.contents(1))) }],
    gradient: affineGridGradient,
    flops: (ctx) => 2 * ctx.inputDims(0)[2]! * sizeOf(ctx.outputDims(0)),
    evaluate: evaluateAffineGrid,
  },
}
