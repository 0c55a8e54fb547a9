// The loss of counting: cells and regions by their square errors, pictures by their counts.

import type { GraphBuilder } from '../../graph/builder.ts'
import { Emitter, type FloatType } from '../emitter.ts'

export interface DensityLossOptions {
  /** Weight of the count beside that of cells. @default 0.1 */
  readonly count?: number
  /** Weight of the regions. @default 0.25 */
  readonly regions?: number
  /** Side of a region in cells. @default 4 */
  readonly window?: number
  readonly dtype?: FloatType
}

/**
 * Three errors, each in parts of what is there in the whole batch (at least 1): the square errors of cells; the mean of those of all regions that hold a
 * cell, in which it matters little how far the target of a thing that is missed is spread; and the error of the count itself, which no blur
 * of the targets touches (as in Wang 2020, arXiv:2009.13077). In parts of each picture's own count they would say the least of full pictures, and
 * what is too little would cost less than what is too much: such counters count too few.
 *
 * @param densities [N, classes, h, w], things in each cell
 * @param targets of the same shape
 * @param known float [N]: 1, or 0 for pictures in which nobody counted
 */
export function densityLoss(
  b: GraphBuilder,
  densities: string,
  targets: string,
  known: string,
  { count = 0.1, regions = 0.25, window = 4, dtype = 'float32' }: DensityLossOptions = {},
): { readonly loss: string; readonly terms: Readonly<Record<string, string>> } {
  const e = new Emitter(b, dtype)
  const perPicture = (x: string) => e.sum(x, [1, 2, 3], false)
  const there = perPicture(targets)
  const all = e.max(e.total(e.mul(there, known)), 1)
  const mean = (errors: string) => e.div(e.total(e.mul(errors, known)), all)
  const wrong = e.sub(densities, targets)
  const cells = mean(perPicture(e.square(wrong)))
  // Regions begin at each cell and beyond each border: every cell lies in as many.
  const pools = { kernel_shape: [window, window], strides: [1, 1], pads: new Array<number>(4).fill(window - 1), count_include_pad: 1 }
  const means = b.op('AveragePool', [wrong], pools)
  const areas = mean(perPicture(e.mul(e.square(means), window * window)))
  const counts = mean(e.call('Abs', e.sub(perPicture(densities), there)))
  const loss = e.add(cells, e.mul(areas, regions), e.mul(counts, count))
  return { loss, terms: { cell_loss: cells, region_loss: areas, count_loss: counts } }
}
