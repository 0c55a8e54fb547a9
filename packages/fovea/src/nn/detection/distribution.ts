// Distances to the sides of a box as distributions over whole numbers (generalized focal loss: Li 2020, arXiv:2006.04388).

import type { Emitter } from '../emitter.ts'

/** The mean of the distribution: from scores [N, 4, bins, A] to distances [N, 4, A], in units of the stride. */
export function expectedDistances(e: Emitter, scores: string, bins: number): string {
  const probabilities = e.b.op('Softmax', [scores], { axis: 2 })
  return e.sum(e.mul(probabilities, binNumbers(e, bins)), [2], false)
}

/**
 * Distribution focal loss: the cross-entropy with the two whole numbers about the distance, each by its nearness.
 *
 * @param scores [N, 4, bins, A]
 * @param distances [N, 4, A]; brought between the first and the last number
 * @returns [N, 1, A], the mean of the four sides
 */
export function distributionFocalLoss(e: Emitter, scores: string, distances: string, bins: number): string {
  // A little below the last number, so that there are two about it.
  const within = e.b.op('Unsqueeze', [e.min(e.max(distances, 0), bins - 1 - 0.01), e.b.ints([2])])
  const nearness = e.max(e.sub(1, e.call('Abs', e.sub(within, binNumbers(e, bins)))), 0)
  const logProbabilities = e.b.op('LogSoftmax', [scores], { axis: 2 })
  const losses = e.sum(e.mul(nearness, logProbabilities), [2], false)
  return e.b.op('Neg', [e.b.op('ReduceMean', [losses, e.b.ints([1])], { keepdims: 1 })])
}

/** 0 to bins - 1 along the third axis: counted, not stored, since a stored list would look like a parameter. */
function binNumbers(e: Emitter, bins: number): string {
  const [from, to, step] = [0, bins, 1].map((value) => e.b.scalar(value, e.dtype))
  return e.reshape(e.b.op('Range', [from, to, step]), [1, 1, bins, 1])
}
