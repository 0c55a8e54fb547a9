// What all necks are made of.

import { batchNorm2d, conv2d } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'

/** A 3x3 convolution with its normalisation. */
export function normalised(m: ModuleBuilder, name: string, x: Feature, stride = 1): Feature {
  return batchNorm2d(m, `${name}.norm`, conv2d(m, `${name}.conv`, x, { out: x.channels, kernel: 3, stride, bias: false }))
}

/** Enlarges a map to the size of another by repeating its positions. */
export function enlarged(m: ModuleBuilder, name: string, x: Feature, like: Feature): Feature {
  const size = m.op(`${name}.size`, 'Shape', [like.value], { start: 2, end: 4 })
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor', axes: [2, 3] }
  return { ...x, stride: like.stride, value: m.op(name, 'Resize', [x.value, undefined, undefined, size], attributes) }
}
