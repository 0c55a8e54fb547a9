// Gives symbolic dimensions numbers, such as the batch size of a training step.

import { copyModel } from '../graph/copy.ts'
import { type Dim, substituteDim } from '../graph/dims.ts'
import type { Model, ValueType } from '../graph/model.ts'
import type { PassResult } from './pass.ts'

/** Replaces symbols in the types of inputs, outputs and values, e.g. `{ N: 32 }`. */
export function bindDimensions(model: Model, bindings: Readonly<Record<string, Dim>>): PassResult {
  const map = new Map(Object.entries(bindings))
  const bound = (type: ValueType | undefined): ValueType | undefined =>
    type?.kind === 'tensor' && type.dims !== undefined ? { ...type, dims: type.dims.map((dim) => substituteDim(dim, map)) } : type
  const result = copyModel(model)
  const { graph } = result
  for (const value of [...graph.inputs, ...graph.outputs, ...graph.values.values()]) {
    const type = bound(value.type)
    if (type !== undefined) value.type = type
  }
  return { model: result, modified: map.size > 0 }
}

/**
 * Gives inputs new shapes and forgets what was known of the values behind them, e.g. to fix the picture size.
 * Dimensions of the new shape may be symbols.
 */
export function withInputShapes(model: Model, shapes: Readonly<Record<string, readonly Dim[]>>): PassResult {
  const result = copyModel(model)
  const { graph } = result
  for (const input of graph.inputs) {
    const dims = shapes[input.name]
    if (dims !== undefined && input.type?.kind === 'tensor') input.type = { ...input.type, dims }
  }
  graph.values.clear()
  for (const output of graph.outputs) if (output.type?.kind === 'tensor') output.type = { kind: 'tensor', dtype: output.type.dtype }
  return { model: result, modified: true }
}
