// Runs graphs by the operators' reference meaning, on float64. For correctness, never for speed.

import type { Graph, Model, Node } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { numbersOf } from '../graph/tensor-values.ts'
import { FoveaError } from '../util/errors.ts'
import { NodeAttributes } from './attributes.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { EvaluateContext } from './operator.ts'
import { operatorOf } from './table.ts'

class Evaluation extends NodeAttributes implements EvaluateContext {
  readonly inputs: readonly (NDArray | undefined)[]
  readonly outputCount: number

  constructor(node: Node, opset: number, inputs: readonly (NDArray | undefined)[]) {
    super(node, opset)
    this.inputs = inputs
    this.outputCount = node.outputs.length
  }

  input(index: number): NDArray {
    return this.inputs[index] ?? this.fail(`input ${index}`, 'none')
  }
}

/** A tensor's values as float64. */
export function ndarrayOf(tensor: Tensor): NDArray {
  return ndarray(tensor.dtype, tensor.dims, numbersOf(tensor))
}

/** Evaluates one node. @throws FoveaError OP_UNKNOWN, OP_INVALID */
export function evaluateNode(node: Node, inputs: readonly (NDArray | undefined)[], opset: number): NDArray[] {
  return operatorOf(node).evaluate(new Evaluation(node, opset, inputs))
}

/** Version of a node's operator domain. */
export function opsetOf(model: Pick<Model, 'opsets'>, node: Pick<Node, 'domain'>): number {
  return model.opsets.get(node.domain === 'ai.onnx' ? '' : node.domain) ?? model.opsets.get('ai.onnx') ?? 1
}

/**
 * Evaluates a model on the reference.
 *
 * @param feeds values of the graph's inputs by name; an initializer may be overridden
 * @returns values of the graph's outputs by name, or of the `wanted` values
 * @throws FoveaError GRAPH_DANGLING_NAME where a value is missing, OP_UNKNOWN, OP_INVALID
 */
export function evaluateModel(model: Model, feeds: ReadonlyMap<string, NDArray>, wanted?: readonly string[]): Map<string, NDArray> {
  const { graph } = model
  const values = new Map<string, NDArray>()
  for (const [name, tensor] of graph.initializers) if (tensor.dtype !== 'string') values.set(name, ndarrayOf(tensor))
  for (const [name, value] of feeds) values.set(name, value)
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : lookUp(values, name, node)))
    const outputs = evaluateNode(node, inputs, opsetOf(model, node))
    node.outputs.forEach((name, i) => {
      if (name !== '' && outputs[i] !== undefined) values.set(name, outputs[i])
    })
  }
  return new Map((wanted ?? outputNames(graph)).map((name) => [name, lookUp(values, name)]))
}

function outputNames(graph: Graph): string[] {
  return graph.outputs.map((output) => output.name)
}

function lookUp(values: ReadonlyMap<string, NDArray>, name: string, node?: Node): NDArray {
  const value = values.get(name)
  if (value === undefined) throw new FoveaError('GRAPH_DANGLING_NAME', { node: node?.name, found: name })
  return value
}
