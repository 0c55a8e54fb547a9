// Feature pyramids: maps of a backbone at several strides become maps of equal width that share what each of them knows.

import { FoveaError } from '../../util/errors.ts'
import { add, conv2d, relu } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { bottomUp } from './bottom-up.ts'
import { enlarged, normalised } from './parts.ts'
import { weightedPyramid } from './weighted.ts'

const kinds = ['fpn', 'pan', 'bifpn'] as const

/**
 * - `fpn`: lateral 1x1 convolutions and a top-down path (Lin 2017, arXiv:1612.03144);
 * - `pan`: a bottom-up path behind it, so that fine maps speak to coarse ones too (Liu 2018, arXiv:1803.01534);
 * - `bifpn`: both paths with learned weights of their sources and separable convolutions (Tan 2020, arXiv:1911.09070).
 */
export type PyramidKind = (typeof kinds)[number]

export function pyramidKinds(): readonly PyramidKind[] {
  return kinds
}

export interface PyramidOptions {
  /** Channels of every level. @default 128 */
  readonly channels?: number
  /** Number of levels; those beyond the backbone's maps are made by strided convolutions, as P6 and P7 of RetinaNet (Lin 2017). @default 5 */
  readonly levels?: number
  /** @default 'fpn' */
  readonly kind?: PyramidKind
}

/**
 * Builds a pyramid over maps of rising stride, each twice the one before: for strides 8, 16 and 32 the levels are P3, P4, P5, then
 * P6 and P7. Sizes need not divide: what is enlarged takes the size of the map that it is added to.
 *
 * @param maps [N, C_l, H_l, W_l], the finest first
 * @returns one map for each level, [N, channels, H_l, W_l]
 * @throws FoveaError NN_OPTION_INVALID where there are no maps, or their strides do not double
 */
export function featurePyramid(m: ModuleBuilder, maps: readonly Feature[], options: PyramidOptions = {}): Feature[] {
  const { channels = 128, levels = 5, kind = 'fpn' } = options
  checkMaps(m, maps, levels)
  const first = levelOf(maps[0]!)
  const laterals = maps.map((map, i) => conv2d(m.stage(`p${first + i}`), `lateral${first + i}`, map, { out: channels, kernel: 1 }))
  if (kind === 'bifpn') return weightedPyramid(m, extended(m, laterals, levels, first), first)
  const merged = topDown(m, laterals, first)
  const smooth = merged.map((map, i) => normalised(m.stage(`p${first + i}`), `output${first + i}`, map))
  return extended(m, kind === 'pan' ? bottomUp(m, smooth, first) : smooth, levels, first)
}

/** The level's number in the usual count: level l has stride 2^l. */
export function levelOf({ stride }: Feature): number {
  return Math.log2(stride)
}

function topDown(m: ModuleBuilder, laterals: readonly Feature[], first: number): Feature[] {
  const merged = [...laterals]
  for (let i = laterals.length - 2; i >= 0; i--)
    merged[i] = add(m, `merge${first + i}`, laterals[i]!, enlarged(m, `enlarged${first + i}`, merged[i + 1]!, laterals[i]!))
  return merged
}

/** Adds coarser levels until there are as many as asked for. */
function extended(m: ModuleBuilder, maps: readonly Feature[], levels: number, first: number): Feature[] {
  const all = [...maps]
  while (all.length < levels) {
    const name = `output${first + all.length}`
    // The first extra level sees the last map as it is, each further one behind a ReLU (Lin 2017).
    const input = all.length === maps.length ? all.at(-1)! : relu(m, `${name}.act`, all.at(-1)!)
    all.push(normalised(m.stage(`p${first + all.length}`), name, input, 2))
  }
  return all
}

function checkMaps(m: ModuleBuilder, maps: readonly Feature[], levels: number): void {
  const strides = maps.map(({ stride }) => stride)
  const doubling = strides.every((stride, i) => Number.isInteger(Math.log2(stride)) && (i === 0 || stride === 2 * strides[i - 1]!))
  if (maps.length === 0 || !doubling || levels < maps.length)
    throw new FoveaError('NN_OPTION_INVALID', {
      field: m.path('pyramid'),
      expected: `1 to ${levels} maps, each of twice the stride of the one before`,
      found: `strides ${strides.join(', ') || 'of none'}`,
    })
}
