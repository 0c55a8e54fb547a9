// EfficientNet: rethinking model scaling for convolutional networks (Tan & Le 2019, arXiv:1905.11946). Parameter names are timm's.

import type { Feature, ModuleBuilder } from '../module.ts'
import { type InvertedStage, invertedResiduals } from './inverted-residuals.ts'
import type { ArchitectureOptions, ArchitectureResult } from './network.ts'

/** Table 1 of the paper, without the channels: EfficientNet-B0. */
const stages: readonly InvertedStage[] = [
  { expansion: 1, depth: 1, stride: 1, kernel: 3 },
  { expansion: 6, depth: 2, stride: 2, kernel: 3 },
  { expansion: 6, depth: 2, stride: 2, kernel: 5 },
  { expansion: 6, depth: 3, stride: 2, kernel: 3 },
  { expansion: 6, depth: 3, stride: 1, kernel: 5 },
  { expansion: 6, depth: 4, stride: 2, kernel: 5 },
  { expansion: 6, depth: 1, stride: 1, kernel: 3 },
]

/** A network with its classifier. @param x pixels [N, C, H, W] @throws FoveaError NN_OPTION_INVALID */
export function efficientNetB0(m: ModuleBuilder, x: Feature, options: ArchitectureOptions): ArchitectureResult {
  const { widths = [32, 16, 24, 40, 80, 112, 192, 320, 1280] } = options
  return invertedResiduals(m, x, { ...options, widths, stages, activation: 'silu', squeeze: 0.25 })
}
