// The head of semantic segmentation: a class for each pixel, from a pyramid and the fine maps below it.

import { truncatedNormal, zeros } from '../initialisers.ts'
import { conv2d } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { fusedMap } from './fused-map.ts'

export interface SegmentationHeadOptions {
  readonly classes: number
  /** Channels at the finest level of the pyramid; half of them at each finer map, but at least 16. @default 64 */
  readonly channels?: number
}

/**
 * @param levels of the pyramid, the finest first
 * @param fine maps of the backbone below the pyramid, falling strides
 * @returns scores [N, classes, h, w] at the stride of the last fine map
 */
export function segmentationHead(
  m: ModuleBuilder,
  levels: readonly Feature[],
  fine: readonly Feature[],
  { classes, channels = 64 }: SegmentationHeadOptions,
): Feature {
  const map = fusedMap(m, levels, fine, channels)
  return conv2d(m, 'out', map, { out: classes, kernel: 1, initialise: truncatedNormal(0.01), initialiseBias: zeros })
}
