// Where the network looked: kept in models whose heads do not ask for it, so that it can be drawn.

import { nodesBefore } from '../../graph/analysis.ts'
import type { Model } from '../../graph/model.ts'
import type { ModuleBuilder } from '../../nn/module.ts'
import { eliminateDeadNodes } from '../../passes/eliminate-dead-nodes.ts'

/**
 * A value as the stage `attention` has it, [N, levels, H, W], for the first levels of the pyramid alone: those that heads look at. Undefined where
 * the model has none.
 */
export function attentionOfLevels(
  m: ModuleBuilder,
  { graph }: Model,
  stages: Readonly<Record<string, string>>,
  levels: number,
): string | undefined {
  const value = stages.attention
  const node = graph.nodes.find(({ outputs }) => value !== undefined && outputs.includes(value))
  if (value === undefined || node === undefined) return undefined
  if (node.op !== 'Concat' || node.inputs.length <= levels) return value
  return m.op('attention', 'Concat', node.inputs.slice(0, levels), { axis: 1 })
}

/** Removes what neither the outputs nor these values need. The values are no outputs after it; `DeepSeekVision` leaves them out of its runs. */
export function eliminateAllBut(model: Model, kept: readonly string[]): Model {
  const { graph } = model
  const produced = new Set(nodesBefore(graph, [...kept]).flatMap(({ outputs }) => outputs))
  const asked = kept.filter((name) => produced.has(name))
  const wider = { ...model, graph: { ...graph, outputs: [...graph.outputs, ...asked.map((name) => ({ name }))] } }
  const { model: result } = eliminateDeadNodes(wider)
  return { ...result, graph: { ...result.graph, outputs: graph.outputs } }
}
