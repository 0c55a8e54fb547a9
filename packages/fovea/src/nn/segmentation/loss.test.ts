import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../../test/gradient-check.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { segmentationLoss } from './loss.ts'

const dims = [2, 3, 2, 2]
const targets = [0, 1, 2, 2, 1, 1, 0, 2]
const weights = [1, 1, 0, 2, 1, 1, 1, 0.5]

describe.each(['cross-entropy', 'focal'] as const)('%s and Dice', (pixels) => {
  test.each([0, 1, 0.5])('gradients agree with differences, Dice %d', (dice) => {
    checkGradient((b) => segmentationLoss(b, { value: 'x', channels: 3 }, 't', 'w', { pixels, dice, dtype: 'float64' }).loss, {
      x: { dims, range: [-2, 2] },
      t: { dims: [2, 2, 2], values: targets, dtype: 'int64', fixed: true },
      w: { dims: [2, 2, 2], values: weights, fixed: true },
    })
  })
})

test('the loss is that of plain loops, and pixels that are not known say nothing', () => {
  const logits = Array.from({ length: 24 }, (_, i) => Math.sin(2 * i) * 2)
  const lossOf = (values: readonly number[]) => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float64', dims)
    const t = b.input('t', 'int64', [2, 2, 2])
    const w = b.input('w', 'float64', [2, 2, 2])
    const { loss } = segmentationLoss(b, { value: x, channels: 3 }, t, w, { dtype: 'float64' })
    b.output(loss)
    const feeds = new Map([
      ['x', ndarray('float64', dims, values)],
      ['t', ndarray('int64', [2, 2, 2], targets)],
      ['w', ndarray('float64', [2, 2, 2], weights)],
    ])
    return evaluateModel(b.model(), feeds, [loss]).get(loss)!.data[0]!
  }
  const at = (n: number, c: number, p: number) => logits[(n * 3 + c) * 4 + p]!
  const probability = (n: number, c: number, p: number) =>
    Math.exp(at(n, c, p)) / [0, 1, 2].reduce((sum, k) => sum + Math.exp(at(n, k, p)), 0)
  let [entropy, total] = [0, 0]
  const sums = [0, 1, 2].map(() => ({ both: 0, found: 0, truth: 0 }))
  for (const n of [0, 1])
    for (const p of [0, 1, 2, 3]) {
      const [target, weight] = [targets[4 * n + p]!, weights[4 * n + p]!]
      entropy -= weight * Math.log(probability(n, target, p))
      total += weight
      for (const [c, sum] of sums.entries()) {
        const known = Math.min(1, weight)
        sum.found += known * probability(n, c, p)
        sum.truth += target === c ? known : 0
        sum.both += target === c ? known * known * probability(n, c, p) : 0
      }
    }
  const dice = sums.reduce((sum, { both, found, truth }) => sum + (2 * both + 1) / (found + truth + 1) / 3, 0)
  expect(lossOf(logits)).toBeCloseTo(entropy / total + 1 - dice, 10)
  // The third pixel of the first picture has no weight.
  const changed = logits.with(2, 9).with(6, -9)
  expect(lossOf(changed)).toBeCloseTo(lossOf(logits), 10)
})
