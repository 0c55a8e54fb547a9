// What heads on a pyramid begin with: convolutions whose weights all levels share.

import { batchNorm2d, relu, sharedConv2d } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'

/**
 * `depth` times a 3x3 convolution, a normalisation and a ReLU. Levels share the weights of the convolutions, since things look alike at all
 * sizes, and each has a normalisation of its own, since their figures differ (Ghiasi 2019, arXiv:1904.07392; Lyu 2022, arXiv:2212.07784).
 *
 * @param levels maps [N, C, H_l, W_l]
 * @returns maps [N, channels, H_l, W_l]
 */
export function sharedTower(m: ModuleBuilder, name: string, levels: readonly Feature[], channels: number, depth: number): Feature[] {
  const tower = m.module(name)
  let maps = [...levels]
  for (let i = 0; i < depth; i++) {
    const convolved = sharedConv2d(tower, `conv${i}`, maps, { out: channels, kernel: 3, bias: false })
    maps = convolved.map((map) => relu(tower, `act${i}`, batchNorm2d(tower, `norm${i}.s${map.stride}`, map)))
  }
  return maps
}
