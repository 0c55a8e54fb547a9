// Computes at build time what depends on constants and known shapes alone.

import { hasSubgraph, valuesAfter } from '../graph/analysis.ts'
import { copyModel } from '../graph/copy.ts'
import { isInteger } from '../graph/data-type.ts'
import { isStatic } from '../graph/dims.ts'
import { type Model, type Node, operatorKey } from '../graph/model.ts'
import { sizeOf, type Tensor } from '../graph/tensor.ts'
import { numbersOf, tensorOfNumbers } from '../graph/tensor-values.ts'
import { evaluateNode, ndarrayOf, opsetOf } from '../ops/evaluate.ts'
import type { NDArray } from '../ops/ndarray.ts'
import { findOperator } from '../ops/table.ts'
import { isFoveaError } from '../util/errors.ts'
import { eliminateDeadNodes } from './eliminate-dead-nodes.ts'
import { inferValues, type ShapeTable } from './infer-shapes.ts'
import type { PassResult } from './pass.ts'

export interface FoldOptions {
  /** Nodes with an input or output of more elements are left to the runtime: the reference evaluator is slow. @default 65536 */
  readonly sizeLimit?: number
  /** Operators whose nodes stay, by name. @default none */
  readonly except?: readonly string[]
}

/**
 * Replaces nodes by initializers where all inputs are constants, or where shape inference knows the result (the arithmetic on
 * shapes that exporters write). Results are rounded to the value's type after every node, as a runtime does.
 *
 * Left as they are: random operators, operators that the table does not know or whose reference refuses, nodes with
 * subgraphs, nodes that produce an output of the graph, values that a caller may override (initializers that are
 * inputs), and integers beyond 2^53, which the reference does not hold exactly. A file of IR version 3, where all weights have
 * to be inputs, becomes one of version 4, where they are not.
 */
export function foldConstants(model: Model, { sizeLimit = 65_536, except = [] }: FoldOptions = {}): PassResult {
  const result = copyModel(model)
  const { graph } = result
  const shapes = inferValues(model)
  const outputs = new Set(graph.outputs.map((output) => output.name))
  const overridable = overridableWeights(model)
  // Shape inference takes these for what they are by default, and as float64.
  const doubtful = valuesAfter(graph, [...overridable, ...inexactConstants(model)])
  const constantOf = (name: string) => (overridable.has(name) ? undefined : graph.initializers.get(name))

  graph.nodes = graph.nodes.filter((node) => {
    if (node.outputs.some((name) => outputs.has(name)) || except.includes(operatorKey(node))) return true
    const tensors =
      storedConstant(node) ??
      (node.outputs.some((name) => doubtful.has(name)) ? undefined : known(node, shapes)) ??
      (isSmall(node, shapes, sizeLimit) ? evaluated(node, opsetOf(model, node), constantOf, sizeLimit) : undefined)
    if (tensors === undefined) return true
    node.outputs.forEach((name, i) => {
      if (name !== '') graph.initializers.set(name, tensors[i]!)
      graph.values.delete(name)
    })
    return false
  })
  if (graph.nodes.length === model.graph.nodes.length) return { model, modified: false }
  if (model.irVersion < 4) {
    result.irVersion = 4
    graph.inputs = graph.inputs.filter(({ name }) => !model.graph.initializers.has(name))
  }
  return { model: eliminateDeadNodes(result).model, modified: true }
}

/** Initializers that are inputs too. Before version 4 of the format all of them had to be, so it says nothing there. */
function overridableWeights({ irVersion, graph }: Model): Set<string> {
  return new Set(irVersion < 4 ? [] : graph.inputs.map(({ name }) => name).filter((name) => graph.initializers.has(name)))
}

/** Integer constants that float64 does not hold exactly. */
function inexactConstants({ graph }: Model): string[] {
  const stored = graph.nodes.flatMap((node) => (storedConstant(node) ?? []).map((tensor) => [node.outputs[0]!, tensor] as const))
  return [...graph.initializers, ...stored].filter(([, tensor]) => !isExactTensor(tensor)).map(([name]) => name)
}

function isExactTensor(tensor: Tensor): boolean {
  if (tensor.dtype !== 'int64' && tensor.dtype !== 'uint64') return true
  return numbersOf(tensor).every((value) => isExactOrUnbounded(tensor, value))
}

/** A Constant's tensor as it is stored, of whatever type and size. */
function storedConstant(node: Node): Tensor[] | undefined {
  const value = node.op === 'Constant' && findOperator(node) !== undefined ? node.attributes.get('value') : undefined
  return value?.type === 'tensor' ? [value.value] : undefined
}

/** What shape inference knows of integer results, though the inputs are not constant. */
function known(node: Node, shapes: ShapeTable): Tensor[] | undefined {
  if (findOperator(node)?.random) return undefined
  const tensors = node.outputs.map((name) => {
    const type = shapes.type(name)
    const contents = type === undefined || !isInteger(type.dtype) ? undefined : shapes.get(name)?.contents
    return type !== undefined && isStatic(type.dims) && isStatic(contents) && contents.every(isExact)
      ? tensorOfNumbers(type.dtype, type.dims, contents)
      : undefined
  })
  return tensors.includes(undefined) ? undefined : (tensors as Tensor[])
}

/** A result that is known to be large is not computed in the first place. */
function isSmall(node: Node, shapes: ShapeTable, sizeLimit: number): boolean {
  return node.outputs.every((name) => {
    const dims = shapes.dims(name)
    return !isStatic(dims) || sizeOf(dims) <= sizeLimit
  })
}

function evaluated(node: Node, opset: number, constantOf: (name: string) => Tensor | undefined, sizeLimit: number): Tensor[] | undefined {
  const operator = findOperator(node)
  if (operator === undefined || operator.random || hasSubgraph(node)) return undefined
  const inputs: (NDArray | undefined)[] = []
  for (const name of node.inputs) {
    const tensor = name === '' ? undefined : constantOf(name)
    if (name !== '' && (tensor === undefined || !isReadable(tensor) || tensor.size > sizeLimit)) return undefined
    inputs.push(tensor && ndarrayOf(tensor))
  }
  if (!inputs.every((input) => input === undefined || input.data.every((value) => isExactOrUnbounded(input, value)))) return undefined
  const results = attempt(() => evaluateNode(node, inputs, opset))
  const usable =
    results?.length === node.outputs.length &&
    results.every(({ dtype, dims, data }) => sizeOf(dims) <= sizeLimit && (!isInteger(dtype) || data.every(isExact)))
  return usable ? results.map(({ dtype, dims, data }) => tensorOfNumbers(dtype, dims, data)) : undefined
}

/** A reference that refuses (text, random numbers) leaves the node to the runtime; so does a node that is wrong or huge. */
function attempt<T>(evaluate: () => T): T | undefined {
  try {
    return evaluate()
  } catch (error) {
    if (isFoveaError(error) || error instanceof RangeError) return undefined
    throw error
  }
}

function isReadable({ dtype }: Tensor): boolean {
  return dtype !== 'string' && !dtype.startsWith('complex')
}

function isExact(value: number): boolean {
  return Number.isSafeInteger(value)
}

/** The ends of int64 stand for "without bound" in slices, where their last digits do not matter. */
function isExactOrUnbounded({ dtype }: Pick<Tensor, 'dtype'>, value: number): boolean {
  return !isInteger(dtype) || isExact(value) || Math.abs(value) === 2 ** 63
}
