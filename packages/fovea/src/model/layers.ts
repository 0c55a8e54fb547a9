// The layers of a model by name: its stages, and every value of its graph.

import type { Dim } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { inferValues } from '../passes/infer-shapes.ts'
import { clip } from '../util/clip.ts'
import { FoveaError } from '../util/errors.ts'
import { similarNames } from '../util/similar.ts'
import type { ModelMetadata } from './metadata.ts'

export interface StageSummary {
  readonly stage: string
  /** The value of the graph that the stage is. */
  readonly value: string
  readonly dims: readonly Dim[] | undefined
}

/** The stages of a model with their shapes, in the order of the graph; where the model takes any size, at the one its contract names. */
export function describeStages(model: Model, { stages, preprocessing }: Pick<ModelMetadata, 'stages' | 'preprocessing'>): StageSummary[] {
  const input = model.graph.inputs[0]?.type
  const sides = input?.kind === 'tensor' ? (input.dims?.slice(1, 3) ?? []) : []
  const bindings = sides.flatMap((side, i) =>
    typeof side === 'string' && preprocessing.size ? [[side, preprocessing.size[i]!] as const] : [],
  )
  const shapes = inferValues(model, { bindings: Object.fromEntries(bindings) })
  const order = new Map(valuesOf(model).map((name, i) => [name, i]))
  return Object.entries(stages)
    .map(([stage, value]) => ({ stage, value, dims: shapes.dims(value) }))
    .sort((a, b) => (order.get(a.value) ?? 0) - (order.get(b.value) ?? 0))
}

/** Stages parted by whether the graph has their values: those of a file may name what a later tool renamed or took out. */
export function partStages(model: Model, stages: ModelMetadata['stages']): { known: Record<string, string>; notes: readonly string[] } {
  const values = new Set(valuesOf(model))
  const entries = Object.entries(stages)
  const stale = entries.filter(([, value]) => !values.has(value)).map(([stage, value]) => clip(`${stage} (${value})`, 80))
  return {
    known: Object.fromEntries(entries.filter(([, value]) => values.has(value))),
    notes: stale.length === 0 ? [] : [`Its stages name values that the graph does not have; they are left out: ${clip(stale.join(', '))}.`],
  }
}

/**
 * The value that a layer is: a stage, or a value of the graph.
 *
 * @throws FoveaError MODEL_LAYER naming the stages and what is spelt alike
 */
export function resolveLayer(model: Model, stages: ModelMetadata['stages'], layer: string): string {
  const values = valuesOf(model)
  const value = Object.hasOwn(stages, layer) ? stages[layer]! : layer
  if (values.includes(value)) return value
  if (value !== layer)
    throw new FoveaError('MODEL_LAYER', {
      field: `fovea.stages.${layer}`,
      expected: 'a stage whose value is in the graph',
      found: `the stage "${layer}" for a value "${value}" that the graph does not have`,
    })
  const names = Object.keys(stages).filter((stage) => values.includes(stages[stage]!))
  const alike = similarNames(layer, [...names, ...values])
  const meant = alike.length > 0 ? ` (spelt alike: ${alike.join(', ')})` : ''
  throw new FoveaError('MODEL_LAYER', {
    field: 'layer',
    expected: `${names.length > 0 ? `one of the stages ${names.join(', ')}, or ` : ''}a value of the graph`,
    found: `"${layer}"${meant}`,
  })
}

function valuesOf({ graph }: Model): string[] {
  return graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== ''))
}
