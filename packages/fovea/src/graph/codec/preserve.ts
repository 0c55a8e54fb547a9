// What a file says and the model has no place for: kept beside the model when reading, given back when writing.

import type { Message } from '@bufbuild/protobuf'
import type { StringStringEntryProto } from './onnx_pb.gen.ts'

type Fields = Readonly<Record<string, unknown>>

/** Fields left over of a message and of the smaller messages in it, by their path; '' is the message itself. */
export type Remainders = ReadonlyMap<string, Fields>

/** Gathers the remainders of one message while it is read. */
export class Keeper {
  readonly #kept = new Map<string, Fields>()

  /** Keeps the unknown fields of `message`, and those of `names` that it carries. */
  keep<M extends Message>(path: string, message: M, ...names: (keyof M & string)[]): void {
    const fields: Record<string, unknown> = {}
    for (const name of ['$unknown' as const, ...names]) {
      const value = message[name]
      if (Object.hasOwn(message, name) && value !== undefined && !(Array.isArray(value) && value.length === 0)) fields[name] = value
    }
    if (Object.keys(fields).length > 0) this.#kept.set(path, fields)
  }

  /** Reads key-value pairs as a map; of pairs with the same key the last counts. */
  pairs(path: string, entries: readonly StringStringEntryProto[]): Map<string, string> {
    const map = new Map<string, string>()
    for (const entry of entries) {
      map.set(entry.key, entry.value)
      if (entry.$unknown !== undefined) this.keep(`${path}.${entry.key}`, entry)
    }
    return map
  }

  /** The value of `Preserved.unknownFields`: nothing where nothing is left over. */
  get result(): { unknownFields?: Remainders } {
    return this.#kept.size > 0 ? { unknownFields: this.#kept } : {}
  }
}

/** Gives a message back what was left over of it, and returns it. */
export function restore<M extends Message>(preserved: unknown, path: string, message: M): M {
  return preserved instanceof Map ? Object.assign(message, (preserved as Remainders).get(path)) : message
}
