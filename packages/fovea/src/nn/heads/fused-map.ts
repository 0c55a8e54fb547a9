// One map of all levels of a pyramid and of the fine maps below it: what heads that answer for every place look at.

import { add, batchNorm2d, conv2d, relu } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { enlarged } from '../necks/parts.ts'

/**
 * Sums all levels at the finest one, as panoptic feature pyramids do (Kirillov 2019, arXiv:1901.02446), then goes on to finer maps of the
 * backbone, as U-Net does (Ronneberger 2015, arXiv:1505.04597): what is a few pixels wide is not to be seen at a stride of 8.
 *
 * @param levels of the pyramid, the finest first
 * @param fine maps of the backbone below the pyramid, falling strides
 * @param channels at the finest level; half of them at each finer map, but at least 16
 * @returns a map at the stride of the last fine map
 */
export function fusedMap(m: ModuleBuilder, levels: readonly Feature[], fine: readonly Feature[], channels: number): Feature {
  const [finest] = levels
  let map = levels.reduce<Feature | undefined>((sum, level) => {
    const lateral = conv2d(m, `level.s${level.stride}`, level, { out: channels, kernel: 1 })
    const large = level.stride === finest!.stride ? lateral : enlarged(m, `enlarged.s${level.stride}`, lateral, finest!)
    return sum === undefined ? large : add(m, `sum.s${level.stride}`, sum, large)
  }, undefined)!
  map = refined(m, `refine.s${map.stride}`, relu(m, 'merged', map), channels)
  for (const detail of fine) {
    const width = Math.max(16, Math.floor(map.channels / 2))
    const name = `s${detail.stride}`
    const coarse = conv2d(m, `reduce.${name}`, map, { out: width, kernel: 1 })
    const lateral = conv2d(m, `detail.${name}`, detail, { out: width, kernel: 1 })
    const merged = add(m, `join.${name}`, enlarged(m, `enlarged.${name}`, coarse, detail), lateral)
    map = refined(m, `refine.${name}`, relu(m, `joined.${name}`, merged), width)
  }
  return map
}

function refined(m: ModuleBuilder, name: string, x: Feature, channels: number): Feature {
  return relu(m, `${name}.act`, batchNorm2d(m, `${name}.norm`, conv2d(m, `${name}.conv`, x, { out: channels, kernel: 3, bias: false })))
}
