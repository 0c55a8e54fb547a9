import { expect, test } from 'vitest'
import { checkPass } from '../../test/pass-check.ts'
import { readModel } from '../graph/reader.ts'
import { loadHalf, storeHalf } from './store-half.ts'

const before = `
  graph main(x: float32[N,2]) -> (y)
    w: float32[2,2] = {0.1, 2.0, -3.0, 0.5}
    v: float32[2] = {0.1, 1.0}
    big: float32[1,2] = {70000.0, 1.0}
    a = MatMul(x, w)
    b = Mul(a, big)
    y = Add(b, v)`

test('matrices are stored as float16 under a Cast of their name; vectors and what would overflow stay', () => {
  const { model, modified } = storeHalf(readModel(before))
  expect(modified).toBe(true)
  expect([...model.graph.initializers].map(([name, { dtype }]) => `${name} ${dtype}`)).toEqual([
    'v float32',
    'big float32',
    'w/half float16',
  ])
  expect(model.graph.nodes[0]).toMatchObject({ op: 'Cast', inputs: ['w/half'], outputs: ['w'] })
})

test('they come back as float32 under their own names, rounded once', () => {
  const stored = storeHalf(readModel(before)).model
  const { model } = loadHalf(stored)
  expect(model.graph.nodes.map(({ op }) => op)).toEqual(['MatMul', 'Mul', 'Add'])
  const w = model.graph.initializers.get('w')!
  expect([w.dtype, ...w.data]).toEqual(['float32', 0.0999755859375, 2, -3, 0.5])
  expect(storeHalf(model).model.graph.initializers.get('w/half')!.bytes).toEqual(stored.graph.initializers.get('w/half')!.bytes)
  expect(loadHalf(model).modified).toBe(false)
})

test('a model means the same before and after, as far as half precision tells', () => {
  checkPass(
    (model) => loadHalf(model),
    `graph main(x: float32[3,2]) -> (y)
       "w/half": float16[2,2] = {0.5, 2.0, -3.0, 0.5}
       w = Cast("w/half") {to=1}
       y = MatMul(x, w)`,
    `graph main(x: float32[3,2]) -> (y)
       w: float32[2,2] = {0.5, 2.0, -3.0, 0.5}
       y = MatMul(x, w)`,
  )
})
