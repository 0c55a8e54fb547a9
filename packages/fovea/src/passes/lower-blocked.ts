// The last steps before a model on the blocked layout runs: operators of our own are written out, and the block's size goes.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { isStatic } from '../graph/dims.ts'
import { type Model, type Node, operatorKey } from '../graph/model.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import { blockedBatchNormalizationKey, lowerBlockedBatchNormalization } from '../ops/blocked/batch-normalization.ts'
import { blockedDomain, blockOf } from '../ops/blocked/layout.ts'
import { opsetOf } from '../ops/evaluate.ts'
import { FoveaError } from '../util/errors.ts'
import { inferValues } from './infer-shapes.ts'
import type { PassResult } from './pass.ts'

/** Writes `fovea::BlockedBatchNormalization` by operators that the runtime has. */
export function lowerBlocked(model: Model): PassResult {
  const isOurs = (node: Node) => operatorKey(node) === blockedBatchNormalizationKey
  if (!model.graph.nodes.some(isOurs)) return { model, modified: false }
  const shapes = inferValues(model)
  const result = copyModel(model)
  const { graph } = result
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const { nodes } = graph
  graph.nodes = []
  for (const node of nodes) {
    if (!isOurs(node)) {
      graph.nodes.push(node)
      continue
    }
    const attributes = new NodeAttributes(node, opsetOf(model, node))
    const type = shapes.type(node.inputs[0]!)
    if (type === undefined || !isStatic(type.dims))
      throw new FoveaError('SHAPE_UNKNOWN', { node: node.name, field: node.inputs[0], expected: 'a static shape' })
    const inputs = node.inputs as [string, string, string, string, string]
    lowerBlockedBatchNormalization(
      b,
      { inputs, outputs: node.outputs },
      { dims: type.dims, dtype: type.dtype, block: blockOf(attributes) },
      { epsilon: attributes.float('epsilon'), momentum: attributes.float('momentum') },
    )
  }
  result.opsets.delete('fovea')
  return { model: result, modified: true }
}

/** Takes away the attribute `block`, which the runtime's operators do not have: to them it is a matter of the machine. */
export function withoutBlockSizes(model: Model): PassResult {
  const carries = (node: Node) => node.domain === blockedDomain && node.attributes.has('block')
  if (!model.graph.nodes.some(carries)) return { model, modified: false }
  const result = copyModel(model)
  for (const node of result.graph.nodes) if (carries(node)) node.attributes.delete('block')
  return { model: result, modified: true }
}
