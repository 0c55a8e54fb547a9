import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../graph/builder.ts'
import type { Model } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { openSession } from '../../runtime/session.ts'
import { Random } from '../../util/random.ts'
import type { Detection } from '../../vision/annotation.ts'
import { nonMaxSuppression } from '../../vision/nms.ts'
import { Emitter } from '../emitter.ts'
import { emitSuppression, type Suppression } from './decode.ts'

function build(suppression: Suppression, classes: number): Model {
  const e = new Emitter(new GraphBuilder())
  const { b } = e
  const decoded = emitSuppression(
    e,
    { boxes: b.input('boxes', 'float32', ['N', 'A', 4]), probabilities: b.input('probabilities', 'float32', ['N', classes, 'A']) },
    suppression,
    { confidence: b.input('confidence', 'float32', [classes]), iou: b.input('iou', 'float32', [1]), limit: b.input('limit', 'int64', [1]) },
  )
  for (const [name, value] of Object.entries(decoded)) b.output(value, undefined, `decoded_${name}`)
  return b.model()
}

interface Case {
  readonly seed: number
  readonly pictures: number
  readonly points: number
  readonly classes: number
  readonly iou: number
  readonly limit: number
}

const cases = fc.record<Case>({
  seed: fc.integer({ min: 0, max: 1e6 }),
  pictures: fc.integer({ min: 1, max: 3 }),
  points: fc.integer({ min: 1, max: 30 }),
  classes: fc.integer({ min: 1, max: 4 }),
  iou: fc.constantFrom(0, 0.25, 0.5, 0.75),
  limit: fc.constantFrom(1, 5, 200),
})

/** Boxes on a coarse grid and scores in few steps: many are equal, and overlaps meet the threshold exactly. */
function drawn({ seed, pictures, points, classes }: Case) {
  const random = new Random(seed, 'decode')
  const boxes = Array.from({ length: pictures * points }, () => {
    const [x, y] = [4 * random.integer(0, 6), 4 * random.integer(0, 6)]
    return [x, y, x + 4 * (1 + random.integer(0, 4)), y + 4 * (1 + random.integer(0, 4))]
  })
  const probabilities = Array.from({ length: pictures * classes * points }, () => random.integer(0, 9) / 8)
  const confidence = Array.from({ length: classes }, () => random.integer(0, 5) / 8)
  return { boxes, probabilities, confidence }
}

/** What plain loops leave of a picture, and in which order. */
function expected(given: Case, suppression: Suppression, picture: number): Detection[] {
  const { points, classes, iou, limit } = given
  const { boxes, probabilities, confidence } = drawn(given)
  const score = (label: number, i: number) => {
    const value = probabilities[(picture * classes + label) * points + i]!
    return value >= confidence[label]! ? value : 0
  }
  const at = (label: number, i: number): Detection[] => {
    const [x1, y1, x2, y2] = boxes[picture * points + i]! as [number, number, number, number]
    return score(label, i) > 0 ? [{ label, score: score(label, i), box: { x1, y1, x2, y2 } }] : []
  }
  const all: Detection[] = []
  const labels = Array.from({ length: classes }, (_, label) => label)
  if (suppression === 'agnostic') {
    for (let i = 0; i < points; i++)
      all.push(
        ...at(
          labels.reduce((best, label) => (score(label, i) > score(best, i) ? label : best), 0),
          i,
        ),
      )
    const kept = nonMaxSuppression(all, { iou, byClass: false, maxDetections: limit })
    return kept.sort((a, b) => b.score - a.score || a.label - b.label)
  }
  for (const label of labels) for (let i = 0; i < points; i++) all.push(...at(label, i))
  return nonMaxSuppression(all, { iou: suppression === 'none' ? 1 : iou, maxDetections: limit })
}

function compare(given: Case, suppression: Suppression, results: ReadonlyMap<string, ArrayLike<number | bigint>>): void {
  const places = results.get('decoded_scores')!.length / given.pictures
  for (let picture = 0; picture < given.pictures; picture++) {
    const wanted = expected(given, suppression, picture)
    const found = Array.from({ length: Number(results.get('decoded_count')![picture]) }, (_, i) => {
      const at = picture * places + i
      const [x1, y1, x2, y2] = [0, 1, 2, 3].map((side) => Number(results.get('decoded_boxes')![4 * at + side])) as [
        number,
        number,
        number,
        number,
      ]
      return {
        label: Number(results.get('decoded_labels')![at]),
        score: Number(results.get('decoded_scores')![at]),
        box: { x1, y1, x2, y2 },
      }
    })
    expect(found).toEqual(wanted)
    for (let i = found.length; i < places; i++) expect(results.get('decoded_scores')![picture * places + i]).toBe(0)
  }
}

describe.each(['class', 'agnostic', 'none'] as const)('suppression in the graph is that of plain loops: %s', (suppression) => {
  test('by the meaning of the operators', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const { boxes, probabilities, confidence } = drawn(given)
        const { pictures, points, classes, iou, limit } = given
        const feeds = new Map([
          ['boxes', ndarray('float32', [pictures, points, 4], boxes.flat())],
          ['probabilities', ndarray('float32', [pictures, classes, points], probabilities)],
          ['confidence', ndarray('float32', [classes], confidence)],
          ['iou', ndarray('float32', [1], [iou])],
          ['limit', ndarray('int64', [1], [limit])],
        ])
        const names = ['boxes', 'scores', 'labels', 'count'].map((name) => `decoded_${name}`)
        const values = evaluateModel(build(suppression, classes), feeds, names)
        compare(given, suppression, new Map(names.map((name) => [name, values.get(name)!.data])))
      }),
      { numRuns: 60 },
    )
  })

  test('on the runtime', async () => {
    for (const classes of [1, 3]) {
      const session = await openSession(build(suppression, classes), { worker: false })
      try {
        await fc.assert(
          fc.asyncProperty(cases, async (any) => {
            const given = { ...any, classes }
            const { boxes, probabilities, confidence } = drawn(given)
            const results = await session.run({
              boxes: Tensor.float32([given.pictures, given.points, 4], boxes.flat()),
              probabilities: Tensor.float32([given.pictures, classes, given.points], probabilities),
              confidence: Tensor.float32([classes], confidence),
              iou: Tensor.float32([1], [given.iou]),
              limit: Tensor.int64([1], [given.limit]),
            })
            compare(given, suppression, new Map(Object.entries(results).map(([name, { data }]) => [name, data as ArrayLike<number>])))
          }),
          { numRuns: 60 },
        )
      } finally {
        await session.close()
      }
    }
  })
})

test.each(['class', 'agnostic', 'none'] as const)(
  'scores that are no numbers are counted -1, those of other pictures stay: %s',
  async (suppression) => {
    const session = await openSession(build(suppression, 1), { worker: false })
    try {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
        const results = await session.run({
          boxes: Tensor.float32([3, 1, 4], [0, 0, 4, 4, 0, 0, 4, 4, 0, 0, 4, 4]),
          probabilities: Tensor.float32([3, 1, 1], [0.9, bad, 0.1]),
          confidence: Tensor.float32([1], [0.5]),
          iou: Tensor.float32([1], [0.5]),
          limit: Tensor.int64([1], [10]),
        })
        expect([...(results.decoded_count!.data as BigInt64Array)]).toEqual([1n, -1n, 0n])
      }
    } finally {
      await session.close()
    }
  },
)
