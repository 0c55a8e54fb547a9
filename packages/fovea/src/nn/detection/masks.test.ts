import { describe, expect, test } from 'vitest'
import { checkGradient } from '../../../test/gradient-check.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { evaluateModel } from '../../ops/evaluate.ts'
import { ndarray } from '../../ops/ndarray.ts'
import { Random } from '../../util/random.ts'
import { Emitter } from '../emitter.ts'
import { emitMasks, maskLoss } from './masks.ts'

const [pictures, count, boxes, points, height, width, stride] = [2, 3, 4, 5, 6, 8, 4]
const scores = { prototypes: 'prototypes', coefficients: 'coefficients', count, stride }
const truth = { masks: 'masks', known: 'known', boxes: 'boxes', best: 'best' }
const shapes = {
  prototypes: [pictures, count, height, width],
  coefficients: [pictures, count, points],
  masks: [pictures, boxes, height, width],
  known: [pictures, boxes],
  boxes: [pictures, boxes, 4],
  best: [pictures, boxes, points],
}
type Values = Record<keyof typeof shapes, Float64Array>

/** One box without a point, one without a known mask, one thinner than a cell. */
function drawn(): Values {
  const random = new Random(4, 'masks')
  const fill = (name: keyof typeof shapes, value: (i: number) => number) =>
    Float64Array.from({ length: shapes[name].reduce((a, b) => a * b, 1) }, (_, i) => value(i))
  const values: Values = {
    prototypes: fill('prototypes', () => random.uniform(-1, 1)),
    coefficients: fill('coefficients', () => random.uniform(-1, 1)),
    masks: fill('masks', () => (random.chance(0.5) ? 1 : 0)),
    known: fill('known', (i) => (i === 1 ? 0 : 1)),
    boxes: fill('boxes', () => 0),
    best: fill('best', () => 0),
  }
  for (let i = 0; i < pictures * boxes; i++) {
    const [x1, y1] = [random.uniform(0, 20), random.uniform(0, 14)]
    values.boxes.set([x1, y1, x1 + (i === 2 ? 0.5 : random.uniform(5, 12)), y1 + random.uniform(5, 10)], 4 * i)
    if (i !== 3) values.best[i * points + random.integer(0, points)] = 1
  }
  return values
}

/** By plain loops. */
function expected({ prototypes, coefficients, masks, known, boxes: places, best }: Values): number {
  let [sum, counted] = [0, 0]
  for (let n = 0; n < pictures; n++)
    for (let k = 0; k < boxes; k++) {
      const row = n * boxes + k
      const point = [...best.subarray(row * points, (row + 1) * points)].indexOf(1)
      if (point < 0 || known[row] === 0) continue
      const [x1, y1, x2, y2] = places.subarray(4 * row, 4 * row + 4) as unknown as [number, number, number, number]
      const near = (at: number, low: number, high: number) => Math.abs(at - (low + high) / 2) < Math.max((high - low) / 2, 0.5001 * stride)
      let [entropy, inside, both, sizes] = [0, 0, 0, 0]
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          if (!near((x + 0.5) * stride, x1, x2) || !near((y + 0.5) * stride, y1, y2)) continue
          let logit = 0
          for (let c = 0; c < count; c++)
            logit += coefficients[(n * count + c) * points + point]! * prototypes[((n * count + c) * height + y) * width + x]!
          const wanted = masks[(row * height + y) * width + x]!
          const found = 1 / (1 + Math.exp(-logit))
          entropy -= Math.log(wanted === 1 ? found : 1 - found)
          inside++
          both += found * wanted
          sizes += found * found + wanted
        }
      sum += entropy / Math.max(1, inside) + 1 - (2 * both) / Math.max(1e-6, sizes)
      counted++
    }
  return sum / counted
}

describe('maskLoss', () => {
  test('is that of plain loops, over boxes that have a point and a known mask', () => {
    const values = drawn()
    const e = new Emitter(new GraphBuilder(), 'float64')
    for (const [name, dims] of Object.entries(shapes)) e.b.input(name, 'float64', dims)
    const loss = e.b.output(maskLoss(e, scores, truth, { boxes, height, width }))
    const feeds = new Map(
      Object.entries(shapes).map(([name, dims]) => [name, ndarray('float64', dims, values[name as keyof typeof shapes])]),
    )
    expect(evaluateModel(e.b.model(), feeds).get(loss)!.data[0]).toBeCloseTo(expected(values), 9)
  })

  test('has the gradients of finite differences', () => {
    const values = drawn()
    checkGradient((b) => maskLoss(new Emitter(b, 'float64'), scores, truth, { boxes, height, width }), {
      prototypes: { dims: shapes.prototypes, range: [-1, 1] },
      coefficients: { dims: shapes.coefficients, range: [-1, 1] },
      ...Object.fromEntries(
        (['masks', 'known', 'boxes', 'best'] as const).map((name) => [
          name,
          { dims: shapes[name], values: [...values[name]], fixed: true },
        ]),
      ),
    })
  })
})

test('emitMasks mixes the prototypes at the points that found something', () => {
  const { prototypes, coefficients } = drawn()
  const e = new Emitter(new GraphBuilder(), 'float64')
  const { b } = e
  b.input('prototypes', 'float64', shapes.prototypes)
  b.input('coefficients', 'float64', shapes.coefficients)
  const masks = b.output(emitMasks(e, scores, b.input('points', 'int64', [pictures, 2])))
  const chosen = [4, 0, 1, 1]
  const results = evaluateModel(
    b.model(),
    new Map([
      ['prototypes', ndarray('float64', shapes.prototypes, prototypes)],
      ['coefficients', ndarray('float64', shapes.coefficients, coefficients)],
      ['points', ndarray('int64', [pictures, 2], Float64Array.from(chosen))],
    ]),
  ).get(masks)!
  expect(results.dims).toEqual([pictures, 2, height, width])
  for (const [place, point] of chosen.entries()) {
    const n = Math.floor(place / 2)
    for (let i = 0; i < height * width; i++) {
      let logit = 0
      for (let c = 0; c < count; c++)
        logit += coefficients[(n * count + c) * points + point]! * prototypes[(n * count + c) * height * width + i]!
      expect(Math.abs(Number(results.data[place * height * width + i]) - 255 / (1 + Math.exp(-logit)))).toBeLessThanOrEqual(0.5 + 1e-9)
    }
  }
})
