// Random shapes and attributes for property tests.

import fc from 'fast-check'

/** Shapes small enough to differentiate by differences. */
export function shapes(minRank = 1, maxRank = 4, largest = 4): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 1, max: largest }), { minLength: minRank, maxLength: maxRank })
}

/** An axis of an array, counted from either end. */
export function axisOf(rank: number): fc.Arbitrary<number> {
  return fc.integer({ min: -rank, max: rank - 1 })
}

/** A shape with one of its axes. */
export function shapeWithAxis(minRank = 1, maxRank = 4): fc.Arbitrary<{ dims: number[]; axis: number; length: number }> {
  return shapes(minRank, maxRank).chain((dims) => axisOf(dims.length).map((axis) => ({ dims, axis, length: dims.at(axis)! })))
}

/** Indices into an axis, counted from either end. */
export function indicesInto(length: number, count: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: -length, max: length - 1 }), { minLength: count, maxLength: count })
}

/** The same runs every time, so that a failure can be looked at. */
export const runs = { numRuns: 40, seed: 7 }
