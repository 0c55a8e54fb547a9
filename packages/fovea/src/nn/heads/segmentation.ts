// The head of semantic segmentation: a class for each pixel, from a pyramid and the fine maps below it.

import { truncatedNormal, zeros } from '../initialisers.ts'
import { add, batchNorm2d, conv2d, relu } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { enlarged } from '../necks/parts.ts'

export interface SegmentationHeadOptions {
  readonly classes: number
  /** Channels at the finest level of the pyramid; half of them at each finer map, but at least 16. @default 64 */
  readonly channels?: number
}

/**
 * Sums all levels at the finest one, as panoptic feature pyramids do (Kirillov 2019, arXiv:1901.02446), then goes on to finer maps of the
 * backbone, as U-Net does (Ronneberger 2015, arXiv:1505.04597): what is a few pixels wide is not to be seen at a stride of 8.
 *
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
  const [finest] = levels
  let map = levels.reduce<Feature | undefined>((sum, level) => {
    const lateral = conv2d(m, `level.s${level.stride}`, level, { out: channels, kernel: 1 })
    const large = level.stride === finest!.stride ? lateral : enlarged(m, `enlarged.s${level.stride}`, lateral, finest!)
    return sum === undefined ? large : add(m, `sum.s${level.stride}`, sum, large)
  }, undefined)!
  map = refined(m, `refine.s${map.stride}`, relu(m, 'merged', map), channels)
  for (const detail of fine) {
    const width = Math.max(16, map.channels / 2)
    const name = `s${detail.stride}`
    const coarse = conv2d(m, `reduce.${name}`, map, { out: width, kernel: 1 })
    const lateral = conv2d(m, `detail.${name}`, detail, { out: width, kernel: 1 })
    const merged = add(m, `join.${name}`, enlarged(m, `enlarged.${name}`, coarse, detail), lateral)
    map = refined(m, `refine.${name}`, relu(m, `joined.${name}`, merged), width)
  }
  return conv2d(m, 'out', map, { out: classes, kernel: 1, initialise: truncatedNormal(0.01), initialiseBias: zeros })
}

function refined(m: ModuleBuilder, name: string, x: Feature, channels: number): Feature {
  return relu(m, `${name}.act`, batchNorm2d(m, `${name}.norm`, conv2d(m, `${name}.conv`, x, { out: channels, kernel: 3, bias: false })))
}
