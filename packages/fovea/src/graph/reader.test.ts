import fc from 'fast-check'
import { expect, test } from 'vitest'
import { randomModel } from '../../test/random-model.ts'
import { isFoveaError } from '../util/errors.ts'
import { firstDifference } from './equal.ts'
import { contentHash } from './print-value.ts'
import { printModel } from './printer.ts'
import { readModel } from './reader.ts'
import { Tensor } from './tensor.ts'

test('random models survive printing and reading', () => {
  fc.assert(
    fc.property(randomModel, fc.constantFrom(20, 140), (model, columns) => {
      const text = printModel(model, { maxElements: Number.POSITIVE_INFINITY, columns })
      const again = readModel(text)
      expect(firstDifference(model, again)).toBeUndefined()
      expect(printModel(again, { maxElements: Number.POSITIVE_INFINITY, columns })).toBe(text)
    }),
    { numRuns: 200 },
  )
})

test('a text may be indented, have comments and empty lines, and leave the first line out', () => {
  const model = readModel(`
      // one node
      graph g(x: float32[2]) -> (y)

        y = Relu(x)
        // the end
  `)
  expect(printModel(model)).toBe('model ir=10 opset=21\ngraph g(x: float32[2]) -> (y)\n  y = Relu(x)')
})

test('tensors left out are found by their hash', () => {
  const w = Tensor.float32([40], new Float32Array(40).fill(0.5))
  const text = `graph g() -> (w)\n  w: float32[40] = #${contentHash(w)}`
  const findTensor = (hash: string) => (hash === contentHash(w) ? w : undefined)
  expect(readModel(text, { findTensor }).graph.initializers.get('w')).toBe(w)
  expect(() => readModel(text)).toThrow('left out of this text')
})

test.each([
  ['graph', 'a name', 1],
  ['graph g(x', '")" or ","', 1],
  ['graph g() -> ()\n  y = Relu(x', '', 2],
  ['graph g() -> ()\n  y = Relu(x) {a=}', '', 2],
  ['graph g() -> ()\n  y = Relu(x) {a=[1, 2.0]}', 'elements of one type', 2],
  ['graph g() -> ()\n  w: float32[2] = {1}', '2 elements', 2],
  ['graph g() -> ()\n  w: int8[1] = {200}', 'elements that int8 can hold', 2],
  ['graph g() -> ()\n  w: float33[1] = {2}', 'a data type', 2],
  ['graph g() -> ()\n  y = Relu(x) trailing', 'the end of the line', 2],
  ['graph g() -> ()\n  input x', 'a value of the signature', 2],
  ['model ir=1 opset=x\ngraph g() -> ()', 'a number', 1],
  ['model ir=10', 'one graph', undefined],
  ['nonsense', '"model", "graph" or "function"', 1],
])('%j is refused with its line', (text, expected, line) => {
  const attempt = () => readModel(text)
  expect(attempt).toThrow(
    expect.toSatisfy((error) => isFoveaError(error, 'GRAPH_TEXT_SYNTAX') && error.details.field === (line && `line ${line}`)),
  )
  if (expected !== '' && !expected.includes('or ","')) expect(attempt).toThrow(expected)
})

test('any text gives a model or a coded error', () => {
  const piece = fc.constantFrom(
    ...'model graph g ( ) -> { } [ ] , : = " # @ x 1 1.0 hex" float32 sparse doc \n \n  value _ type( ? as'.split(/(?<! ) /),
    ' ',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        readModel(pieces.join(' '))
      } catch (error) {
        if (!isFoveaError(error, 'GRAPH_TEXT_SYNTAX')) throw error
      }
    }),
    { numRuns: 2000 },
  )
})
