// The head that gives each detection its mask: a few maps of the whole picture, and how much of each a thing is made of.

import type { MaskScores } from '../detection/masks.ts'
import { truncatedNormal, zeros } from '../initialisers.ts'
import { add, batchNorm2d, conv2d, relu, sharedConv2d } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { enlarged } from '../necks/parts.ts'
import { sharedTower } from './tower.ts'

export interface MaskHeadOptions {
  /** Maps that masks are mixed from. @default 16 */
  readonly prototypes?: number
  /** Channels within the head. @default 64 */
  readonly channels?: number
}

/**
 * Prototypes and coefficients (YOLACT: Bolya 2019, arXiv:1904.02689). Prototypes are maps at the stride of `detail`, or of the finest level where
 * there is none; coefficients stand at the points of the levels.
 *
 * @param levels of the pyramid, the finest first
 * @param detail a finer map of the backbone
 */
export function maskHead(
  m: ModuleBuilder,
  levels: readonly Feature[],
  detail: Feature | undefined,
  { prototypes = 16, channels = 64 }: MaskHeadOptions = {},
): MaskScores {
  const faint = truncatedNormal(0.01)
  const refined = (name: string, x: Feature) =>
    relu(m, `${name}.act`, batchNorm2d(m, `${name}.norm`, conv2d(m, `${name}.conv`, x, { out: channels, kernel: 3, bias: false })))
  let map = refined('refine', levels[0]!)
  if (detail !== undefined) {
    const lateral = conv2d(m, 'detail', detail, { out: channels, kernel: 1 })
    map = refined('refine.fine', add(m, 'join', enlarged(m, 'enlarged', map, detail), lateral))
  }
  const maps = conv2d(m, 'prototypes', map, { out: prototypes, kernel: 1 })
  const tower = sharedTower(m, 'coefficients', levels, channels, 1)
  const rows = sharedConv2d(m.module('coefficients'), 'out', tower, {
    out: prototypes,
    kernel: 1,
    initialise: faint,
    initialiseBias: zeros,
  }).map(({ value }) => m.op('coefficients.rows', 'Reshape', [value, m.b.ints([0, prototypes, -1])]))
  return {
    prototypes: maps.value,
    coefficients: rows.length === 1 ? rows[0]! : m.op('coefficients.joined', 'Concat', rows, { axis: 2 }),
    count: prototypes,
    stride: maps.stride,
  }
}
