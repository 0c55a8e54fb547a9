// What is trained and what is frozen: from `--freeze` to a cut through the graph.

import { dataInputs, dominatorsOf } from '../graph/analysis.ts'
import type { Graph, Model } from '../graph/model.ts'
import type { ModelMetadata } from '../model/metadata.ts'
import { extract } from '../passes/extract.ts'
import { findHead } from '../passes/find-head.ts'
import { findResidualBlocks } from '../passes/residual-blocks.ts'
import { findTrainable, type TrainableParameter } from '../passes/trainable.ts'
import { FoveaError } from '../util/errors.ts'

export interface FrozenModel {
  /** The value where training begins; the picture input where nothing is frozen. */
  readonly cut: string
  /** What lies before the cut; undefined where nothing is frozen. */
  readonly prefix: Model | undefined
  /** From the cut to the logits. */
  readonly suffix: Model
  readonly parameters: readonly TrainableParameter[]
}

/**
 * Cuts a classifier for training. `spec` is one of
 * - `none`: everything is trained;
 * - `head`: only the last layer;
 * - `blocks:N`: the last N residual blocks and all behind them (the stem is frozen even where N is all of them);
 * - a stage or value name: everything up to it is frozen.
 *
 * @throws FoveaError MODEL_FREEZE naming what there is
 */
export function freeze(model: Model, metadata: ModelMetadata, spec: string): FrozenModel {
  const logits = metadata.stages.logits
  const head = findHead(model)
  if (logits === undefined || head === undefined)
    throw new FoveaError('MODEL_NOT_CLASSIFIER', { expected: 'a linear last layer before the scores', found: 'none' })
  const [images] = dataInputs(model.graph)
  const cut = findCut(model, metadata, spec, head.features, images!)
  if (spec !== 'none' && !isPassed(model.graph, cut, logits))
    throw new FoveaError('MODEL_FREEZE', { expected: 'a value that every path to the scores passes', found: `"${cut}"` })
  // The scaling of the pixels is the model's contract, not a parameter: training begins behind it.
  const parameters = findTrainable(model.graph, spec === 'none' ? (metadata.stages.pixels ?? images!) : cut)
  if (parameters.length === 0)
    throw new FoveaError('MODEL_FREEZE', { expected: 'parameters behind the cut', found: `none behind "${cut}"` })
  return {
    cut,
    prefix: spec === 'none' ? undefined : extract(model, { outputs: [cut] }),
    suffix: extract(model, { inputs: [cut], outputs: [logits] }),
    parameters,
  }
}

/** True where nothing behind the value depends on the pictures but through it. */
function isPassed(graph: Graph, value: string, logits: string): boolean {
  const dominators = dominatorsOf(graph)
  for (let at: string | undefined = logits; at !== undefined; at = dominators.get(at)) if (at === value) return true
  return false
}

function findCut(model: Model, metadata: ModelMetadata, spec: string, features: string, images: string): string {
  if (spec === 'none') return images
  if (spec === 'head') return features
  const blocks = findResidualBlocks(model.graph)
  const match = /^blocks:(\d+)$/.exec(spec)
  if (match !== null) {
    const open = Number(match[1])
    if (open < 1 || open > blocks.length) {
      const expected = blocks.length === 0 ? 'none, head or a stage, since the model has no residual blocks' : countsOf(blocks.length)
      throw new FoveaError('MODEL_FREEZE', { expected, found: spec })
    }
    return blocks[blocks.length - open]!.input
  }
  const value = metadata.stages[spec] ?? spec
  if (!model.graph.nodes.some((node) => node.outputs.includes(value))) {
    const stages = Object.keys(metadata.stages).join(', ')
    throw new FoveaError('MODEL_FREEZE', {
      expected: [
        'none, head',
        ...(blocks.length === 0 ? [] : [countsOf(blocks.length)]),
        ...(stages === '' ? [] : [`or one of ${stages}`]),
      ].join(', '),
      found: spec,
    })
  }
  return value
}

function countsOf(blocks: number): string {
  return blocks === 1 ? 'blocks:1' : `blocks:1 to blocks:${blocks}`
}

/**
 * The same training without a cut: the frozen part runs inside the training step, on the pictures of each batch. For pictures that
 * change from epoch to epoch this is faster than a session of its own for the frozen part: nothing is copied between the two.
 */
export function withPrefixInside(model: Model, metadata: ModelMetadata, frozen: FrozenModel): FrozenModel {
  const [images] = dataInputs(model.graph)
  return { ...frozen, cut: images!, prefix: undefined, suffix: extract(model, { inputs: [images!], outputs: [metadata.stages.logits!] }) }
}
