// Hostile ONNX files: mutations of real ones, and bombs made by hand.

import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { ModelProtoSchema } from '../src/graph/codec/onnx_pb.gen.ts'
import type { Random } from '../src/util/random.ts'
import { mutateBytes } from './mutate-bytes.ts'

/** A changed copy; half of the time with changed bytes, half with changed fields in a sound encoding, which reaches deeper. */
export function mutate(file: Uint8Array, files: readonly Uint8Array[], random: Random): Uint8Array {
  if (random.chance(0.5)) return withChangedFields(file, random)
  return mutateBytes(file, files, random)
}

function withChangedFields(file: Uint8Array, random: Random): Uint8Array {
  const proto = fromBinary(ModelProtoSchema, file)
  const places: [holder: Record<string, unknown>, key: string][] = []
  collect(proto, places)
  for (let i = random.integer(1, 5); i > 0; i--) {
    const [holder, key] = random.pick(places)
    holder[key] = changedField(holder[key], random)
  }
  return toBinary(ModelProtoSchema, proto)
}

/** Every field of every message, and every element of every list. */
function collect(value: unknown, places: [Record<string, unknown>, string][]): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  for (const [key, inner] of Object.entries(value)) {
    if (key.startsWith('$') || key === 'case') continue
    places.push([value as Record<string, unknown>, key])
    collect(inner, places)
  }
}

function changedField(value: unknown, random: Random): unknown {
  if (typeof value === 'bigint') return random.pick([0n, 1n, -1n, value + 1n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)])
  if (typeof value === 'number') return random.pick([0, 1, -1, 3, 8, 14, 16, 22, 99, 2 ** 31 - 1])
  if (typeof value === 'string') return random.pick(['', 'x', 'w', 'y', '../w', '/etc/passwd', '4096', `${value}'`, 'd'.repeat(1000)])
  if (value instanceof Uint8Array)
    return random.pick([new Uint8Array(0), value.subarray(1), Uint8Array.from([...value, 0xff]), new Uint8Array(100).fill(0xff)])
  if (!Array.isArray(value)) return value
  const at = random.integer(0, value.length + 1)
  return random.pick([[], value.slice(0, at), [...value, ...value], value.toSpliced(at, 1), value.toReversed()])
}

/** One length-delimited field around bytes. */
function field(number: number, content: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(content).finish()
}

function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(pieces)
}

const text = (value: string) => new TextEncoder().encode(value)
const header = Uint8Array.of(0x08, 10, 0x42, 2, 0x10, 21)
const model = (graph: Uint8Array, ...more: Uint8Array[]) => joined(header, field(7, graph), ...more)
const repeated = (count: number, piece: Uint8Array) => Buffer.alloc(count * piece.length, piece)

/** Fields within one another, the inmost first. */
function nested(levels: number, ...numbers: number[]): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(0)
  for (let i = 0; i < levels; i++) bytes = field(numbers[i % numbers.length]!, bytes)
  return bytes
}

const graphField = { node: 1, initializer: 5, input: 11, valueInfo: 13 }
const million = 1_000_000

/** Files that are small for what they ask of a reader. */
export const bombs: Readonly<Record<string, () => Uint8Array>> = {
  'subgraphs without end': () => model(nested(3 * 5000, 6, 5, 1)),
  'types without end': () => model(field(graphField.input, field(2, nested(2 * 5000, 1, 4)))),
  'groups without end': () => joined(header, new Uint8Array(million).fill(0x93)),
  'three hundred thousand empty nodes': () => model(repeated(0.3 * million, Uint8Array.of(0x0a, 0))),
  'ten million empty nodes': () => model(repeated(10 * million, Uint8Array.of(0x0a, 0))),
  'a million attributes of one node': () => model(field(graphField.node, repeated(million, Uint8Array.of(0x2a, 0)))),
  'a million values of one name': () => model(repeated(million, field(graphField.valueInfo, field(1, text('x'))))),
  'a hundred thousand nodes that need each other': () => {
    const nodes = Array.from({ length: 100_000 }, (_, i) =>
      field(graphField.node, joined(field(1, text(`v${i + 1}`)), field(2, text(`v${i}`)), field(4, text('Op')))),
    )
    return model(Buffer.concat(nodes))
  },
  'a hundred million packed integers': () => model(field(graphField.initializer, field(7, new Uint8Array(100 * million)))),
  'a tensor of a million dimensions': () => model(field(graphField.initializer, field(1, new Uint8Array(million).fill(2)))),
  'a tensor of 2^62 elements': () =>
    model(
      field(
        graphField.initializer,
        joined(Uint8Array.of(0x10, 1, 0x08), Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40)),
      ),
    ),
  'a tensor of a petabyte beside the file': () => {
    const entry = (key: string, value: string) => field(13, joined(field(1, text(key)), field(2, text(value))))
    const dims = Uint8Array.of(0x10, 1, 0x70, 1, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40)
    return model(field(graphField.initializer, joined(dims, entry('location', 'weights.bin'))))
  },
  'a name of fifty megabytes, twice': () => {
    const tensor = field(graphField.initializer, joined(Uint8Array.of(0x10, 1, 0x08, 0), field(8, new Uint8Array(50 * million).fill(0x61))))
    return model(joined(tensor, tensor))
  },
  'a length beyond the end': () => joined(header, Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f)),
  'a length of more than 32 bits': () => joined(header, Uint8Array.of(0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01)),
  'a number without end': () => joined(header, new Uint8Array(million).fill(0xff)),
  'a function that calls itself': () => {
    const name = joined(field(1, text('F')), field(10, text('d')))
    const call = field(7, joined(field(4, text('F')), field(7, text('d'))))
    const imports = field(9, joined(field(1, text('d')), Uint8Array.of(0x10, 1)))
    return model(new Uint8Array(0), field(25, joined(name, imports, call)))
  },
  nothing: () => new Uint8Array(0),
}
