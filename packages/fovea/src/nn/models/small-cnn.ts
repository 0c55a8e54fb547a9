// A small plain convolutional network: pairs of 3x3 convolutions with batch normalisation and a max pool behind each pair
// (after VGG: Simonyan & Zisserman 2015, arXiv:1409.1556; Ioffe & Szegedy 2015), a global mean instead of wide linear layers (Lin 2014).

import { activation, batchNorm2d, conv2d, maxPool } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { type ArchitectureOptions, type ArchitectureResult, withClassifier } from './network.ts'

/**
 * A stage for each width: two convolutions, then half the size. The first stage halves before its second convolution, where
 * most of the time would go otherwise. Made for pictures of 28 to 96 pixels, trained from scratch.
 *
 * @param x pixels [N, C, H, W]
 */
export function smallCnn(m: ModuleBuilder, x: Feature, options: ArchitectureOptions): ArchitectureResult {
  const { widths = [32, 64, 128], activation: kind = 'relu' } = options
  const features: Record<string, Feature> = {}
  const unit = (inner: ModuleBuilder, i: number, input: Feature, out: number): Feature => {
    const y = batchNorm2d(inner, `bn${i}`, conv2d(inner, `conv${i}`, input, { out, kernel: 3, bias: false }))
    return activation(inner, `act${i}`, y, kind)
  }
  let y = x
  widths.forEach((width, at) => {
    const stage = at === 0 ? 'stem' : `conv${at + 1}`
    const inner = m.module(`stage${at + 1}`).stage(stage)
    y = unit(inner, 1, y, width)
    if (at === 0) y = maxPool(inner, 'pool', y, { kernel: 2 })
    y = unit(inner, 2, y, width)
    if (at > 0 && at < widths.length - 1) y = maxPool(inner, 'pool', y, { kernel: 2 })
    y = m.named(stage, y)
    features[stage] = y
  })
  return withClassifier(m, { features, last: y, blocks: [] }, options)
}
