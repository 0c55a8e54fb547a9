// Dimensions of shapes: numbers, symbols, and the arithmetic of symbols that shape rules need.

/** A dimension: a number, a symbol or symbolic expression such as `N` or `2*H + 1`, or null where nothing is known. */
export type Dim = number | string | null

/** A sum of products, e.g. `2*H*W + 1`: from a product's sorted atoms joined by `*` ('' for the constant) to its factor. */
type Polynomial = Map<string, number>

const identifier = /^[A-Za-z_][A-Za-z0-9_.]*$/

/** Sum of two dimensions; null where either is unknown. */
export function addDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  return combine(a, b, (left, right) => {
    const sum = new Map(left)
    for (const [product, factor] of right) sum.set(product, (sum.get(product) ?? 0) + factor)
    return sum
  })
}

export function subtractDims(a: Dim, b: Dim): Dim {
  return addDims(a, multiplyDims(b, -1))
}

/** Product of two dimensions; zero times unknown is zero. */
export function multiplyDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b
  if (a === 0 || b === 0) return 0
  return combine(a, b, (left, right) => {
    const product: Polynomial = new Map()
    for (const [p, x] of left)
      for (const [q, y] of right) {
        const key = [...atomsOf(p), ...atomsOf(q)].sort().join('*')
        product.set(key, (product.get(key) ?? 0) + x * y)
      }
    return product
  })
}

/** `floor(a / b)`: exact where every term is divisible, else an opaque `floor(a/b)`. */
export function floorDivideDims(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return b === 0 ? null : Math.floor(a / b)
  if (b === 1) return a
  if (a === b && a !== null) return 1
  const left = parse(a)
  const right = parse(b)
  if (left === undefined || right === undefined || right.size !== 1) return null
  const [[divisor, factor]] = [...right] as [[string, number]]
  const quotient: Polynomial = new Map()
  for (const [product, x] of left) {
    const rest = removeAtoms(atomsOf(product), atomsOf(divisor))
    if (rest === undefined || x % factor !== 0) return bounded(`floor((${format(left)})/(${format(right)}))`)
    quotient.set(rest.join('*'), x / factor)
  }
  return simplify(quotient)
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
  return floorDivideDims(substituteDim(quotient[0], bindings), substituteDim(quotient[1], bindings))
}

function combine(a: Dim, b: Dim, operation: (left: Polynomial, right: Polynomial) => Polynomial): Dim {
  const left = parse(a)
  const right = parse(b)
  return left === undefined || right === undefined ? null : simplify(operation(left, right))
}

function simplify(polynomial: Polynomial): Dim {
  for (const [product, factor] of polynomial) if (factor === 0) polynomial.delete(product)
  if (polynomial.size === 0) return 0
  if (polynomial.size === 1 && polynomial.has('')) return polynomial.get('')!
  return bounded(format(polynomial))
}

/** Repeated products grow without end; beyond this length an expression says nothing to anybody. */
const longestExpression = 200

function bounded(expression: string): Dim {
  return expression.length > longestExpression ? null : expression
}

function format(polynomial: Polynomial): string {
  const terms = [...polynomial].filter(([, factor]) => factor !== 0)
  // Longer products first, the constant last, so that equal expressions print alike.
  terms.sort(([p], [q]) => atomsOf(q).length - atomsOf(p).length || (p < q ? -1 : 1))
  const text = terms.map(([product, factor]) => {
    if (product === '') return `${factor}`
    return factor === 1 ? product : factor === -1 ? `-${product}` : `${factor}*${product}`
  })
  return text.join(' + ').replaceAll('+ -', '- ')
}

/** Atoms of a product: identifiers and `floor(…)` expressions, split at `*` outside parentheses. */
function atomsOf(product: string): string[] {
  return product === '' ? [] : splitOutside(product, '*').map(([, atom]) => atom)
}

function parse(dim: Dim): Polynomial | undefined {
  if (dim === null) return undefined
  if (typeof dim === 'number') return new Map([['', dim]])
  const polynomial: Polynomial = new Map()
  for (const [sign, term] of splitOutside(dim.replaceAll(' ', ''), '+-')) {
    let factor = sign === '-' ? -1 : 1
    const atoms: string[] = []
    for (const [, atom] of splitOutside(term, '*')) {
      if (/^\d+$/.test(atom)) factor *= Number(atom)
      else if (identifier.test(atom) || quotientOf(atom) !== undefined) atoms.push(atom)
      else return undefined
    }
    const key = atoms.sort().join('*')
    polynomial.set(key, (polynomial.get(key) ?? 0) + factor)
  }
  return polynomial
}

/** Splits at any of `separators` outside parentheses; each part comes with the separator before it. */
function splitOutside(text: string, separators: string): [separator: string, part: string][] {
  const parts: [string, string][] = []
  let depth = 0
  let start = 0
  let separator = ''
  for (let i = 0; i <= text.length; i++) {
    const character = text[i]
    if (character === '(') depth++
    if (character === ')') depth--
    if (i < text.length && (depth !== 0 || !separators.includes(character!))) continue
    if (i > start) parts.push([separator, text.slice(start, i)])
    separator = character ?? ''
    start = i + 1
  }
  return parts
}

/** The two sides of an atom `floor((a)/(b))`. */
function quotientOf(atom: string): [string, string] | undefined {
  if (!atom.startsWith('floor((') || !atom.endsWith('))')) return undefined
  const sides = splitOutside(atom.slice('floor('.length, -1), '/')
  if (sides.length !== 2) return undefined
  return [sides[0]![1].slice(1, -1), sides[1]![1].slice(1, -1)]
}

function removeAtoms(atoms: string[], removed: string[]): string[] | undefined {
  const rest = [...atoms]
  for (const atom of removed) {
    const at = rest.indexOf(atom)
    if (at < 0) return undefined
    rest.splice(at, 1)
  }
  return rest
}
