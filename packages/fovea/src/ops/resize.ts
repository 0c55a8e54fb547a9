// Resize and Upsample: separable resampling, one axis after the other.

import { isInteger } from '../graph/data-type.ts'
import { type Dim, floorDivideDims, isStatic, multiplyDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { checkedAxes } from './elements.ts'
import { numbers, reshapedTo } from './emit.ts'
import { type AxisWeights, axisWeights, type ResampledAxis, repeatFactor, resampling, weightMatrix } from './interpolation.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'

/** What the inputs beside the image ask for; each list has one entry for each of `axes`. */
interface Request {
  readonly axes: readonly number[]
  readonly scales?: readonly number[] | undefined
  readonly sizes?: readonly Dim[] | undefined
  readonly regions?: readonly number[] | undefined
}

/** Where the inputs stand: until opset 10 (and in Upsample) there were only scales. */
function positions(ctx: Attributes): { scales: number; sizes?: number; regions?: number } {
  return ctx.node.op === 'Upsample' || ctx.opset < 11 ? { scales: 1 } : { regions: 1, scales: 2, sizes: 3 }
}

function axesOf(ctx: Attributes, rank: number): number[] {
  const axes = ctx.ints('axes', undefined)
  return axes === undefined ? Array.from({ length: rank }, (_, axis) => axis) : checkedAxes(ctx, axes, rank)
}

/** Reads lists from whatever kind of context through `list`; an empty list counts as absent. */
function requestOf(ctx: Attributes, rank: number, list: (index: number) => readonly Dim[] | undefined): Request {
  const { scales, sizes, regions } = positions(ctx)
  const axes = axesOf(ctx, rank)
  const read = (index: number | undefined) => {
    const found = index === undefined ? undefined : list(index)
    return found?.length === 0 ? undefined : found
  }
  const known = (values: readonly Dim[] | undefined) => (isStatic(values) ? values : undefined)
  const request = {
    axes,
    scales: ctx.floats('scales', undefined) ?? known(read(scales)),
    sizes: read(sizes),
    regions: known(read(regions)),
  }
  for (const [name, found, expected] of [
    ['scales', request.scales, axes.length],
    ['sizes', request.sizes, axes.length],
    ['roi', request.regions, 2 * axes.length],
  ] as const)
    if (found !== undefined && found.length !== expected) ctx.fail(`${expected} values in ${name}`, `${found.length}`)
  if (request.scales?.some((scale) => scale <= 0)) ctx.fail('positive scales', `[${request.scales}]`)
  return request
}

/** One scale for all axes where the aspect ratio is to be kept. */
function keptScale(ctx: Attributes, dims: readonly number[], { axes, sizes }: Request): number | undefined {
  const policy = ctx.string('keep_aspect_ratio_policy', 'stretch')
  if (policy === 'stretch' || !isStatic(sizes)) return undefined
  const ratios = axes.map((axis, i) => sizes[i]! / dims[axis]!)
  if (policy === 'not_larger') return Math.min(...ratios)
  return policy === 'not_smaller' ? Math.max(...ratios) : ctx.fail('keep_aspect_ratio_policy stretch, not_larger or not_smaller', policy)
}

/** Length of an axis times a scale, rounded down as ONNX Runtime does in float32. */
function scaledDim(dim: Dim, scale: number): Dim {
  if (typeof dim === 'number') return Math.floor(Math.fround(dim * Math.fround(scale)))
  if (Number.isInteger(scale)) return multiplyDims(dim, scale)
  return Number.isInteger(1 / scale) ? floorDivideDims(dim, 1 / scale) : null
}

function resizedDims(ctx: Attributes, dims: readonly Dim[], request: Request): Dim[] {
  const { axes, scales, sizes } = request
  const result = [...dims]
  const stretched = ctx.string('keep_aspect_ratio_policy', 'stretch') === 'stretch'
  const kept = isStatic(dims) ? keptScale(ctx, dims, request) : undefined
  axes.forEach((axis, i) => {
    if (sizes !== undefined && stretched) result[axis] = sizes[i]!
    else if (sizes !== undefined) result[axis] = kept === undefined ? null : Math.round(kept * (dims[axis] as number))
    else result[axis] = scales === undefined ? null : scaledDim(dims[axis]!, scales[i]!)
  })
  return result
}

function infer(ctx: InferContext): InferredValue[] {
  const x = ctx.dims(0)
  if (x === undefined) return [{ type: tensorType(ctx.dtype(0)) }]
  const request = requestOf(ctx, x.length, (index) => {
    const constant = ctx.constant(index)
    return constant === undefined ? ctx.contents(index) : [...constant.data]
  })
  return [{ type: tensorType(ctx.dtype(0), resizedDims(ctx, x, request)) }]
}

/** The axes that change, each with its weights. */
function changedAxes(ctx: Attributes, dims: readonly number[], request: Request): { axis: number; weights: AxisWeights }[] {
  const { axes, scales, sizes, regions } = request
  if (scales === undefined && sizes === undefined) ctx.fail('scales or sizes', 'neither')
  const result = resizedDims(ctx, dims, request) as number[]
  const kept = keptScale(ctx, dims, request)
  const options = resampling(ctx)
  const all = axes.map((axis, i) => {
    const region = regions === undefined ? ([0, 1] as const) : ([regions[i]!, regions[axes.length + i]!] as const)
    const scale = sizes === undefined ? scales![i]! : (kept ?? result[axis]! / dims[axis]!)
    const resampled: ResampledAxis = { input: dims[axis]!, output: result[axis]!, scale, region }
    return { axis, weights: axisWeights(resampled, options) }
  })
  return all.filter(({ axis, weights }) => repeatFactor(weights, dims[axis]!) !== 1)
}

function evaluate(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const request = requestOf(ctx, x.dims.length, (index) => (ctx.inputs[index] === undefined ? undefined : [...ctx.inputs[index].data]))
  const changed = changedAxes(ctx, x.dims, request)
  const result = changed.reduce((value, { axis, weights }) => resampled(value, axis, weights), x)
  const fill = ctx.float('extrapolation_value', 0)
  if (fill !== 0) extrapolate(result, changed, fill)
  if (isInteger(x.dtype)) {
    const rounded = ctx.int('antialias', 0) !== 0 ? Math.round : Math.trunc
    result.data.set(result.data.map(rounded))
  }
  return [result]
}

function resampled(x: NDArray, axis: number, weights: AxisWeights): NDArray {
  const [outer, length, inner] = [sizeOf(x.dims.slice(0, axis)), x.dims[axis]!, sizeOf(x.dims.slice(axis + 1))]
  const y = ndarray(x.dtype, x.dims.with(axis, weights.length))
  for (let o = 0; o < outer; o++)
    weights.forEach((row, at) => {
      for (const [position, weight] of row)
        for (let i = 0; i < inner; i++)
          y.data[(o * weights.length + at) * inner + i]! += weight * x.data[(o * length + position) * inner + i]!
    })
  return y
}

/** Writes the extrapolation value where any axis lies outside its region. */
function extrapolate(y: NDArray, changed: readonly { axis: number; weights: AxisWeights }[], fill: number): void {
  for (const { axis, weights } of changed) {
    const inner = sizeOf(y.dims.slice(axis + 1))
    y.data.forEach((_, i) => {
      if (weights[Math.floor(i / inner) % weights.length]!.length === 0) y.data[i] = fill
    })
  }
}

/**
 * The transpose of the resampling.
 *
 * Lowerings (decision `Resize.input`; shapes x, y):
 * - `blocks`: where the last two axes only repeat elements, sums over blocks as an average pool.
 * - `matrices`: a product with the constant matrix of weights along each axis; right for every mode.
 */
function gradient(ctx: GradientContext): (string | undefined)[] {
  if (!ctx.needs(0)) return []
  const dims = ctx.shape(ctx.input(0))
  const request = requestOf(ctx, dims.length, (index) => listedInput(ctx, index))
  const changed = changedAxes(ctx, dims, request)
  const factors = [2, 3].map((axis) => {
    const found = changed.find((each) => each.axis === axis)
    return found === undefined ? 1 : repeatFactor(found.weights, dims[axis]!)
  })
  const byBlocks = dims.length === 4 && changed.every(({ axis }) => axis >= 2) && factors.every((factor) => factor !== undefined)
  const chosen = ctx.choose({
    decision: 'Resize.input',
    shapes: [dims, ctx.shape(ctx.output(0))],
    candidates: byBlocks ? ['blocks', 'matrices'] : ['matrices'],
    preferred: byBlocks ? 'blocks' : 'matrices',
  })
  return [chosen === 'blocks' ? summedBlocks(ctx, factors as number[]) : throughMatrices(ctx, dims, changed)]
}

function listedInput(ctx: GradientContext, index: number): readonly number[] | undefined {
  if (!ctx.hasInput(index)) return undefined
  const constant = ctx.constant(ctx.input(index)) ?? ctx.fail(`constant scales, sizes and roi to differentiate`, 'a computed value')
  return [...constant.data]
}

function summedBlocks(ctx: GradientContext, factors: readonly number[]): string {
  const average = ctx.b.op('AveragePool', [ctx.gradient(0)], { kernel_shape: factors, strides: factors })
  return ctx.b.op('Mul', [average, ctx.scalar(sizeOf(factors), ctx.dtype(ctx.input(0)))])
}

function throughMatrices(
  ctx: GradientContext,
  dims: readonly number[],
  changed: readonly { axis: number; weights: AxisWeights }[],
): string {
  const { b } = ctx
  const current = [...ctx.shape(ctx.output(0))]
  let value = ctx.gradient(0)!
  for (const { axis, weights } of changed.toReversed()) {
    const [input, output] = [dims[axis]!, weights.length]
    const matrix = weightMatrix(weights, input)
    const last = axis === dims.length - 1
    if (last) {
      value = b.op('MatMul', [value, numbers(ctx, ctx.dtype(ctx.input(0)), [output, input], [...matrix])])
    } else {
      const turned = Array.from({ length: matrix.length }, (_, i) => matrix[(i % output) * input + Math.floor(i / output)]!)
      const inner = sizeOf(current.slice(axis + 1))
      const folded = axis === dims.length - 2 ? value : reshapedTo(ctx, value, [...current.slice(0, axis), output, inner])
      value = b.op('MatMul', [numbers(ctx, ctx.dtype(ctx.input(0)), [input, output], turned), folded])
    }
    current[axis] = input
    if (!last && axis !== dims.length - 2) value = reshapedTo(ctx, value, current)
  }
  return changed.length === 0 ? b.op('Identity', [value]) : value
}

export const resizes: OperatorFamily = {
  Resize: { infer, gradient, flops: (ctx) => 8 * sizeOf(ctx.outputDims(0)), evaluate },
  Upsample: { infer, gradient, flops: (ctx) => 8 * sizeOf(ctx.outputDims(0)), evaluate },
}
