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
  expect(ceilDivideDims('H', 2)).toBe('ceil(H/2)')
  expect(floorDivideDims('H + 1', 4)).toBe('floor((H + 1)/4)')
  expect(floorDivideDims('H*W', '2*N')).toBe('floor(H*W/(2*N))')
  expect(floorDivideDims('H', 0)).toBeNull()
  expect(floorDivideDims('H', -2)).toBe('floor((-H)/2)')
})

test('a quotient is written in its shortest form, whatever it was made of', () => {
  // Three strided convolutions of a window of 3, padded by 1.
  const halved = (dim: Dim) => addDims(floorDivideDims(addDims(dim, -1), 2), 1)
  expect(halved('H')).toBe('ceil(H/2)')
  expect(halved(halved(halved('H')))).toBe('ceil(H/8)')
  expect(addDims(multiplyDims(halved(halved('H')), 2), 1)).toBe('2*ceil(H/4) + 1')
  expect(floorDivideDims(multiplyDims('W', 2), 4)).toBe('floor(W/2)')
  expect(floorDivideDims(addDims(multiplyDims('W', 4), 'H'), 4)).toBe('W + floor(H/4)')
  // As earlier versions wrote it into files.
  const written = 'floor((floor((floor((H-1)/(2)))/(2)))/(2)) + 1'
  expect(addDims(written, 0)).toBe('ceil(H/8)')
  expect(substituteDim(written, new Map([['H', 128]]))).toBe(16)
  expect(addDims('floor((H + 1)/(2))', 'ceil(H/2)')).toBe('2*ceil(H/2)')
})

test('what is nested deeply, or no expression at all, is left alone', () => {
  const nested = (depth: number) => `${'floor((2*'.repeat(depth)}H${')/(3))'.repeat(depth)}`
  for (const text of [nested(5000), nested(12), '(', 'floor(', 'floor(H)', 'floor(H/2/3)', 'ceil(/2)', 'floor(H/0)', 'floor((H)/(W + 1))'])
    expect([null, 'string', 'number']).toContain(addDims(text, 1) === null ? null : typeof addDims(text, 1))
  expect(addDims(nested(5000), 1)).toBeNull()
  expect(addDims('floor(H/0)', 1)).toBeNull()
})

test('names that are not identifiers stay opaque', () => {
  expect(addDims('batch size?', 1)).toBeNull()
})

test('evaluating after an expression equals evaluating step by step', () => {
  const operations = {
    add: addDims,
    multiply: multiplyDims,
    subtract: subtractDims,
    floor: floorDivideDims,
    ceil: (a: Dim, b: Dim) => floorDivideDims(addDims(a, addDims(b, -1)), b),
  }
  const step = fc.oneof(
    fc.tuple(
      fc.constantFrom<keyof typeof operations>('add', 'multiply', 'subtract', 'floor', 'ceil'),
      fc.oneof({ arbitrary: fc.integer({ min: 1, max: 6 }), weight: 3 }, { arbitrary: fc.constantFrom('H', 'W'), weight: 1 }),
    ),
    // What convolutions do, which nests quotients.
    fc.tuple(fc.constantFrom<keyof typeof operations>('floor', 'ceil'), fc.integer({ min: 2, max: 6 })),
  )
  const side = fc.integer({ min: 1, max: 1000 })
  let known = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), side, side, (steps, h, w) => {
      const bindings = new Map<string, Dim>([
        ['H', h],
        ['W', w],
      ])
      let symbolic: Dim = 'H'
      let numeric: Dim = h
      for (const [name, operand] of steps) {
        symbolic = operations[name](symbolic, operand)
        numeric = operations[name](numeric, substituteDim(operand, bindings))
      }
      // A divisor that became a sum, and what is too long, are not known.
      if (symbolic === null) return
      known++
      expect(substituteDim(symbolic, bindings)).toBe(numeric)
      // Its text is read as what it is.
      expect(addDims(symbolic, 0)).toBe(symbolic)
    }),
    { numRuns: 2000 },
  )
  expect(known).toBeGreaterThan(1000)
})

test('an expression that grows without end is given up', () => {
  let dim: Dim = 'N + 1'
  for (let i = 0; i < 30 && dim !== null; i++) dim = multiplyDims(dim, dim)
  expect(dim).toBeNull()
})
