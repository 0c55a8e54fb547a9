// Weights between the plain order and the packed one, within a graph: for the few places that need the plain form.

import { sizeOf } from '../../graph/tensor.ts'
import { reshapedTo } from '../emit.ts'
import type { GradientContext } from '../operator.ts'
import type { BlockedConvolution } from './convolution-gradient.ts'

/** Emits a packed weight in plain order. */
export function emitUnpacked(ctx: GradientContext, { kind, weight, block }: BlockedConvolution, value: string): string {
  const [O, I] = weight as [number, number]
  const taps = sizeOf(weight.slice(2))
  const view = kind === 'dense' ? [O / block, I / block, taps, block, block] : [O / block, I, taps, block]
  const perm = kind === 'dense' ? [0, 4, 1, 3, 2] : [0, 3, 1, 2]
  return reshapedTo(ctx, ctx.b.op('Transpose', [reshapedTo(ctx, value, view)], { perm }), weight)
}

/** Emits a plain weight, or the gradient of one, in packed order. */
export function emitPacked(ctx: GradientContext, { kind, weight, block }: BlockedConvolution, value: string): string {
  const [O, I] = weight as [number, number]
  const taps = sizeOf(weight.slice(2))
  const view = kind === 'dense' ? [O / block, block, I / block, block, taps] : [O / block, block, I, taps]
  const perm = kind === 'dense' ? [0, 2, 4, 3, 1] : [0, 2, 3, 1]
  return reshapedTo(ctx, ctx.b.op('Transpose', [reshapedTo(ctx, value, view)], { perm }), weight)
}
