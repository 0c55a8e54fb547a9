// Removes what no output needs.

import { nodesBefore, valuesUsed } from '../graph/analysis.ts'
import { copyModel } from '../graph/copy.ts'
import type { Model } from '../graph/model.ts'
import type { PassResult } from './pass.ts'

/**
 * Removes nodes that no output of the graph depends on, initializers that no node or output uses, and the types of values that
 * are gone. Inputs stay, used or not, with their defaults: they are the model's signature. The bodies of If, Loop and Scan
 * stay as they are.
 */
export function eliminateDeadNodes(model: Model): PassResult {
  const { graph } = model
  const outputs = graph.outputs.map((output) => output.name)
  const nodes = nodesBefore(graph, outputs)
  const used = new Set([...outputs, ...graph.inputs.map((input) => input.name)])
  for (const node of nodes) for (const name of valuesUsed(node)) used.add(name)
  const unused = [...graph.initializers.keys(), ...(graph.sparseInitializers?.keys() ?? [])].filter((name) => !used.has(name))
  if (nodes.length === graph.nodes.length && unused.length === 0) return { model, modified: false }

  const result = copyModel({ ...model, graph: { ...graph, nodes } })
  const kept = result.graph
  if (graph.sparseInitializers !== undefined) kept.sparseInitializers = new Map(graph.sparseInitializers)
  for (const name of unused) {
    kept.initializers.delete(name)
    kept.sparseInitializers?.delete(name)
  }
  const produced = new Set([...used, ...nodes.flatMap((node) => node.outputs)])
  for (const name of kept.values.keys()) if (!produced.has(name)) kept.values.delete(name)
  return { model: result, modified: true }
}
