// Grad-CAM: which parts of the picture spoke for a class (Selvaraju 2017), as one graph that autodiff writes.

import { nodesBefore } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { isStatic } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { autodiff } from '../passes/autodiff.ts'
import { bindDimensions } from '../passes/bind-dimensions.ts'
import { eliminateDeadNodes } from '../passes/eliminate-dead-nodes.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { FoveaError } from '../util/errors.ts'

/** Inputs: `images` as the model's, and `class_weights` float [1, classes], one-hot for one class. Output: `heatmap` float [h, w], 0 to 1. */
export const gradCamPorts = { classWeights: 'class_weights', heatmap: 'heatmap' } as const

/**
 * The last value before the scores that still is a map: rank 4, larger than one pixel.
 *
 * @throws FoveaError MODEL_NOT_CLASSIFIER where the model has none
 */
export function lastMap(model: Model, logits: string): string {
  const shapes = inferValues(model)
  for (const node of nodesBefore(model.graph, [logits]).toReversed()) {
    const dims = shapes.dims(node.outputs[0] ?? '')
    if (dims?.length === 4 && dims[2] !== 1 && dims[3] !== 1 && shapes.type(node.outputs[0]!)?.dtype === 'float32') return node.outputs[0]!
  }
  throw new FoveaError('MODEL_NOT_CLASSIFIER', {
    field: logits,
    expected: 'a feature map before the scores, which Grad-CAM draws',
    found: 'none',
  })
}

/**
 * Builds the graph for one picture: the class score is differentiated with respect to the map, the gradient averaged over the
 * picture weighs the channels, and what is positive in their sum is scaled to 0..1.
 *
 * @param layer the map to explain by, a value [N, C, h, w]. @default the last one
 */
export function buildGradCam(model: Model, logits: string, layer: string = lastMap(model, logits)): Model {
  const bound = bindDimensions(model, { N: 1 }).model
  const classes = inferValues(bound).dims(logits)
  if (!isStatic(classes)) throw new FoveaError('SHAPE_UNKNOWN', { field: logits, expected: 'a static number of classes' })
  const copy = copyModel(bound)
  copy.graph.outputs = []
  const before = new GraphBuilder({ graph: copy.graph, opset: model.opsets.get('') ?? 1 })
  const weights = before.input(gradCamPorts.classWeights, 'float32', classes)
  const score = before.op('ReduceSum', [before.op('Mul', [logits, weights])], { keepdims: 0 })
  const { model: derived, gradients } = autodiff(copy, { loss: score, parameters: [layer] })

  const b = new GraphBuilder({ graph: derived.graph, opset: model.opsets.get('') ?? 1 })
  const importance = b.op('ReduceMean', [gradients.get(layer), b.ints([2, 3])], { keepdims: 1 })
  const sum = b.op('ReduceSum', [b.op('Mul', [layer, importance]), b.ints([0, 1])], { keepdims: 0 })
  const positive = b.op('Relu', [sum])
  const peak = b.op('Max', [b.op('ReduceMax', [positive], { keepdims: 0 }), b.scalar(1e-12)])
  b.output(b.op('Div', [positive, peak]), undefined, gradCamPorts.heatmap)
  return eliminateDeadNodes(derived).model
}
