// Dimensions of shapes: numbers, symbols, and the arithmetic of symbols that shape rules need.

import {
  add,
  atomsOf,
  floorDivide,
  formatPolynomial,
  longestExpression,
  multiply,
  type Polynomial,
  parseExpression,
  quotientOf,
} from './dim-expression.ts'

/** A dimension: a number, a symbol or symbolic expression such as `N` or `2*H + 1`, or null where nothing is known. */
export type Dim = number | string | null

/** Sum of two dimensions; null where either is unknown. */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  return combine(a, b, add)
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(b, -1))
}

/** Product of two dimensions; zero times unknown is zero. */
export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b
  if (a === 0 || b === 0) return 0
  return combine(a, b, multiply)
}

/** `floor(a / b)`: exact where every term is divisible, else in the shortest form that is equal, such as `ceil(H/8)`. */
export function floorDivideDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : Math.floor(a / b)
  if (b === 1) return a
  if (a === b && a !== null) return 1
  // A symbol is a size, and those are at least 1.
  if (a === 0 && b !== null) return 0
  return combine(a, b, floorDivide)
}

export function ceilDivideDims(a: Dim, b: number): Dim {
  return floorDivideDims(addDims(a, b - 1), b)
}

/** Product of all dimensions (1 for none). */
export function productOfDims(dims: readonly Dim[]): Dim {
  return dims.reduce<Dim>((product, dim) => multiplyDims(product, dim), 1)
}

/** True when both are known to be equal; false when they differ or it cannot be said. */
export function dimsEqual(a: Dim, b: Dim): boolean {
  return a !== null && a === b
}

/** True when both are numbers and differ. */
export function dimsConflict(a: Dim, b: Dim): boolean {
  return typeof a === 'number' && typeof b === 'number' && a !== b
}

/** True when every dimension is a number. */
export function isStatic(dims: readonly Dim[] | undefined): dims is readonly number[] {
  return dims?.every((dim) => typeof dim === 'number') ?? false
}

/** Replaces symbols by numbers (or other symbols), inside expressions too. */
export function substituteDim(dim: Dim, bindings: ReadonlyMap<string, Dim>): Dim {
  if (typeof dim !== 'string') return dim
  const whole = bindings.get(dim)
  if (whole !== undefined) return whole
  const polynomial = parse(dim)
  if (polynomial === undefined) return dim
  let sum: Dim = 0
  for (const [product, factor] of polynomial) {
    let term: Dim = factor
    for (const atom of atomsOf(product)) term = multiplyDims(term, substituteAtom(atom, bindings))
    sum = addDims(sum, term)
  }
  return sum
}

export function formatDims(dims: readonly Dim[] | undefined): string {
  return dims === undefined ? '[...]' : `[${dims.map((dim) => dim ?? '?').join(',')}]`
}

function substituteAtom(atom: string, bindings: ReadonlyMap<string, Dim>): Dim {
  const bound = bindings.get(atom)
  if (bound !== undefined) return bound
  const quotient = quotientOf(atom)
  if (quotient === undefined) return atom
  const numerator = substituteDim(quotient.numerator, bindings)
  const denominator = substituteDim(quotient.denominator, bindings)
  const up = quotient.rounding === 'ceil' ? addDims(denominator, -1) : 0
  return floorDivideDims(addDims(numerator, up), denominator)
}

function combine(a: Dim, b: Dim, operation: (left: Polynomial, right: Polynomial) => Polynomial | undefined): Dim {
  const left = parse(a)
  const right = parse(b)
  const result = left === undefined || right === undefined ? undefined : operation(left, right)
  return result === undefined ? null : dimOf(result)
}

function parse(dim: Dim): Polynomial | undefined {
  if (dim === null) return undefined
  return typeof dim === 'number' ? new Map([['', dim]]) : parseExpression(dim)
}

function dimOf(polynomial: Polynomial): Dim {
  const text = formatPolynomial(polynomial)
  if (/^-?\d+$/.test(text)) return Number(text)
  return text.length > longestExpression ? null : text
}
