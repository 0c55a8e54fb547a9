// Reads the leaves of printed models: names, texts, numbers, types and tensors of one logical line.

import { FoveaError } from '../util/errors.ts'
import { byteLength, type DataType, dataTypes, isInteger } from './data-type.ts'
import type { Dim } from './dims.ts'
import type { SparseTensor, ValueType } from './model.ts'
import { sizeOf, Tensor } from './tensor.ts'
import { numbersOf, tensorOfNumbers } from './tensor-values.ts'

/** Gives the tensor that a hash stands for; undefined where it is not known. */
export type FindTensor = (hash: string, dtype: DataType, dims: readonly number[]) => Tensor | undefined

const namePattern = /(?:[\w./$%+]|(?<=[\w./$%+-])(?:-(?!>)|:{1,2}(?=[\w./$%+])))+/y
const textPattern = /"(?:[^"\\]|\\.)*"/y
const hexPattern = /hex"((?:[0-9a-f]{2})*)"/y
const numberPattern = /-?(?:inf\b|nan\b|\d+(?:\.\d+)?(?:e[+-]?\d+)?)/y
const hashPattern = /#([0-9a-f]{16})/y

export class Scanner {
  readonly text: string
  /** Number of the line in the whole text, for errors. */
  readonly line: number
  readonly #find: FindTensor
  #at = 0

  constructor(text: string, line: number, find: FindTensor) {
    this.text = text
    this.line = line
    this.#find = find
  }

