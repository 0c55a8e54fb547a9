// Finds the residual blocks of any model, so that "the last N blocks" means something for imported models too.

import { consumersOf, dataInputs, dominatorsOf, valuesAfter } from '../graph/analysis.ts'
import type { Graph, Node } from '../graph/model.ts'

export interface ResidualBlock {
  /** The value that both the residual branch and the shortcut start from. */
  readonly input: string
  /** The block's result, behind the activation that follows the sum where there is one. */
  readonly output: string
  /** Name of the node that adds the two branches. */
  readonly sum: string
}

const activations = new Set(['Relu', 'LeakyRelu', 'PRelu', 'HardSwish', 'Gelu', 'Elu', 'Selu', 'Mish', 'Clip', 'Sigmoid'])

/**
 * The residual blocks in graph order (He 2016): sums of two branches that both depend on the data and start from one value.
 * Squeeze-and-excite products and the like are not sums and are not blocks; a block inside another counts on its own.
 */
export function findResidualBlocks(graph: Graph): ResidualBlock[] {
  const flowing = valuesAfter(graph, dataInputs(graph))
  const dominators = dominatorsOf(graph)
  const consumers = consumersOf(graph)
  return graph.nodes.flatMap((node) => {
    const [left, right] = node.inputs
    if (node.op !== 'Add' || left === right || !flowing.has(left!) || !flowing.has(right!)) return []
    const sum = node.outputs[0]!
    const input = dominators.get(sum)
    return input === undefined ? [] : [{ input, output: behindActivation(consumers, sum), sum: node.name || sum }]
  })
}

function behindActivation(consumers: ReadonlyMap<string, Node[]>, value: string): string {
  const users = consumers.get(value) ?? []
  return users.length === 1 && activations.has(users[0]!.op) ? users[0]!.outputs[0]! : value
}
