// Gradients of Conv on the blocked layout, written so that they stay on it.

import type { Convolution } from '../convolution-gradient.ts'
import type { GradientContext } from '../operator.ts'
import { withExactEnd } from '../window-gradient.ts'
import { windowsOver } from '../windows.ts'
import { activationOf, type BlockedKind, kindOf } from './convolution.ts'
import { emitInputGradient } from './convolution-input-gradient.ts'
import { emitWeightGradient } from './convolution-weight-gradient.ts'
import { emitChannelMean, scalar } from './emit.ts'
import { blockOf } from './layout.ts'

/** A convolution of the blocked layout. */
export interface BlockedConvolution extends Convolution {
  readonly kind: BlockedKind
  readonly block: number
}

/** Gradients for input, weight, bias and summand. */
export function blockedConvolutionGradient(ctx: GradientContext): (string | undefined)[] {
  if (activationOf(ctx) !== undefined) ctx.fail('a Conv without activation: activations are fused after differentiation')
  const [large, small, weight] = [ctx.shape(ctx.input(0)), ctx.shape(ctx.output(0)), ctx.shape(ctx.input(1))]
  const block = blockOf(ctx)
  const windows = withExactEnd(windowsOver(ctx, large.slice(2), weight.slice(2)))
  const convolution = { large, small, weight, group: ctx.int('group', 1), windows, kind: kindOf(ctx, weight), block }
  const dy = ctx.gradient(0)!
  return [
    ctx.needs(0) ? emitInputGradient(ctx, convolution, dy) : undefined,
    ctx.needs(1) ? emitWeightGradient(ctx, convolution, dy) : undefined,
    ctx.hasInput(2) && ctx.needs(2) ? biasGradient(ctx, convolution, dy) : undefined,
    ctx.hasInput(3) && ctx.needs(3) ? dy : undefined,
  ]
}

function biasGradient(ctx: GradientContext, { small, block }: BlockedConvolution, dy: string): string {
  const dtype = ctx.dtype(ctx.output(0))
  const [N, , H, W] = small as [number, number, number, number]
  return ctx.b.op('Mul', [emitChannelMean(ctx.b, { dims: small, dtype, block }, dy), scalar(ctx.b, N * H * W, dtype)])
}
