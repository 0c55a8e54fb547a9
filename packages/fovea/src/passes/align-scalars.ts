// Gives scalars the rank of what they meet, where ONNX Runtime would otherwise loop over single elements.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { isStatic } from '../graph/dims.ts'
import type { Model, Node } from '../graph/model.ts'
import { sizeOf, Tensor } from '../graph/tensor.ts'
import { inferValues } from './infer-shapes.ts'
import type { PassResult } from './pass.ts'

/** Elements from which on it is worth a thought: a few microseconds. */
const worthwhile = 1024

const binary = new Set(['Add', 'Sub', 'Mul', 'Div', 'Min', 'Max', 'Pow'])

/**
 * ONNX Runtime's CPU provider takes 13 ms to multiply [2048,1024,1,1] by a scalar of rank 0 and 0.2 ms by one of shape [1,1,1,1]: from the
 * trailing axis of 1 it concludes that each element meets a scalar of its own. Weights of 1x1 convolutions have that shape.
 */
export function alignScalars(model: Model): PassResult {
  const shapes = inferValues(model)
  const result = copyModel(model)
  const { graph } = result
  const fixed = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name))
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const aligned = new Map<string, string>()
  const dimsOf = (name: string) => {
    const dims = shapes.dims(name)
    return isStatic(dims) ? dims : undefined
  }

  const alignedTo = (rank: number, scalar: string): string => {
    const key = `${rank} ${scalar}`
    const known = aligned.get(key)
    if (known !== undefined) return known
    const ones = new Array<number>(rank).fill(1)
    const constant = fixed.has(scalar) ? undefined : graph.initializers.get(scalar)
    const name = constant ? b.constant(new Tensor(constant.dtype, ones, constant.bytes), 'scalar') : b.op('Reshape', [scalar, b.ints(ones)])
    aligned.set(key, name)
    return name
  }

  const visit = (node: Node): Node => {
    if (node.domain !== '' || !binary.has(node.op) || node.inputs.length !== 2) return node
    const shapesOfInputs = node.inputs.map(dimsOf)
    const at = shapesOfInputs.findIndex((dims, i) => {
      const other = shapesOfInputs[1 - i]
      return (
        dims !== undefined &&
        other !== undefined &&
        sizeOf(dims) === 1 &&
        dims.length < other.length &&
        sizeOf(other) >= worthwhile &&
        other.at(-1) === 1
      )
    })
    if (at < 0) return node
    const inputs = [...node.inputs]
    inputs[at] = alignedTo(shapesOfInputs[1 - at]!.length, inputs[at]!)
    return { ...node, inputs }
  }

  const { nodes } = graph
  graph.nodes = []
  let modified = false
  for (const node of nodes) {
    // A reshape that the visit emits lands before the node that uses it.
    const changed = visit(node)
    modified ||= changed !== node
    graph.nodes.push(changed)
  }
  return modified ? { model: result, modified } : { model, modified }
}
