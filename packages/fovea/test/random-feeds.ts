// Random values for a model's inputs.

import { isStatic, substituteDim } from '../src/graph/dims.ts'
import type { Model } from '../src/graph/model.ts'
import { sizeOf } from '../src/graph/tensor.ts'
import { type NDArray, ndarray } from '../src/ops/ndarray.ts'
import { Random } from '../src/util/random.ts'

/** Floats from -1 to 1, truth values, for every input without a default; the same for the same model. */
export function randomFeeds({ graph }: Model, bindings: Readonly<Record<string, number>> = {}): Map<string, NDArray> {
  const random = new Random(1, 'feeds')
  const symbols = new Map(Object.entries(bindings))
  const feeds = new Map<string, NDArray>()
  for (const { name, type } of graph.inputs) {
    if (graph.initializers.has(name)) continue
    const dims = type?.kind === 'tensor' ? type.dims?.map((dim) => substituteDim(dim, symbols)) : undefined
    if (type?.kind !== 'tensor' || !isStatic(dims)) throw new Error(`"${name}" has no static shape`)
    const values = Float64Array.from({ length: sizeOf(dims) }, () => (type.dtype === 'bool' ? random.integer(0, 2) : random.uniform(-1, 1)))
    feeds.set(name, ndarray(type.dtype, dims, type.dtype === 'float32' ? values.map(Math.fround) : values))
  }
  return feeds
}
