// The values of test data sets: files of one TensorProto, SequenceProto or OptionalProto.

import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf'
import { decodeUtf8 } from '../../util/utf8.ts'
import type { SparseTensor } from '../model.ts'
import type { Tensor } from '../tensor.ts'
import { checkWire } from './check-wire.ts'
import { type DecodeOptions, defaultLimits } from './decode.ts'
import { decodeSparseProto, decodeTensorProto } from './decode-tensor.ts'
import {
  type MapProto,
  type OptionalProto,
  OptionalProtoSchema,
  type SequenceProto,
  SequenceProtoSchema,
  TensorProtoSchema,
} from './onnx_pb.gen.ts'
import { Keeper } from './preserve.ts'
import { integerOf, Source } from './source.ts'

/** What a value of an ONNX graph can be besides a tensor. `undefined` is an optional without a value. */
export type OnnxValue =
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'sparse'; readonly value: SparseTensor }
  | { readonly kind: 'sequence'; readonly value: readonly OnnxValue[] }
  | { readonly kind: 'map'; readonly keys: readonly (number | bigint | string)[]; readonly values: readonly OnnxValue[] }
  | { readonly kind: 'optional'; readonly value: OnnxValue | undefined }

const kinds = { tensor: 1, sparse: 2, sequence: 3, map: 4, optional: 5 } as const

/**
 * Reads a file that holds one TensorProto, as the test data of ONNX operators do.
 *
 * @throws FoveaError ONNX_MALFORMED, ONNX_UNSUPPORTED, ONNX_TOO_LARGE, ONNX_EXTERNAL_DATA, TENSOR_INVALID
 */
export function decodeTensor(bytes: Uint8Array, options: DecodeOptions = {}): Tensor {
  return decodeTensorProto(parse(TensorProtoSchema, bytes, options), sourceOf(options), new Keeper(), '')
}

/** Reads a file that holds one SequenceProto. Errors as of `decodeTensor`. */
export function decodeSequence(bytes: Uint8Array, options: DecodeOptions = {}): OnnxValue {
  return sequenceOf(parse(SequenceProtoSchema, bytes, options), sourceOf(options))
}

/** Reads a file that holds one OptionalProto. Errors as of `decodeTensor`. */
export function decodeOptional(bytes: Uint8Array, options: DecodeOptions = {}): OnnxValue {
  return optionalOf(parse(OptionalProtoSchema, bytes, options), sourceOf(options))
}

function parse<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array, options: DecodeOptions): MessageShape<Schema> {
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const limits = { ...defaultLimits, ...options.limits }
  checkWire(schema, view, limits, options.file)
  return fromBinary(schema, view, { recursionLimit: limits.depth })
}

function sourceOf({ file, readExternal }: DecodeOptions): Source {
  return new Source(file === undefined ? {} : { file }, readExternal)
}

function sequenceOf(proto: SequenceProto, source: Source): OnnxValue {
  return { kind: 'sequence', value: elementsOf(proto, source) }
}

function elementsOf(proto: SequenceProto, source: Source): OnnxValue[] {
  const keeper = new Keeper()
  switch (proto.elemType) {
    case kinds.tensor:
      return proto.tensorValues.map((value) => ({ kind: 'tensor', value: decodeTensorProto(value, source, keeper, '') }))
    case kinds.sparse:
      return proto.sparseTensorValues.map((value) => ({ kind: 'sparse', value: decodeSparseProto(value, source, keeper, '') }))
    case kinds.sequence:
      return proto.sequenceValues.map((value) => sequenceOf(value, source))
    case kinds.map:
      return proto.mapValues.map((value) => mapOf(value, source))
    case kinds.optional:
      return proto.optionalValues.map((value) => optionalOf(value, source))
    default:
      return source.fail('ONNX_UNSUPPORTED', 'an element kind from 1 to 5', `${proto.elemType}`)
  }
}

function mapOf(proto: MapProto, source: Source): OnnxValue {
  const keys = proto.stringKeys.length > 0 ? proto.stringKeys.map(decodeUtf8) : proto.keys.map(integerOf)
  const values = proto.values === undefined ? [] : elementsOf(proto.values, source)
  if (keys.length !== values.length) source.fail('ONNX_MALFORMED', `${keys.length} values of a map`, `${values.length}`)
  return { kind: 'map', keys, values }
}

function optionalOf(proto: OptionalProto, source: Source): OnnxValue {
  return { kind: 'optional', value: contentOf(proto, source) }
}

function contentOf(proto: OptionalProto, source: Source): OnnxValue | undefined {
  const keeper = new Keeper()
  if (proto.tensorValue !== undefined) return { kind: 'tensor', value: decodeTensorProto(proto.tensorValue, source, keeper, '') }
  if (proto.sparseTensorValue !== undefined)
    return { kind: 'sparse', value: decodeSparseProto(proto.sparseTensorValue, source, keeper, '') }
  if (proto.sequenceValue !== undefined) return sequenceOf(proto.sequenceValue, source)
  if (proto.mapValue !== undefined) return mapOf(proto.mapValue, source)
  if (proto.optionalValue !== undefined) return optionalOf(proto.optionalValue, source)
  return undefined
}
