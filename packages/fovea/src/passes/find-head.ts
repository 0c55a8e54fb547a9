// Finds the classifier at the end of a model: the features it takes and the scores it gives.

import { producersOf } from '../graph/analysis.ts'
import type { Graph, Model, Node } from '../graph/model.ts'

export interface Head {
  /** The value that the linear layer takes: the embedding of the picture. */
  readonly features: string
  /** Scores before softmax or sigmoid. */
  readonly logits: string
  /** The last layer's node. */
  readonly node: Node
  /** Initializers of the last layer: weight first, then bias. */
  readonly parameters: readonly string[]
  /** What follows the logits. */
  readonly activation: 'softmax' | 'sigmoid' | 'none'
}

/** Nodes that pass scores on without changing their order. */
const transparent = new Set([
  'Identity',
  'Flatten',
  'Reshape',
  'Squeeze',
  'Cast',
  'Dropout',
  'LogSoftmax',
  'QuantizeLinear',
  'DequantizeLinear',
])

/** The scores of a classifier. */
export type Scores = Pick<Head, 'logits' | 'activation'>

/**
 * Walks back from an output (the first by default) through softmax and reshapes to the last linear layer: Gemm, or
 * MatMul with an Add, or a convolution, be it before a global pool (Lin 2013). Undefined where the model ends otherwise.
 */
export function findHead(model: Model, output: string | undefined = model.graph.outputs[0]?.name): Head | undefined {
  const { graph } = model
  if (output === undefined) return undefined
  const producers = producersOf(graph)
  const { node, ...scores } = walkBack(graph, producers, output)
  const linear = node === undefined ? undefined : linearLayer(graph, producers, node)
  return linear === undefined ? undefined : { ...linear, ...scores }
}

/** The scores before softmax or sigmoid, whatever gives them. */
export function findScores(model: Model, output: string): Scores {
  const { logits, activation } = walkBack(model.graph, producersOf(model.graph), output)
  return { logits, activation }
}

/** Through what passes scores on, to the node that makes them. A temperature that scores are divided by before softmax comes after the logits. */
function walkBack({ initializers }: Graph, producers: ReadonlyMap<string, Node>, output: string): Scores & { node: Node | undefined } {
  let scores: Scores = { logits: output, activation: 'none' }
  let pooled = false
  for (let node = producers.get(output); ; node = producers.get(node.inputs[0] ?? '')) {
    if (node === undefined) return { ...scores, node }
    if (node.op === 'Softmax' || node.op === 'Sigmoid')
      scores = { logits: node.inputs[0]!, activation: node.op === 'Softmax' ? 'softmax' : 'sigmoid' }
    else if (node.op === 'Div' && node.outputs[0] === scores.logits && initializers.get(node.inputs[1] ?? '')?.size === 1)
      scores = { ...scores, logits: node.inputs[0]! }
    else if (node.op === 'GlobalAveragePool') pooled = true
    else if (!transparent.has(node.op) && !(pooled && node.op === 'Relu') && !keepsBatchFirst(node)) return { ...scores, node }
  }
}

/** PyTorch wrote softmax over channels of opsets before 13 between two of these. Scores have one long axis, so their order stays. */
function keepsBatchFirst({ op, attributes }: Node): boolean {
  const perm = attributes.get('perm')
  return op === 'Transpose' && perm?.type === 'ints' && perm.value[0] === 0
}

function linearLayer(
  graph: Graph,
  producers: ReadonlyMap<string, Node>,
  node: Node,
): Pick<Head, 'features' | 'node' | 'parameters'> | undefined {
  const weights = (names: readonly string[]) => names.filter((name) => name !== '' && comesFromWeights(graph, producers, name))
  if (node.op === 'Gemm' || node.op === 'Conv') return { features: node.inputs[0]!, node, parameters: weights(node.inputs.slice(1)) }
  if (node.op === 'MatMul') {
    const parameters = weights(node.inputs)
    const features = node.inputs.find((name) => !parameters.includes(name))
    return parameters.length === 1 && features !== undefined ? { features, node, parameters } : undefined
  }
  if (node.op !== 'Add') return undefined
  const bias = weights(node.inputs)
  const product = producers.get(node.inputs.find((name) => !bias.includes(name)) ?? '')
  const inner = bias.length === 1 && product?.op === 'MatMul' ? linearLayer(graph, producers, product) : undefined
  return inner === undefined ? undefined : { ...inner, parameters: [...inner.parameters, ...bias] }
}

function comesFromWeights(graph: Graph, producers: ReadonlyMap<string, Node>, name: string): boolean {
  if (graph.initializers.has(name)) return true
  return producers.get(name)?.inputs.every((input) => input === '' || comesFromWeights(graph, producers, input)) ?? false
}
