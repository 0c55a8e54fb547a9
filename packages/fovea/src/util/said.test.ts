import { expect, test } from 'vitest'
import { said } from './said.ts'

test('whatever was given is said, and nothing is thrown', () => {
  const circle: { self?: unknown } = {}
  circle.self = circle
  const hostile = {
    toJSON(): never {
      throw new Error('no')
    },
    toString(): never {
      throw new Error('no')
    },
  }
  expect(
    [undefined, null, 3n, Number.NaN, [1, 'a'], { a: 1 }, () => 1, Symbol('s'), new Uint8Array(9), circle, hostile, 'x\u0007'].map(
      (value) => said(value),
    ),
  ).toEqual([
    'nothing',
    'null',
    '3',
    'NaN',
    '[1,"a"]',
    '{"a":1}',
    'a function',
    'Symbol(s)',
    'Uint8Array',
    '[object Object]',
    'a object',
    '"x\\u0007"',
  ])
  expect(said('x'.repeat(1000)).length).toBeLessThan(220)
})
