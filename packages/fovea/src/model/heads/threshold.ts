// Values of a file that decide its answers, and that a run may replace.

import type { GraphBuilder } from '../../graph/builder.ts'
import type { Tensor } from '../../graph/tensor.ts'

/** An initializer that is an input too, so that it can be replaced in a run (an optional input of ONNX). @returns its name */
export function threshold(b: GraphBuilder, name: string, tensor: Tensor): string {
  const unique = b.fresh(name)
  b.input(unique, tensor.dtype, tensor.dims)
  return b.weight(unique, tensor)
}
