// Runs the standard's cases through shape inference and the reference evaluator.

import { isFloat } from '../../src/graph/data-type.ts'
import { operatorKey } from '../../src/graph/model.ts'
import { evaluateModel, ndarrayOf } from '../../src/ops/evaluate.ts'
import { findOperator } from '../../src/ops/table.ts'
import { inferValues } from '../../src/passes/infer-shapes.ts'
import { differenceOf, type NodeCase, shapeAgrees } from './node-cases.ts'

/** Why the reference cannot be asked about this case at all; undefined where it can. */
export function outOfScope(test: NodeCase): string | undefined {
  const { graph } = test.model
  const missing = graph.nodes.find((node) => findOperator(node) === undefined)
  if (missing !== undefined) return `${operatorKey(missing)} is not in the table`
  const exotic = [...test.inputs, ...test.outputs].find(
    (tensor) => tensor === undefined || tensor.dtype === 'string' || tensor.dtype.startsWith('complex'),
  )
  if (exotic !== undefined) return `values of type ${exotic.dtype}`
  const optional = test.inputs.some(
    (tensor, i) => tensor === undefined && graph.nodes.some((node) => node.inputs.includes(graph.inputs[i]!.name)),
  )
  return optional || test.outputs.some((tensor) => tensor === undefined) ? 'values that are no tensors' : undefined
}

/** The first disagreement of shape inference with the stored outputs, or undefined. */
export function inferenceProblem({ model, inputs, outputs }: NodeCase): string | undefined {
  // Only what the inputs declare may be known, not what the file says of its outputs.
  const blank = { ...model, graph: { ...model.graph, values: new Map(), outputs: model.graph.outputs.map(({ name }) => ({ name })) } }
  const table = inferValues(blank)
  void inputs
  for (const [i, { name }] of model.graph.outputs.entries()) {
    const type = table.type(name)
    const real = outputs[i]!
    if (type === undefined) return `${name}: nothing inferred`
    if (type.dtype !== real.dtype) return `${name}: ${type.dtype} instead of ${real.dtype}`
    // Where a shape depends on values that only a run gives, inference may not know it.
    if (type.dims !== undefined && !shapeAgrees(type.dims, real.dims)) return `${name}: [${type.dims}] instead of [${real.dims}]`
  }
  return undefined
}

/** The first disagreement of the reference evaluator with the stored outputs, or undefined. */
export function referenceProblem({ model, inputs, outputs }: NodeCase): string | undefined {
  const feeds = new Map(
    model.graph.inputs.flatMap(({ name }, i) => (inputs[i] === undefined ? [] : [[name, ndarrayOf(inputs[i])] as const])),
  )
  const results = evaluateModel(model, feeds)
  for (const [i, { name }] of model.graph.outputs.entries()) {
    const expected = outputs[i]!
    // Narrow floats are kept in float64 by the reference: the stored result is rounded to the type.
    const narrow = isFloat(expected.dtype) && !['float32', 'float64'].includes(expected.dtype)
    const problem = differenceOf(results.get(name)!, expected, narrow ? { relative: 0.02, absolute: 2e-3 } : undefined)
    if (problem !== undefined) return `${name}: ${problem}`
  }
  return undefined
}
