// Changed bytes of files: what a bad disk, a cut connection or an attacker leaves of them.

import { BinaryWriter } from '@bufbuild/protobuf/wire'
import type { Random } from '../src/util/random.ts'

/**
 * A copy with one to three mutations.
 * @param files where pieces are taken from
 * @param more mutations of the format at hand, drawn as often as any other
 */
export function mutateBytes(file: Uint8Array, files: readonly Uint8Array[], random: Random, more: readonly Mutation[] = []): Uint8Array {
  const all = [...mutations, ...more]
  let bytes: Uint8Array = file.slice()
  for (let i = random.integer(1, 4); i > 0; i--) bytes = random.pick(all)(bytes, random, files)
  return bytes
}

export type Mutation = (bytes: Uint8Array, random: Random, files: readonly Uint8Array[]) => Uint8Array

const mutations: readonly Mutation[] = [
  (bytes, random) => bytes.subarray(0, random.integer(0, bytes.length + 1)),
  (bytes, random) => changed(bytes, random, (byte) => byte ^ (1 << random.integer(0, 8))),
  (bytes, random) => changed(bytes, random, () => random.integer(0, 256)),
  // Large and odd numbers where lengths, types and dimensions may stand.
  (bytes, random) => changed(bytes, random, () => random.pick([0, 1, 0x7f, 0x80, 0xff])),
  (bytes, random) => spliced(bytes, random, varint(random.pick([127, 128, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]))),
  (bytes, random) => spliced(bytes, random, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)),
  (bytes, random) => spliced(bytes, random, pieceOf(bytes, random)),
  (bytes, random, files) => spliced(bytes, random, pieceOf(random.pick(files), random)),
  (bytes, random) => {
    const [start, end] = rangeOf(bytes, random)
    return Uint8Array.from([...bytes.subarray(0, start), ...bytes.subarray(end)])
  },
  (bytes, random) => bytes.slice().fill(random.integer(0, 256), ...rangeOf(bytes, random)),
]

function changed(bytes: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice()
  for (let i = random.integer(1, 8); i > 0 && copy.length > 0; i--) {
    const at = random.integer(0, copy.length)
    copy[at] = change(copy[at]!)
  }
  return copy
}

function spliced(bytes: Uint8Array, random: Random, piece: Uint8Array): Uint8Array {
  const at = random.integer(0, bytes.length + 1)
  return Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at)])
}

function rangeOf(bytes: Uint8Array, random: Random): [start: number, end: number] {
  const start = random.integer(0, bytes.length + 1)
  return [start, Math.min(bytes.length, start + random.integer(0, 64))]
}

function pieceOf(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.subarray(...rangeOf(bytes, random))
}

function varint(value: number): Uint8Array {
  return new BinaryWriter().uint32(value).finish()
}
