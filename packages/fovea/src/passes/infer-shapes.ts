// Shape inference: the type of every value, with symbolic dimensions, and the contents of small integer tensors.

import { hasSubgraph } from '../graph/analysis.ts'
import { copyModel } from '../graph/copy.ts'
import type { DataType } from '../graph/data-type.ts'
import { type Dim, formatDims, isStatic, substituteDim } from '../graph/dims.ts'
import type { Graph, Model, Node, TensorType, ValueType } from '../graph/model.ts'
import { tensorType } from '../graph/model.ts'
import { sizeOf, type Tensor } from '../graph/tensor.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import { evaluateNode, ndarrayOf, opsetOf } from '../ops/evaluate.ts'
import type { NDArray } from '../ops/ndarray.ts'
import type { InferContext, InferredValue } from '../ops/operator.ts'
import { findOperator } from '../ops/table.ts'
import type { PassResult } from './pass.ts'

export interface InferOptions {
  /** Numbers (or other symbols) for symbolic dimensions of the inputs, e.g. `{ N: 32 }`. */
  readonly bindings?: Readonly<Record<string, Dim>>
}

/** Results of evaluating constants during inference are kept up to this many elements: shapes and axes, not weights. */
const constantLimit = 4096

/** What inference found: for every value its type and, where known, its contents. */
export class ShapeTable {
  readonly #values = new Map<string, InferredValue>()
  readonly #constants = new Map<string, NDArray>()
  readonly #tensors: ReadonlyMap<string, Tensor>
  readonly #outer: ShapeTable | undefined

  /** A table over a graph's initializers; that of a subgraph also sees the table around it. */
  constructor(initializers: ReadonlyMap<string, Tensor>, outer?: ShapeTable) {
    this.#tensors = initializers
    this.#outer = outer
    for (const [name, tensor] of initializers) this.set(name, { type: tensorType(tensor.dtype, tensor.dims) })
  }

  set(name: string, value: InferredValue): void {
    this.#values.set(name, value)
  }

  setConstant(name: string, value: NDArray): void {
    this.#constants.set(name, value)
  }

  get(name: string): InferredValue | undefined {
    const known = this.#values.get(name)
    if (known !== undefined) return known
    // An initializer that was added after the table was made, or a value from around a subgraph.
    const tensor = this.#tensors.get(name)
    return tensor === undefined ? this.#outer?.get(name) : { type: tensorType(tensor.dtype, tensor.dims) }
  }

  names(): IterableIterator<string> {
    return this.#values.keys()
  }

  type(name: string): TensorType | undefined {
    const type = this.get(name)?.type
    return type?.kind === 'tensor' ? type : undefined
  }

  dims(name: string): readonly Dim[] | undefined {
    return this.type(name)?.dims
  }

  /** The value where it is an initializer or was computed from constants. */
  constant(name: string): NDArray | undefined {
    const known = this.#constants.get(name)
    if (known !== undefined) return known
    const tensor = this.#tensors.get(name)
    if (tensor === undefined) return this.#values.has(name) ? undefined : this.#outer?.constant(name)
    if (tensor.dtype === 'string' || tensor.dtype.startsWith('complex')) return undefined
    const value = ndarrayOf(tensor)
    this.#constants.set(name, value)
    return value
  }

  contents(name: string): readonly Dim[] | undefined {
    const { type, contents } = this.get(name) ?? {}
    if (contents !== undefined) return contents
    if (type?.kind !== 'tensor' || !isStatic(type.dims) || sizeOf(type.dims) > constantLimit) return undefined
    const constant = this.constant(name)
    return constant === undefined || constant.dtype.startsWith('float') ? undefined : [...constant.data]
  }
}

/**
 * Infers the type of every value of the model's graph.
 *
 * @throws FoveaError OP_INVALID naming the node whose inputs do not fit
 */
export function inferValues(model: Model, options: InferOptions = {}): ShapeTable {
  const { graph } = model
  const table = new ShapeTable(graph.initializers)
  const bindings = new Map(Object.entries(options.bindings ?? {}))
  for (const { name, type } of graph.inputs)
    if (type !== undefined && !graph.initializers.has(name)) table.set(name, { type: substitute(type, bindings) })
  inferNodes(model, graph, graph.nodes, table, bindings)
  return table
}

/** Infers the outputs of further nodes, given a table that holds their inputs: what autodiff and lowerings add. */
export function inferNodes(
  model: Model,
  graph: Graph,
  nodes: readonly Node[],
  table: ShapeTable,
  bindings: ReadonlyMap<string, Dim> = new Map(),
): void {
  const declared = new Map([...graph.values.values(), ...graph.outputs].map((value) => [value.name, value.type]))
  for (const node of nodes) {
    const results = inferNode(model, node, table, bindings)
    node.outputs.forEach((name, i) => {
      if (name === '') return
      const stated = declared.get(name)
      const result = merge(results[i], stated === undefined ? undefined : substitute(stated, bindings))
      if (result !== undefined) table.set(name, result)
    })
  }
}

/** Writes the inferred types into the graph's values and outputs. */
export function inferShapes(model: Model, options: InferOptions = {}): PassResult {
  const table = inferValues(model, options)
  const result = copyModel(model)
  const { graph } = result
  const outputs = new Set(graph.outputs.map((output) => output.name))
  for (const value of [...graph.inputs, ...graph.outputs]) value.type = table.get(value.name)?.type ?? value.type
  for (const node of graph.nodes)
    for (const name of node.outputs) {
      const type = table.get(name)?.type
      if (name !== '' && type !== undefined && !outputs.has(name)) graph.values.set(name, { ...graph.values.get(name), name, type })
    }
  return { model: result, modified: true }
}

