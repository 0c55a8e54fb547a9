// Tensor, SparseTensor, ValueType and Value to their messages.

import { create } from '@bufbuild/protobuf'
import { FoveaError } from '../../util/errors.ts'
import { encodeUtf8 } from '../../util/utf8.ts'
import { dataTypes } from '../data-type.ts'
import type { Dim } from '../dims.ts'
import type { SparseTensor, Value, ValueType } from '../model.ts'
import type { Tensor } from '../tensor.ts'
import type { ExternalWriter } from './external-writer.ts'
import {
  type SparseTensorProto,
  SparseTensorProtoSchema,
  type StringStringEntryProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type TensorShapeProto,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type TypeProto,
  TypeProto_MapSchema,
  TypeProto_OpaqueSchema,
  TypeProto_OptionalSchema,
  TypeProto_SequenceSchema,
  TypeProto_SparseTensorSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.gen.ts'
import { restore } from './preserve.ts'

/** Values go into `raw_data` as the very bytes of the tensor; strings into `string_data`. */
export function encodeTensorProto(tensor: Tensor, preserved: unknown, path: string, name?: string, external?: ExternalWriter): TensorProto {
  const proto = create(TensorProtoSchema, { dims: tensor.dims.map(BigInt), dataType: dataTypes[tensor.dtype].code })
  if (name !== undefined) proto.name = name
  if (tensor.dtype === 'string') proto.stringData = tensor.strings.map(encodeUtf8)
  else if (external?.takes(tensor)) {
    proto.dataLocation = 1
    proto.externalData = Object.entries(external.write(tensor)).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }))
  } else proto.rawData = tensor.bytes
  return restore(preserved, path, proto)
}

export function encodeSparseProto(sparse: SparseTensor, preserved: unknown, path: string, name?: string): SparseTensorProto {
  const proto = create(SparseTensorProtoSchema, {
    dims: sparse.dims.map(BigInt),
    values: encodeTensorProto(sparse.values, preserved, `${path}.values`, name),
    indices: encodeTensorProto(sparse.indices, preserved, `${path}.indices`),
  })
  return restore(preserved, path, proto)
}

export function encodeValue(value: Value): ValueInfoProto {
  const { unknownFields } = value
  const proto = create(ValueInfoProtoSchema, {
    name: value.name,
    metadataProps: encodePairs(value.metadata, unknownFields, 'metadata'),
  })
  if (value.type !== undefined) proto.type = encodeType(value.type, unknownFields, 'type', value.name)
  else if (hasRemainder(unknownFields, 'type')) proto.type = encodeType(undefined, unknownFields, 'type', value.name)
  if (value.doc !== undefined) proto.docString = value.doc
  return restore(unknownFields, '', proto)
}

/** @param name of the value or attribute, for errors */
export function encodeType(type: ValueType | undefined, preserved: unknown, path: string, name: string): TypeProto {
  const proto = create(TypeProtoSchema)
  if (type !== undefined) proto.value = encodeTypeValue(type, preserved, path, name)
  if (type?.denotation !== undefined) proto.denotation = type.denotation
  if (type === undefined || !hasRemainder(preserved, path, 'value')) restore(preserved, path, proto)
  return proto
}

function encodeTypeValue(type: ValueType, preserved: unknown, path: string, name: string): NonNullable<TypeProto['value']> {
  switch (type.kind) {
    case 'tensor': {
      const inner = `${path}.tensorType`
      const value = restore(preserved, inner, create(TypeProto_TensorSchema, tensorTypeInit(type, preserved, inner, name)))
      return { case: 'tensorType', value }
    }
    case 'sparse': {
      const inner = `${path}.sparseTensorType`
      const value = restore(preserved, inner, create(TypeProto_SparseTensorSchema, tensorTypeInit(type, preserved, inner, name)))
      return { case: 'sparseTensorType', value }
    }
    case 'sequence':
    case 'optional': {
      const inner = `${path}.${type.kind}Type`
      const element = `${inner}.element`
      const wanted = type.element !== undefined || hasRemainder(preserved, element)
      const init = wanted ? { elemType: encodeType(type.element, preserved, element, name) } : {}
      if (type.kind === 'sequence')
        return { case: 'sequenceType', value: restore(preserved, inner, create(TypeProto_SequenceSchema, init)) }
      return { case: 'optionalType', value: restore(preserved, inner, create(TypeProto_OptionalSchema, init)) }
    }
    case 'map': {
      const inner = `${path}.mapType`
      const value = `${inner}.value`
      const wanted = type.value !== undefined || hasRemainder(preserved, value)
      const init = { keyType: dataTypes[type.key].code, ...(wanted ? { valueType: encodeType(type.value, preserved, value, name) } : {}) }
      return { case: 'mapType', value: restore(preserved, inner, create(TypeProto_MapSchema, init)) }
    }
    case 'opaque': {
      const value = create(TypeProto_OpaqueSchema, { domain: type.domain, name: type.name })
      return { case: 'opaqueType', value: restore(preserved, `${path}.opaqueType`, value) }
    }
  }
}

function tensorTypeInit(
  type: Extract<ValueType, { dtype: unknown }>,
  preserved: unknown,
  path: string,
  name: string,
): { elemType: number; shape?: TensorShapeProto } {
  const elemType = dataTypes[type.dtype].code
  if (type.dims === undefined) return { elemType }
  const dim = type.dims.map((value, i) => {
    const entry = create(TensorShapeProto_DimensionSchema)
    if (value !== null) entry.value = encodeDim(value, name)
    return restore(preserved, `${path}.shape.${i}`, entry)
  })
  return { elemType, shape: restore(preserved, `${path}.shape`, create(TensorShapeProtoSchema, { dim })) }
}

function encodeDim(dim: Exclude<Dim, null>, name: string): { case: 'dimParam'; value: string } | { case: 'dimValue'; value: bigint } {
  if (typeof dim === 'string') return { case: 'dimParam', value: dim }
  if (!Number.isSafeInteger(dim) || dim < 0)
    throw new FoveaError('GRAPH_INVALID', { field: name, expected: 'whole dimensions from 0 on', found: `${dim}` })
  return { case: 'dimValue', value: BigInt(dim) }
}

export function encodePairs(pairs: ReadonlyMap<string, string> | undefined, preserved: unknown, path: string): StringStringEntryProto[] {
  return [...(pairs ?? [])].map(([key, value]) =>
    restore(preserved, `${path}.${key}`, create(StringStringEntryProtoSchema, { key, value })),
  )
}

function hasRemainder(preserved: unknown, path: string, field?: string): boolean {
  if (!(preserved instanceof Map)) return false
  const remainder: unknown = preserved.get(path)
  return remainder !== undefined && (field === undefined || Object.hasOwn(remainder as object, field))
}
