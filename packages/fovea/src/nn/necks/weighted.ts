// One layer of the weighted bidirectional pyramid, BiFPN (Tan 2020, EfficientDet, arXiv:1911.09070).

import { ones } from '../initialisers.ts'
import { activation, batchNorm2d, conv2d, maxPool } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { enlarged } from './parts.ts'

/** Keeps the sum of the weights away from zero. */
const epsilon = 1e-4

/**
 * A way down and a way up again. Each level is a weighted mean of its sources: their weights are learned, kept positive by a ReLU and
 * normalised by their sum ("fast normalised fusion").
 */
export function weightedPyramid(m: ModuleBuilder, inputs: readonly Feature[], first: number): Feature[] {
  const last = inputs.length - 1
  const down = [...inputs]
  for (let i = last - 1; i >= 0; i--) {
    const above = enlarged(m, `enlarged${first + i}`, down[i + 1]!, inputs[i]!)
    down[i] = separable(
      m.stage(`p${first + i}`),
      `down${first + i}`,
      fused(m.stage(`p${first + i}`), `fuse_down${first + i}`, [inputs[i]!, above]),
    )
  }
  const up = [down[0]!]
  for (let i = 1; i <= last; i++) {
    const below = maxPool(m, `pool${first + i}`, up[i - 1]!, { kernel: 3, stride: 2, padding: 1 })
    const sources = i === last ? [inputs[i]!, below] : [inputs[i]!, down[i]!, below]
    up.push(separable(m.stage(`p${first + i}`), `up${first + i}`, fused(m.stage(`p${first + i}`), `fuse_up${first + i}`, sources)))
  }
  return up
}

function fused(m: ModuleBuilder, name: string, sources: readonly Feature[]): Feature {
  const f = m.module(name)
  const positive = sources.map((_, i) => f.op(`positive${i}`, 'Relu', [f.parameter(`weight${i}`, 'norm', [1, 1], ones)]))
  const sum = f.op('sum', 'Add', [f.op('total', 'Sum', positive), f.scalar(epsilon)])
  const parts = sources.map(({ value }, i) => f.op(`part${i}`, 'Mul', [value, f.op(`share${i}`, 'Div', [positive[i]!, sum])]))
  return { ...sources[0]!, value: m.op(name, 'Sum', parts) }
}

/** SiLU, then a depthwise 3x3 and a 1x1 convolution with its normalisation. */
function separable(m: ModuleBuilder, name: string, x: Feature): Feature {
  const s = m.module(name)
  const active = activation(s, 'act', x, 'silu')
  const spatial = conv2d(s, 'depthwise', active, { out: x.channels, kernel: 3, groups: x.channels, bias: false })
  return batchNorm2d(s, 'norm', conv2d(s, 'pointwise', spatial, { out: x.channels, kernel: 1, bias: false }))
}
