// The head that counts: how many things lie in each cell; the sum is the count.

import { normal } from '../initialisers.ts'
import { conv2d, relu } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { fusedMap } from './fused-map.ts'
import { sharedTower } from './tower.ts'

export interface DensityHeadOptions {
  /** Kinds of things that are counted apart. @default 1 */
  readonly classes?: number
  /** Channels at the finest level of the pyramid; half of them at each finer map, but at least 16. @default 64 */
  readonly channels?: number
  /** Convolutions on the finest map before the answer. @default 2 */
  readonly depth?: number
}

/** Heads of people far away are as wide as a cell of this stride or two; finer cells cost time and tell no more. */
const finestStride = 4

/**
 * Density estimation (Lempitsky & Zisserman 2010) as convolutions on the pyramid, which dynamic attention has weighed by scale and place, joined with the
 * map of the backbone at stride 4: no box is looked for, so that things may hide one another.
 *
 * @param levels of the pyramid, the finest first
 * @param fine maps of the backbone below the pyramid, falling strides
 * @returns densities [N, classes, h, w], 0 or more: things in each cell
 */
export function densityHead(
  m: ModuleBuilder,
  levels: readonly Feature[],
  fine: readonly Feature[],
  { classes = 1, channels = 64, depth = 2 }: DensityHeadOptions = {},
): Feature {
  const fused = fusedMap(
    m,
    levels,
    fine.filter(({ stride }) => stride >= finestStride),
    channels,
  )
  const [map] = sharedTower(m, 'density', [fused], fused.channels, depth)
  // Positive at first nearly everywhere, so that no cell begins dead behind the ReLU.
  return relu(
    m,
    'densities',
    conv2d(m, 'out', map!, { out: classes, kernel: 1, initialise: normal(0, 0.01), initialiseBias: (values) => values.fill(0.02) }),
  )
}