function inferNode(model: Model, node: Node, table: ShapeTable, bindings: ReadonlyMap<string, Dim>): readonly InferredValue[] {
  const operator = findOperator(node)
  if (operator === undefined) return []
  const opset = opsetOf(model, node)
  const known = node.inputs.filter((name) => name !== '')
  // Without the types of its inputs a rule could only throw; what the file declares is then all there is.
  if (known.some((name) => table.get(name) === undefined)) return []
  const inference = new Inference(node, opset, table, model, bindings)
  const results = operator.infer(inference)
  for (const { type } of results)
    if (type.kind === 'tensor' && type.dims?.some(isImpossible)) inference.fail('dimensions of 0 and more', formatDims(type.dims))
  if (results.some(({ contents }) => contents === undefined)) foldConstant(node, opset, table, results)
  return results
}

function isImpossible(dim: Dim): boolean {
  return typeof dim === 'number' && !(Number.isSafeInteger(dim) && dim >= 0)
}

/** Where all inputs are constants and the result is small, the result is a constant too. */
function foldConstant(node: Node, opset: number, table: ShapeTable, results: readonly InferredValue[]): void {
  if (node.inputs.length === 0 && node.op !== 'Constant') return
  // A loop may run for ever.
  if (hasSubgraph(node)) return
  if (!results.every(({ type }) => smallAndStatic(type))) return
  const inputs: (NDArray | undefined)[] = []
  for (const name of node.inputs) {
    const constant = name === '' ? undefined : constantOf(table, name)
    if (name !== '' && constant === undefined) return
    inputs.push(constant)
  }
  try {
    evaluateNode(node, inputs, opset).forEach((value, i) => {
      if (node.outputs[i]) table.setConstant(node.outputs[i], value)
    })
  } catch {
    // An operator whose reference refuses (random numbers, strings) is simply not a constant.
  }
}

/** A constant, also where only its contents are known and all of them are numbers. */
export function constantOf(table: ShapeTable, name: string): NDArray | undefined {
  const type = table.type(name)
  if (type === undefined || !isStatic(type.dims) || sizeOf(type.dims) > constantLimit) return undefined
  const constant = table.constant(name)
  if (constant !== undefined) return constant
  const contents = table.get(name)?.contents
  return contents !== undefined && isStatic(contents)
    ? { dtype: type.dtype, dims: type.dims, data: Float64Array.from(contents) }
    : undefined
}

function smallAndStatic(type: ValueType): boolean {
  return type.kind === 'tensor' && isStatic(type.dims) && sizeOf(type.dims) <= constantLimit && type.dtype !== 'string'
}

class Inference extends NodeAttributes implements InferContext {
  readonly inputCount: number
  readonly outputCount: number
  readonly #table: ShapeTable
  readonly #model: Model
  readonly #bindings: ReadonlyMap<string, Dim>

  constructor(node: Node, opset: number, table: ShapeTable, model: Model, bindings: ReadonlyMap<string, Dim>) {
    super(node, opset)
    this.#table = table
    this.#model = model
    this.#bindings = bindings
    this.inputCount = node.inputs.length
    this.outputCount = node.outputs.length
  }

  hasInput(index: number): boolean {
    return (this.node.inputs[index] ?? '') !== ''
  }

  anyType(index: number): ValueType | undefined {
    return this.#table.get(this.node.inputs[index] ?? '')?.type
  }

  type(index: number): TensorType {
    if (!this.hasInput(index)) this.fail(`input ${index}`, 'none')
    const type = this.anyType(index)
    return type?.kind === 'tensor' ? type : this.fail(`a tensor as input ${index}`, type?.kind ?? 'nothing known')
  }

  dtype(index: number): DataType {
    return this.type(index).dtype
  }

  dims(index: number): readonly Dim[] | undefined {
    return this.type(index).dims
  }

  contents(index: number): readonly Dim[] | undefined {
    return this.hasInput(index) ? this.#table.contents(this.node.inputs[index]!) : undefined
  }

  constant(index: number): NDArray | undefined {
    return this.hasInput(index) ? this.#table.constant(this.node.inputs[index]!) : undefined
  }

  inferGraph(graph: Graph, inputs: readonly (InferredValue | undefined)[]): (InferredValue | undefined)[] {
    const table = new ShapeTable(graph.initializers, this.#table)
    graph.inputs.forEach(({ name, type }, i) => {
      const known = merge(inputs[i], type === undefined ? undefined : substitute(type, this.#bindings))
      if (known !== undefined) table.set(name, known)
    })
    inferNodes(this.#model, graph, graph.nodes, table, this.#bindings)
    return graph.outputs.map(({ name }) => table.get(name))
  }
}

/** Inferred wins; what the file declares fills what inference could not know. */
function merge(inferred: InferredValue | undefined, declared: ValueType | undefined): InferredValue | undefined {
  if (inferred === undefined) return declared === undefined ? undefined : { type: declared }
  const { type } = inferred
  if (declared?.kind !== 'tensor' || type.kind !== 'tensor' || declared.dims === undefined) return inferred
  if (type.dims === undefined) return { ...inferred, type: { ...type, dims: declared.dims } }
  if (type.dims.length !== declared.dims.length) return inferred
  const dims = type.dims.map((dim, i) => dim ?? declared.dims![i]!)
  return { ...inferred, type: { ...type, dims } }
}

function substitute(type: ValueType, bindings: ReadonlyMap<string, Dim>): ValueType {
  if (bindings.size === 0 || type.kind !== 'tensor' || type.dims === undefined) return type
  return { ...type, dims: type.dims.map((dim) => substituteDim(dim, bindings)) }
}
