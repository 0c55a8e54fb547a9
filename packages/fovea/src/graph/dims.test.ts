import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addDims, ceilDivideDims, type Dim, floorDivideDims, multiplyDims, productOfDims, substituteDim, subtractDims } from './dims.ts'

test('symbols add, multiply and cancel', () => {
  expect(addDims('N', 1)).toBe('N + 1')
  expect(subtractDims(addDims('N', 'M'), 'N')).toBe('M')
  expect(multiplyDims(addDims('H', 1), 'W')).toBe('H*W + W')
  expect(productOfDims(['N', 3, 2])).toBe('6*N')
  expect(subtractDims('N', 'N')).toBe(0)
  expect(addDims('N', null)).toBeNull()
})

test('division is exact where it can be and opaque where not', () => {
  expect(floorDivideDims('6*N', 3)).toBe('2*N')
  expect(floorDivideDims('6*N', 'N')).toBe(6)
  expect(floorDivideDims('H*W*N', 'H*W')).toBe('N')
  expect(ceilDivideDims('H', 2)).toBe('floor((H + 1)/(2))')
})

test('names that are not identifiers stay opaque', () => {
  expect(addDims('batch size?', 1)).toBeNull()
})

test('evaluating after an expression equals evaluating step by step', () => {
  const operations = { add: addDims, multiply: multiplyDims, subtract: subtractDims, divide: (a: Dim) => floorDivideDims(a, 3) }
  const step = fc.tuple(
    fc.constantFrom('add', 'multiply', 'subtract', 'divide'),
    fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom('H', 'W')),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 5 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (steps, h, w) => {
      const bindings = new Map<string, Dim>([
        ['H', h],
        ['W', w],
      ])
      let symbolic: Dim = 'H'
      let numeric: Dim = h
      for (const [name, operand] of steps) {
        const operation = operations[name as keyof typeof operations]
        symbolic = operation(symbolic, operand)
        numeric = operation(numeric, substituteDim(operand, bindings))
      }
      expect(substituteDim(symbolic, bindings)).toBe(numeric)
    }),
  )
})

test('an expression that grows without end is given up', () => {
  let dim: Dim = 'N + 1'
  for (let i = 0; i < 30 && dim !== null; i++) dim = multiplyDims(dim, dim)
  expect(dim).toBeNull()
})
