// Conv on the blocked layout: with bias, a summand and an activation in one pass over memory.

import { formatDims, isStatic } from '../../graph/dims.ts'
import { tensorType } from '../../graph/model.ts'
import { sizeOf } from '../../graph/tensor.ts'
import { convolve } from '../convolution.ts'
import { checkChannels, kernelOf } from '../convolution-shape.ts'
import { type NDArray, ndarray } from '../ndarray.ts'
import type { Attributes, EvaluateContext, InferContext, InferredValue, OperatorFamily } from '../operator.ts'
import { windowAttributes, windowDims, windowsOver } from '../windows.ts'
import { blockedConvolutionGradient } from './convolution-gradient.ts'
import { blockOf, type Packing, toBlocked, toPlain, unpackWeight } from './layout.ts'

/** How the kernel for these channels takes input and weight; undefined where there is none. */
export type BlockedKind = 'dense' | 'first' | 'depthwise'

/**
 * - `dense`: blocked input, weight packed `both`;
 * - `first`: a plain input of fewer channels than a block, as pictures are; weight packed `outer`;
 * - `depthwise`: one channel to each filter, blocked input, weight packed `outer`.
 */
export function blockedKind(weight: readonly number[], group: number, block: number): BlockedKind | undefined {
  const [O, each] = weight as [number, number]
  if (O % block !== 0) return undefined
  if (group > 1) return group === O && each === 1 ? 'depthwise' : undefined
  if (each < block) return 'first'
  return each % block === 0 ? 'dense' : undefined
}

export function packingOf(kind: BlockedKind, block: number): Packing {
  return { kind: kind === 'dense' ? 'both' : 'outer', block }
}

export function kindOf(ctx: Attributes, weight: readonly number[]): BlockedKind {
  return (
    blockedKind(weight, ctx.int('group', 1), blockOf(ctx)) ??
    ctx.fail(`channels in blocks of ${blockOf(ctx)}`, `a weight ${formatDims(weight)} in ${ctx.int('group', 1)} groups`)
  )
}

function infer(ctx: InferContext): InferredValue[] {
  const [x, weight] = [ctx.dims(0), ctx.dims(1)]
  if (!isStatic(x) || !isStatic(weight)) return [{ type: tensorType(ctx.dtype(0)) }]
  if (x.length !== 4 || weight.length !== 4) ctx.fail('an input [N, C, H, W] and a weight of four axes', formatDims(x))
  checkChannels(ctx, x[1]!, weight, 1, ctx.hasInput(2) ? ctx.dims(2) : undefined)
  kindOf(ctx, weight)
  const kernel = kernelOf(ctx, weight)!
  return [{ type: tensorType(ctx.dtype(0), [x[0]!, weight[0]!, ...windowDims(ctx, x.slice(2), windowAttributes(ctx, kernel))]) }]
}

function evaluate(ctx: EvaluateContext): NDArray[] {
  const block = blockOf(ctx)
  const [given, packed] = [ctx.input(0), ctx.input(1)]
  const kind = kindOf(ctx, packed.dims)
  const x = kind === 'first' ? given : toPlain(given, block)
  const weight = unpackWeight(packed, packingOf(kind, block))
  const windows = windowsOver(ctx, x.dims.slice(2), weight.dims.slice(2))
  const y = convolve(x, weight, ctx.int('group', 1), windows)
  const [bias, summand] = [ctx.inputs[2], ctx.inputs[3] && toPlain(ctx.inputs[3], block)]
  const activation = activationOf(ctx)
  const plane = sizeOf(windows.output)
  const values = y.data.map((value, i) => {
    const shifted = value + (bias?.data[Math.floor(i / plane) % bias.data.length] ?? 0) + (summand?.data[i] ?? 0)
    return activation === 'Relu' ? Math.max(0, shifted) : shifted
  })
  return [toBlocked(ndarray(y.dtype, y.dims, values), block)]
}

/** The activation that is applied last. @throws FoveaError OP_INVALID for those that are not in use here */
export function activationOf(ctx: Attributes): 'Relu' | undefined {
  const name = ctx.string('activation', '')
  return name === '' ? undefined : name === 'Relu' ? name : ctx.fail('the activation Relu or none', name)
}

export const blockedConvolution: OperatorFamily = {
  'com.microsoft.nchwc::Conv': {
    infer,
    gradient: blockedConvolutionGradient,
    flops: (ctx) =>
      sizeOf(ctx.outputDims(0)) * (2 * sizeOf(ctx.inputDims(1).slice(1)) + (ctx.hasInput(2) ? 1 : 0) + (ctx.hasInput(3) ? 1 : 0)),
    evaluate,
  },
}
