import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomModel } from '../../test/random-model.ts'
import { copyModel } from './copy.ts'
import { firstDifference, modelsEqual } from './equal.ts'
import { readModel } from './reader.ts'

const text = 'graph g(x: float32[N]) -> (y)\n  w: float32[2] = {1, 2}\n  y = Op(x, w) {a=1, b=2}'

test('a model equals its copy and itself read again', () => {
  fc.assert(fc.property(randomModel, (model) => modelsEqual(model, copyModel(model))))
  expect(modelsEqual(readModel(text), readModel(text))).toBe(true)
})

test.each([
  ['a=1', 'a=2', 'graph.nodes[0].attributes.a.value: 1, 2'],
  ['a=1', 'a=1.0', 'graph.nodes[0].attributes.a.type: "int", "float"'],
  ['{1, 2}', '{1, 3}', 'graph.initializers.w.bytes[6]: 0, 64'],
  ['float32[2]', 'int32[2]', 'graph.initializers.w: float32[2], int32[2]'],
  ['[N]', '[M]', 'graph.inputs[0].type.dims[0]: "N", "M"'],
  ['(x, w)', '(x)', 'graph.nodes[0].inputs: 2 elements, 1 elements'],
  [', b=2', '', 'graph.nodes[0].attributes.b: an object, nothing'],
  ['{a=1, b=2}', '{b=2, a=1}', undefined],
])('%s against %s', (from, to, difference) => {
  expect(firstDifference(readModel(text), readModel(text.replace(from, to)))).toBe(difference)
})

test('integers are the same as number and bigint, zero has a sign, undefined is nothing', () => {
  expect(firstDifference({ a: 1 }, { a: 1n })).toBeUndefined()
  expect(firstDifference({ a: 1 }, { a: 2n })).toBe('a: 1, 2')
  expect(firstDifference({ a: 0 }, { a: -0 })).toBe('a: 0, -0')
  expect(firstDifference({ a: Number.NaN, b: undefined }, { a: Number.NaN })).toBeUndefined()
})

test('what is kept for the file can be left out of the comparison', () => {
  const model = readModel(text)
  const other = { ...readModel(text), unknownFields: new Map([['', { x: 1 }]]) }
  expect(firstDifference(model, other)).toBe('unknownFields: nothing, 1 entries')
  expect(modelsEqual(model, other, { preserved: false })).toBe(true)
})
