// Makes the batch of a model that was exported for a fixed one a symbol again.

import { dataInputs, valuesAfter } from '../graph/analysis.ts'
import { copyModel } from '../graph/copy.ts'
import { type Dim, isStatic } from '../graph/dims.ts'
import type { Model } from '../graph/model.ts'
import { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import { inferValues, type ShapeTable } from './infer-shapes.ts'
import type { PassResult } from './pass.ts'

export interface DynamicBatchOptions {
  /** @default 'N' */
  readonly symbol?: string
}

/**
 * Gives every data input's first dimension a symbol, and mends the constant shapes of Reshape nodes that name the old batch.
 * The result is checked by inference: every output must carry the symbol first.
 *
 * @throws FoveaError SHAPE_UNKNOWN where an output would not follow the batch
 */
export function makeBatchDynamic(model: Model, options: DynamicBatchOptions = {}): PassResult {
  const symbol = options.symbol ?? 'N'
  const result = copyModel(model)
  const { graph } = result
  const inputs = dataInputs(graph)
  const before = inferValues(model)
  const batches = new Set<Dim>()
  for (const input of graph.inputs) {
    if (!inputs.includes(input.name) || input.type?.kind !== 'tensor' || input.type.dims === undefined || input.type.dims.length === 0)
      continue
    batches.add(input.type.dims[0]!)
    input.type = { ...input.type, dims: [symbol, ...input.type.dims.slice(1)] }
  }
  if (batches.size === 1 && batches.has(symbol)) return { model, modified: false }
  // What the file declares of the values in between speaks of the old batch.
  graph.values.clear()
  for (const output of graph.outputs) if (output.type?.kind === 'tensor') output.type = { kind: 'tensor', dtype: output.type.dtype }
  mendReshapes(result, batches, before)
  const shapes = inferValues(result)
  for (const output of graph.outputs) {
    const type = shapes.type(output.name)
    if (type?.dims?.[0] !== symbol)
      throw new FoveaError('SHAPE_UNKNOWN', {
        field: output.name,
        expected: `an output whose first dimension is the batch ${symbol}`,
        found: `${type?.dims?.[0] ?? 'nothing known'}`,
      })
    output.type = type
  }
  return { model: result, modified: true }
}

/** A Reshape of data to a constant shape that begins with the old batch keeps its first dimension instead. */
function mendReshapes(model: Model, batches: ReadonlySet<Dim>, shapes: ShapeTable): void {
  const { graph } = model
  const flowing = valuesAfter(graph, dataInputs(graph))
  for (const node of graph.nodes) {
    const [data = '', shape = ''] = node.inputs
    // A shape that is computed from the data follows the batch by itself.
    if (node.op !== 'Reshape' || !flowing.has(data) || flowing.has(shape)) continue
    const sizes = shapes.contents(shape)
    if (!isStatic(sizes) || sizes.length === 0 || !batches.has(sizes[0]!)) continue
    const name = `${node.inputs[1]}/batch`
    graph.initializers.set(name, Tensor.int64([sizes.length], [0, ...sizes.slice(1)]))
    node.inputs[1] = name
    node.attributes.delete('allowzero')
  }
}
