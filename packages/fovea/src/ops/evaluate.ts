// Runs graphs by the operators' reference meaning, on float64. For correctness, never for speed.

import type { Graph, Model, Node } from '../graph/model.ts'
import type { Tensor } from '../graph/tensor.ts'
import { numbersOf } from '../graph/tensor-values.ts'
import { FoveaError } from '../util/errors.ts'
import { NodeAttributes } from './attributes.ts'
import { type NDArray, ndarray } from './ndarray.ts'
import type { EvaluateContext } from './operator.ts'
import { operatorOf } from './table.ts'

/** What the nodes of a graph see of what lies around it. */
interface Scope {
  readonly opsets: Model['opsets']
  lookUp(name: string): NDArray | undefined
}

class Evaluation extends NodeAttributes implements EvaluateContext {
  readonly inputs: readonly (NDArray | undefined)[]
  readonly outputCount: number
  readonly #scope: Scope

  constructor(node: Node, opset: number, inputs: readonly (NDArray | undefined)[], scope: Scope) {
    super(node, opset)
    this.inputs = inputs
    this.outputCount = node.outputs.length
    this.#scope = scope
  }

  input(index: number): NDArray {
    return this.inputs[index] ?? this.fail(`input ${index}`, 'none')
  }

  evaluateGraph(graph: Graph, inputs: readonly NDArray[]): NDArray[] {
    const feeds = new Map(
      inputs.map((value, i) => [graph.inputs[i]?.name ?? this.fail(`${inputs.length} inputs of "${graph.name}"`), value]),
    )
    const inner = evaluateNodes(graph, feeds, this.#scope)
    return graph.outputs.map(({ name }) => inner.lookUp(name) ?? dangling(name))
  }
}

/** A tensor's values as float64. */
export function ndarrayOf(tensor: Tensor): NDArray {
  return ndarray(tensor.dtype, tensor.dims, numbersOf(tensor))
}

/** Evaluates one node; its subgraphs see nothing of what lies around it. @throws FoveaError OP_UNKNOWN, OP_INVALID */
export function evaluateNode(node: Node, inputs: readonly (NDArray | undefined)[], opset: number): NDArray[] {
  return evaluateIn({ opsets: new Map([['', opset]]), lookUp: () => undefined }, node, inputs, opset)
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
  const values = evaluateNodes(model.graph, feeds, { opsets: model.opsets, lookUp: () => undefined })
  const names = wanted ?? model.graph.outputs.map((output) => output.name)
  return new Map(names.map((name) => [name, values.lookUp(name) ?? dangling(name)]))
}

/** Evaluates all nodes of a graph and returns the scope within it. */
function evaluateNodes(graph: Graph, feeds: ReadonlyMap<string, NDArray>, outer: Scope): Scope {
  const values = new Map<string, NDArray>()
  const scope: Scope = { opsets: outer.opsets, lookUp: (name) => values.get(name) ?? outer.lookUp(name) }
  for (const [name, tensor] of graph.initializers) if (tensor.dtype !== 'string') values.set(name, ndarrayOf(tensor))
  for (const [name, value] of feeds) values.set(name, value)
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : (scope.lookUp(name) ?? dangling(name, node))))
    const outputs = evaluateIn(scope, node, inputs, opsetOf(scope, node))
    node.outputs.forEach((name, i) => {
      if (name !== '' && outputs[i] !== undefined) values.set(name, outputs[i])
    })
  }
  return scope
}

function evaluateIn(scope: Scope, node: Node, inputs: readonly (NDArray | undefined)[], opset: number): NDArray[] {
  return operatorOf(node).evaluate(new Evaluation(node, opset, inputs, scope))
}

function dangling(name: string, node?: Node): never {
  throw new FoveaError('GRAPH_DANGLING_NAME', { node: node?.name, found: name })
}
