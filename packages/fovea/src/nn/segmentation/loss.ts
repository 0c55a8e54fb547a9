// The loss of semantic segmentation: cross-entropy or its focal form of every pixel, and Dice of every class.

import type { GraphBuilder } from '../../graph/builder.ts'
import { Emitter, type FloatType } from '../emitter.ts'
import { crossEntropy, focalLoss } from '../losses.ts'

export interface SegmentationLossOptions {
  /** @default 'cross-entropy' */
  readonly pixels?: 'cross-entropy' | 'focal'
  /** Weight of Dice beside the loss of pixels; 0 leaves it out. @default 1 */
  readonly dice?: number
  readonly dtype?: FloatType
}

/**
 * The weighted mean over pixels, and 1 - Dice, the mean over classes of the soft overlap 2 |A B| / (|A| + |B|) over the whole batch
 * (Milletari 2016, arXiv:1606.04797).
 *
 * @param logits [N, classes, H, W]
 * @param targets int64 [N, H, W]; what stands where the weight is 0 does not matter
 * @param weights float [N, H, W]: 0 where nothing is known, more than 1 where a pixel shall count more, as near the border of a class
 */
export function segmentationLoss(
  b: GraphBuilder,
  logits: { readonly value: string; readonly channels: number },
  targets: string,
  weights: string,
  { pixels = 'cross-entropy', dice = 1, dtype = 'float32' }: SegmentationLossOptions = {},
): { readonly loss: string; readonly terms: Readonly<Record<string, string>> } {
  const e = new Emitter(b, dtype)
  const options = { spatialAxes: 2, reduction: 'none', dtype } as const
  const losses = pixels === 'focal' ? focalLoss(b, logits, targets, options) : crossEntropy(b, logits, targets, options)
  const pixelLoss = e.div(e.total(e.mul(losses, weights)), e.max(e.total(weights), 1))
  if (dice === 0) return { loss: pixelLoss, terms: { pixel_loss: pixelLoss } }
  const known = b.op('Unsqueeze', [e.min(weights, 1), b.ints([1])])
  const truth = e.mul(e.float(isClass(b, targets, logits.channels)), known)
  const found = e.mul(b.op('Softmax', [logits.value], { axis: 1 }), known)
  const overPixels = (x: string) => e.sum(x, [0, 2, 3], false)
  // One more on both sides: a class that is neither there nor found is right.
  const overlap = e.div(e.add(e.mul(overPixels(e.mul(found, truth)), 2), 1), e.add(overPixels(found), overPixels(truth), 1))
  const diceLoss = e.sub(1, b.op('ReduceMean', [overlap], { keepdims: 0 }))
  return { loss: e.add(pixelLoss, e.mul(diceLoss, dice)), terms: { pixel_loss: pixelLoss, dice_loss: diceLoss } }
}

/** bool [N, classes, H, W]. */
function isClass(b: GraphBuilder, targets: string, classes: number): string {
  const numbers = b.op('Range', [b.scalar(0, 'int64'), b.scalar(classes, 'int64'), b.scalar(1, 'int64')])
  return b.op('Equal', [b.op('Unsqueeze', [targets, b.ints([1])]), b.op('Reshape', [numbers, b.ints([1, classes, 1, 1])])])
}
