import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ErrorCode, isFoveaError } from '../../util/errors.ts'
import { GraphBuilder } from '../builder.ts'
import type { Model } from '../model.ts'
import { Tensor } from '../tensor.ts'
import { decodeModel } from './decode.ts'
import { encodeModel } from './encode.ts'
import { AttributeProtoSchema, GraphProtoSchema, ModelProtoSchema, NodeProtoSchema } from './onnx_pb.gen.ts'

function bytesOf(graph: MessageInitShape<typeof GraphProtoSchema>): Uint8Array {
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, opsetImport: [{ version: 21n }], graph }))
}

function expectCode(act: () => unknown, code: ErrorCode): void {
  expect(act).toThrow(expect.toSatisfy((error) => isFoveaError(error, code)))
}

const codes = new Set<string>(['ONNX_MALFORMED', 'ONNX_UNSUPPORTED', 'ONNX_TOO_LARGE', 'ONNX_EXTERNAL_DATA', 'TENSOR_INVALID'])
const sample = (): Uint8Array => {
  const b = new GraphBuilder()
  const x = b.input('x', 'float32', ['N', 3])
  b.output(
    b.op('Conv', [x, b.weight('w', Tensor.float32([2], [1, 2]))], {
      pads: [1, 1],
      auto_pad: 'SAME',
      alpha: 0.5,
      value: Tensor.scalar(1),
    }),
  )
  const model: Model = { ...b.model(), metadata: new Map([['key', 'text']]) }
  return encodeModel(model)
}

function expectCoded(bytes: Uint8Array): void {
  try {
    decodeModel(bytes)
  } catch (error) {
    if (!isFoveaError(error) || !codes.has(error.code)) throw error
  }
}

test('every cut gives a coded error or a model', () => {
  const bytes = sample()
  for (let length = 0; length < bytes.length; length++) expectCoded(bytes.subarray(0, length))
})

test('every change of bytes gives a coded error or a model', () => {
  const bytes = sample()
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = bytes.slice()
      for (const [at, byte] of changes) changed[at] = byte
      expectCoded(changed)
    }),
    { numRuns: 2000 },
  )
})

test('random bytes give a coded error', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectCoded), { numRuns: 1000 })
})

test('nesting without end is refused', () => {
  let graph = create(GraphProtoSchema, { name: 'inmost' })
  for (let i = 0; i < 40; i++)
    graph = create(GraphProtoSchema, {
      node: [create(NodeProtoSchema, { attribute: [create(AttributeProtoSchema, { name: 'g', type: 5, g: graph })] })],
    })
  expectCode(() => decodeModel(bytesOf(graph)), 'ONNX_TOO_LARGE')
  expect(() => decodeModel(bytesOf(graph), { limits: { depth: 200 } })).not.toThrow()
})

test('small files that would become large structures are refused', () => {
  const bytes = bytesOf({ node: Array.from({ length: 5000 }, () => ({})) })
  expectCode(() => decodeModel(bytes, { limits: { structureBytes: 2 ** 20 } }), 'ONNX_TOO_LARGE')
  const numbers = bytesOf({ initializer: [{ dims: [100_000n], dataType: 7, int64Data: new Array<bigint>(100_000).fill(0n) }] })
  expectCode(() => decodeModel(numbers, { limits: { structureBytes: 2 ** 20 } }), 'ONNX_TOO_LARGE')
  expect(decodeModel(bytes).graph.nodes.length).toBe(5000)
})
