// Cuts a part out of a model: from given values to given values, everything else left behind.

import { nodesBefore, valuesUsed } from '../graph/analysis.ts'
import { copyModel } from '../graph/copy.ts'
import type { Model, Value, ValueType } from '../graph/model.ts'
import { FoveaError } from '../util/errors.ts'
import { inferValues } from './infer-shapes.ts'

export interface ExtractOptions {
  /** Values that become inputs. @default the model's own inputs, as far as they are needed */
  readonly inputs?: readonly string[]
  /** Values that become the outputs, in this order. */
  readonly outputs: readonly string[]
}

/**
 * The sub-model that computes `outputs` from `inputs`. Weights are shared with the model it is cut from.
 *
 * @throws FoveaError GRAPH_DANGLING_NAME where an output is no value of the graph, or needs an input that was not given
 */
export function extract(model: Model, options: ExtractOptions): Model {
  const { graph } = model
  const shapes = inferValues(model)
  const typed = (name: string): Value => {
    const type: ValueType | undefined = shapes.get(name)?.type
    return type === undefined ? { name } : { name, type }
  }
  const given = options.inputs ?? graph.inputs.map((input) => input.name)
  const nodes = nodesBefore(graph, options.outputs, new Set(given))
  const produced = new Set([...given, ...graph.initializers.keys(), ...nodes.flatMap((node) => node.outputs)])
  const used = new Set<string>(options.outputs)
  for (const node of nodes) for (const name of valuesUsed(node)) used.add(name)
  for (const name of used)
    if (!produced.has(name))
      throw new FoveaError('GRAPH_DANGLING_NAME', { field: name, expected: `a value that ${given.join(', ')} lead to`, found: `"${name}"` })

  const result = copyModel({ ...model, graph: { ...graph, nodes } })
  const part = result.graph
  part.inputs = given.filter((name) => options.inputs !== undefined || used.has(name)).map(typed)
  part.outputs = options.outputs.map(typed)
  for (const name of [...part.initializers.keys()]) if (!used.has(name) || options.inputs?.includes(name)) part.initializers.delete(name)
  for (const name of [...part.values.keys()]) if (!used.has(name)) part.values.delete(name)
  return result
}
