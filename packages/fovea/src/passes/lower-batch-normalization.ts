// Writes BatchNormalization in training mode by simpler operators, whose statistics the gradient shares.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { isStatic } from '../graph/dims.ts'
import type { Model, Node } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import { opsetOf } from '../ops/evaluate.ts'
import { emitBatchStatistics } from '../ops/moments.ts'
import { FoveaError } from '../util/errors.ts'
import { inferValues, type ShapeTable } from './infer-shapes.ts'
import type { PassResult } from './pass.ts'

/**
 * Replaces BatchNormalization nodes in training mode. The statistics are emitted exactly as the gradient rule emits them, so
 * that common-subexpression elimination computes them once. ONNX Runtime's own kernel for the mode keeps neither the batch's
 * mean nor its deviation for the gradient.
 */
export function lowerBatchNormalization(model: Model): PassResult {
  const isTraining = (node: Node) =>
    node.op === 'BatchNormalization' && new NodeAttributes(node, opsetOf(model, node)).int('training_mode', 0) === 1
  if (!model.graph.nodes.some(isTraining)) return { model, modified: false }
  const shapes = inferValues(model)
  const result = copyModel(model)
  const { graph } = result
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const nodes = graph.nodes
  graph.nodes = []
  for (const node of nodes) {
    if (isTraining(node)) lower(b, node, new NodeAttributes(node, opsetOf(model, node)), shapes)
    else graph.nodes.push(node)
  }
  return { model: result, modified: true }
}

function lower(b: GraphBuilder, node: Node, attributes: NodeAttributes, shapes: ShapeTable): void {
  const [x, scale, bias, mean, variance] = node.inputs as [string, string, string, string, string]
  const [y, nextMean, nextVariance] = node.outputs
  const type = shapes.type(x)
  if (type === undefined || !isStatic(type.dims))
    throw new FoveaError('SHAPE_UNKNOWN', { node: node.name, field: x, expected: 'a static shape' })
  const { dims, dtype } = type
  const stretched = b.constant(Tensor.int64([dims.length], [1, dims[1]!, ...dims.slice(2).map(() => 1)]), 'shape')
  const stretch = (value: string) => b.op('Reshape', [value, stretched])
  const statistics = emitBatchStatistics(b, x, { dims, dtype, epsilon: attributes.float('epsilon', 1e-5) })
  const factor = b.op('Mul', [stretch(scale), statistics.inverseDeviation])
  b.op('Add', [b.op('Mul', [statistics.centred, factor]), stretch(bias)], {}, y!)
  const momentum = attributes.float('momentum', 0.9)
  const float = dtype as 'float32' | 'float64'
  const channels = b.constant(Tensor.int64([1], [dims[1]!]), 'shape')
  const running = (old: string, now: string, output: string | undefined) => {
    if (!output) return
    const moved = b.op('Mul', [b.op('Reshape', [now, channels]), b.scalar(1 - momentum, float)])
    b.op('Add', [b.op('Mul', [old, b.scalar(momentum, float)]), moved], {}, output)
  }
  running(mean, statistics.mean, nextMean)
  running(variance, statistics.variance, nextVariance)
}
