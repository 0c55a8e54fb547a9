// Fully connected layers and what stands around them.

import { type Initialiser, uniformByFan } from '../initialisers.ts'
import type { Feature, ModuleBuilder } from '../module.ts'

export interface LinearOptions {
  /** Number of output channels. */
  readonly out: number
  /** @default true */
  readonly bias?: boolean
  /** Number of axes of the input; the channels are the last one. @default 2 */
  readonly rank?: number
  /** First values of the weight. @default uniform by fan in, as torch has it */
  readonly initialise?: Initialiser
  /** First values of the bias. @default uniform by fan in, as torch has it */
  readonly initialiseBias?: Initialiser
}

/** x W^T + b: [..., C] to [..., out]. Parameters in torch's layout: `weight` [out, C], `bias` [out]. */
export function linear(m: ModuleBuilder, name: string, x: Feature, options: LinearOptions): Feature {
  const { out, bias = true, rank = 2, initialise = uniformByFan(), initialiseBias = uniformByFan(x.channels) } = options
  const layer = m.module(name)
  const weight = layer.parameter('weight', 'weight', [out, x.channels], initialise)
  const shift = bias ? layer.parameter('bias', 'bias', [out], initialiseBias) : undefined
  if (rank === 2) return { ...x, channels: out, value: m.op(name, 'Gemm', [x.value, weight, shift], { transB: 1 }) }
  const transposed = layer.op('transposed', 'Transpose', [weight], { perm: [1, 0] })
  if (shift === undefined) return { ...x, channels: out, value: m.op(name, 'MatMul', [x.value, transposed]) }
  return { ...x, channels: out, value: m.op(name, 'Add', [layer.op('product', 'MatMul', [x.value, transposed]), shift]) }
}

/**
 * Merges all axes but the first: [N, C, H, W] to [N, C * H * W].
 *
 * @param positions H * W, 1 behind a global pool
 */
export function flatten(m: ModuleBuilder, name: string, x: Feature, positions = 1): Feature {
  return { ...x, channels: x.channels * positions, value: m.op(name, 'Flatten', [x.value], { axis: 1 }) }
}

/** Dropout (Srivastava 2014): the identity in this form; `passes/training-mode` makes it drop. A ratio of 0 adds nothing. */
export function dropout(m: ModuleBuilder, name: string, x: Feature, ratio = 0.5): Feature {
  return ratio === 0 ? x : { ...x, value: m.op(name, 'Dropout', [x.value, m.scalar(ratio)]) }
}
