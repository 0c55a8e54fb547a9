// The head that counts: how many things lie in each cell; the sum is the count.

import { normal } from '../initialisers.ts'
import { conv2d, relu } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { sharedTower } from './tower.ts'

export interface DensityHeadOptions {
  /** Kinds of things that are counted apart. @default 1 */
  readonly classes?: number
  /** Channels within the head. @default 64 */
  readonly channels?: number
  /** Convolutions before the answer. @default 3 */
  readonly depth?: number
}

/**
 * Density estimation (Lempitsky & Zisserman 2010) as convolutions on the finest level of the pyramid, which dynamic attention has weighed by scale
 * and place: no box is looked for, so that things may hide one another.
 *
 * @returns densities [N, classes, h, w], 0 or more: things in each cell
 */
export function densityHead(
  m: ModuleBuilder,
  finest: Feature,
  { classes = 1, channels = 64, depth = 3 }: DensityHeadOptions = {},
): Feature {
  const [map] = sharedTower(m, 'density', [finest], channels, depth)
  // Positive at first nearly everywhere, so that no cell begins dead behind the ReLU.
  return relu(
    m,
    'densities',
    conv2d(m, 'out', map!, { out: classes, kernel: 1, initialise: normal(0, 0.01), initialiseBias: (values) => values.fill(0.05) }),
  )
}
