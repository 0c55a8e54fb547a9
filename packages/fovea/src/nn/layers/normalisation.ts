// Normalisation layers.

import { constant, ones, zeros } from '../initialisers.ts'
import type { Feature, ModuleBuilder } from '../module.ts'

export interface BatchNormOptions {
  /** Added to the variance. @default 1e-5 */
  readonly epsilon?: number
  /** Share of the new batch in the running statistics, as torch counts it; the ONNX attribute is its complement. @default 0.1 */
  readonly momentum?: number
  /** First value of the scale. 0 lets a residual block begin as the identity (Goyal 2017). @default 1 */
  readonly scale?: number
}

/**
 * Batch normalisation (Ioffe & Szegedy 2015), in inference form: `passes/training-mode` switches it to the batch's own
 * statistics. Parameters: `weight`, `bias`, and the running `running_mean`, `running_var`, all [C].
 */
export function batchNorm2d(m: ModuleBuilder, name: string, x: Feature, options: BatchNormOptions = {}): Feature {
  const { epsilon = 1e-5, momentum = 0.1, scale = 1 } = options
  const layer = m.module(name)
  const dims = [x.channels]
  const parameters = [
    layer.parameter('weight', 'norm', dims, constant(scale)),
    layer.parameter('bias', 'norm', dims, zeros),
    layer.parameter('running_mean', 'running', dims, zeros),
    layer.parameter('running_var', 'running', dims, ones),
  ]
  const attributes = { epsilon, momentum: 1 - momentum, training_mode: 0 }
  return { ...x, value: m.op(name, 'BatchNormalization', [x.value, ...parameters], attributes) }
}

/**
 * Layer normalisation over the last axis, which holds the channels: [..., C] (Ba 2016). Parameters: `weight`, `bias` [C].
 *
 * @param epsilon added to the variance, 1e-5 unless given
 */
export function layerNorm(m: ModuleBuilder, name: string, x: Feature, { epsilon = 1e-5 }: { readonly epsilon?: number } = {}): Feature {
  const layer = m.module(name)
  const parameters = [layer.parameter('weight', 'norm', [x.channels], ones), layer.parameter('bias', 'norm', [x.channels], zeros)]
  return { ...x, value: m.op(name, 'LayerNormalization', [x.value, ...parameters], { axis: -1, epsilon }) }
}
