import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../../test/gradient-check.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { autodiff } from '../../passes/autodiff.ts'
import { expectedDistances } from '../detection/distribution.ts'
import { assignedLoss, detectionLoss } from '../detection/loss.ts'
import { boxesAround, emitPoints } from '../detection/points.ts'
import { Emitter } from '../emitter.ts'
import { ModuleBuilder } from '../module.ts'
import { detectionHead } from './detection.ts'

const bins = 5
const classes = 2

function head(b: GraphBuilder) {
  const m = new ModuleBuilder(b, { dtype: 'float64', seed: 3 })
  const level = (name: string, side: number, stride: number) => ({
    value: b.input(name, 'float64', [2, 4, side, side]),
    channels: 4,
    stride,
  })
  return { m, scores: detectionHead(m, [level('p3', 4, 8), level('p4', 2, 16)], { classes, bins, depth: 1 }) }
}

const feeds = () => {
  const wave = (length: number, pace: number) => Array.from({ length }, (_, i) => Math.sin(pace * i))
  return new Map([
    ['p3', ndarray('float64', [2, 4, 4, 4], wave(128, 1.3))],
    ['p4', ndarray('float64', [2, 4, 2, 2], wave(32, 2.1))],
    ['truth', ndarray('float64', [2, 3, 4], [2, 3, 20, 24, 10, 6, 14, 12, 0, 0, 0, 0, 1, 1, 30, 31, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['labels', ndarray('int64', [2, 3], [1, 0, -1, 0, -1, -1])],
  ])
}

test('every parameter of the head is reached by the loss, and boxes begin with about three strides', () => {
  const b = new GraphBuilder()
  const { m, scores } = head(b)
  const e = new Emitter(b, 'float64')
  const distances = b.output(expectedDistances(e, scores.sides, bins))
  const { loss, constants } = detectionLoss(b, scores, b.input('truth', 'float64', [2, 3, 4]), b.input('labels', 'int64', [2, 3]), {
    dims: { count: 2, boxes: 3, classes, points: 20, bins },
    dtype: 'float64',
  })
  b.output(loss)
  const trained = [...m.parameters].filter(([, { kind }]) => kind !== 'running').map(([name]) => name)
  const { model, gradients } = autodiff(b.model(), { loss, parameters: trained, constants })
  const values = evaluateModel(model, feeds(), [distances, ...gradients.values()])
  for (const [name, gradient] of gradients) expect(Math.max(...values.get(gradient)!.data.map(Math.abs)), name).toBeGreaterThan(0)
  for (const distance of values.get(distances)!.data) expect(distance).toBeGreaterThan(0.8)
  for (const distance of values.get(distances)!.data) expect(distance).toBeLessThan(2)
})

describe('gradients of the loss agree with differences', () => {
  const points = 20
  test.each(['quality-focal', 'cross-entropy'] as const)('%s', (classification) => {
    const wave = (length: number, low: number, high: number) =>
      Array.from({ length }, (_, i) => low + (high - low) * (0.5 + 0.5 * Math.sin(2.7 * i + 0.4)))
    checkGradient(
      (b) => {
        const e = new Emitter(b, 'float64')
        const levels = [
          { value: 'p3', stride: 8 },
          { value: 'p4', stride: 16 },
        ]
        const scores = { classes: 'classes', sides: 'sides', levels }
        const at = emitPoints(e, levels)
        const found = boxesAround(e, at, expectedDistances(e, 'sides', bins))
        const [x1, y1, x2, y2] = b.ops('Split', ['boxes'], 4, { axis: 1, num_outputs: 4 }) as [string, string, string, string]
        const assigned = { boxes: { x1, y1, x2, y2 }, scores: 'qualities', weight: 'weight' }
        return assignedLoss(
          e,
          scores,
          { points: at, found, assigned },
          { dims: { count: 2, boxes: 3, classes, points, bins }, box: 'giou', classification, detach: (value) => value },
        ).loss
      },
      {
        classes: { dims: [2, classes, points], range: [-2, 2] },
        sides: { dims: [2, 4, bins, points], range: [-2, 2] },
        p3: { dims: [2, 1, 4, 4], fixed: true },
        p4: { dims: [2, 1, 2, 2], fixed: true },
        boxes: {
          dims: [2, 4, points],
          values: [0, 1].flatMap(() => [...wave(2 * points, 0.3, 9.1), ...wave(2 * points, 20.2, 30.7)]),
          fixed: true,
        },
        qualities: { dims: [2, classes, points], range: [0, 1], fixed: true },
        weight: { dims: [2, 1, points], range: [0, 1], fixed: true },
      },
      { samples: 40 },
    )
  })
})

test('where it is not known what is there, only points that a box was given to are learnt', () => {
  const lossOf = (known: readonly number[] | undefined) => {
    const b = new GraphBuilder()
    const { scores } = head(b)
    const { terms } = detectionLoss(b, scores, b.input('truth', 'float64', [2, 3, 4]), b.input('labels', 'int64', [2, 3]), {
      dims: { count: 2, boxes: 3, classes, points: 20, bins },
      dtype: 'float64',
      ...(known && { known: b.input('known', 'float64', [2, 1, 20]) }),
    })
    const loss = b.output(terms.class_loss!)
    const given = new Map([...feeds(), ...(known ? [['known', ndarray('float64', [2, 1, 20], [...known])] as const] : [])])
    return evaluateModel(b.model(), given, [loss]).get(loss)!.data[0]!
  }
  const all = lossOf(undefined)
  expect(lossOf(new Array<number>(40).fill(1))).toBe(all)
  const given = lossOf(new Array<number>(40).fill(0))
  expect(given).toBeGreaterThan(0)
  expect(given).toBeLessThan(all)
})
