// Which initializers of a model are parameters that training may change.

import { consumersOf, valuesAfter } from '../graph/analysis.ts'
import { isFloat } from '../graph/data-type.ts'
import type { Graph, Node } from '../graph/model.ts'

export interface TrainableParameter {
  readonly name: string
  /** Weight decay is for weights alone. */
  readonly kind: 'weight' | 'bias' | 'norm'
}

/** By operator: what each input is when it is an initializer. */
const roles: Readonly<Record<string, readonly (TrainableParameter['kind'] | undefined)[]>> = {
  Conv: [undefined, 'weight', 'bias'],
  ConvTranspose: [undefined, 'weight', 'bias'],
  Gemm: ['weight', 'weight', 'bias'],
  MatMul: ['weight', 'weight'],
  BatchNormalization: [undefined, 'norm', 'norm'],
  InstanceNormalization: [undefined, 'norm', 'norm'],
  LayerNormalization: [undefined, 'norm', 'norm'],
  GroupNormalization: [undefined, 'norm', 'norm'],
  RMSNormalization: [undefined, 'norm'],
  PRelu: [undefined, 'bias'],
  Add: ['bias', 'bias'],
  Mul: ['norm', 'norm'],
  Where: [undefined, 'bias', 'bias'],
}

/** One number that is added or multiplied is mostly a constant of a formula; one that a layer adds to its only output is its bias. */
const elementwise = new Set(['Add', 'Mul', 'Where'])

/** Nodes through which a weight may pass before it is used. */
const transparent = new Set(['Identity', 'Reshape', 'Transpose', 'Cast', 'Squeeze', 'Unsqueeze'])

/**
 * The trainable parameters that act behind `from` (a value; everything behind it counts), in graph order. Running statistics,
 * scalars, and integer or shape constants are none; a parameter that also acts before `from` is left out.
 */
export function findTrainable(graph: Graph, from: string): TrainableParameter[] {
  const behind = valuesAfter(graph, [from])
  behind.delete(from)
  const consumers = consumersOf(graph)
  return [...graph.initializers].flatMap(([name, tensor]) => {
    if (!isFloat(tensor.dtype) || tensor.dims.length === 0) return []
    const uses = usesOf(consumers, name)
    const kinds = uses.map(({ node, value }) =>
      node.outputs.some((output) => behind.has(output)) && (tensor.size > 1 || !elementwise.has(node.op))
        ? roles[node.op]?.[node.inputs.indexOf(value)]
        : undefined,
    )
    const [kind] = kinds
    return kind === undefined || kinds.some((other) => other === undefined) ? [] : [{ name, kind }]
  })
}

/** The nodes that use a weight, looked up through reshapes and the like. */
function usesOf(consumers: ReadonlyMap<string, Node[]>, value: string): { node: Node; value: string }[] {
  return (consumers.get(value) ?? []).flatMap((node) =>
    transparent.has(node.op) && node.inputs[0] === value ? usesOf(consumers, node.outputs[0]!) : [{ node, value }],
  )
}
