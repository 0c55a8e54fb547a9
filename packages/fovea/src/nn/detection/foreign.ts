// What other tools' detectors give, as candidates of ours: boxes in pixels and a probability for each class.

import type { Emitter } from '../emitter.ts'
import type { Candidates } from './decode.ts'
import { emitPoints } from './points.ts'

/** Values of a detector's graph, and what is known of them. */
export interface ForeignOutputs {
  /** The outputs, in the order of the layout. */
  readonly values: readonly string[]
  /** Scaled pixels [N, C, H, W], whose size boxes are parts of where they are. */
  readonly pixels: string
  readonly classes: number
}

/** Middle and size to corners, each [N, A, 1]; joined to [N, A, 4]. */
function aroundMiddles(e: Emitter, cx: string, cy: string, width: string, height: string): string {
  const [halfWidth, halfHeight] = [e.mul(width, 0.5), e.mul(height, 0.5)]
  return e.b.op('Concat', [e.sub(cx, halfWidth), e.sub(cy, halfHeight), e.add(cx, halfWidth), e.add(cy, halfHeight)], { axis: 2 })
}

/** Parts of the given sizes along an axis; the last takes what is left. */
function parts(e: Emitter, value: string, axis: number, sizes: readonly number[]): string[] {
  return e.b.ops('Split', [value, e.b.ints(sizes)], sizes.length, { axis })
}

function turned(e: Emitter, value: string): string {
  return e.b.op('Transpose', [value], { perm: [0, 2, 1] })
}

/** A side of the pixels as a float scalar; axis 2 for the height, 3 for the width. */
function sideOf(e: Emitter, pixels: string, axis: number): string {
  return e.float(e.b.op('Squeeze', [e.b.op('Shape', [pixels], { start: axis, end: axis + 1 })]))
}

/** Ultralytics from YOLOv8 on: [N, 4 + classes, A], middle and size in pixels, then probabilities. */
export function ultralyticsCandidates(e: Emitter, { values: [output], classes }: ForeignOutputs): Candidates {
  const [box, probabilities] = parts(e, output!, 1, [4, classes])
  const [cx, cy, width, height] = parts(e, turned(e, box!), 2, [1, 1, 1, 1])
  return { boxes: aroundMiddles(e, cx!, cy!, width!, height!), probabilities: probabilities! }
}

/** YOLOv5 and its kin: [N, A, 5 + classes], middle and size in pixels, how likely there is a thing, and of which class it then is. */
export function yolov5Candidates(e: Emitter, { values: [output], classes }: ForeignOutputs): Candidates {
  const [cx, cy, width, height, thing, ofClass] = parts(e, output!, 2, [1, 1, 1, 1, 1, classes])
  return { boxes: aroundMiddles(e, cx!, cy!, width!, height!), probabilities: turned(e, e.mul(thing!, ofClass!)) }
}

/**
 * YOLOX as its own tool exports it (Ge 2021, arXiv:2107.08430): as YOLOv5, but middles are counted in cells from the cell and sizes are
 * logarithms of cells. Levels have strides 8, 16 and 32.
 */
export function yoloxCandidates(e: Emitter, { values: [output], pixels, classes }: ForeignOutputs): Candidates {
  const { b } = e
  const [cx, cy, width, height, thing, ofClass] = parts(e, output!, 2, [1, 1, 1, 1, 1, classes])
  // The maps themselves are not known here: ones of their sizes stand for them.
  const levels = [8, 16, 32].map((stride) => ({
    value: b.op('MaxPool', [pixels], { kernel_shape: [1, 1], strides: [stride, stride] }),
    stride,
  }))
  const points = emitPoints(e, levels)
  const [x, y, stride] = [points.x, points.y, points.stride].map((value) => turned(e, value))
  // Their cells begin at whole numbers, our points lie in the middle of cells.
  const middle = (at: string, offset: string) => e.add(at, e.mul(e.sub(offset, 0.5), stride!))
  const side = (logarithm: string) => e.mul(e.call('Exp', logarithm), stride!)
  return {
    boxes: aroundMiddles(e, middle(x!, cx!), middle(y!, cy!), side(width!), side(height!)),
    probabilities: turned(e, e.mul(thing!, ofClass!)),
  }
}

/** Lower scores fill up the rows of a detector that always gives as many. */
const leastAnswer = 0.001

/**
 * Answers that need no suppression: [N, K, 6], corners in pixels, score, class. An answer of a class beyond `classes` is NaN, so that it is told
 * and does not vanish; rows that hardly have a score are no answers.
 */
