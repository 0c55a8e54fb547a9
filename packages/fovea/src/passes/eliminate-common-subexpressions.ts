// Computes once what the graph computes several times.

import { hasSubgraph } from '../graph/analysis.ts'
import { copyModel } from '../graph/copy.ts'
import { isInteger } from '../graph/data-type.ts'
import { firstDifference } from '../graph/equal.ts'
import { type Graph, type Model, type Node, operatorKey } from '../graph/model.ts'
import { findOperator } from '../ops/table.ts'
import type { PassResult } from './pass.ts'
import { renameInputs } from './rename-values.ts'

/**
 * Merges nodes of the same operator, inputs and attributes. Equal small integer constants (shapes, axes) count as the same
 * input; weights do not, however equal they begin. Random operators, operators that the table does not know and nodes with
 * subgraphs are left alone, and so is a node that produces an output of the graph under a name of its own.
 */
export function eliminateCommonSubexpressions(model: Model): PassResult {
  const result = copyModel(model)
  const { graph } = result
  const outputs = new Set(graph.outputs.map((output) => output.name))
  const constants = contentKeys(graph)
  const renames = new Map<string, string>()
  const kept = new Map<string, Node[]>()
  graph.nodes = graph.nodes.flatMap((original) => {
    const node = renameInputs(original, renames)
    const key = keyOf(node, constants)
    if (key === undefined) return [node]
    const alike = kept.get(key) ?? []
    const earlier = alike.find((other) => firstDifference(other.attributes, node.attributes) === undefined)
    if (earlier === undefined || node.outputs.some((name) => outputs.has(name))) {
      kept.set(key, earlier === undefined ? [...alike, node] : alike)
      return [node]
    }
    node.outputs.forEach((name, i) => {
      if (name !== '') renames.set(name, earlier.outputs[i]!)
    })
    return []
  })
  if (renames.size === 0) return { model, modified: false }
  for (const name of renames.keys()) graph.values.delete(name)
  return { model: result, modified: true }
}

/** Equal for nodes that may be equal but for their attributes; undefined for nodes that are left alone. */
function keyOf(node: Node, constants: ReadonlyMap<string, string>): string | undefined {
  const operator = findOperator(node)
  if (operator === undefined || operator.random || hasSubgraph(node)) return undefined
  const inputs = node.inputs.map((name) => constants.get(name) ?? name)
  const outputs = node.outputs.map((name) => name !== '')
  return JSON.stringify([operatorKey(node), inputs, outputs])
}

/** Small integer constants by their content. */
function contentKeys({ initializers, inputs }: Graph): Map<string, string> {
  const keys = new Map<string, string>()
  for (const [name, { dtype, dims, size, bytes }] of initializers)
    if (isInteger(dtype) && size <= 64) keys.set(name, `${dtype}[${dims}]:${bytes}`)
  // A caller may override these.
  for (const { name } of inputs) keys.delete(name)
  return keys
}
