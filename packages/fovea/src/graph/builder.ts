// Builds a graph node by node. Values are referred to by name, so what a call returns is a string.

import type { DataType } from './data-type.ts'
import type { Dim } from './dims.ts'
import { type Attribute, emptyGraph, type Graph, type Model, type Node, tensorType, type Value, type ValueType } from './model.ts'
import { Tensor } from './tensor.ts'

/** What an attribute may be written as. A number is an int or a float by the attribute's name, as ONNX declares it. */
export type AttributeInput = number | bigint | string | boolean | readonly number[] | readonly string[] | Tensor | Graph | Attribute

export type AttributeInputs = Readonly<Record<string, AttributeInput | undefined>>

/** Versions that new models are written with: what ONNX Runtime 1.20 and later execute fully. */
export const defaultOpset = 21
export const defaultIrVersion = 10

/** Attributes that the standard operators declare as float or floats; all other numbers are ints. */
const floatAttributes = new Set(
  'alpha beta gamma epsilon momentum bias lambd ratio spatial_scale cubic_coeff_a extrapolation_value value_float value_floats clip mean high low scale softcap scales threshold activation_params activation_alpha activation_beta'.split(
    ' ',
  ),
)

/** Turns plain TypeScript into a typed attribute. */
export function attribute(name: string, value: AttributeInput): Attribute {
  if (value instanceof Tensor) return { type: 'tensor', value }
  if (typeof value === 'boolean') return { type: 'int', value: value ? 1 : 0 }
  if (typeof value === 'bigint') return { type: 'int', value }
  if (typeof value === 'string') return { type: 'string', value }
  const float = floatAttributes.has(name)
  if (typeof value === 'number')
    return float || !Number.isInteger(value) ? { type: 'float', value: Math.fround(value) } : { type: 'int', value }
  if (isList(value)) {
    if (value.every((item) => typeof item === 'string')) return value.length > 0 || !float ? listOf(value) : { type: 'floats', value: [] }
    const numbers = value as readonly number[]
    return float ? { type: 'floats', value: numbers.map(Math.fround) } : { type: 'ints', value: numbers }
  }
  return 'nodes' in value ? { type: 'graph', value } : value
}

function isList(value: AttributeInput): value is readonly number[] | readonly string[] {
  return Array.isArray(value)
}

function listOf(value: readonly string[]): Attribute {
  return value.length > 0 ? { type: 'strings', value } : { type: 'ints', value: [] }
}

export interface BuilderOptions {
  /** Version of the standard operators. @default 21 */
  opset?: number
  name?: string
  /** Continues this graph instead of beginning a new one; it is changed in place. */
  graph?: Graph
}

/**
 * Builds a graph. `op` adds a node and returns the name of its first output.
 *
 * ```ts
 * const b = new GraphBuilder()
 * b.output(b.op('Relu', [b.op('Conv', [b.input('x', 'float32', ['N', 3, 8, 8]), b.weight('w', w)], { pads: [1, 1, 1, 1] })]))
 * const model = b.model()
 * ```
 */
export class GraphBuilder {
  readonly graph: Graph
  readonly opset: number
  readonly #names = new Set<string>()
  readonly #counters = new Map<string, number>()
  readonly #constants = new Map<string, string>()
  #scope = ''

  constructor(options: BuilderOptions = {}) {
    this.opset = options.opset ?? defaultOpset
    this.graph = options.graph ?? emptyGraph(options.name)
    for (const value of [...this.graph.inputs, ...this.graph.outputs]) this.#names.add(value.name)
    for (const name of this.graph.initializers.keys()) this.#names.add(name)
    for (const name of this.graph.values.keys()) this.#names.add(name)
    for (const node of this.graph.nodes) {
      this.#names.add(node.name)
      for (const name of node.outputs) this.#names.add(name)
    }
  }

