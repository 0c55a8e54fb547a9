// What a network learns from scenes that were drawn by formula: the names of their formulas, and where the objects are.

import { formulaClasses } from '../../data/synthetic/formula/index.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { copyModel } from '../../graph/copy.ts'
import type { Model } from '../../graph/model.ts'
import { truncatedNormal, zeros } from '../../nn/initialisers.ts'
import { conv2d, linear } from '../../nn/layers/index.ts'
import { binaryCrossEntropy, crossEntropy } from '../../nn/losses.ts'
import { type Feature, ModuleBuilder } from '../../nn/module.ts'
import { inferValues } from '../../passes/infer-shapes.ts'
import { FoveaError } from '../../util/errors.ts'
import { maskStride } from './options.ts'

/** The three questions about the whole picture, with their weights in the loss. */
const questions = [
  { name: 'shape', classes: formulaClasses.shape, weight: 1 },
  { name: 'texture', classes: formulaClasses.texture, weight: 1 },
  { name: 'fill', classes: formulaClasses.texture, weight: 0.5 },
] as const

/** What the names of the heads' parameters begin with. */
export const headPrefix = 'pretrain'

/** Heads begin with next to no opinion, so that the network is not moved by their first guesses. */
const faint = truncatedNormal(0.01)

const maskWeight = 2

export interface Objectives {
  /** The model with heads: scores `shape_scores`, `texture_scores`, `fill_scores` [N, classes] and `mask_scores` [N, 1, h, w] are outputs. */
  readonly model: Model
  /** False where the network has no pyramid to find objects with. */
  readonly hasMask: boolean
  /** Emits the loss and the inputs it compares with. */
  readonly loss: (b: GraphBuilder) => { loss: string; outputs: Record<string, string> }
}

/**
 * Puts a head for each question on the embedding, and one for the mask on every level of the pyramid, so that each level learns to
 * tell objects from what lies behind them. A network without a pyramid answers the questions alone.
 *
 * @param source a model of features, whose batch is free
 * @param stages from stage names to values of its graph
 * @throws FoveaError MODEL_NOT_CLASSIFIER where it has no stage `embedding`
 */
export function addObjectives(
  source: Model,
  stages: Readonly<Record<string, string>>,
  batch: number,
  seed: number,
  size: number,
): Objectives {
  const model = copyModel(source)
  const shapes = inferValues(source, { bindings: { N: batch, H: size, W: size } })
  const feature = (stage: string): Feature => {
    const value = stages[stage] ?? ''
    const channels = shapes.dims(value)?.[1]
    if (typeof channels === 'number') return { value, channels, stride: 1 }
    throw new FoveaError('MODEL_NOT_CLASSIFIER', { field: stage, expected: `a stage "${stage}" to learn with`, found: value || 'none' })
  }
  model.graph.outputs = []
  const b = new GraphBuilder({ graph: model.graph, opset: model.opsets.get('') ?? 1 })
  const heads = new ModuleBuilder(b, { seed }).module(headPrefix)
  const embedding = feature('embedding')
  const scores = questions.map(({ name, classes }) =>
    linear(heads, name, embedding, { out: classes, initialise: faint, initialiseBias: zeros }),
  )
  const masks = Object.keys(stages)
    .filter((stage) => /^p\d$/.test(stage))
    .map((stage) => conv2d(heads.module(stage), 'mask', feature(stage), { out: 1, kernel: 1, initialise: faint }).value)
  questions.forEach(({ name }, i) => {
    b.output(scores[i]!.value, undefined, `${name}_scores`)
  })
  if (masks[0] !== undefined) b.output(masks[0], undefined, 'mask_scores')
  return { model, hasMask: masks.length > 0, loss: (builder) => emitLoss(builder, scores, masks, batch, size) }
}

function emitLoss(
  b: GraphBuilder,
  scores: readonly Feature[],
  masks: readonly string[],
  batch: number,
  size: number,
): { loss: string; outputs: Record<string, string> } {
  const outputs: Record<string, string> = {}
  const terms = questions.map(({ name, weight }, i) => {
    const loss = crossEntropy(b, scores[i]!, b.input(name, 'int64', [batch]), { labelSmoothing: 0.05 })
    outputs[`${name}_loss`] = loss
    return b.op('Mul', [loss, b.scalar(weight)])
  })
  if (masks.length > 0) {
    outputs.mask_loss = emitMaskLoss(b, masks, batch, size)
    terms.push(b.op('Mul', [outputs.mask_loss, b.scalar(maskWeight)]))
  }
  const loss = b.op('Sum', terms)
  return { loss, outputs: { loss, ...outputs } }
}

/** Mean over the levels: each is compared with the mask averaged down to its size. */
function emitMaskLoss(b: GraphBuilder, masks: readonly string[], batch: number, size: number): string {
  let side = size / maskStride
  let target = b.input('mask', 'float32', [batch, 1, side, side])
  const losses = masks.map((scores, i) => {
    if (i > 0 && side > 1) {
      // As a convolution of stride 2 halves it: an odd side keeps its last row.
      const pads = side % 2 === 0 ? [0, 0, 0, 0] : [0, 0, 1, 1]
      target = b.op('AveragePool', [target], { kernel_shape: [2, 2], strides: [2, 2], pads, count_include_pad: 0 })
      side = Math.ceil(side / 2)
    }
    return binaryCrossEntropy(b, scores, target)
  })
  return b.op('Mean', losses)
}
