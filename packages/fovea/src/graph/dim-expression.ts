// The text of symbolic dimensions and the polynomials that it stands for: `2*H*W + 1`, `ceil(H/8)`.

/** A sum of products, e.g. `2*H*W + 1`: from a product's sorted atoms joined by `*` ('' for the constant) to its factor. */
export type Polynomial = Map<string, number>

/** Repeated products grow without end; beyond this length an expression says nothing to anybody. */
export const longestExpression = 200

const identifier = /^[A-Za-z_][A-Za-z0-9_.]*$/

/** Reads an expression; undefined where it is none. Quotients come out in their shortest form. */
export function parseExpression(text: string): Polynomial | undefined {
  if (text.length > longestExpression && text.includes('(')) return undefined
  const polynomial: Polynomial = new Map()
  for (const [sign, term] of splitOutside(text.replaceAll(' ', ''), '+-')) {
    let product = constantOf(sign === '-' ? -1 : 1)
    for (const [, atom] of splitOutside(term, '*')) {
      const factor = parseAtom(atom)
      if (factor === undefined) return undefined
      product = multiply(product, factor)
    }
    accumulate(polynomial, product)
  }
  return polynomial
}

/** Terms of zero are left out; longer products come first, the constant last, so that equal expressions print alike. */
export function formatPolynomial(polynomial: Polynomial): string {
  const terms = [...polynomial].filter(([, factor]) => factor !== 0)
  terms.sort(([p], [q]) => atomsOf(q).length - atomsOf(p).length || (p < q ? -1 : 1))
  const text = terms.map(([product, factor]) => {
    if (product === '') return `${factor}`
    return factor === 1 ? product : factor === -1 ? `-${product}` : `${factor}*${product}`
  })
  return text.join(' + ').replaceAll('+ -', '- ') || '0'
}

export function add(left: Polynomial, right: Polynomial): Polynomial {
  const sum = new Map(left)
  accumulate(sum, right)
  return sum
}

export function multiply(left: Polynomial, right: Polynomial): Polynomial {
  const product: Polynomial = new Map()
  for (const [p, x] of left)
    for (const [q, y] of right) {
      const key = [...atomsOf(p), ...atomsOf(q)].sort().join('*')
      product.set(key, (product.get(key) ?? 0) + x * y)
    }
  return product
}

/**
 * `floor(left / right)`, in the shortest form that is equal for all values: `floor((floor((H-1)/2) + 1 + 1)/2)` becomes `ceil(H/4)`.
 *
 * @returns undefined for a divisor of zero, or of several terms
 */
export function floorDivide(left: Polynomial, right: Polynomial): Polynomial | undefined {
  const divisors = [...right].filter(([, factor]) => factor !== 0)
  if (divisors.length !== 1) return undefined
  const [divisor, factor] = divisors[0]!
  if (divisor === '') return factor < 0 ? divideByNumber(scale(left, -1), -factor) : divideByNumber(left, factor)
  const quotient: Polynomial = new Map()
  for (const [product, x] of left) {
    const rest = removeAtoms(atomsOf(product), atomsOf(divisor))
    if (rest === undefined || x % factor !== 0) return new Map([[`floor(${numeratorText(left)}/${denominatorText(right)})`, 1]])
    quotient.set(rest.join('*'), x / factor)
  }
  return quotient
}

/** Atoms of a product: identifiers and quotients, split at `*` outside parentheses. */
export function atomsOf(product: string): string[] {
  return product === '' ? [] : splitOutside(product, '*').map(([, atom]) => atom)
}

export interface Quotient {
  readonly rounding: 'floor' | 'ceil'
  readonly numerator: string
  readonly denominator: string
}

/** The parts of an atom `floor(a/b)` or `ceil(a/b)`. */
export function quotientOf(atom: string): Quotient | undefined {
  const rounding = atom.startsWith('floor(') ? 'floor' : atom.startsWith('ceil(') ? 'ceil' : undefined
  if (rounding === undefined || !atom.endsWith(')')) return undefined
  const sides = splitOutside(atom.slice(rounding.length + 1, -1), '/')
  if (sides.length !== 2) return undefined
  return { rounding, numerator: bare(sides[0]![1]), denominator: bare(sides[1]![1]) }
}

