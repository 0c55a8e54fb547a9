// Reads a node's attributes with defaults and coded errors.

import type { Attribute, Node } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import type { Attributes } from './operator.ts'

const textDecoder = new TextDecoder()

/** The implementation of `Attributes` that every context extends. */
export class NodeAttributes implements Attributes {
  readonly node: Node
  readonly opset: number

  constructor(node: Node, opset: number) {
    this.node = node
    this.opset = opset
  }

  has(name: string): boolean {
    return this.node.attributes.has(name)
  }

  int(name: string): number
  int<T>(name: string, fallback: T): number | T
  int<T>(...args: [string, T?]): number | T {
    return this.#read(args, 'int', (attribute) => (attribute.type === 'int' ? Number(attribute.value) : undefined))
  }

  float(name: string): number
  float<T>(name: string, fallback: T): number | T
  float<T>(...args: [string, T?]): number | T {
    return this.#read(args, 'float', (attribute) => (attribute.type === 'float' ? attribute.value : undefined))
  }

  string(name: string): string
  string<T>(name: string, fallback: T): string | T
  string<T>(...args: [string, T?]): string | T {
    return this.#read(args, 'string', (attribute) => (attribute.type === 'string' ? textOf(attribute.value) : undefined))
  }

  ints(name: string): number[]
  ints<T>(name: string, fallback: T): number[] | T
  ints<T>(...args: [string, T?]): number[] | T {
    return this.#read(args, 'ints', (attribute) => (attribute.type === 'ints' ? attribute.value.map(Number) : undefined))
  }

  floats(name: string): number[]
  floats<T>(name: string, fallback: T): number[] | T
  floats<T>(...args: [string, T?]): number[] | T {
    return this.#read(args, 'floats', (attribute) => (attribute.type === 'floats' ? [...attribute.value] : undefined))
  }

  tensor(name: string): Tensor | undefined {
    const attribute = this.node.attributes.get(name)
    return attribute?.type === 'tensor' ? attribute.value : undefined
  }

  fail(expected: string, found?: string): never {
    throw new FoveaError('OP_INVALID', {
      node: this.node.name || this.node.outputs[0] || this.node.op,
      field: this.node.op,
      expected,
      found,
    })
  }

  #read<V, T>(args: [string, T?], kind: string, convert: (attribute: Attribute) => V | undefined): V | T {
    const [name, fallback] = args
    const attribute = this.node.attributes.get(name)
    if (attribute === undefined) return args.length > 1 ? (fallback as T) : this.fail(`the attribute "${name}"`, 'none')
    const value = convert(attribute)
    return value === undefined ? this.fail(`the attribute "${name}" as ${kind}`, attribute.type) : value
  }
}

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : textDecoder.decode(value)
}
