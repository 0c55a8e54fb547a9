// What a network learns from scenes that were drawn by formula: the names of their formulas, and where the objects are.

import { formulaClasses, formulaParts } from '../../data/synthetic/formula/index.ts'
import { GraphBuilder } from '../../graph/builder.ts'
import { copyModel } from '../../graph/copy.ts'
import { dataTypes } from '../../graph/data-type.ts'
import type { Model } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import { truncatedNormal, zeros } from '../../nn/initialisers.ts'
import { conv2d, linear } from '../../nn/layers/index.ts'
import { binaryCrossEntropy, crossEntropy } from '../../nn/losses.ts'
import { type Feature, ModuleBuilder } from '../../nn/module.ts'
import { inferValues } from '../../passes/infer-shapes.ts'
import { FoveaError } from '../../util/errors.ts'
import { cellStride } from './options.ts'

/** What is asked of the whole picture: the class of its object, and which textures fill it, by area. */
const questions = [
  { name: 'shape', classes: formulaClasses.shape },
  { name: 'texture', classes: formulaClasses.texture },
] as const

/** What the names of the heads' parameters begin with. */
export const headPrefix = 'pretrain'

/** Heads begin with next to no opinion, so that the network is not moved by their first guesses. */
const faint = truncatedNormal(0.01)

/** Weights of the terms of the loss. That of cells tells most: a scene has one shape, and as many textures as it has cells. */
const weights = { shape: 1, texture: 1, cells: 2, mask: 1 } as const

export interface Objectives {
  /**
   * The model with heads. Its outputs are `shape_scores` and `texture_scores` [N, classes], and with a pyramid `cells_scores`
   * [N, textures, h, w] and `mask_scores` [N, 1, h, w] of its finest level.
   */
  readonly model: Model
  /** False where the network has no pyramid to find parts with. */
  readonly hasCells: boolean
  /** Emits the loss and the inputs it compares with: `shape` int64 [N], `textures` int64 [N, parts], `cover` [N, parts, h, w]. */
  readonly loss: (b: GraphBuilder) => { loss: string; outputs: Record<string, string> }
}

/**
 * Puts a head for each question on the embedding, and two on every level of the pyramid: one names the texture of each cell, as
 * semantic segmentation does, the other tells the object from its ground. A network without a pyramid answers the questions alone.
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
  const levels = Object.keys(stages)
    .filter((stage) => /^p\d$/.test(stage))
    .map((stage): Level => {
      const [module, source] = [heads.module(stage), feature(stage)]
      const head = (name: string, out: number) => conv2d(module, name, source, { out, kernel: 1, initialise: faint, initialiseBias: zeros })
      return { cells: head('cells', formulaClasses.texture), mask: head('mask', 1) }
    })
  questions.forEach(({ name }, i) => {
    b.output(scores[i]!.value, undefined, `${name}_scores`)
  })
  if (levels[0] !== undefined) {
    b.output(levels[0].cells.value, undefined, 'cells_scores')
    b.output(levels[0].mask.value, undefined, 'mask_scores')
  }
  return { model, hasCells: levels.length > 0, loss: (builder) => emitLoss(builder, scores, levels, batch, size) }
}

interface Level {
  readonly cells: Feature
  readonly mask: Feature
}

function emitLoss(
  b: GraphBuilder,
  [shape, texture]: readonly Feature[],
  levels: readonly Level[],
  batch: number,
  size: number,
): { loss: string; outputs: Record<string, string> } {
  const side = size / cellStride
  const cover = b.input('cover', 'float32', [batch, formulaParts, side, side])
  const wanted = emitTextures(b, cover, batch, side)
  const terms: Record<string, string> = {
    shape: crossEntropy(b, shape!, b.input('shape', 'int64', [batch]), { labelSmoothing: 0.05 }),
    texture: crossEntropy(b, texture!, b.op('ReduceMean', [wanted, b.ints([2, 3])], { keepdims: 0 }), { targets: 'probabilities' }),
  }
  if (levels.length > 0) {
    const object = b.op('Slice', [cover, b.ints([formulaParts - 1]), b.ints([formulaParts]), b.ints([1])])
    terms.cells = b.op(
      'Mean',
      emitLevels(b, wanted, side, levels, ({ cells }, target) => crossEntropy(b, cells, target, { targets: 'probabilities' })),
    )
    terms.mask = b.op(
      'Mean',
      emitLevels(b, object, side, levels, ({ mask }, target) => binaryCrossEntropy(b, mask.value, target)),
    )
  }
  const names = Object.keys(terms) as (keyof typeof weights)[]
  const loss = b.op(
    'Sum',
    names.map((name) => b.op('Mul', [terms[name]!, b.scalar(weights[name])])),
  )
  return { loss, outputs: { loss, ...Object.fromEntries(names.map((name) => [`${name}_loss`, terms[name]!])) } }
}

/** The share of each cell that each class of textures fills: [N, classes, h, w]. */
function emitTextures(b: GraphBuilder, cover: string, batch: number, side: number): string {
  const textures = b.input('textures', 'int64', [batch, formulaParts])
  const classes = Tensor.int64(
    [1, formulaClasses.texture, 1],
    Array.from({ length: formulaClasses.texture }, (_, i) => i),
  )
  // A part that is not there is of class -1, which is none.
  const isOf = b.op('Equal', [b.op('Unsqueeze', [textures, b.ints([1])]), b.constant(classes, 'textures')])
  const parts = b.op('Reshape', [cover, b.ints([batch, formulaParts, side * side])])
  const filled = b.op('MatMul', [b.op('Cast', [isOf], { to: dataTypes.float32.code }), parts])
  return b.op('Reshape', [filled, b.ints([batch, formulaClasses.texture, side, side])])
}

/** One loss for each level: it is compared with the cells averaged down to its size. */
function emitLevels(
  b: GraphBuilder,
  cells: string,
  finest: number,
  levels: readonly Level[],
  lossOf: (level: Level, target: string) => string,
): string[] {
  let [target, side] = [cells, finest]
  return levels.map((level, i) => {
    if (i > 0 && side > 1) {
      // As a convolution of stride 2 halves it: an odd side keeps its last row.
      const pads = side % 2 === 0 ? [0, 0, 0, 0] : [0, 0, 1, 1]
      target = b.op('AveragePool', [target], { kernel_shape: [2, 2], strides: [2, 2], pads, count_include_pad: 0 })
      side = Math.ceil(side / 2)
    }
    return lossOf(level, target)
  })
}
