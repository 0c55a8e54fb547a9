// Writes messages as a list of pieces in which large raw data are views, so that weights are not copied on the way.

import { type DescMessage, type Message, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  SparseTensorProtoSchema,
  TensorProtoSchema,
} from './onnx_pb.gen.ts'

/** Raw data from this size on is a piece of its own. */
const largeBytes = 64 * 1024

/** Per message: the fields through which raw data can be reached. All else is small. */
const paths = new Map<string, { schema: DescMessage; fields: readonly string[] }>([
  [ModelProtoSchema.typeName, { schema: ModelProtoSchema, fields: ['graph', 'functions'] }],
  [GraphProtoSchema.typeName, { schema: GraphProtoSchema, fields: ['node', 'initializer', 'sparseInitializer'] }],
  [FunctionProtoSchema.typeName, { schema: FunctionProtoSchema, fields: ['node', 'attributeProto'] }],
  [NodeProtoSchema.typeName, { schema: NodeProtoSchema, fields: ['attribute'] }],
  [
    AttributeProtoSchema.typeName,
    { schema: AttributeProtoSchema, fields: ['t', 'g', 'tensors', 'graphs', 'sparseTensor', 'sparseTensors'] },
  ],
  [SparseTensorProtoSchema.typeName, { schema: SparseTensorProtoSchema, fields: ['values', 'indices'] }],
  [TensorProtoSchema.typeName, { schema: TensorProtoSchema, fields: ['rawData'] }],
])

/** Pieces of one encoded message and their length together. */
export interface Chunks {
  readonly parts: Uint8Array[]
  length: number
}

/** The message as pieces; joined they are its encoding. The message is used up: its large fields are taken out. */
export function toChunks(message: Message): Chunks {
  const { schema, fields } = paths.get(message.$typeName)!
  const chunks: Chunks = { parts: [], length: 0 }
  const record = message as unknown as Record<string, unknown>
  const large = fields.filter((name) => listOf(record[name]).some(isLarge))
  const taken = large.map((name) => {
    const values = listOf(record[name])
    if (Array.isArray(record[name])) record[name] = []
    else delete record[name]
    return { number: schema.field[name]!.number, values }
  })
  add(chunks, toBinary(schema, message))
  for (const { number, values } of taken)
    for (const value of values) {
      const inner = value instanceof Uint8Array ? { parts: [value], length: value.length } : toChunks(value as Message)
      add(chunks, new BinaryWriter().tag(number, WireType.LengthDelimited).uint32(inner.length).finish())
      for (const part of inner.parts) chunks.parts.push(part)
      chunks.length += inner.length
    }
  return chunks
}

function isLarge(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length >= largeBytes
  const { fields } = paths.get((value as Message).$typeName)!
  return fields.some((name) => listOf((value as unknown as Record<string, unknown>)[name]).some(isLarge))
}

function listOf(value: unknown): unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}

function add(chunks: Chunks, part: Uint8Array): void {
  if (part.length === 0) return
  chunks.parts.push(part)
  chunks.length += part.length
}
