// Casts at the edge of a graph, to and from element types that onnxruntime-node can pass.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { type DataType, dataTypes } from '../graph/data-type.ts'
import { type Model, tensorType } from '../graph/model.ts'
import { carriers } from './carriers.ts'

export interface Boundary {
  readonly model: Model
  /** Names of inputs and outputs that travel as another type, with the type that the user sees. */
  readonly narrow: ReadonlyMap<string, DataType>
}

/** The model with casts at its edges where it needs them, else the model itself. */
export function adaptBoundary(model: Model): Boundary {
  const narrow = new Map<string, DataType>()
  const { inputs, outputs, initializers } = model.graph
  for (const { name, type } of [...inputs, ...outputs])
    if (type?.kind === 'tensor' && carriers[type.dtype] !== undefined && !initializers.has(name)) narrow.set(name, type.dtype)
  if (narrow.size === 0) return { model, narrow }

  const result = copyModel(model)
  const { graph } = result
  const body = graph.nodes
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const cast = (value: string, to: DataType, output?: string) => {
    const result = b.op('Cast', [value], { to: dataTypes[to].code }, output)
    // A node whose output takes over a name may not take over that of the node which had it.
    graph.nodes.at(-1)!.name = b.fresh(`${result}/boundary`)
    return result
  }
  graph.nodes = []
  const inside = new Map<string, string>()
  for (const input of graph.inputs) {
    const dtype = narrow.get(input.name)
    if (dtype === undefined || input.type?.kind !== 'tensor') continue
    input.type = tensorType(carriers[dtype]!, input.type.dims)
    inside.set(input.name, cast(input.name, dtype))
  }
  for (const output of graph.outputs)
    if (narrow.has(output.name)) inside.set(output.name, inside.get(output.name) ?? b.fresh(`${output.name}/narrow`))
  const renamed = (names: string[]) => names.map((name) => inside.get(name) ?? name)
  for (const node of body) {
    node.inputs = renamed(node.inputs)
    node.outputs = renamed(node.outputs)
  }
  graph.nodes.push(...body)
  graph.outputs = graph.outputs.map((output) => {
    const dtype = narrow.get(output.name)
    if (dtype === undefined || output.type?.kind !== 'tensor') return output
    const wide = cast(
      inside.get(output.name)!,
      carriers[dtype]!,
      graph.inputs.some((input) => input.name === output.name) ? undefined : output.name,
    )
    return { ...output, name: wide, type: tensorType(carriers[dtype]!, output.type.dims) }
  })
  return { model: result, narrow }
}
