// Evaluates one operator on the reference.

import { type AttributeInputs, GraphBuilder } from '../src/graph/builder.ts'
import { evaluateNode } from '../src/ops/evaluate.ts'
import type { NDArray } from '../src/ops/ndarray.ts'

export interface EvaluateOptions {
  /** @default the builder's */
  readonly opset?: number
  readonly outputs?: number
}

/** All results of an operator; undefined inputs are left out. */
export function evaluateAll(
  op: string,
  inputs: readonly (NDArray | undefined)[],
  attributes: AttributeInputs = {},
  { opset, outputs = 1 }: EvaluateOptions = {},
): NDArray[] {
  const b = new GraphBuilder(opset === undefined ? {} : { opset })
  b.ops(
    op,
    inputs.map((input, i) => (input === undefined ? undefined : `input_${i}`)),
    outputs,
    attributes,
  )
  return evaluateNode(b.graph.nodes[0]!, inputs, b.opset)
}

export function evaluateOne(
  op: string,
  inputs: readonly (NDArray | undefined)[],
  attributes: AttributeInputs = {},
  options: EvaluateOptions = {},
): NDArray {
  return evaluateAll(op, inputs, attributes, options)[0]!
}
