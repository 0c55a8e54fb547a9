// The head that counts on a model: built, and its answers read.

import { type DensityHeadOptions, densityHead } from '../../nn/heads/density.ts'
import type { Feature, ModuleBuilder } from '../../nn/module.ts'
import { type Density, DensityMap } from '../../vision/density.ts'
import { overPicture, type Placement } from '../../vision/placement.ts'
import type { CountHead } from './head.ts'

export interface CountHeadSpec extends Omit<DensityHeadOptions, 'classes'> {
  readonly task: 'count'
  /** @default 'count' */
  readonly name?: string
  /** What is counted, each kind apart. */
  readonly labels: readonly string[]
}

/** How many things there are, and where. */
export interface Count {
  readonly task: 'count'
  /** Of all kinds together. */
  readonly count: number
  /** Of each kind, by name. */
  readonly counts: Readonly<Record<string, number>>
  /** Things in each cell over the picture, all kinds together, row by row; its sum is about the count. */
  readonly density: Density
}

/** Builds the head and its output `NAME_density`: float [N, classes, h, w], things in each cell. */
export function buildCountHead(
  m: ModuleBuilder,
  levels: readonly Feature[],
  fine: readonly Feature[],
  name: string,
  { labels, channels, depth }: CountHeadSpec,
): CountHead {
  const density = densityHead(m, levels, fine, {
    classes: labels.length,
    ...(channels === undefined ? {} : { channels }),
    ...(depth === undefined ? {} : { depth }),
  })
  const { b } = m
  const output = b.output(density.value, undefined, b.fresh(`${name}_density`))
  return { task: 'count', name, labels, outputs: { density: output }, scores: { density: density.value, stride: density.stride } }
}

/** The count of a picture of the batch: what lies in the border of a letterbox does not count. */
export function readCount(
  densities: Float32Array,
  picture: number,
  placement: Placement,
  labels: readonly string[],
  [height, width]: readonly [number, number],
): Count {
  const cells = height * width
  const maps = labels.map((_, i) => {
    const from = (picture * labels.length + i) * cells
    return overPicture({ height, width, data: densities.subarray(from, from + cells) }, placement)
  })
  const sums = maps.map(({ data }) => data.reduce((sum, value) => sum + value, 0))
  const [first] = maps
  const data = Float32Array.from(first!.data, (_, i) => maps.reduce((sum, map) => sum + map.data[i]!, 0))
  const own = maps.map((map, i) => [labels[i]!, new DensityMap(map.width, map.height, map.data)] as const)
  const kinds = labels.length > 1 ? Object.fromEntries(own) : undefined
  return {
    task: 'count',
    count: sums.reduce((a, b) => a + b, 0),
    counts: Object.fromEntries(labels.map((name, i) => [name, sums[i]!])),
    density: new DensityMap(first!.width, first!.height, data, kinds),
  }
}
