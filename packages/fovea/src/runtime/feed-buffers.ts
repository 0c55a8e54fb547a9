// The buffers that feeds travel to a worker in: filled, transferred, handed back, filled again.

import type { Tensor } from '../graph/tensor.ts'
import type { PackedFeeds, WireTensors } from './wire.ts'

/** Where tensors begin: whole cache lines, and aligned for every element type. */
const alignment = 64
/** As many runs as a caller keeps under way at once, mostly. */
const mostSpare = 2

/**
 * Copies feeds into one buffer, so that a run copies its input once, into memory that the machine has mapped already: a structured
 * clone copies twice into fresh memory, which cost 0.1 ms more for a picture of 224x224 and 0.2 ms for eight.
 */
export class FeedBuffers {
  readonly #spare: ArrayBuffer[] = []

  pack(feeds: Readonly<Record<string, Tensor>>): PackedFeeds {
    const entries = Object.entries(feeds)
    const length = entries.reduce((sum, [, { bytes }]) => sum + roundUp(bytes.length), 0)
    const buffer = this.#take(length)
    const tensors: WireTensors = {}
    let at = 0
    for (const [name, { dtype, dims, bytes, strings }] of entries) {
      const content = dtype === 'string' ? strings : new Uint8Array(buffer, at, bytes.length)
      if (content instanceof Uint8Array) content.set(bytes)
      tensors[name] = { dtype, dims, content }
      at += roundUp(bytes.length)
    }
    return { tensors, buffer }
  }

  /** Keeps a buffer that came back for a later run. */
  giveBack(buffer: ArrayBuffer): void {
    this.#spare.push(buffer)
    if (this.#spare.length > mostSpare) this.#spare.shift()
  }

  /** A spare one of fitting size: one much too large would keep memory that nobody needs any more. */
  #take(length: number): ArrayBuffer {
    const found = this.#spare.findIndex(({ byteLength }) => byteLength >= length && byteLength <= 4 * length)
    return found < 0 ? new ArrayBuffer(length) : this.#spare.splice(found, 1)[0]!
  }
}

function roundUp(length: number): number {
  return Math.ceil(length / alignment) * alignment
}
