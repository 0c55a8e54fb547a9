// Gradients of Conv and ConvTranspose. One is the other's transpose, so both are written in terms of one relation.

import { convolutionInputGradient } from './convolution-input-gradient.ts'
import { transposedWindows } from './convolution-shape.ts'
import { convolutionWeightGradient } from './convolution-weight-gradient.ts'
import { reduced } from './emit.ts'
import type { GradientContext } from './operator.ts'
import { convAttributes, fitted, withExactEnd } from './window-gradient.ts'
import { type Windows, windowsOver } from './windows.ts'

/**
 * A convolution as a relation between a larger side (the input of Conv, the result of ConvTranspose) and a smaller side (the other
 * one), through a weight [smaller channels, larger channels / group, kernel].
 */
export interface Convolution {
  /** [N, C, ...] */
  readonly large: readonly number[]
  /** [N, O, ...] */
  readonly small: readonly number[]
  /** [O, C / group, ...] */
  readonly weight: readonly number[]
  readonly group: number
  /** `end` is exact: negative where the windows leave out the last elements of the larger side. */
  readonly windows: Windows
}

/** Plain convolution from the larger side to the smaller. */
function emitConvolution(ctx: GradientContext, { windows, group }: Convolution, large: string, weight: string): string {
  return ctx.b.op('Conv', [fitted(ctx, windows, large).value, weight], { group, ...convAttributes(windows) })
}

function biasGradient(ctx: GradientContext, rank: number): string | undefined {
  if (!ctx.hasInput(2) || !ctx.needs(2)) return undefined
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1)
  return reduced(ctx, 'ReduceSum', ctx.gradient(0)!, axes, false)
}

/** Gradients of Conv for its input, weight and bias. */
export function convolutionGradient(ctx: GradientContext): (string | undefined)[] {
  const [large, small, weight] = [ctx.shape(ctx.input(0)), ctx.shape(ctx.output(0)), ctx.shape(ctx.input(1))]
  const windows = withExactEnd(windowsOver(ctx, large.slice(2), weight.slice(2)))
  const convolution: Convolution = { large, small, weight, group: ctx.int('group', 1), windows }
  const dy = ctx.gradient(0)!
  return [
    ctx.needs(0) ? convolutionInputGradient(ctx, convolution, dy, ctx.input(1)) : undefined,
    ctx.needs(1) ? convolutionWeightGradient(ctx, convolution, ctx.input(0), dy) : undefined,
    biasGradient(ctx, large.length),
  ]
}

/** Gradients of ConvTranspose for its input, weight and bias. */
export function transposedConvolutionGradient(ctx: GradientContext): (string | undefined)[] {
  const [large, small, weight] = [ctx.shape(ctx.output(0)), ctx.shape(ctx.input(0)), ctx.shape(ctx.input(1))]
  const windows = transposedWindows(ctx, small.slice(2), weight.slice(2))
  const convolution: Convolution = { large, small, weight, group: ctx.int('group', 1), windows }
  const dy = ctx.gradient(0)!
  return [
    ctx.needs(0) ? emitConvolution(ctx, convolution, dy, ctx.input(1)) : undefined,
    ctx.needs(1) ? convolutionWeightGradient(ctx, convolution, dy, ctx.input(0)) : undefined,
    biasGradient(ctx, large.length),
  ]
}
