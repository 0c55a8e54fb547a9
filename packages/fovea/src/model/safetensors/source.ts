// Where the tensors of a checkpoint come from: all are listed at once, each is read when it is asked for.

import type { Tensor } from '../../graph/tensor.ts'

/** Type (as the source writes it: `F32`) and shape of a tensor that need not be in memory. */
export interface ListedTensor {
  readonly dtype: string
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
    entries: tensors,
    metadata,
    read: async (name) => tensors.get(name)!,
    close: async () => {},
  }
}
