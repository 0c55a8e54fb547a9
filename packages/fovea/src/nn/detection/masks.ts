// Masks of things from prototypes: their loss, and the masks of what was found (YOLACT: Bolya 2019, arXiv:1904.02689).

import type { Emitter } from '../emitter.ts'
import { binaryCrossEntropy } from '../losses.ts'

/** What a head of masks gives. */
export interface MaskScores {
  /** Maps [N, count, h, w]. */
  readonly prototypes: string
  /** How much of each, at every point of the levels: [N, count, A]. */
  readonly coefficients: string
  readonly count: number
  /** Pixels of the input between cells of the prototypes. */
  readonly stride: number
}

export interface MaskTruth {
  /** float [N, boxes, h, w]: 1 where the thing is, in cells of the prototypes. */
  readonly masks: string
  /** float [N, boxes]: 1 where the mask of the box is known. */
  readonly known: string
  /** float [N, boxes, 4]: x1, y1, x2, y2 in pixels of the input. */
  readonly boxes: string
  /** float [N, boxes, A]: 1 at the point whose answer agrees with the box best. */
  readonly best: string
}

/**
 * Cross-entropy and 1 - Dice of the mask at the best point of each box, within the box; the mean over boxes that have a point and a known mask.
 *
 * @param dims boxes, and height and width of the prototypes
 */
export function maskLoss(
  e: Emitter,
  { prototypes, coefficients, count, stride }: MaskScores,
  truth: MaskTruth,
  { boxes, height, width }: { readonly boxes: number; readonly height: number; readonly width: number },
): string {
  const { b } = e
  const cells = height * width
  const mixed = b.op('MatMul', [truth.best, b.op('Transpose', [coefficients], { perm: [0, 2, 1] })])
  const logits = b.op('MatMul', [mixed, e.reshape(prototypes, [0, count, cells])])
  const masks = e.reshape(truth.masks, [0, boxes, cells])
  const inside = e.reshape(insideOf(e, truth.boxes, { height, width, stride }), [0, boxes, cells])
  const entropies = e.mul(binaryCrossEntropy(b, logits, masks, { reduction: 'none', dtype: e.dtype }), inside)
  const entropy = e.div(e.sum(entropies, [2], false), e.max(e.sum(inside, [2], false), 1))
  const found = e.mul(b.op('Sigmoid', [logits]), inside)
  const wanted = e.mul(masks, inside)
  const both = e.sum(e.mul(found, wanted), [2], false)
  const sizes = e.add(e.sum(e.square(found), [2], false), e.sum(e.square(wanted), [2], false))
  const dice = e.sub(1, e.div(e.mul(both, 2), e.max(sizes, 1e-6)))
  const counts = e.mul(truth.known, e.sum(truth.best, [2], false))
  return e.div(e.total(e.mul(e.add(entropy, dice), counts)), e.max(e.total(counts), 1))
}

/** 1 in cells whose middle lies in the box, [N, boxes, h, w]; boxes count as at least a cell wide and high. */
function insideOf(
  e: Emitter,
  boxes: string,
  { height, width, stride }: { readonly height: number; readonly width: number; readonly stride: number },
): string {
  const { b } = e
  const [x1, y1, x2, y2] = b.ops('Split', [b.op('Unsqueeze', [boxes, b.ints([3])])], 4, { axis: 2, num_outputs: 4 })
  const within = (cells: number, low: string, high: string, dims: readonly number[]) => {
    const numbers = b.op('Range', [b.scalar(0, e.dtype), b.scalar(cells, e.dtype), b.scalar(1, e.dtype)])
    const at = e.reshape(e.mul(e.add(numbers, 0.5), stride), dims)
    const reach = e.max(e.mul(e.sub(high, low), 0.5), 0.5001 * stride)
    return e.float(b.op('Less', [e.call('Abs', e.sub(at, e.mul(e.add(low, high), 0.5))), reach]))
  }
  return e.mul(within(width, x1!, x2!, [1, 1, 1, width]), within(height, y1!, y2!, [1, 1, height, 1]))
}

/**
 * The masks of detections: uint8 [N, K, h, w], 255 for certain, in cells of the prototypes, not cut to their boxes.
 *
 * @param points int64 [N, K]: the points that found them
 */
export function emitMasks(e: Emitter, { prototypes, coefficients, count }: MaskScores, points: string): string {
  const { b } = e
  const rows = b.op('Transpose', [coefficients], { perm: [0, 2, 1] })
  const mixed = b.op('GatherND', [rows, b.op('Unsqueeze', [points, b.ints([2])])], { batch_dims: 1 })
  const flat = b.op('MatMul', [mixed, e.reshape(prototypes, [0, count, -1])])
  const size = b.op('Shape', [prototypes], { start: 2, end: 4 })
  const lead = b.op('Shape', [points])
  const maps = b.op('Reshape', [b.op('Sigmoid', [flat]), b.op('Concat', [lead, size], { axis: 0 })])
  return b.op('Cast', [b.op('Round', [e.mul(maps, 255)])], { to: 2 })
}