  /** A name that is not taken: `hint`, else `hint_1`, `hint_2` … */
  fresh(hint: string): string {
    const wanted = this.#scope === '' ? hint : `${this.#scope}/${hint}`
    let name = wanted
    let count = this.#counters.get(wanted) ?? 0
    while (this.#names.has(name)) name = `${wanted}_${++count}`
    this.#counters.set(wanted, count)
    this.#names.add(name)
    return name
  }

  /** Within `build`, new names begin with `scope/`. */
  scope<T>(scope: string, build: () => T): T {
    const outer = this.#scope
    this.#scope = outer === '' ? scope : `${outer}/${scope}`
    try {
      return build()
    } finally {
      this.#scope = outer
    }
  }

  input(name: string, dtype: DataType, dims?: readonly Dim[]): string {
    this.#names.add(name)
    this.graph.inputs.push({ name, type: tensorType(dtype, dims) })
    return name
  }

  /** An initializer under exactly this name. */
  weight(name: string, tensor: Tensor): string {
    this.#names.add(name)
    this.graph.initializers.set(name, tensor)
    return name
  }

  /** A constant; equal small constants of one builder are one value. */
  constant(tensor: Tensor, hint = 'constant'): string {
    const small = tensor.size <= 16 && tensor.dtype !== 'string'
    const key = small ? `${tensor.dtype}[${tensor.dims}]${tensor.bytes}` : ''
    const known = small ? this.#constants.get(key) : undefined
    if (known !== undefined) return known
    // A shared constant belongs to no scope.
    const outer = this.#scope
    this.#scope = ''
    const name = this.weight(this.fresh(hint), tensor)
    this.#scope = outer
    if (small) this.#constants.set(key, name)
    return name
  }

  /** A scalar constant of a float type (float32 unless said otherwise). */
  scalar(value: number, dtype: 'float32' | 'float64' | 'int64' = 'float32'): string {
    return this.constant(Tensor.scalar(value, dtype), 'scalar')
  }

  /** A list of int64, as shapes, axes and repeats are passed. */
  ints(values: readonly number[]): string {
    return this.constant(Tensor.int64([values.length], values), 'ints')
  }

  /** Adds a node with one output and returns the output's name. An input of '' or undefined is left out. */
  op(op: string, inputs: readonly (string | undefined)[], attributes: AttributeInputs = {}, output?: string): string {
    return this.ops(op, inputs, [output], attributes)[0]!
  }

  /**
   * Adds a node with several outputs; `outputs` is their number, or their names (undefined: a fresh name; '': left out).
   * The operator may carry a domain: `com.microsoft::FusedMatMul`.
   */
  ops(
    op: string,
    inputs: readonly (string | undefined)[],
    outputs: number | readonly (string | undefined)[],
    attributes: AttributeInputs = {},
  ): string[] {
    const names = typeof outputs === 'number' ? new Array<undefined>(outputs).fill(undefined) : outputs
    const at = op.indexOf('::')
    const type = at < 0 ? op : op.slice(at + 2)
    const node: Node = {
      op: type,
      domain: at < 0 ? '' : op.slice(0, at),
      name: '',
      inputs: trimmed(inputs.map((input) => input ?? '')),
      outputs: names.map((name) => (name === undefined ? this.fresh(type) : this.#claim(name))),
      attributes: new Map(),
    }
    for (const [name, value] of Object.entries(attributes)) if (value !== undefined) node.attributes.set(name, attribute(name, value))
    node.name = node.outputs[0]!
    this.graph.nodes.push(node)
    return node.outputs
  }

  /** Declares an output of the graph, optionally under another name (through an Identity). */
  output(value: string, type?: ValueType, name?: string): string {
    const declared = name === undefined || name === value ? value : this.op('Identity', [value], {}, name)
    const entry: Value = type === undefined ? { name: declared } : { name: declared, type }
    this.graph.outputs.push(entry)
    return declared
  }

  /** The graph as a model that imports the domains it uses. */
  model(): Model {
    const opsets = new Map([['', this.opset]])
    for (const node of this.graph.nodes) if (node.domain !== '' && !opsets.has(node.domain)) opsets.set(node.domain, 1)
    return { irVersion: defaultIrVersion, opsets, graph: this.graph, functions: [], metadata: new Map() }
  }

  #claim(name: string): string {
    this.#names.add(name)
    return name
  }
}

/** Builds a model in one expression: what `build` returns becomes the outputs. */
export function buildModel(build: (b: GraphBuilder) => string | readonly string[], options: BuilderOptions = {}): Model {
  const b = new GraphBuilder(options)
  for (const output of [build(b)].flat()) b.output(output)
  return b.model()
}

function trimmed(inputs: string[]): string[] {
  let length = inputs.length
  while (length > 0 && inputs[length - 1] === '') length--
  return inputs.slice(0, length)
}
