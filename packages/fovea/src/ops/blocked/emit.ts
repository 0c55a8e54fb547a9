// Pieces of blocked graphs that gradients and lowerings share.

import type { GraphBuilder } from '../../graph/builder.ts'
import type { DataType } from '../../graph/data-type.ts'
import type { Graph } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import { tensorOfNumbers } from '../../graph/tensor-values.ts'
import { blockedOp } from './layout.ts'

/** Shape [N, C, H, W] of a blocked value, its element type and its block. */
export interface BlockedShape {
  readonly dims: readonly number[]
  readonly dtype: DataType
  readonly block: number
}

export function reshape(b: GraphBuilder, x: string, dims: readonly number[]): string {
  return b.op('Reshape', [x, b.ints(dims)])
}

/** Sum over the first axis of [n, ...]. */
export function sumRows(b: GraphBuilder, x: string): string {
  return b.opset >= 13 ? b.op('ReduceSum', [x, b.ints([0])], { keepdims: 0 }) : b.op('ReduceSum', [x], { axes: [0], keepdims: 0 })
}

export function scalar(b: GraphBuilder, value: number, dtype: DataType): string {
  return b.constant(tensorOfNumbers(dtype, [], [value]), 'scalar')
}

/** x * scale [+ bias] [+ summand], scale and bias of shape [C]: a depthwise 1x1 convolution, one pass over memory. */
export function emitAffine(
  b: GraphBuilder,
  { dims, block }: BlockedShape,
  x: string,
  scale: string,
  bias?: string,
  summand?: string,
): string {
  const C = dims[1]!
  return blockedOp(b, block, 'Conv', [x, reshape(b, scale, [C, 1, 1, 1]), bias, summand], { kernel_shape: [1, 1], group: C })
}

/** The mean of each channel over batch and plane, [C]. */
export function emitChannelMean(b: GraphBuilder, { dims, dtype, block }: BlockedShape, x: string): string {
  const [N, C] = dims as [number, number]
  const planes = reshape(b, blockedOp(b, block, 'GlobalAveragePool', [x]), [N, C])
  return b.op('Mul', [sumRows(b, planes), scalar(b, 1 / N, dtype)])
}

/**
 * The mean of each channel of x * y over batch and plane, [C]: a convolution of every plane with another plane as its filter. It
 * streams both once and writes nothing; ONNX Runtime's reductions take many times as long.
 */
export function emitChannelDot(b: GraphBuilder, { dims, dtype, block }: BlockedShape, x: string, y: string): string {
  const [N, C, H, W] = dims as [number, number, number, number]
  const planes = [reshape(b, x, [1, N * C, H, W]), reshape(b, y, [N * C, 1, H, W])]
  const sums = blockedOp(b, block, 'Conv', planes, { kernel_shape: [H, W], group: N * C })
  return b.op('Mul', [sumRows(b, reshape(b, sums, [N, C])), scalar(b, 1 / (N * H * W), dtype)])
}

const shared = new WeakMap<Graph, Map<string, string>>()

/** Takes rows of a value of shape [rows, width]: `key` says in words what `index` holds, so that equal lists are kept once a graph. */
export function takeRows(b: GraphBuilder, x: string, key: string, index: () => Int32Array): string {
  const known = shared.get(b.graph) ?? new Map<string, string>()
  shared.set(b.graph, known)
  let name = known.get(key)
  if (name === undefined || !b.graph.initializers.has(name)) {
    const places = index()
    name = b.constant(Tensor.of('int32', [places.length], places), 'rows')
    known.set(key, name)
  }
  return b.op('Gather', [x, name], { axis: 0 })
}
