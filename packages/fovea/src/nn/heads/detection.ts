// The head of a detector: for each point of a pyramid, which class, and where its sides are.

import type { DetectionScores } from '../detection/loss.ts'
import { constant, type Initialiser, truncatedNormal } from '../initialisers.ts'
import { sharedConv2d } from '../layers/index.ts'
import type { Feature, ModuleBuilder } from '../module.ts'
import { sharedTower } from './tower.ts'

export interface DetectionHeadOptions {
  readonly classes: number
  /** Channels within the head. @default those of the levels */
  readonly channels?: number
  /** Convolutions before each of the two answers. @default 2 */
  readonly depth?: number
  /** Whole numbers of strides that a side may be away, from 0 on: a box reaches up to 2 (bins - 1) strides of its level. @default 16 */
  readonly bins?: number
}

/** How probable anything is at first: one point in a hundred, so that the many points of the ground do not drown the loss (Lin 2017, arXiv:1708.02002). */
const firstProbability = 0.01
/** Scores of the distances fall by this from one to the next at first, so that boxes begin with about three strides. */
const firstSlope = 0.5

/**
 * An anchor-free head with two branches (FCOS: Tian 2019, arXiv:1904.01355), whose sides are distributions (Li 2020, arXiv:2006.04388).
 *
 * @param levels maps of equal channels, the finest first
 */
export function detectionHead(m: ModuleBuilder, levels: readonly Feature[], options: DetectionHeadOptions): DetectionScores {
  const { classes, channels = levels[0]!.channels, depth = 2, bins = 16 } = options
  const faint = truncatedNormal(0.01)
  const branch = (name: string, out: number, initialiseBias: Initialiser) => {
    const tower = sharedTower(m, name, levels, channels, depth)
    return sharedConv2d(m.module(name), 'out', tower, { out, kernel: 1, initialise: faint, initialiseBias })
  }
  const classMaps = branch('classes', classes, constant(Math.log(firstProbability / (1 - firstProbability))))
  const sideMaps = branch('sides', 4 * bins, (values) => {
    for (let i = 0; i < values.length; i++) values[i] = -firstSlope * (i % bins)
  })
  const joined = (name: string, maps: readonly Feature[], dims: readonly number[]) => {
    const rows = maps.map(({ value }) => m.op(`${name}.rows`, 'Reshape', [value, m.b.ints([0, ...dims, -1])]))
    return rows.length === 1 ? rows[0]! : m.op(name, 'Concat', rows, { axis: dims.length + 1 })
  }
  return {
    classes: joined('class_scores', classMaps, [classes]),
    sides: joined('side_scores', sideMaps, [4, bins]),
    levels: levels.map(({ value, stride }) => ({ value, stride })),
  }
}