/** Three rules: what divides goes out, common factors are cancelled, and a quotient inside becomes one with it. */
function divideByNumber(numerator: Polynomial, divisor: number): Polynomial {
  const whole: Polynomial = new Map()
  const rest: Polynomial = new Map()
  for (const [product, factor] of numerator) {
    if (product === '' || factor === 0) continue
    if (factor % divisor === 0) whole.set(product, factor / divisor)
    else rest.set(product, factor)
  }
  const constant = numerator.get('') ?? 0
  if (rest.size === 0) return add(whole, constantOf(Math.floor(constant / divisor)))
  const common = [...rest.values()].reduce(greatestCommonDivisor, divisor)
  if (common > 1) {
    const cancelled = new Map([...rest].map(([product, factor]) => [product, factor / common]))
    return add(whole, divideByNumber(add(cancelled, constantOf(Math.floor(constant / common))), divisor / common))
  }
  const merged = mergeInner(add(rest, constantOf(constant)), divisor)
  if (merged !== undefined) return add(whole, divideByNumber(...merged))
  const outside = Math.floor(constant / divisor)
  const inside = constant - outside * divisor
  // x + divisor - 1 above the line is what rounds up.
  const [rounding, above] = inside === divisor - 1 ? ['ceil', rest] : ['floor', add(rest, constantOf(inside))]
  return add(add(whole, new Map([[`${rounding}(${numeratorText(above)}/${divisor})`, 1]])), constantOf(outside))
}

/** `(floor(x/m) + y) / n` as `(x + m*y) / (m*n)`, which has the same floor for whole y and positive m and n. */
function mergeInner(numerator: Polynomial, divisor: number): [Polynomial, number] | undefined {
  const quotients = [...numerator].filter(([product]) => product.endsWith(')'))
  const [atom, factor] = quotients[0] ?? ['', 0]
  const inner = quotients.length === 1 && factor === 1 ? quotientOf(atom) : undefined
  const below = Number(inner?.denominator)
  if (inner === undefined || !/^\d+$/.test(inner.denominator) || !Number.isSafeInteger(below * divisor)) return undefined
  const above = parseExpression(inner.numerator)
  if (above === undefined) return undefined
  const others = new Map(numerator)
  others.delete(atom)
  const sum = add(above, scale(others, below))
  return [inner.rounding === 'ceil' ? add(sum, constantOf(below - 1)) : sum, below * divisor]
}

function parseAtom(atom: string): Polynomial | undefined {
  if (/^\d+$/.test(atom)) return constantOf(Number(atom))
  if (identifier.test(atom)) return new Map([[atom, 1]])
  const quotient = quotientOf(atom)
  const left = quotient === undefined ? undefined : parseExpression(quotient.numerator)
  const right = quotient === undefined ? undefined : parseExpression(quotient.denominator)
  if (left === undefined || right === undefined) return undefined
  return floorDivide(quotient!.rounding === 'ceil' ? add(add(left, right), constantOf(-1)) : left, right)
}

function accumulate(sum: Polynomial, terms: Polynomial): void {
  for (const [product, factor] of terms) {
    const total = (sum.get(product) ?? 0) + factor
    if (total === 0) sum.delete(product)
    else sum.set(product, total)
  }
}

function scale(polynomial: Polynomial, factor: number): Polynomial {
  return new Map([...polynomial].map(([product, x]) => [product, x * factor]))
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? Math.abs(a) : greatestCommonDivisor(b, a % b)
}

function constantOf(value: number): Polynomial {
  return new Map([['', value]])
}

function numeratorText(polynomial: Polynomial): string {
  const text = formatPolynomial(polynomial)
  return /[\s-]/.test(text) ? `(${text})` : text
}

function denominatorText(polynomial: Polynomial): string {
  const text = formatPolynomial(polynomial)
  return /^[\w.]+$/.test(text) ? text : `(${text})`
}

/** Without the parentheses around the whole. */
function bare(text: string): string {
  if (!text.startsWith('(') || !text.endsWith(')')) return text
  const inside = text.slice(1, -1)
  let depth = 0
  for (const character of inside) {
    if (character === '(') depth++
    else if (character === ')' && --depth < 0) return text
  }
  return inside
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

function removeAtoms(atoms: string[], removed: string[]): string[] | undefined {
  const rest = [...atoms]
  for (const atom of removed) {
    const at = rest.indexOf(atom)
    if (at < 0) return undefined
    rest.splice(at, 1)
  }
  return rest
}
