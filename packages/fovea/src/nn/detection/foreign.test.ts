import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../graph/builder.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { Random } from '../../util/random.ts'
import { Emitter } from '../emitter.ts'
import type { Candidates } from './decode.ts'
import {
  detrCandidates,
  endToEndCandidates,
  type ForeignOutputs,
  fastestDetCandidates,
  rtDetrRows,
  ultralyticsCandidates,
  yolov5Candidates,
  yoloxCandidates,
} from './foreign.ts'

const [height, width, classes] = [64, 96, 3]
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

interface Found {
  readonly box: readonly number[]
  readonly scores: readonly number[]
}

type Outputs = Readonly<Record<string, { readonly dims: readonly number[]; readonly data: Float64Array }>>

function drawn(seed: number, dims: readonly number[], value: (random: Random) => number = (random) => random.uniform()) {
  const random = new Random(seed, 'foreign')
  return { dims, data: Float64Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => value(random)) }
}

/** The candidates that the graph gives, a list for each picture. */
function run(emit: (e: Emitter, outputs: ForeignOutputs) => Candidates, outputs: Outputs): Found[][] {
  const e = new Emitter(new GraphBuilder(), 'float64')
  const { b } = e
  const pixels = b.input('pixels', 'float64', ['N', 3, height, width])
  const values = Object.entries(outputs).map(([name, { dims }]) => b.input(name, 'float64', dims))
  const { boxes, probabilities } = emit(e, { values, pixels, classes })
  b.output(boxes, undefined, 'found_boxes')
  b.output(probabilities, undefined, 'found_probabilities')
  const count = Object.values(outputs)[0]!.dims[0]!
  const feeds = new Map(Object.entries(outputs).map(([name, { dims, data }]) => [name, ndarray('float64', dims, data)]))
  feeds.set('pixels', ndarray('float64', [count, 3, height, width], new Float64Array(count * 3 * height * width)))
  const results = evaluateModel(b.model(), feeds)
  const [box, scores] = [results.get('found_boxes')!, results.get('found_probabilities')!]
  const points = box.dims[1]!
  expect(scores.dims).toEqual([count, classes, points])
  return Array.from({ length: count }, (_, n) =>
    Array.from({ length: points }, (_, a) => ({
      box: [0, 1, 2, 3].map((side) => Number(box.data[(n * points + a) * 4 + side])),
      scores: Array.from({ length: classes }, (_, c) => Number(scores.data[(n * classes + c) * points + a])),
    })),
  )
}

function around(cx: number, cy: number, w: number, h: number): number[] {
  return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
}

function expectFound(found: readonly Found[][], wanted: readonly Found[][]) {
  expect(found.map((list) => list.length)).toEqual(wanted.map((list) => list.length))
  for (const [n, list] of wanted.entries())
    for (const [a, { box, scores }] of list.entries()) {
      for (const [i, value] of box.entries()) expect(found[n]![a]!.box[i]).toBeCloseTo(value, 9)
      for (const [i, value] of scores.entries()) expect(found[n]![a]!.scores[i]).toBeCloseTo(value, 9)
    }
}

