// NonMaxSuppression: of boxes that overlap much, the one with the best score (greedy, class by class).

import { tensorType } from '../graph/model.ts'
import { sizeOf } from '../graph/tensor.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { EvaluateContext, InferContext, InferredValue, OperatorFamily } from './operator.ts'
import { zeroGradient } from './operator.ts'

interface Box {
  readonly low: readonly [number, number]
  readonly high: readonly [number, number]
}

/** Corners may come in either order; `centred` boxes are x, y, width, height. */
function boxAt({ data }: NDArray, at: number, centred: boolean): Box {
  const [a, b, c, d] = data.subarray(4 * at, 4 * at + 4) as unknown as [number, number, number, number]
  if (centred) return { low: [a - c / 2, b - d / 2], high: [a + c / 2, b + d / 2] }
  return { low: [Math.min(a, c), Math.min(b, d)], high: [Math.max(a, c), Math.max(b, d)] }
}

function area({ low, high }: Box): number {
  return Math.max(0, high[0] - low[0]) * Math.max(0, high[1] - low[1])
}

/** Intersection over union; 0 where a box is empty. */
function iou(a: Box, b: Box): number {
  const common = area({
    low: [Math.max(a.low[0], b.low[0]), Math.max(a.low[1], b.low[1])],
    high: [Math.min(a.high[0], b.high[0]), Math.min(a.high[1], b.high[1])],
  })
  return common === 0 ? 0 : common / (area(a) + area(b) - common)
}

function infer(ctx: InferContext): InferredValue[] {
  const boxes = ctx.dims(0)
  if (boxes !== undefined && boxes.length !== 3) ctx.fail('boxes of shape [batch, count, 4]', `${boxes.length} axes`)
  const scores = ctx.dims(1)
  if (scores !== undefined && scores.length !== 3) ctx.fail('scores of shape [batch, classes, count]', `${scores.length} axes`)
  return [{ type: tensorType('int64', [null, 3]) }]
}

function evaluate(ctx: EvaluateContext): NDArray[] {
  const [boxes, scores] = [ctx.input(0), ctx.input(1)]
  const [batch, classes, count] = scores.dims as [number, number, number]
  const limit = ctx.inputs[2]?.data[0] ?? 0
  const overlap = ctx.inputs[3]?.data[0] ?? 0
  const least = ctx.inputs[4]?.data[0] ?? Number.NEGATIVE_INFINITY
  const centred = ctx.int('center_point_box', 0) === 1
  const selected: number[] = []
  for (let image = 0; image < batch; image++)
    for (let label = 0; label < classes; label++) {
      const score = (i: number) => scores.data[(image * classes + label) * count + i]!
      const candidates = Array.from({ length: count }, (_, i) => i).filter((i) => score(i) > least)
      candidates.sort((i, j) => score(j) - score(i) || i - j)
      const kept: Box[] = []
      for (const i of candidates) {
        if (kept.length >= limit) break
        const box = boxAt(boxes, image * count + i, centred)
        if (kept.some((other) => iou(box, other) > overlap)) continue
        kept.push(box)
        selected.push(image, label, i)
      }
    }
  return [ndarray('int64', [selected.length / 3, 3], selected)]
}

export const nms: OperatorFamily = {
  NonMaxSuppression: {
    infer,
    gradient: zeroGradient('the result is indices'),
    // Comparing every pair of boxes is the upper bound: about 16 operations each.
    flops: (ctx) => {
      const scores = ctx.inputDims(1)
      return 8 * sizeOf(scores) * (scores[2] ?? 0)
    },
    evaluate,
  },
}
