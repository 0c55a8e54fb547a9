import fc from 'fast-check'
import { expect, it } from 'vitest'
import { duplicateKey } from './json-keys.ts'

it('finds nothing in what JSON.stringify writes', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.nat(3), (value, indent) => {
      expect(duplicateKey(JSON.stringify(value, undefined, indent), 20)).toBeUndefined()
    }),
    { numRuns: 500, seed: 3 },
  )
})

it.each([
  ['{"a":1,"a":2}', 'a'],
  ['{"a":{"b":[{"c":0,"d":"c","c" : 1}]}}', 'c'],
  ['{"a\\"b":1,"a\\u0022b":2}', 'a"b'],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
])('finds the key that %s has twice', (text, key) => {
  expect(duplicateKey(text, 8)).toEqual({ key })
})

it.each(['{"a":{"a":1}}', '[{"a":1},{"a":1}]', '{"a":"a:","b":["a","a"]}', '{"a', '"\\', '}}]]"a":"a":'])('finds none in %s', (text) => {
  expect(duplicateKey(text, 8)).toBeUndefined()
})

it('does not follow nesting without end', () => {
  expect(duplicateKey('['.repeat(9), 8)).toEqual({ tooDeep: true })
})
