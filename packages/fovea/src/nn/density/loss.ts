// The loss of counting: each cell by its square error, each picture by its count.

import type { GraphBuilder } from '../../graph/builder.ts'
import { Emitter, type FloatType } from '../emitter.ts'

export interface DensityLossOptions {
  /** Weight of the count beside that of cells. @default 0.1 */
  readonly count?: number
  readonly dtype?: FloatType
}

/**
 * The square error of cells, summed over a picture and divided by its count (at least 1), so that full pictures do not outweigh empty ones; and
 * the error of the count in parts of it, which no blur of the targets touches (as in Wang 2020, arXiv:2009.13077).
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
  { count = 0.1, dtype = 'float32' }: DensityLossOptions = {},
): { readonly loss: string; readonly terms: Readonly<Record<string, string>> } {
  const e = new Emitter(b, dtype)
  const perPicture = (x: string) => e.sum(x, [1, 2, 3], false)
  const there = perPicture(targets)
  const scale = e.max(there, 1)
  const pictures = e.max(e.total(known), 1)
  const mean = (errors: string) => e.div(e.total(e.mul(e.div(errors, scale), known)), pictures)
  const cells = mean(perPicture(e.square(e.sub(densities, targets))))
  const counts = mean(e.call('Abs', e.sub(perPicture(densities), there)))
  return { loss: e.add(cells, e.mul(counts, count)), terms: { cell_loss: cells, count_loss: counts } }
}
