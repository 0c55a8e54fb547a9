// The loss of a detector: which class, how well placed, and how sure of each side.

import type { GraphBuilder } from '../../graph/builder.ts'
import { Emitter, type FloatType } from '../emitter.ts'
import { binaryCrossEntropy } from '../losses.ts'
import { type Assignment, type AssignOptions, emitAssignment } from './assign.ts'
import { type Corners, completeIoULoss, generalizedIoULoss } from './boxes.ts'
import { distributionFocalLoss, expectedDistances } from './distribution.ts'
import { type MaskScores, maskLoss } from './masks.ts'
import { boxesAround, distancesTo, emitPoints, type Points } from './points.ts'

/** What the head of a detector gives; all points of all levels are on the last axis. */
export interface DetectionScores {
  /** Class scores before the sigmoid, [N, classes, A]. */
  readonly classes: string
  /** Scores of the distances to the four sides, [N, 4, bins, A]. */
  readonly sides: string
  /** The maps that the points lie on. */
  readonly levels: readonly { readonly value: string; readonly stride: number }[]
}

export interface DetectionLossOptions {
  readonly dims: {
    readonly count: number
    readonly boxes: number
    readonly classes: number
    readonly points: number
    readonly bins: number
  }
  readonly assign?: AssignOptions
  /** @default 'ciou' */
  readonly box?: 'ciou' | 'giou'
  /** `quality-focal` discounts what is nearly right already (Li 2020, arXiv:2006.04388). @default 'quality-focal' */
  readonly classification?: 'quality-focal' | 'cross-entropy'
  /** Weights of the three terms. @default 1, 2, 0.5 */
  readonly weights?: { readonly classes: number; readonly boxes: number; readonly sides: number }
  /**
   * float [N, 1, 1] or [N, 1, A]: 1 where it is known what is there; where it is 0, nothing is learnt but of points that a box was given to.
   * @default all is known
   */
  readonly known?: string
  /** Masks of the things, where they are learnt as well. */
  readonly masks?: MaskTraining
  readonly dtype?: FloatType
}

export interface MaskTraining {
  readonly scores: MaskScores
  /** As `MaskTruth` has them. */
  readonly masks: string
  readonly known: string
  /** Of the prototypes. */
  readonly height: number
  readonly width: number
  /** @default 1 */
  readonly weight?: number
}

export interface DetectionLoss {
  readonly loss: string
  /** Its terms: `class_loss`, `box_loss`, `side_loss`, and `mask_loss` where masks are learnt. */
  readonly terms: Readonly<Record<string, string>>
  /** Values that no gradient may pass. */
  readonly constants: readonly string[]
}

/**
 * Loss of an anchor-free detector with distributed sides: class scores learn the quality of the assignment, boxes its overlap, sides their
 * distance. All is divided by the sum of the qualities, at least 1.
 *
 * @param truth float [N, boxes, 4] in pixels of the input
 * @param labels int64 [N, boxes], -1 where there is no box
 */
export function detectionLoss(
  b: GraphBuilder,
  scores: DetectionScores,
  truth: string,
  labels: string,
  options: DetectionLossOptions,
): DetectionLoss {
  const { dims, dtype = 'float32' } = options
  const e = new Emitter(b, dtype)
  const constants: string[] = []
  const detach = (value: string) => {
    const constant = b.op('Identity', [value])
    constants.push(constant)
    return constant
  }
  const points = emitPoints(e, scores.levels)
  const found = boxesAround(e, points, expectedDistances(e, scores.sides, dims.bins))
  const assigned = emitAssignment(
    e,
    {
      dims,
      x: points.x,
      y: points.y,
      finest: Math.min(...scores.levels.map(({ stride }) => stride)),
      found: { x1: detach(found.x1), y1: detach(found.y1), x2: detach(found.x2), y2: detach(found.y2) },
      probabilities: detach(b.op('Sigmoid', [scores.classes])),
      truth,
      labels,
    },
    options.assign,
  )
  const plain = assignedLoss(e, scores, { points, found, assigned }, { ...options, detach })
  if (options.masks === undefined) return { ...plain, constants }
  const { scores: maskScores, masks, known, height, width, weight = 1 } = options.masks
  const best = detach(assigned.best)
  const mask_loss = maskLoss(e, maskScores, { masks, known, boxes: truth, best }, { boxes: dims.boxes, height, width })
  return { loss: e.add(plain.loss, e.mul(mask_loss, weight)), terms: { ...plain.terms, mask_loss }, constants }
}

interface Assigned {
  readonly points: Points
  /** The boxes that were found. */
  readonly found: Corners
  readonly assigned: Omit<Assignment, 'best'>
}

/** The loss once it is known what each point shall learn. */
export function assignedLoss(
  e: Emitter,
  scores: DetectionScores,
  { points, found, assigned }: Assigned,
  options: DetectionLossOptions & { readonly detach: (value: string) => string },
): Omit<DetectionLoss, 'constants'> {
  const { b, dtype } = e
  const { dims, box = 'ciou', classification = 'quality-focal', known, detach } = options
  const { weights = { classes: 1, boxes: 2, sides: 0.5 } } = options
  const { weight, boxes } = assigned
  const share = e.max(e.total(weight), 1)
  const perShare = (losses: string) => e.div(e.total(losses), share)

  let classLosses = binaryCrossEntropy(b, scores.classes, assigned.scores, { reduction: 'none', dtype })
  if (classification === 'quality-focal')
    classLosses = e.mul(classLosses, e.square(e.sub(assigned.scores, b.op('Sigmoid', [scores.classes]))))
  if (known !== undefined) classLosses = e.mul(classLosses, e.max(known, e.float(e.greater(weight, 0))))
  const overlapLoss = box === 'ciou' ? completeIoULoss(e, found, boxes, detach) : generalizedIoULoss(e, found, boxes)
  const terms = {
    class_loss: perShare(classLosses),
    box_loss: perShare(e.mul(overlapLoss, weight)),
    side_loss: perShare(e.mul(distributionFocalLoss(e, scores.sides, distancesTo(e, points, boxes), dims.bins), weight)),
  }
  const loss = e.add(e.mul(terms.class_loss, weights.classes), e.mul(terms.box_loss, weights.boxes), e.mul(terms.side_loss, weights.sides))
  return { loss, terms }
}
