// Gives a classifier a new last layer for new classes, and a model of features its first.

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
import { Random } from '../util/random.ts'
import { lastMap } from './grad-cam.ts'
import { checkNewLabels } from './labels.ts'
import { type ModelMetadata, readMetadata, writeMetadata } from './metadata.ts'

/**
 * The model with a fresh linear layer [features, classes] behind its embedding, softmax after it, and the new labels in its
 * metadata. The weights are drawn as PyTorch draws those of nn.Linear, the bias is zero. What the embedding does not need goes:
 * other heads, and the stages of a pyramid beside it, which a training of the new head would not move.
 *
 * @param labels at least two, all different: the softmax of one score is always 1
 * @throws FoveaError MODEL_LABELS; MODEL_NOT_CLASSIFIER where no last layer is found, or a model of features has neither embedding nor map
 */
export function replaceHead(model: Model, labels: readonly string[], random: Random = new Random(0, 'head')): Model {
  checkNewLabels(labels)
  const metadata = readMetadata(model)
  const source = metadata.task === 'features' ? embeddingOf(model, metadata.stages) : headFeatures(model)
  const dims = inferValues(model).dims(source)
  // Tokens [N, T, C] carry their channels last.
  const width = dims?.length === 3 ? dims[2] : dims?.[1]
  const ranks = metadata.task === 'features' ? [2, 3, 4] : [2, 4]
  if (dims === undefined || typeof width !== 'number' || !ranks.includes(dims.length))
    throw new FoveaError('MODEL_NOT_CLASSIFIER', {
      field: source,
      expected: `features [N, C]${ranks.length > 2 ? ', [N, T, C]' : ''} or [N, C, H, W] before the last layer`,
      found: formatDims(dims),
    })

  const kept = nodesBefore(model.graph, [source])
  const result = copyModel({ ...model, graph: { ...model.graph, nodes: kept, outputs: [] } })
  const { graph } = result
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const features = emitRows(b, source, dims.length)
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
  // What was measured of the old head says nothing of the new one.
  const { metrics: _, split: __, thresholds: ___, calibration: ____, rejection: _____, ...rest } = metadata
  const renewed: ModelMetadata = { ...rest, task: 'classify', labels, stages: { ...stages, embedding: features, logits, probabilities } }
  return writeMetadata(renewedModel, renewed)
}

/** The features as rows [N, C]: maps are averaged over the picture, tokens over themselves. */
function emitRows(b: GraphBuilder, features: string, rank: number): string {
  if (rank === 2) return features
  if (rank === 3) return b.op('ReduceMean', [features, b.ints([1])], { keepdims: 0 })
  return b.op('Flatten', [b.op('GlobalAveragePool', [features])], { axis: 1 })
}

function headFeatures(model: Model): string {
  const head = findHead(model)
  if (head === undefined)
    throw new FoveaError('MODEL_NOT_CLASSIFIER', {
      expected: 'a linear last layer before the scores',
      found: model.graph.nodes.at(-1)?.op ?? 'no nodes',
    })
  return head.features
}

/** The stage `embedding`; without one the deepest stage of the backbone, or the last map before the first output. */
function embeddingOf(model: Model, stages: ModelMetadata['stages']): string {
  const named = ['embedding', 'conv5', 'conv4', 'conv3', 'conv2'].find((stage) => stages[stage] !== undefined)
  return named === undefined ? lastMap(model, model.graph.outputs[0]?.name ?? '') : stages[named]!
}
