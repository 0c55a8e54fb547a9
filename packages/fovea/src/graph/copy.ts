// Copies of models for passes to change. Weights are shared, never copied.

import type { Graph, Model, Node } from './model.ts'

/** A copy whose nodes, lists and maps may be changed freely; tensors and attributes are shared with the original. */
export function copyModel(model: Model): Model {
  return {
    ...model,
    opsets: new Map(model.opsets),
    metadata: new Map(model.metadata),
    functions: [...model.functions],
    graph: copyGraph(model.graph),
  }
}

export function copyGraph(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map((value) => ({ ...value })),
    outputs: graph.outputs.map((value) => ({ ...value })),
    nodes: graph.nodes.map(copyNode),
    initializers: new Map(graph.initializers),
    values: new Map([...graph.values].map(([name, value]) => [name, { ...value }])),
  }
}

export function copyNode(node: Node): Node {
  return { ...node, inputs: [...node.inputs], outputs: [...node.outputs], attributes: new Map(node.attributes) }
}
