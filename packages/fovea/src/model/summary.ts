// A model at a glance: ports, parameters, FLOPs, operators.

import { dataInputs } from '../graph/analysis.ts'
import type { DataType } from '../graph/data-type.ts'
import { type Dim, formatDims, isStatic } from '../graph/dims.ts'
import { type Model, operatorKey, type Value } from '../graph/model.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import { opsetOf } from '../ops/evaluate.ts'
import type { FlopsContext } from '../ops/operator.ts'
import { findOperator } from '../ops/table.ts'
import { inferValues, type ShapeTable } from '../passes/infer-shapes.ts'
import { findResidualBlocks } from '../passes/residual-blocks.ts'
import { findTrainable } from '../passes/trainable.ts'

export interface PortSummary {
  readonly name: string
  readonly type: string
  readonly dtype: DataType | undefined
  readonly dims: readonly Dim[] | undefined
}

export interface ModelSummary {
  readonly irVersion: number
  readonly opsets: Readonly<Record<string, number>>
  readonly producer: string | undefined
  readonly inputs: readonly PortSummary[]
  readonly outputs: readonly PortSummary[]
  readonly nodes: number
  /** Number of nodes by operator, falling. */
  readonly operators: Readonly<Record<string, number>>
  /** Values that training may change; running statistics are not counted. */
  readonly parameters: number
  /** Bytes of all initializers. */
  readonly weightBytes: number
  /** For one picture, a multiply-add counted as two, as `countFlops` counts; undefined where a shape or operator is unknown. */
  readonly flops: number | undefined
  /** The size that `flops` was counted at, where the model leaves its own open. */
  readonly flopsAt: Readonly<Record<string, number>>
  /** Values that residual blocks end in. */
  readonly residualBlocks: readonly string[]
}

/** Side of the picture that FLOPs are counted at where the model takes any and nothing tells its usual one. */
const countedSize = 224

/**
 * Summarises a model.
 *
 * @param size height and width that FLOPs are counted at where the model takes any. @default 224
 * @throws FoveaError OP_INVALID where the graph contradicts itself
 */
export function summarize(model: Model, size: readonly [height: number, width: number] = [countedSize, countedSize]): ModelSummary {
  const { graph } = model
  const inputs = dataInputs(graph)
  const shapes = inferValues(model)
  const counts = new Map<string, number>()
  for (const node of graph.nodes) counts.set(operatorKey(node), (counts.get(operatorKey(node)) ?? 0) + 1)
  const flopsAt = openDimensions(
    graph.inputs.filter(({ name }) => inputs.includes(name)),
    size,
  )
  const pixels = graph.nodes.some((node) => node.outputs.includes('pixels')) ? 'pixels' : inputs[0]
  const trainable = pixels === undefined ? [] : findTrainable(graph, pixels)
  return {
    irVersion: model.irVersion,
    opsets: Object.fromEntries([...model.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' ') || undefined,
    inputs: graph.inputs.filter(({ name }) => inputs.includes(name)).map((value) => portOf(value, shapes)),
    outputs: graph.outputs.map((value) => portOf(value, shapes)),
    nodes: graph.nodes.length,
    operators: Object.fromEntries([...counts].sort(([p, a], [q, b]) => b - a || (p < q ? -1 : 1))),
    parameters: trainable.reduce((sum, { name }) => sum + graph.initializers.get(name)!.size, 0),
    weightBytes: [...graph.initializers.values()].reduce((sum, tensor) => sum + tensor.bytes.length, 0),
    flops: countFlops(model, flopsAt),
    flopsAt,
    residualBlocks: findResidualBlocks(graph).map((block) => block.output),
  }
}

/** Operators whose outputs are as long as what they choose: how long is known when the model has run. */
const choosing: ReadonlySet<string> = new Set(['NonMaxSuppression', 'NonZero', 'TopK', 'Compress', 'Unique'])

/**
 * FLOPs of one run under these bindings, but for what follows a choice of unknown length, such as the boxes of a detector: there little is
 * left to be computed. Undefined where another shape is not static or an operator unknown.
 */
export function countFlops(model: Model, bindings: Readonly<Record<string, number>>): number | undefined {
  const shapes = inferValues(model, { bindings })
  const chosen = new Set<string>()
  let total = 0
  for (const node of model.graph.nodes) {
    const operator = findOperator(node)
    const known = [...node.inputs, ...node.outputs].every((name) => name === '' || isStatic(shapes.dims(name)))
    if (operator !== undefined && known) total += operator.flops(new Flops(node, opsetOf(model, node), shapes))
    else if (choosing.has(node.op) || node.inputs.some((name) => chosen.has(name))) for (const name of node.outputs) chosen.add(name)
    else return undefined
  }
  return total
}

/** One for the batch; the height for the first side that is open, the width for the second. */
function openDimensions(inputs: readonly Value[], [height, width]: readonly [number, number]): Record<string, number> {
  const bindings: Record<string, number> = {}
  for (const { type } of inputs) {
    if (type?.kind !== 'tensor') continue
    const sides = type.dims?.slice(1).filter((dim) => typeof dim === 'string') ?? []
    type.dims?.forEach((dim, i) => {
      if (typeof dim === 'string') bindings[dim] = i === 0 ? 1 : sides.indexOf(dim) === 1 ? width : height
    })
  }
  return bindings
}

function portOf(value: Value, shapes: ShapeTable): PortSummary {
  const type = shapes.get(value.name)?.type ?? value.type
  if (type?.kind !== 'tensor') return { name: value.name, type: type?.kind ?? 'unknown', dtype: undefined, dims: undefined }
  return { name: value.name, type: `${type.dtype}${formatDims(type.dims)}`, dtype: type.dtype, dims: type.dims }
}

class Flops extends NodeAttributes implements FlopsContext {
  readonly #shapes: ShapeTable

  constructor(node: Model['graph']['nodes'][number], opset: number, shapes: ShapeTable) {
    super(node, opset)
    this.#shapes = shapes
  }

  hasInput(index: number): boolean {
    return (this.node.inputs[index] ?? '') !== ''
  }

  inputDims(index: number): readonly number[] {
    return this.#dims(this.node.inputs[index])
  }

  outputDims(index: number): readonly number[] {
    return this.#dims(this.node.outputs[index])
  }

  #dims(name: string | undefined): readonly number[] {
    const dims = this.#shapes.dims(name ?? '')
    return isStatic(dims) ? dims : this.fail('static shapes')
  }
}
