// Pooling.

import type { Feature, ModuleBuilder } from '../module.ts'
import { pair, type Size2d } from './convolution.ts'

export interface PoolOptions {
  readonly kernel: Size2d
  /** @default the kernel's height */
  readonly stride?: number
  /** @default 0 */
  readonly padding?: Size2d
}

export function maxPool(m: ModuleBuilder, name: string, x: Feature, options: PoolOptions): Feature {
  return pool(m, name, x, 'MaxPool', options)
}

/** Mean over windows; padded zeros count, as in torch. */
export function averagePool(m: ModuleBuilder, name: string, x: Feature, options: PoolOptions): Feature {
  return pool(m, name, x, 'AveragePool', options, { count_include_pad: 1 })
}

/** Mean over all positions: [N, C, H, W] to [N, C, 1, 1]. */
export function globalAveragePool(m: ModuleBuilder, name: string, x: Feature): Feature {
  return { ...x, value: m.op(name, 'GlobalAveragePool', [x.value]) }
}

function pool(m: ModuleBuilder, name: string, x: Feature, op: string, options: PoolOptions, attributes = {}): Feature {
  const kernel = pair(options.kernel)
  const { stride = kernel[0] } = options
  const margin = pair(options.padding ?? 0)
  const value = m.op(name, op, [x.value], {
    kernel_shape: [...kernel],
    strides: [stride, stride],
    pads: [...margin, ...margin],
    ...attributes,
  })
  return { ...x, value, stride: x.stride * stride }
}
