// Makes the batch of a model that was exported for a fixed one a symbol again.

import { dataInputs } from '../graph/analysis.ts'
import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { type Dim, isStatic } from '../graph/dims.ts'
import type { Graph, Model, Node } from '../graph/model.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import { inferNodes, inferValues, ShapeTable } from './infer-shapes.ts'
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
  const shapes = inferMending(result, symbol, before)
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

/** Infers node by node, so that a Reshape is mended before what follows it is looked at. */
function inferMending(model: Model, symbol: string, before: ShapeTable): ShapeTable {
  const { graph } = model
  const shapes = new ShapeTable(graph.initializers)
  for (const { name, type } of graph.inputs) if (type !== undefined && !graph.initializers.has(name)) shapes.set(name, { type })
  const nodes = graph.nodes
  // The builder sees all names while what it adds goes before the node that needs it.
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  graph.nodes = []
  for (const node of nodes) {
    if (node.op === 'Reshape') mendReshape(graph, node, symbol, shapes, before)
    const added = graph.nodes.length
    if (node.op === 'Concat') mendConcat(b, node, symbol, shapes)
    graph.nodes.push(node)
    inferNodes(model, graph, graph.nodes.slice(added), shapes)
  }
  return shapes
}

/** What is joined to the data of each picture, such as a class token, and was made for one picture, is repeated for all of the batch. */
function mendConcat(b: GraphBuilder, node: Node, symbol: string, shapes: ShapeTable): void {
  const first = node.inputs.map((name) => shapes.dims(name)?.[0])
  const data = node.inputs[first.indexOf(symbol)]
  const axis = node.attributes.get('axis')?.value
  // Shape takes one dimension alone from opset 15 on.
  if (data === undefined || b.opset < 15 || axis === 0 || axis === -(shapes.dims(data)?.length ?? 0)) return
  node.inputs = node.inputs.map((name, i) => {
    const dims = shapes.dims(name)
    if (first[i] !== 1 || !isStatic(dims)) return name
    const batch = b.op('Shape', [data], { start: 0, end: 1 })
    return b.op('Expand', [name, b.op('Concat', [batch, b.ints(dims.slice(1))], { axis: 0 })])
  })
}

/**
 * A Reshape to a constant shape that names the old batch, or a multiple of it, follows the new one instead. Elements keep their order,
 * so the batch lies where as many elements lie before it as did in the data.
 */
function mendReshape(graph: Graph, node: Node, symbol: string, shapes: ShapeTable, before: ShapeTable): void {
  const [data = '', shape = ''] = node.inputs
  const sizes = shapes.contents(shape)
  const dims = shapes.dims(data)
  const [oldFrom, oldTo] = [before.dims(data), before.dims(node.outputs[0] ?? '')]
  if (!isStatic(sizes) || dims === undefined || !isStatic(oldFrom) || !isStatic(oldTo)) return
  const from = dims.findIndex((dim) => typeof dim === 'string' && dim.split(/\W+/).includes(symbol))
  if (from < 0) return
  const place = oldTo.findIndex((_, i) => sizeOf(oldTo.slice(0, i)) === sizeOf(oldFrom.slice(0, from)))
  const copies = sizes[place] === 0 && place === from && node.attributes.get('allowzero')?.value !== 1
  if (place < 0 || sizes[place] === -1 || copies) return
  // A dimension that is the batch alone is copied; a product with it is left to be worked out.
  const kept = dims[from] === symbol && place === from && oldTo[place] === oldFrom[from] ? 0 : -1
  const mended = oldTo.map((size, i) => (i === place ? kept : size))
  const name = `${shape}/batch${graph.initializers.has(`${shape}/batch`) ? `/${node.outputs[0]}` : ''}`
  graph.initializers.set(name, Tensor.int64([mended.length], mended))
  node.inputs[1] = name
  node.attributes.delete('allowzero')
}
