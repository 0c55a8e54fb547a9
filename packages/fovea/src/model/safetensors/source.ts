// Where the tensors of a checkpoint come from: all are listed at once, each is read when it is asked for.

import type { DataType } from '../../graph/data-type.ts'
import type { Tensor } from '../../graph/tensor.ts'

/** Type and shape of a tensor that need not be in memory. */
export interface ListedTensor {
  /** As the source writes it: `F32`. */
  readonly dtype: string
  /** As our tensors have it; undefined where they have none like it. */
  readonly type: DataType | undefined
  readonly dims: readonly number[]
}

export interface TensorSource {
  readonly entries: ReadonlyMap<string, ListedTensor>
  readonly metadata: ReadonlyMap<string, string>
  /** @throws FoveaError TENSOR_INVALID for a name that is not listed, and as the source says */
  read(name: string): Promise<Tensor>
  /** Releases files. Safe to call twice. */
  close(): Promise<void>
}

/** Tensors in memory as a source. */
export function tensorsInMemory(tensors: ReadonlyMap<string, Tensor>, metadata: ReadonlyMap<string, string> = new Map()): TensorSource {
  return {
    entries: new Map([...tensors].map(([name, { dtype, dims }]) => [name, { dtype, type: dtype, dims }])),
    metadata,
    read: async (name) => tensors.get(name)!,
    close: async () => {},
  }
}
