// Operators that move pixels without mixing them: DepthToSpace, SpaceToDepth, CenterCropPad.

import { type Dim, floorDivideDims, formatDims, isStatic, multiplyDims } from '../graph/dims.ts'
import { tensorType } from '../graph/model.ts'

import { checkedAxes, crossSources, integersOf, relabel, take, viewSources } from './elements.ts'
import { reshapedTo } from './emit.ts'
import { zeroPadded } from './gradients.ts'
import { type NDArray, stridesOf } from './ndarray.ts'
import type { Attributes, EvaluateContext, GradientContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { noFlops } from './rules.ts'

function blockSize(ctx: Attributes): number {
  const size = ctx.int('blocksize')
  return size > 0 ? size : ctx.fail('a positive blocksize', `${size}`)
}

function checkImage(ctx: Attributes, dims: readonly Dim[]): asserts dims is readonly [Dim, Dim, Dim, Dim] {
  if (dims.length !== 4) ctx.fail('an input [N, C, H, W]', formatDims(dims))
}

/** True where a block's channels lie apart (depth, column, row) and not side by side. */
function depthFirst(ctx: Attributes): boolean {
  const mode = ctx.string('mode', 'DCR')
  return mode === 'DCR' || (mode === 'CRD' ? false : ctx.fail('mode DCR or CRD', mode))
}

function depthToSpaceDims(ctx: Attributes, dims: readonly Dim[]): Dim[] {
  checkImage(ctx, dims)
  const block = blockSize(ctx)
  const [N, C, H, W] = dims
  if (typeof C === 'number' && C % (block * block) !== 0) ctx.fail(`channels in multiples of ${block * block}`, `${C}`)
  return [N, floorDivideDims(C, block * block), multiplyDims(H, block), multiplyDims(W, block)]
}

function spaceToDepthDims(ctx: Attributes, dims: readonly Dim[]): Dim[] {
  checkImage(ctx, dims)
  const block = blockSize(ctx)
  const [N, C, H, W] = dims
  if ([H, W].some((size) => typeof size === 'number' && size % block !== 0))
    ctx.fail(`height and width in multiples of ${block}`, formatDims(dims))
  return [N, multiplyDims(C, block * block), floorDivideDims(H, block), floorDivideDims(W, block)]
}

function inferWith(shape: (ctx: Attributes, dims: readonly Dim[]) => Dim[]) {
  return (ctx: InferContext): InferredValue[] => {
    const x = ctx.dims(0)
    return [{ type: tensorType(ctx.dtype(0), x && shape(ctx, x)) }]
  }
}

/** Reshape, transpose, reshape. */
function transposedView(x: NDArray, split: readonly number[], perm: readonly number[], dims: readonly number[]): NDArray {
  const strides = stridesOf(split)
  const moved = take(
    x,
    perm.map((axis) => split[axis]!),
    viewSources(
      perm.map((axis) => split[axis]!),
      perm.map((axis) => strides[axis]!),
    ),
  )
  return relabel(moved, dims)
}

function evaluateDepthToSpace(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const dims = depthToSpaceDims(ctx, x.dims) as number[]
  const block = blockSize(ctx)
  const [N, , H, W] = x.dims as [number, number, number, number]
  const C = dims[1]!
  const view = depthFirst(ctx)
    ? transposedView(x, [N, block, block, C, H, W], [0, 3, 4, 1, 5, 2], dims)
    : transposedView(x, [N, C, block, block, H, W], [0, 1, 4, 2, 5, 3], dims)
  return [view]
}

function evaluateSpaceToDepth(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const dims = spaceToDepthDims(ctx, x.dims) as number[]
  const block = blockSize(ctx)
  const [N, C] = x.dims as [number, number]
  return [transposedView(x, [N, C, dims[2]!, block, dims[3]!, block], [0, 3, 5, 1, 2, 4], dims)]
}

function depthToSpaceGradient(ctx: GradientContext): (string | undefined)[] {
  const block = blockSize(ctx)
  const dy = ctx.gradient(0)!
  if (depthFirst(ctx)) return [ctx.b.op('SpaceToDepth', [dy], { blocksize: block })]
  // SpaceToDepth has no form for channels that lie side by side.
  const dims = ctx.shape(ctx.input(0))
  const [N, C, H, W] = dims as [number, number, number, number]
  const split = reshapedTo(ctx, dy, [N, C / (block * block), H, block, W, block])
  return [reshapedTo(ctx, ctx.b.op('Transpose', [split], { perm: [0, 1, 3, 5, 2, 4] }), dims)]
}

/** For each axis how many elements come before and after; negative where they are cut off. */
interface Centring {
  readonly before: number[]
  readonly after: number[]
}

function centring(from: readonly number[], to: readonly number[]): Centring {
  // Odd differences: cropping takes one more from the end, padding adds one more after.
  const before = from.map((size, axis) => {
    const room = to[axis]! - size
    return room >= 0 ? Math.floor(room / 2) : -Math.floor(-room / 2)
  })
  return { before, after: from.map((size, axis) => to[axis]! - size - before[axis]!) }
}

function centredDims(ctx: Attributes, dims: readonly Dim[], sizes: readonly Dim[]): readonly Dim[] {
  const axes = checkedAxes(ctx, ctx.ints('axes', undefined) ?? dims.map((_, axis) => axis), dims.length)
  if (axes.length !== sizes.length) ctx.fail(`${axes.length} sizes`, `${sizes.length}`)
  return dims.map((dim, axis) => (axes.includes(axis) ? sizes[axes.indexOf(axis)]! : dim))
}

function inferCenterCropPad(ctx: InferContext): InferredValue[] {
  const x = ctx.dims(0)
  const sizes = ctx.contents(1)
  const axes = ctx.ints('axes', undefined)
  if (x === undefined) return [{ type: tensorType(ctx.dtype(0)) }]
  const unknown = (axes ?? x).map((): Dim => null)
  return [{ type: tensorType(ctx.dtype(0), centredDims(ctx, x, sizes ?? unknown)) }]
}

function evaluateCenterCropPad(ctx: EvaluateContext): NDArray[] {
  const x = ctx.input(0)
  const inferred = centredDims(ctx, x.dims, integersOf(ctx, 1) ?? ctx.fail('sizes'))
  const dims = isStatic(inferred) ? inferred : ctx.fail('known sizes')
  const { before } = centring(x.dims, dims)
  const picks = dims.map((size, axis) =>
    Array.from({ length: size }, (_, i) => {
      const at = i - before[axis]!
      return at < 0 || at >= x.dims[axis]! ? -1 : at
    }),
  )
  return [take(x, dims, crossSources(x.dims, picks))]
}

/** What was padded is cut off and what was cut off is padded. */
function centerCropPadGradient(ctx: GradientContext): (string | undefined)[] {
  const { before, after } = centring(ctx.shape(ctx.input(0)), ctx.shape(ctx.output(0)))
  const back = (sizes: readonly number[]) => sizes.map((size) => (size === 0 ? 0 : -size))
  return [zeroPadded(ctx, ctx.gradient(0)!, back(before), back(after))]
}

export const space: OperatorFamily = {
  DepthToSpace: { infer: inferWith(depthToSpaceDims), gradient: depthToSpaceGradient, flops: noFlops, evaluate: evaluateDepthToSpace },
  SpaceToDepth: {
    infer: inferWith(spaceToDepthDims),
    gradient: (ctx) => [ctx.b.op('DepthToSpace', [ctx.gradient(0)], { blocksize: blockSize(ctx) })],
    flops: noFlops,
    evaluate: evaluateSpaceToDepth,
  },
  CenterCropPad: { infer: inferCenterCropPad, gradient: centerCropPadGradient, flops: noFlops, evaluate: evaluateCenterCropPad },
}