  /** What has not been read yet. */
  get rest(): string {
    return this.text.slice(this.#at)
  }

  fail(expected: string): never {
    const rest = this.rest.slice(0, 40)
    throw new FoveaError('GRAPH_TEXT_SYNTAX', { expected, found: rest === '' ? 'the end of the line' : rest, field: `line ${this.line}` })
  }

  skipSpace(): void {
    while (/\s/.test(this.text[this.#at] ?? '')) this.#at++
  }

  atEnd(): boolean {
    this.skipSpace()
    return this.#at >= this.text.length
  }

  end(): void {
    if (!this.atEnd()) this.fail('the end of the line')
  }

  /** True when `symbol` stands next. */
  sees(symbol: string): boolean {
    this.skipSpace()
    return this.text.startsWith(symbol, this.#at)
  }

  /** Takes `symbol` if it stands next. */
  takes(symbol: string): boolean {
    if (!this.sees(symbol)) return false
    this.#at += symbol.length
    return true
  }

  take(symbol: string): void {
    if (!this.takes(symbol)) this.fail(`"${symbol}"`)
  }

  /** Takes `word` if it stands next and what follows is none of `:`, `=`, `[` and `,`, which would make it a name. */
  takesKeyword(word: string): boolean {
    const start = this.#at
    if (this.#match(namePattern) === word && !/^\s*[:=[,]/.test(this.rest)) return true
    this.#at = start
    return false
  }

  takesWord(word: string): boolean {
    const start = this.#at
    if (this.#match(namePattern) === word) return true
    this.#at = start
    return false
  }

  name(): string {
    return this.sees('"') ? this.string() : (this.#match(namePattern) ?? this.fail('a name'))
  }

  /** Domain and type of an operator: `Conv`, `com.microsoft::FusedMatMul`, `"a b"::"c"`. */
  operator(): { domain: string; op: string } {
    if (this.sees('"')) {
      const first = this.string()
      return this.takes('::') ? { domain: first, op: this.string() } : { domain: '', op: first }
    }
    const name = this.name()
    const at = name.lastIndexOf('::')
    return at < 0 ? { domain: '', op: name } : { domain: name.slice(0, at), op: name.slice(at + 2) }
  }

  /** A value's name, '' for `_`. */
  argument(): string {
    if (this.sees('"')) return this.string()
    const name = this.name()
    return name === '_' ? '' : name
  }

  string(): string {
    const text = this.#match(textPattern)
    if (text === undefined) return this.fail('a text in quotes')
    try {
      return JSON.parse(text) as string
    } catch {
      return this.fail('a text in quotes as JSON has it')
    }
  }

  /** `"text"` or `hex"…"`. */
  stringOrBytes(): string | Uint8Array {
    return this.hex() ?? this.string()
  }

  hex(): Uint8Array | undefined {
    const text = this.#match(hexPattern)
    return text === undefined ? undefined : Uint8Array.from(text.slice(4, -1).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
  }

  /** The text of a number; it is a float when it has a point, an exponent, or is no number at all. */
  number(): string {
    return this.#match(numberPattern) ?? this.fail('a number')
  }

  integer(): number {
    const value = Number(this.number())
    return Number.isSafeInteger(value) ? value : this.fail('a whole number')
  }

  /** Items separated by commas up to `close`, which is taken too. */
  list<T>(close: string, item: () => T): T[] {
    const items: T[] = []
    while (!this.takes(close)) {
      if (items.length > 0) this.take(',')
      items.push(item())
    }
    return items
  }

  /** A type as the printer writes it, `?` being undefined. */
  type(): ValueType | undefined {
    if (this.takes('?')) return undefined
    const type = this.#shapeOfType()
    return this.takesWord('as') ? { ...type, denotation: this.string() } : type
  }

  #shapeOfType(): ValueType {
    for (const kind of ['sequence', 'optional'] as const)
      if (this.takes(`${kind}(`)) {
        const element = this.type()
        this.take(')')
        return { kind, element }
      }
    if (this.takes('map(')) {
      const key = this.#dataType()
      this.take(',')
      const value = this.type()
      this.take(')')
      return { kind: 'map', key, value }
    }
    if (this.takes('opaque(')) {
      const domain = this.string()
      this.take(',')
      const name = this.string()
      this.take(')')
      return { kind: 'opaque', domain, name }
    }
    const kind = this.takesWord('sparse') ? 'sparse' : 'tensor'
    const dtype = this.#dataType()
    this.take('[')
    if (this.takes('...')) {
      this.take(']')
      return { kind, dtype }
    }
    return { kind, dtype, dims: this.list(']', () => this.#dim()) }
  }

  /** `float32[2] {1, 2}` */
  tensor(): Tensor {
    return this.elements(this.type())
  }

  /** `sparse [3] float32[1] {5} at int64[1] {2}`, or undefined where something else stands. */
  sparse(): SparseTensor | undefined {
    if (!this.takes('sparse [')) return undefined
    const dims = this.list(']', () => this.integer())
    const values = this.tensor()
    if (!this.takesWord('at')) this.fail('"at"')
    return { dims, values, indices: this.tensor() }
  }

  /** The elements of a tensor of this type: `{1, 2}`, `hex"…"` or a hash. */
  elements(type: ValueType | undefined): Tensor {
    if (type?.kind !== 'tensor' || !isStatic(type.dims)) return this.fail('elements of a tensor with a known shape')
    const { dtype, dims } = type
    const hash = this.#match(hashPattern)?.slice(1)
    if (hash !== undefined)
      return this.#find(hash, dtype, dims) ?? this.fail(`a tensor with the hash ${hash}, which is left out of this text`)
    const bytes = this.hex()
    if (bytes !== undefined)
      return bytes.length === byteLength(dtype, sizeOf(dims)) ? new Tensor(dtype, dims, bytes) : this.fail('other bytes')
    this.take('{')
    return this.#listed(dtype, dims)
  }

  #listed(dtype: DataType, dims: readonly number[]): Tensor {
    if (dtype === 'string')
      return this.#counted(
        dims,
        1,
        this.list('}', () => this.string()),
        (texts) => new Tensor(dtype, dims, texts),
      )
    if (dtype === 'bool') {
      const items = this.list('}', () => (this.takesWord('true') ? 1 : this.takesWord('false') ? 0 : this.fail('true or false')))
      return this.#counted(dims, 1, items, (values) => tensorOfNumbers(dtype, dims, values))
    }
    if (dtype === 'int64' || dtype === 'uint64') {
      const items = this.list('}', () => this.#bigint(dtype))
      const View = dtype === 'int64' ? BigInt64Array : BigUint64Array
      return this.#counted(dims, 1, items, (values) => Tensor.of(dtype, dims, View.from(values)))
    }
    if (dtype === 'complex64' || dtype === 'complex128') {
      const items = this.list('}', () => [this.number(), this.number()].map(realOf)).flat()
      const View = dtype === 'complex64' ? Float32Array : Float64Array
      return this.#counted(dims, 2, items, (values) => Tensor.of(dtype, dims, View.from(values)))
    }
    const items = this.list('}', () => realOf(this.number()))
    return this.#counted(dims, 1, items, (values) => {
      const tensor = tensorOfNumbers(dtype, dims, values, { saturate: false })
      if (isInteger(dtype) && numbersOf(tensor).some((value, i) => value !== values[i])) this.fail(`elements that ${dtype} can hold`)
      return tensor
    })
  }

  #counted<T>(dims: readonly number[], perElement: number, items: T[], make: (items: T[]) => Tensor): Tensor {
    return items.length === sizeOf(dims) * perElement ? make(items) : this.fail(`${sizeOf(dims)} elements`)
  }

  #bigint(dtype: 'int64' | 'uint64'): bigint {
    const text = this.number()
    if (!/^-?\d+$/.test(text)) return this.fail('a whole number')
    const value = BigInt(text)
    const fits = (dtype === 'int64' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)) === value
    return fits ? value : this.fail(`an element that ${dtype} can hold`)
  }

  #dataType(): DataType {
    const name = this.name()
    return name in dataTypes ? (name as DataType) : this.fail(`a data type before this, not ${name}`)
  }

  #dim(): Dim {
    if (this.takes('?')) return null
    if (this.sees('"')) return this.string()
    this.skipSpace()
    let depth = 0
    let end = this.#at
    for (; end < this.text.length; end++) {
      const character = this.text[end]!
      if (depth === 0 && (character === ',' || character === ']')) break
      if (character === '(') depth++
      if (character === ')') depth--
    }
    const text = this.text.slice(this.#at, end).trim()
    if (text === '') return this.fail('a dimension')
    this.#at = end
    return /^\d+$/.test(text) ? Number(text) : text
  }

  #match(pattern: RegExp): string | undefined {
    this.skipSpace()
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }
}

/** The number of a text that `Scanner.number` gave. */
export function realOf(text: string): number {
  if (text === 'nan') return Number.NaN
  if (text.endsWith('inf')) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(text)
}

/** True for the text of a float attribute, false for that of an int. */
export function isReal(text: string): boolean {
  return !/^-?\d+$/.test(text)
}

function isStatic(dims: readonly Dim[] | undefined): dims is readonly number[] {
  return dims?.every((dim) => typeof dim === 'number') ?? false
}
