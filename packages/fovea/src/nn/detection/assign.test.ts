import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GraphBuilder } from '../../graph/builder.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { Random } from '../../util/random.ts'
import { boxIoU } from '../../vision/boxes.ts'
import { Emitter } from '../emitter.ts'
import { emitAssignment } from './assign.ts'
import { cornersOf } from './boxes.ts'
import { emitPoints } from './points.ts'

interface Case {
  readonly seed: number
  readonly rows: number
  readonly columns: number
  readonly places: number
  readonly classes: number
  readonly topK: number
}

const stride = 8

/** Boxes, found boxes and probabilities of one picture. */
function drawn({ seed, rows, columns, places, classes }: Case) {
  const random = new Random(seed, 'assign')
  const points = rows * columns
  const box = (size: number) => {
    const [x, y] = [random.uniform(0, columns * stride), random.uniform(0, rows * stride)]
    const [w, h] = [random.uniform(0.5, size), random.uniform(0.5, size)]
    return { x1: x - w / 2, y1: y - h / 2, x2: x + w / 2, y2: y + h / 2 }
  }
  const truth = Array.from({ length: places }, () => box(30))
  // Some places hold no box, and some boxes are there twice.
  const labels = truth.map(() => (random.chance(0.3) ? -1 : random.integer(0, classes)))
  if (places > 2 && random.chance(0.5)) [truth[1], labels[1]] = [truth[0]!, labels[0]!]
  const found = Array.from({ length: points }, (_, i) => {
    const [x, y] = [((i % columns) + 0.5) * stride, (Math.floor(i / columns) + 0.5) * stride]
    return {
      x1: x - random.uniform(0.1, 20),
      y1: y - random.uniform(0.1, 20),
      x2: x + random.uniform(0.1, 20),
      y2: y + random.uniform(0.1, 20),
    }
  })
  const probabilities = Array.from({ length: classes * points }, () => random.uniform(0.01, 0.99))
  return { truth, labels, found, probabilities, points }
}

/** The same in plain loops, from the paper. */
function reference(given: Case) {
  const { columns, classes, topK } = given
  const { truth, labels, found, probabilities, points } = drawn(given)
  const wantedBy: { place: number; overlap: number }[][] = found.map(() => [])
  const agreement = (place: number, i: number) => probabilities[labels[place]! * points + i]! ** 0.5 * boxIoU(found[i]!, truth[place]!) ** 6
  for (const [place, box] of truth.entries()) {
    if (labels[place]! < 0) continue
    const inside = found
      .map((_, i) => i)
      .filter((i) => {
        const [x, y] = [((i % columns) + 0.5) * stride, (Math.floor(i / columns) + 0.5) * stride]
        const reach = (low: number, high: number) => Math.max((high - low) / 2, 0.5001 * stride)
        return Math.abs(x - (box.x1 + box.x2) / 2) < reach(box.x1, box.x2) && Math.abs(y - (box.y1 + box.y2) / 2) < reach(box.y1, box.y2)
      })
    inside.sort((i, j) => agreement(place, j) - agreement(place, i))
    for (const i of inside.slice(0, topK))
      if (agreement(place, i) > 0) wantedBy[i]!.push({ place, overlap: boxIoU(found[i]!, truth[place]!) })
  }
  const owner = wantedBy.map(
    (claims) => claims.reduce((best, one) => (one.overlap > best.overlap ? one : best), { place: -1, overlap: -1 }).place,
  )
  const scores = new Array<number>(classes * points).fill(0)
  for (const [place, box] of truth.entries()) {
    const mine = owner.flatMap((one, i) => (one === place ? [i] : []))
    const most = Math.max(...mine.map((i) => agreement(place, i)))
    const reach = Math.max(...mine.map((i) => boxIoU(found[i]!, box)))
    for (const i of mine) scores[labels[place]! * points + i] = (agreement(place, i) / most) * reach
  }
  const boxes = owner.map((place) => (place < 0 ? undefined : truth[place]!))
  return { scores, boxes }
}

function inGraph(given: Case) {
  const { rows, columns, places, classes, topK } = given
  const { truth, labels, found, probabilities, points } = drawn(given)
  const e = new Emitter(new GraphBuilder(), 'float64')
  const { b } = e
  const map = b.input('map', 'float64', [1, 1, rows, columns])
  const at = emitPoints(e, [{ value: map, stride }])
  const { scores, boxes, weight } = emitAssignment(
    e,
    {
      dims: { count: 1, boxes: places, classes, points },
      x: at.x,
      y: at.y,
      finest: stride,
      found: cornersOf(e, b.input('found', 'float64', [1, 4, points])),
      probabilities: b.input('probabilities', 'float64', [1, classes, points]),
      truth: b.input('truth', 'float64', [1, places, 4]),
      labels: b.input('labels', 'int64', [1, places]),
    },
    { topK },
  )
  const joined = b.output(b.op('Concat', [boxes.x1, boxes.y1, boxes.x2, boxes.y2], { axis: 1 }))
  for (const output of [scores, weight]) b.output(output)
  const sides = ['x1', 'y1', 'x2', 'y2'] as const
  const feeds = new Map([
    ['map', ndarray('float64', [1, 1, rows, columns], new Array(points).fill(0))],
    [
      'found',
      ndarray(
        'float64',
        [1, 4, points],
        sides.flatMap((side) => found.map((box) => box[side])),
      ),
    ],
    ['probabilities', ndarray('float64', [1, classes, points], probabilities)],
    [
      'truth',
      ndarray(
        'float64',
        [1, places, 4],
        truth.flatMap((box) => sides.map((side) => box[side])),
      ),
    ],
    ['labels', ndarray('int64', [1, places], labels)],
  ])
  const results = evaluateModel(b.model(), feeds, [scores, joined, weight])
  return { scores: [...results.get(scores)!.data], boxes: results.get(joined)!.data, weight: [...results.get(weight)!.data], points }
}

test('assignment in the graph is that of plain loops', () => {
  const cases = fc.record({
    seed: fc.integer({ min: 0, max: 1e6 }),
    rows: fc.integer({ min: 1, max: 5 }),
    columns: fc.integer({ min: 1, max: 5 }),
    places: fc.integer({ min: 1, max: 6 }),
    classes: fc.integer({ min: 1, max: 3 }),
    topK: fc.constantFrom(1, 3, 10),
  })
  fc.assert(
    fc.property(cases, (given) => {
      const [wanted, found] = [reference(given), inGraph(given)]
      for (const [i, score] of found.scores.entries()) expect(score).toBeCloseTo(wanted.scores[i]!, 5)
      for (const [i, box] of wanted.boxes.entries()) {
        const total = Array.from({ length: given.classes }, (_, c) => wanted.scores[c * found.points + i]!).reduce((a, b) => a + b)
        expect(found.weight[i]).toBeCloseTo(total, 5)
        const sides = [0, 1, 2, 3].map((side) => found.boxes[side * found.points + i]!)
        const expected = box === undefined ? [0, 0, 0, 0] : [box.x1, box.y1, box.x2, box.y2]
        for (const [j, side] of sides.entries()) expect(side).toBeCloseTo(expected[j]!, 6)
      }
    }),
    { numRuns: 150 },
  )
})
