// The op table: everything Fovea knows about operators, by name.

import { type Node, operatorKey } from '../graph/model.ts'
import { FoveaError } from '../util/errors.ts'
import { activations } from './activations.ts'
import { arithmetic } from './arithmetic.ts'
import { attentions } from './attention.ts'
import { batchNormalization } from './batch-normalization.ts'
import { blockedBatchNormalization } from './blocked/batch-normalization.ts'
import { blockedConvolution } from './blocked/convolution.ts'
import { blockedPooling } from './blocked/pooling.ts'
import { blockedReorders } from './blocked/reorder.ts'
import { casts } from './cast.ts'
import { comparisons } from './comparison.ts'
import { concat } from './concat.ts'
import { constant } from './constant.ts'
import { control } from './control.ts'
import { convolution } from './convolution.ts'
import { deformableConvolution } from './deformable-convolution.ts'
import { dropout } from './dropout.ts'
import { gather } from './gather.ts'
import { globalPooling } from './global-pooling.ts'
import { sampling } from './grid-sample.ts'
import { groupNormalizations } from './group-normalization.ts'
import { layerNormalizations } from './layer-normalization.ts'
import { linear } from './linear.ts'
import { losses } from './losses.ts'
import { math } from './math.ts'
import { nms } from './nms.ts'
import type { OperatorDefinition, OperatorFamily } from './operator.ts'
import { pad } from './pad.ts'
import { patches } from './patches.ts'
import { pooling } from './pooling.ts'
import { quantization } from './quantization.ts'
import { random } from './random.ts'
import { rearrange } from './rearrange.ts'
import { reductions } from './reduction.ts'
import { regions } from './regions.ts'
import { resizes } from './resize.ts'
import { responseNormalizations } from './response-normalization.ts'
import { scatter } from './scatter.ts'
import { select } from './select.ts'
import { shape } from './shape.ts'
import { slice } from './slice.ts'
import { softmaxes } from './softmax.ts'
import { space } from './space.ts'

/** All families. A new file of operators is enrolled here, and by that in every table-driven test. */
export const operatorFamilies = {
  control,
  select,
  scatter,
  random,
  nms,
  slice,
  shape,
  rearrange,
  pad,
  gather,
  constant,
  convolution,
  pooling,
  patches,
  resizes,
  space,
  sampling,
  regions,
  deformableConvolution,
  globalPooling,
  batchNormalization,
  groupNormalizations,
  layerNormalizations,
  responseNormalizations,
  concat,
  math,
  activations,
  arithmetic,
  comparisons,
  casts,
  reductions,
  softmaxes,
  linear,
  losses,
  dropout,
  attentions,
  quantization,
  blockedReorders,
  blockedConvolution,
  blockedPooling,
  blockedBatchNormalization,
} as const satisfies Record<string, OperatorFamily>

const table: ReadonlyMap<string, OperatorDefinition> = new Map(Object.values(operatorFamilies).flatMap((family) => Object.entries(family)))

/** Names of all operators in the table, `Relu` or `com.microsoft::FusedMatMul`. */
export function operatorNames(): string[] {
  return [...table.keys()]
}

/** What the table knows of a node's operator, or undefined. */
export function findOperator(node: Pick<Node, 'op' | 'domain'>): OperatorDefinition | undefined {
  return table.get(operatorKey(node))
}

/** What the table knows of a node's operator. @throws FoveaError OP_UNKNOWN */
export function operatorOf(node: Node): OperatorDefinition {
  const definition = findOperator(node)
  if (definition === undefined) throw new FoveaError('OP_UNKNOWN', { node: node.name || node.outputs[0], found: operatorKey(node) })
  return definition
}
