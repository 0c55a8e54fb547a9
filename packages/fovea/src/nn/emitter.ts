// Arithmetic on values of a graph, for formulas that are long: what a line of NumPy says in a line.

import type { GraphBuilder } from '../graph/builder.ts'
import { dataTypes } from '../graph/data-type.ts'

export type FloatType = 'float32' | 'float64'

/** Numbers become constants of the element type. */
export class Emitter {
  readonly b: GraphBuilder
  readonly dtype: FloatType

  constructor(b: GraphBuilder, dtype: FloatType = 'float32') {
    this.b = b
    this.dtype = dtype
  }

  add(...terms: readonly (string | number)[]): string {
    return this.#fold('Add', terms)
  }

  mul(...factors: readonly (string | number)[]): string {
    return this.#fold('Mul', factors)
  }

  sub(a: string | number, b: string | number): string {
    return this.#fold('Sub', [a, b])
  }

  div(a: string | number, b: string | number): string {
    return this.#fold('Div', [a, b])
  }

  min(...values: readonly (string | number)[]): string {
    return this.#fold('Min', values)
  }

  max(...values: readonly (string | number)[]): string {
    return this.#fold('Max', values)
  }

  /** A function of one value, such as `Exp`. */
  call(op: string, x: string): string {
    return this.b.op(op, [x])
  }

  square(x: string): string {
    return this.b.op('Mul', [x, x])
  }

  /** 1 where true, 0 where false. */
  float(condition: string): string {
    return this.b.op('Cast', [condition], { to: dataTypes[this.dtype].code })
  }

  greater(a: string | number, b: string | number): string {
    return this.#fold('Greater', [a, b])
  }

  sum(x: string, axes: readonly number[], keepdims = true): string {
    return this.b.op('ReduceSum', [x, this.b.ints(axes)], { keepdims: keepdims ? 1 : 0 })
  }

  highest(x: string, axes: readonly number[]): string {
    return this.b.op('ReduceMax', [x, this.b.ints(axes)], { keepdims: 1 })
  }

  /** All elements together, as a scalar. */
  total(x: string): string {
    return this.b.op('ReduceSum', [x], { keepdims: 0 })
  }

  reshape(x: string, dims: readonly number[]): string {
    return this.b.op('Reshape', [x, this.b.ints(dims)])
  }

  #fold(op: string, values: readonly (string | number)[]): string {
    const named = values.map((value) => (typeof value === 'number' ? this.b.scalar(value, this.dtype) : value))
    return named.reduce((left, right) => this.b.op(op, [left, right]))
  }
}