export function endToEndCandidates(e: Emitter, { values: [output], classes }: ForeignOutputs): Candidates {
  const { b } = e
  const [boxes, scores, labels] = parts(e, output!, 2, [4, 1, 1])
  const numbers = b.op('Range', [b.scalar(0, e.dtype), b.scalar(classes, e.dtype), b.scalar(1, e.dtype)])
  const ofClass = e.float(b.op('Less', [e.call('Abs', e.sub(labels!, e.reshape(numbers, [1, 1, classes]))), b.scalar(0.5, e.dtype)]))
  const isNamed = b.op('ReduceMax', [ofClass, b.ints([2])], { keepdims: 1 })
  const isStrange = b.op('And', [b.op('Less', [isNamed, b.scalar(0.5, e.dtype)]), e.greater(scores!, leastAnswer)])
  const told = b.op('Where', [isStrange, b.scalar(Number.NaN, e.dtype), scores!])
  return { boxes: boxes!, probabilities: turned(e, e.mul(told, ofClass)) }
}

/**
 * FastestDet: one map [N, 5 + classes, h, w] of how likely there is a thing, the place and size of its box as parts of the picture, and its
 * class. Scores are thing^0.6 * class^0.4, as its author has them.
 */
export function fastestDetCandidates(e: Emitter, { values: [output], pixels, classes }: ForeignOutputs): Candidates {
  const { b } = e
  const [imageHeight, imageWidth] = [sideOf(e, pixels, 2), sideOf(e, pixels, 3)]
  const flat = turned(e, b.op('Reshape', [output!, b.ints([0, 5 + classes, -1])]))
  const [thing, dx, dy, width, height, ofClass] = parts(e, flat, 2, [1, 1, 1, 1, 1, classes])
  const points = emitPoints(e, [{ value: output!, stride: 1 }])
  const [column, row] = [points.x, points.y].map((value) => e.sub(turned(e, value), 0.5))
  const place = (cell: string, offset: string, side: string, axis: number) =>
    e.mul(e.div(e.add(cell, e.call('Tanh', offset)), sideOf(e, output!, axis)), side)
  return {
    boxes: aroundMiddles(
      e,
      place(column!, dx!, imageWidth, 3),
      place(row!, dy!, imageHeight, 2),
      e.mul(e.call('Sigmoid', width!), imageWidth),
      e.mul(e.call('Sigmoid', height!), imageHeight),
    ),
    probabilities: turned(e, e.mul(power(e, thing!, 0.6), power(e, ofClass!, 0.4))),
  }
}

/** RT-DETR as Ultralytics exports it: [N, K, 4 + classes], middle and size as parts of the picture, then probabilities. */
export function rtDetrRows(e: Emitter, { values: [output], pixels, classes }: ForeignOutputs): Candidates {
  const [height, width] = [sideOf(e, pixels, 2), sideOf(e, pixels, 3)]
  const [cx, cy, w, h, probabilities] = parts(e, output!, 2, [1, 1, 1, 1, classes])
  const boxes = aroundMiddles(e, e.mul(cx!, width), e.mul(cy!, height), e.mul(w!, width), e.mul(h!, height))
  return { boxes, probabilities: turned(e, probabilities!) }
}

/** DETR and RT-DETR: scores [N, K, classes] before an activation, and middle and size [N, K, 4] as parts of the picture. */
export function detrCandidates(
  e: Emitter,
  { values: [logits, box], pixels, classes }: ForeignOutputs,
  activation: 'sigmoid' | 'softmax',
): Candidates {
  const [height, width] = [sideOf(e, pixels, 2), sideOf(e, pixels, 3)]
  const [cx, cy, w, h] = parts(e, box!, 2, [1, 1, 1, 1])
  const boxes = aroundMiddles(e, e.mul(cx!, width), e.mul(cy!, height), e.mul(w!, width), e.mul(h!, height))
  if (activation === 'sigmoid') return { boxes, probabilities: turned(e, e.call('Sigmoid', logits!)) }
  // The last class stands for nothing.
  const [probabilities] = parts(e, e.b.op('Softmax', [logits!], { axis: -1 }), 2, [classes, 1])
  return { boxes, probabilities: turned(e, probabilities!) }
}

function power(e: Emitter, x: string, exponent: number): string {
  return e.b.op('Pow', [x, e.b.scalar(exponent, e.dtype)])
}
