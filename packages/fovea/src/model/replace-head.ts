// Gives a classifier a new last layer for new classes.

import { nodesBefore } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { formatDims } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.ts'
import { findHead } from '../passes/find-head.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { FoveaError } from '../util/errors.ts'
import type { Random } from '../util/random.ts'
import { type ModelMetadata, readMetadata, writeMetadata } from './metadata.ts'

/**
 * The model with a fresh linear layer [features, classes] behind its embedding, softmax after it, and the new labels in its
 * metadata. The weights are drawn as PyTorch draws those of nn.Linear, the bias is zero.
 *
 * @throws FoveaError MODEL_NOT_CLASSIFIER where no last layer is found
 */
export function replaceHead(model: Model, labels: readonly string[], random: Random): Model {
  const metadata = readMetadata(model)
  const head = findHead(model)
  if (head === undefined)
    throw new FoveaError('MODEL_NOT_CLASSIFIER', {
      expected: 'a linear last layer before the scores',
      found: model.graph.nodes.at(-1)?.op ?? 'no nodes',
    })
  const dims = inferValues(model).dims(head.features)
  const width = dims?.[1]
  if (dims === undefined || typeof width !== 'number' || (dims.length !== 2 && dims.length !== 4))
    throw new FoveaError('MODEL_NOT_CLASSIFIER', {
      field: head.features,
      expected: 'features [N, C] or [N, C, H, W] before the last layer',
      found: formatDims(dims),
    })

  const kept = nodesBefore(model.graph, [head.features])
  const result = copyModel({ ...model, graph: { ...model.graph, nodes: kept, outputs: [] } })
  const { graph } = result
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const features = dims.length === 2 ? head.features : b.op('Flatten', [b.op('GlobalAveragePool', [head.features])], { axis: 1 })
  const bound = 1 / Math.sqrt(width)
  const values = Float32Array.from({ length: labels.length * width }, () => random.uniform(-bound, bound))
  const weight = b.weight(b.fresh('head.weight'), Tensor.float32([labels.length, width], values))
  const bias = b.weight(b.fresh('head.bias'), Tensor.float32([labels.length], new Float32Array(labels.length)))
  const logits = b.op('Gemm', [features, weight, bias], { transB: 1 }, b.fresh('logits'))
  const probabilities = b.op('Softmax', [logits], { axis: -1 }, b.fresh('probabilities'))
  b.output(probabilities)
  b.output(logits)
  // The weights of the old head go, unless something else uses them too.
  const renewedModel = eliminateDeadNodes(result).model
  const produced = new Set(graph.nodes.flatMap((node) => node.outputs))
  const stages = Object.fromEntries(Object.entries(metadata.stages).filter(([, value]) => produced.has(value)))
  const { metrics: _, split: __, ...rest } = metadata
  const renewed: ModelMetadata = { ...rest, labels, stages: { ...stages, embedding: features, logits, probabilities } }
  return writeMetadata(renewedModel, renewed)
}