describe('answers of other detectors', () => {
  test('Ultralytics: the channels first', () => {
    const output = drawn(1, [2, 4 + classes, 5])
    const at = (n: number, c: number, a: number) => output.data[(n * (4 + classes) + c) * 5 + a]!
    const wanted = [0, 1].map((n) =>
      Array.from({ length: 5 }, (_, a) => ({
        box: around(at(n, 0, a), at(n, 1, a), at(n, 2, a), at(n, 3, a)),
        scores: [4, 5, 6].map((c) => at(n, c, a)),
      })),
    )
    expectFound(run(ultralyticsCandidates, { output }), wanted)
  })

  test('YOLOv5: how likely there is a thing times of which class', () => {
    const output = drawn(2, [2, 7, 5 + classes])
    const at = (n: number, a: number, c: number) => output.data[(n * 7 + a) * (5 + classes) + c]!
    const wanted = [0, 1].map((n) =>
      Array.from({ length: 7 }, (_, a) => ({
        box: around(at(n, a, 0), at(n, a, 1), at(n, a, 2), at(n, a, 3)),
        scores: [5, 6, 7].map((c) => at(n, a, 4) * at(n, a, c)),
      })),
    )
    expectFound(run(yolov5Candidates, { output }), wanted)
  })

  test('YOLOX: cells of three levels', () => {
    const cells = [8, 16, 32].flatMap((stride) =>
      Array.from({ length: (height / stride) * (width / stride) }, (_, i) => {
        const across = width / stride
        return { stride, x: i % across, y: Math.floor(i / across) }
      }),
    )
    const output = drawn(3, [1, cells.length, 5 + classes])
    const at = (a: number, c: number) => output.data[a * (5 + classes) + c]!
    const wanted = cells.map(({ stride, x, y }, a) => ({
      box: around((at(a, 0) + x) * stride, (at(a, 1) + y) * stride, Math.exp(at(a, 2)) * stride, Math.exp(at(a, 3)) * stride),
      scores: [5, 6, 7].map((c) => at(a, 4) * at(a, c)),
    }))
    expectFound(run(yoloxCandidates, { output }), [wanted])
  })

  test('RT-DETR in rows: parts of the picture, then probabilities', () => {
    const output = drawn(8, [2, 6, 4 + classes])
    const at = (n: number, a: number, c: number) => output.data[(n * 6 + a) * (4 + classes) + c]!
    const wanted = [0, 1].map((n) =>
      Array.from({ length: 6 }, (_, a) => ({
        box: around(at(n, a, 0) * width, at(n, a, 1) * height, at(n, a, 2) * width, at(n, a, 3) * height),
        scores: [4, 5, 6].map((c) => at(n, a, c)),
      })),
    )
    expectFound(run(rtDetrRows, { output }), wanted)
  })

  test('without suppression: the class is a number', () => {
    const output = drawn(4, [2, 6, 6])
    for (let i = 5; i < output.data.length; i += 6) output.data[i] = (i % 7) % classes
    const at = (n: number, a: number, c: number) => output.data[(n * 6 + a) * 6 + c]!
    const wanted = [0, 1].map((n) =>
      Array.from({ length: 6 }, (_, a) => ({
        box: [0, 1, 2, 3].map((c) => at(n, a, c)),
        scores: [0, 1, 2].map((c) => (c === at(n, a, 5) ? at(n, a, 4) : 0)),
      })),
    )
    expectFound(run(endToEndCandidates, { output }), wanted)
  })

  test('without suppression: an answer of a class that has no name is NaN, a row without a score is none', () => {
    const rows = [
      [0, 0, 9, 9, 0.5, 1],
      [0, 0, 9, 9, 0.5, classes],
      [0, 0, 9, 9, 0.5, -1],
      [0, 0, 0, 0, 0.0005, -1],
    ]
    const [found] = run(endToEndCandidates, { output: { dims: [1, 4, 6], data: Float64Array.from(rows.flat()) } })
    expect(found!.map(({ scores }) => scores)).toEqual([
      [0, 0.5, 0],
      [Number.NaN, Number.NaN, Number.NaN],
      [Number.NaN, Number.NaN, Number.NaN],
      [0, 0, 0],
    ])
  })

  test('FastestDet: parts of the picture from the cell on', () => {
    const [h, w] = [4, 6]
    const output = drawn(5, [2, 5 + classes, h, w])
    const at = (n: number, c: number, i: number) => output.data[(n * (5 + classes) + c) * h * w + i]!
    const wanted = [0, 1].map((n) =>
      Array.from({ length: h * w }, (_, i) => {
        const cx = ((i % w) + Math.tanh(at(n, 1, i))) / w
        const cy = (Math.floor(i / w) + Math.tanh(at(n, 2, i))) / h
        return {
          box: around(cx * width, cy * height, sigmoid(at(n, 3, i)) * width, sigmoid(at(n, 4, i)) * height),
          scores: [5, 6, 7].map((c) => at(n, 0, i) ** 0.6 * at(n, c, i) ** 0.4),
        }
      }),
    )
    expectFound(run(fastestDetCandidates, { output }), wanted)
  })

  test.each(['sigmoid', 'softmax'] as const)('DETR with %s', (activation) => {
    const all = activation === 'softmax' ? classes + 1 : classes
    const logits = drawn(6, [2, 5, all], (random) => 4 * random.uniform() - 2)
    const box = drawn(7, [2, 5, 4])
    const wanted = [0, 1].map((n) =>
      Array.from({ length: 5 }, (_, a) => {
        const [cx, cy, w, h] = [0, 1, 2, 3].map((c) => box.data[(n * 5 + a) * 4 + c]!)
        const row = Array.from({ length: all }, (_, c) => logits.data[(n * 5 + a) * all + c]!)
        const sum = row.reduce((total, value) => total + Math.exp(value), 0)
        return {
          box: around(cx! * width, cy! * height, w! * width, h! * height),
          scores: row.slice(0, classes).map((value) => (activation === 'sigmoid' ? sigmoid(value) : Math.exp(value) / sum)),
        }
      }),
    )
    expectFound(
      run((e, outputs) => detrCandidates(e, outputs, activation), { logits, box }),
      wanted,
    )
  })
})
