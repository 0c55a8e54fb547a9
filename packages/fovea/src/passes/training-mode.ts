// From inference to training: BatchNormalization uses the batch, Dropout drops.

import { GraphBuilder } from '../graph/builder.ts'
import { copyModel } from '../graph/copy.ts'
import { isStatic } from '../graph/dims.ts'
import type { Model, Node } from '../graph/model.ts'
import { tensorOfNumbers } from '../graph/tensor-values.ts'
import { NodeAttributes } from '../ops/attributes.ts'
import { opsetOf } from '../ops/evaluate.ts'
import { FoveaError } from '../util/errors.ts'
import { inferValues, type ShapeTable } from './infer-shapes.ts'

/** A random mask that the caller feeds in every run: 0 with probability `ratio`, else 1 / (1 - ratio). */
export interface DropoutMask {
  readonly input: string
  readonly dims: readonly number[]
  readonly ratio: number
}

export interface TrainingMode {
  readonly model: Model
  /** Running statistics: from the name of the initializer to the value that holds its next state. */
  readonly running: ReadonlyMap<string, string>
  readonly masks: readonly DropoutMask[]
}

/**
 * Puts the trained part of a model into training mode. A BatchNormalization trains when its scale or bias does; a frozen one
 * keeps its running figures, as fine-tuning practice has it. Dropout in the trained part multiplies by a mask that is an
 * input, so that runs repeat exactly by seed (Srivastava 2014; masks are never drawn by the runtime).
 *
 * @param trained names of the initializers that will be trained
 */
export function toTrainingMode(model: Model, trained: ReadonlySet<string>): TrainingMode {
  const result = copyModel(model)
  const { graph } = result
  const shapes = inferValues(model)
  const running = new Map<string, string>()
  const masks: DropoutMask[] = []
  const depends = new Set(trained)
  const b = new GraphBuilder({ graph, opset: model.opsets.get('') ?? 1 })
  const { nodes } = graph
  graph.nodes = []
  for (const node of nodes) {
    const touched = node.inputs.some((name) => depends.has(name))
    if (touched) for (const output of node.outputs) depends.add(output)
    if (node.op === 'BatchNormalization' && (trained.has(node.inputs[1]!) || trained.has(node.inputs[2]!)))
      graph.nodes.push(trainingBatchNorm(b, node, running))
    else if (node.op === 'Dropout' && touched) {
      const attributes = new NodeAttributes(node, opsetOf(model, node))
      graph.nodes.push(maskedDropout(b, node, attributes, shapes, masks))
    } else graph.nodes.push(node)
  }
  return { model: result, running, masks }
}

function trainingBatchNorm(b: GraphBuilder, node: Node, running: Map<string, string>): Node {
  const statistics = node.inputs.slice(3, 5)
  const next = statistics.map((name) => b.fresh(`${name}/next`))
  statistics.forEach((name, i) => {
    if (running.has(name))
      throw new FoveaError('GRAPH_INVALID', { node: node.name, field: name, expected: 'running statistics of one BatchNormalization only' })
    running.set(name, next[i]!)
  })
  const attributes = new Map(node.attributes)
  attributes.set('training_mode', { type: 'int', value: 1 })
  return { ...node, outputs: [node.outputs[0]!, ...next], attributes }
}

function maskedDropout(b: GraphBuilder, node: Node, attributes: NodeAttributes, shapes: ShapeTable, masks: DropoutMask[]): Node {
  const [x = '', ratioInput = ''] = node.inputs
  const type = shapes.type(x)
  if (type === undefined || !isStatic(type.dims))
    throw new FoveaError('SHAPE_UNKNOWN', { node: node.name, field: x, expected: 'a static shape for the dropout mask' })
  const ratio = ratioInput === '' ? attributes.float('ratio', 0.5) : (shapes.constant(ratioInput)?.data[0] ?? 0.5)
  const input = b.input(b.fresh(`${node.name || node.outputs[0]}/mask`), type.dtype, type.dims)
  masks.push({ input, dims: type.dims, ratio })
  if (node.outputs[1]) b.op('Greater', [input, b.constant(tensorOfNumbers(type.dtype, [], [0]))], {}, node.outputs[1])
  return { ...node, op: 'Mul', domain: '', inputs: [x, input], outputs: [node.outputs[0]!], attributes: new Map() }
}
