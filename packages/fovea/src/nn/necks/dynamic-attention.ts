// Dynamic attention over a pyramid: weights of scales, places and channels that are computed from the picture itself.

import { truncatedNormal, zeros } from '../initialisers.ts'
import { globalAveragePool } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { enlarged } from './parts.ts'

export interface DynamicAttentionOptions {
  /** By how much the channels are squeezed between the two layers of the channel attention. @default 4 */
  readonly reduction?: number
  /** Side of the window in which the spatial attention looks around. @default 7 */
  readonly window?: number
}

export interface Attended {
  /** The levels as they were given, each weighted. */
  readonly levels: readonly Feature[]
  /**
   * Where the network looked: [N, levels, H, W] at the size of the first level, 0 to 1. Channel l is the spatial attention of level l
   * times the weight of its scale.
   */
  readonly attention: Feature
}

/**
 * Three attentions in turn, as in Dynamic Head (Dai 2021, arXiv:2106.08322), with the same weights for every level:
 *
 * - **scale**: one weight for a level, from its global mean;
 * - **space**: one weight for a place, from the mean and the maximum over the channels around it (CBAM, Woo 2018, arXiv:1807.06521; it stands where
 *   Dynamic Head has a deformable convolution, which has no fast kernel on processors);
 * - **channel**: slopes and offsets of two lines for a channel, of which the larger counts, from the level's global mean through a
 *   squeezed layer (Dynamic ReLU, Chen 2020, arXiv:2003.10027, after squeeze-and-excitation, Hu 2018).
 *
 * All begin as what they are on average: weights of 1 and a plain ReLU.
 */
export function dynamicAttention(m: ModuleBuilder, levels: readonly Feature[], options: DynamicAttentionOptions = {}): Attended {
  const { reduction = 4, window = 7 } = options
  const weights = new Weights(m, levels[0]!.channels, reduction, window)
  const maps: Feature[] = []
  const weighted = levels.map((level, i) => {
    const at = m.module(`level${i}`)
    const { value, map } = weights.gate(at, level)
    maps.push({ value: map, channels: 1, stride: level.stride })
    return { ...level, value: weights.dynamicRelu(at, { ...level, value }) }
  })
  const aligned = maps.map((map, i) => (i === 0 ? map : enlarged(m, `map${i}`, map, maps[0]!)).value)
  return {
    levels: weighted,
    attention: { value: m.op('maps', 'Concat', aligned, { axis: 1 }), channels: levels.length, stride: levels[0]!.stride },
  }
}

/** The parameters, which all levels share. */
class Weights {
  readonly #window: number
  readonly #scale: readonly [string, string]
  readonly #space: readonly [string, string]
  readonly #squeeze: readonly [string, string]
  readonly #excite: readonly [string, string]

  constructor(m: ModuleBuilder, channels: number, reduction: number, window: number) {
    const layer = (name: string, dims: readonly number[]): readonly [string, string] => {
      const inner = m.module(name)
      return [inner.parameter('weight', 'weight', dims, truncatedNormal(0.02)), inner.parameter('bias', 'bias', [dims[0]!], zeros)]
    }
    const squeezed = Math.max(1, Math.floor(channels / reduction))
    this.#window = window
    this.#scale = layer('scale', [1, channels, 1, 1])
    this.#space = layer('space', [1, 2, window, window])
    this.#squeeze = layer('squeeze', [squeezed, channels, 1, 1])
    this.#excite = layer('excite', [4 * channels, squeezed, 1, 1])
  }

  /** The level weighted by scale and place, and the weights halved to 0..1. */
  gate(m: ModuleBuilder, x: Feature): { value: string; map: string } {
    const scale = m.op('scale', 'Sigmoid', [this.#convolution(m, 'scale_logit', globalAveragePool(m, 'scale_mean', x).value, this.#scale)])
    const axis = m.b.ints([1])
    const seen = [m.op('mean', 'ReduceMean', [x.value, axis], { keepdims: 1 }), m.op('peak', 'ReduceMax', [x.value, axis], { keepdims: 1 })]
    const stacked = m.op('seen', 'Concat', seen, { axis: 1 })
    const space = m.op('space', 'Sigmoid', [this.#convolution(m, 'space_logit', stacked, this.#space, this.#window)])
    const map = m.op('map', 'Mul', [space, scale])
    // Both sigmoids are a half at first: four times their product is 1.
    return { map, value: m.op('weighted', 'Mul', [x.value, m.op('weight', 'Mul', [map, m.scalar(4)])]) }
  }

  dynamicRelu(m: ModuleBuilder, x: Feature): string {
    const pooled = globalAveragePool(m, 'channel_mean', x).value
    const hidden = m.op('channel_act', 'Relu', [this.#convolution(m, 'channel_squeeze', pooled, this.#squeeze)])
    const logits = this.#convolution(m, 'channel_logits', hidden, this.#excite)
    const parts = m.b.ops('Split', [m.op('channel_gates', 'Tanh', [logits])], 4, { axis: 1, num_outputs: 4 })
    const half = m.scalar(0.5)
    const line = (name: string, slope: string, offset: string) =>
      m.op(name, 'Add', [m.op(`${name}_slope`, 'Mul', [x.value, slope]), m.op(`${name}_offset`, 'Mul', [offset, half])])
    const rising = line('rising', m.op('slope', 'Add', [parts[0]!, m.scalar(1)]), parts[2]!)
    return m.op('dynamic', 'Max', [rising, line('flat', parts[1]!, parts[3]!)])
  }

  #convolution(m: ModuleBuilder, name: string, x: string, [weight, bias]: readonly [string, string], kernel = 1): string {
    const margin = (kernel - 1) / 2
    return m.op(name, 'Conv', [x, weight, bias], {
      kernel_shape: [kernel, kernel],
      pads: [margin, margin, margin, margin],
    })
  }
}
