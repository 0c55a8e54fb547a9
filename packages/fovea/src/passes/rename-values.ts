// Makes nodes use other values: what remains to do once a pass has found a node to be superfluous.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import type { Attribute, Graph, Model, Node, Value } from '../graph/model.ts'
import type { PassResult } from './pass.ts'

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

/** Gives every value of the main graph that has one of these names another: what is built around the model takes them. */
export function freeNames(model: Model, names: ReadonlySet<string>): PassResult {
  const { graph } = model
  const defined = [...graph.inputs.map(({ name }) => name), ...graph.initializers.keys(), ...graph.nodes.flatMap((node) => node.outputs)]
  const clashing = new Set(defined.filter((name) => names.has(name)))
  if (clashing.size === 0) return { model, modified: false }
  const b = new GraphBuilder({ graph })
  for (const name of names) if (!clashing.has(name)) b.fresh(name)
  const renames = new Map([...clashing].map((name) => [name, b.fresh(name)]))
  const keyed = <T>(map: ReadonlyMap<string, T>) => new Map([...map].map(([name, value]) => [renamed(name, renames), value]))
  const value = (entry: Value): Value => ({ ...entry, name: renamed(entry.name, renames) })
  const result = copyModel(model)
  result.graph = {
    ...graph,
    inputs: graph.inputs.map(value),
    outputs: graph.outputs.map(value),
    initializers: keyed(graph.initializers),
    ...(graph.sparseInitializers === undefined ? {} : { sparseInitializers: keyed(graph.sparseInitializers) }),
    values: new Map([...graph.values.values()].map((entry) => [renamed(entry.name, renames), value(entry)])),
    nodes: graph.nodes.map((node) => {
      const changed = renameInputs(node, renames)
      return { ...changed, outputs: changed.outputs.map((name) => renamed(name, renames)) }
    }),
  }
  return { model: result, modified: true }
}
