// Makes nodes use other values: what remains to do once a pass has found a node to be superfluous.

import type { Attribute, Graph, Node, Value } from '../graph/model.ts'

/** From a value's name to the name to use instead. Chains are followed. */
export type Renames = ReadonlyMap<string, string>

/** The name that is used in the end. */
export function renamed(name: string, renames: Renames): string {
  let current = name
  for (let next = renames.get(current); next !== undefined; next = renames.get(current)) current = next
  return current
}

/** The node with its inputs renamed, and what its subgraphs take from outside; the same node where nothing changes. */
export function renameInputs(node: Node, renames: Renames): Node {
  const inputs = node.inputs.map((name) => renamed(name, renames))
  const attributes = new Map([...node.attributes].map(([name, attribute]) => [name, renameWithin(attribute, renames)]))
  const same = inputs.every((name, i) => name === node.inputs[i]) && [...attributes].every(([name, a]) => a === node.attributes.get(name))
  return same ? node : { ...node, inputs, attributes }
}

/** Names within subgraphs are different from those around them (ONNX demands it), so no name is shadowed. */
function renameWithin(attribute: Attribute, renames: Renames): Attribute {
  if (attribute.type === 'graph') return { ...attribute, value: renameGraph(attribute.value, renames) }
  if (attribute.type === 'graphs') return { ...attribute, value: attribute.value.map((graph) => renameGraph(graph, renames)) }
  return attribute
}

function renameGraph(graph: Graph, renames: Renames): Graph {
  const outputs = graph.outputs.map((output): Value => ({ ...output, name: renamed(output.name, renames) }))
  return { ...graph, nodes: graph.nodes.map((node) => renameInputs(node, renames)), outputs }
}
