// Finds the residual blocks of any model, so that "the last N blocks" means something for imported models too.

import { consumersOf, dataInputs, dominatorsOf, producersOf, valuesAfter } from '../graph/analysis.ts'
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

/** What a shortcut may consist of where it is not the input itself: a projection to another size or number of channels. */
const projections = new Set(['Identity', 'Conv', 'BatchNormalization', 'AveragePool', 'MaxPool', 'Pad', 'Slice', 'Concat'])

/** What makes a map larger: a sum behind it joins levels of a pyramid. */
const enlargements = new Set(['Resize', 'Upsample', 'ConvTranspose', 'DepthToSpace'])

/**
 * The residual blocks in graph order (He 2016): sums of two branches that both depend on the data and start from one value, of which one
 * is a shortcut: that value itself, or a projection of it. Squeeze-and-excite products are not sums and are not blocks, nor are the sums of a
 * pyramid's top-down path; a block inside another counts on its own.
 */
export function findResidualBlocks(graph: Graph): ResidualBlock[] {
  const flowing = valuesAfter(graph, dataInputs(graph))
  const dominators = dominatorsOf(graph)
  const consumers = consumersOf(graph)
  const producers = producersOf(graph)
  const isEnlarged = (name: string) => enlargements.has(producers.get(name)?.op ?? '')
  return graph.nodes.flatMap((node) => {
    const [left, right] = node.inputs
    if (node.op !== 'Add' || left === right || !flowing.has(left!) || !flowing.has(right!)) return []
    const sum = node.outputs[0]!
    const input = dominators.get(sum)
    if (input === undefined || isEnlarged(left!) || isEnlarged(right!)) return []
    const shortcut = leadsTo(producers, left!, input) || leadsTo(producers, right!, input)
    return !shortcut ? [] : [{ input, output: behindActivation(consumers, sum), sum: node.name || sum }]
  })
}

/** True where only projections lie between the two values. */
function leadsTo(producers: ReadonlyMap<string, Node>, value: string, input: string): boolean {
  for (let at = value; ; ) {
    if (at === input) return true
    const node = producers.get(at)
    if (node === undefined || !projections.has(node.op)) return false
    at = node.inputs[0]!
  }
}

function behindActivation(consumers: ReadonlyMap<string, Node[]>, value: string): string {
  const users = consumers.get(value) ?? []
  return users.length === 1 && activations.has(users[0]!.op) ? users[0]!.outputs[0]! : value
}
