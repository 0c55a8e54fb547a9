import { describe, expect, test } from 'vitest'
import golden from '../../../test/golden/detection.json' with { type: 'json' }
import { GraphBuilder } from '../../graph/builder.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { autodiff } from '../../passes/autodiff.ts'
import { Emitter } from '../emitter.ts'
import { completeIoULoss, cornersOf, emitIoU, generalizedIoULoss } from './boxes.ts'
import { distributionFocalLoss, expectedDistances } from './distribution.ts'

function closeTo(actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-6): void {
  expect(actual.length).toBe(expected.length)
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i]! - value), `[${i}] ${actual[i]} ${value}`).toBeLessThan(tolerance * Math.max(1, Math.abs(value)))
  })
}

/** From [A, 4] to [1, 4, A], and back. */
const turned = (values: readonly number[], rows: number) => {
  const columns = values.length / rows
  return values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!)
}

describe('losses of boxes are those of torchvision', () => {
  test.each(golden.boxes.map((one) => [one.loss, one] as const))('%s', (_, one) => {
    const count = one.value.length
    const e = new Emitter(new GraphBuilder(), 'float64')
    const { b } = e
    const constants: string[] = []
    const detach = (value: string) => {
      const constant = b.op('Identity', [value])
      constants.push(constant)
      return constant
    }
    const found = cornersOf(e, b.input('found', 'float64', [1, 4, count]))
    const truth = cornersOf(e, b.input('truth', 'float64', [1, 4, count]))
    const iou = b.output(emitIoU(e, found, truth))
    const value = b.output(one.loss === 'complete' ? completeIoULoss(e, found, truth, detach) : generalizedIoULoss(e, found, truth))
    const loss = b.output(e.total(value))
    const feeds = new Map((['found', 'truth'] as const).map((name) => [name, ndarray('float64', [1, 4, count], turned(one[name], count))]))
    const { model, gradients } = autodiff(b.model(), { loss, parameters: ['found'], constants })
    const results = evaluateModel(model, feeds, [iou, value, gradients.get('found')!])
    closeTo(results.get(iou)!.data, one.iou)
    closeTo(results.get(value)!.data, one.value)
    closeTo(results.get(gradients.get('found')!)!.data, turned(one.gradient, count))
  })
})

test('distances as distributions, and their loss, are those of generalized focal loss', () => {
  const { bins, points, ...one } = golden.distribution
  const e = new Emitter(new GraphBuilder(), 'float64')
  const { b } = e
  // The stored case has a row for each side of each point: [4 * points, bins].
  const scores = b.op('Transpose', [b.input('scores', 'float64', [1, 4, points, bins])], { perm: [0, 1, 3, 2] })
  const distances = b.input('distances', 'float64', [1, 4, points])
  const expected = b.output(expectedDistances(e, scores, bins))
  const value = b.output(distributionFocalLoss(e, scores, distances, bins))
  const loss = b.output(e.total(value))
  const feeds = new Map([
    ['scores', ndarray('float64', [1, 4, points, bins], one.scores)],
    ['distances', ndarray('float64', [1, 4, points], one.distances)],
  ])
  const { model, gradients } = autodiff(b.model(), { loss, parameters: ['scores'] })
  const results = evaluateModel(model, feeds, [expected, value, gradients.get('scores')!])
  closeTo(results.get(expected)!.data, one.expected, 1e-12)
  const means = Array.from({ length: points }, (_, i) => [0, 1, 2, 3].reduce((sum, side) => sum + one.value[side * points + i]! / 4, 0))
  closeTo(results.get(value)!.data, means, 1e-12)
  closeTo(
    results.get(gradients.get('scores')!)!.data,
    one.gradient.map((each) => each / 4),
    1e-12,
  )
})
