// Decides which tensors go into a file beside the model, and where in it they begin.

import { FoveaError } from '../../util/errors.ts'
import type { Tensor } from '../tensor.ts'

export interface ExternalOptions {
  /** Name of the data file, relative to the model, e.g. `model.onnx.data`. */
  readonly location: string
  /** Takes the bytes of the data file, one piece after another; they are views of the weights, so write or copy them at once. */
  readonly write: (bytes: Uint8Array) => void
  /** Smaller tensors stay in the model. @default 1024 */
  readonly minBytes?: number
}

/** From this size on tensors begin at a page, so that runtimes can map them into memory. */
const pageAlignedFrom = 2 ** 20
const pageBytes = 4096
const smallAlignment = 64

/** Appends tensors to the data file; a tensor met twice is written once. */
export class ExternalWriter {
  readonly #options: ExternalOptions
  readonly #offsets = new Map<Tensor, number>()
  #at = 0

  constructor(options: ExternalOptions) {
    const { location } = options
    if (location === '' || /[\\/\0]/.test(location) || location === '..')
      throw new FoveaError('ONNX_EXTERNAL_DATA', { expected: 'the plain name of a file beside the model', found: JSON.stringify(location) })
    this.#options = options
  }

  takes(tensor: Tensor): boolean {
    return tensor.dtype !== 'string' && tensor.bytes.length >= Math.max(1, this.#options.minBytes ?? 1024)
  }

  /** Writes the tensor's bytes and returns the entries of its `external_data`. */
  write(tensor: Tensor): { location: string; offset: string; length: string } {
    const offset = this.#offsets.get(tensor) ?? this.#append(tensor)
    return { location: this.#options.location, offset: `${offset}`, length: `${tensor.bytes.length}` }
  }

  #append(tensor: Tensor): number {
    const alignment = tensor.bytes.length >= pageAlignedFrom ? pageBytes : smallAlignment
    const padding = (alignment - (this.#at % alignment)) % alignment
    if (padding > 0) this.#options.write(new Uint8Array(padding))
    const offset = this.#at + padding
    this.#options.write(tensor.bytes)
    this.#offsets.set(tensor, offset)
    this.#at = offset + tensor.bytes.length
    return offset
  }
}
