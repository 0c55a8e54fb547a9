// TypeProto and ValueInfoProto to ValueType and Value.

import type { Dim } from '../dims.ts'
import type { Value, ValueType } from '../model.ts'
import { dataTypeOf } from './decode-tensor.ts'
import type { TensorShapeProto, TypeProto, ValueInfoProto } from './onnx_pb.gen.ts'
import { Keeper } from './preserve.ts'
import type { Source } from './source.ts'

export function decodeValue(proto: ValueInfoProto, source: Source): Value {
  const place = source.at({ field: proto.name })
  const keeper = new Keeper()
  keeper.keep('', proto)
  const type = proto.type === undefined ? undefined : decodeType(proto.type, place, keeper, 'type')
  const metadata = keeper.pairs('metadata', proto.metadataProps)
  return {
    name: proto.name,
    ...(type === undefined ? {} : { type }),
    ...(proto.docString === '' ? {} : { doc: proto.docString }),
    ...(metadata.size > 0 ? { metadata } : {}),
    ...keeper.result,
  }
}

/** The type, or undefined where the file leaves it open; what it says nevertheless (a shape without element type) is kept. */
export function decodeType(proto: TypeProto, source: Source, keeper: Keeper, path: string): ValueType | undefined {
  const type = shapeOfType(proto, source, keeper, path)
  if (type === undefined) {
    keeper.keep(path, proto, 'denotation', ...(proto.value.case === undefined ? [] : (['value'] as const)))
    return undefined
  }
  keeper.keep(path, proto)
  return Object.hasOwn(proto, 'denotation') ? { ...type, denotation: proto.denotation } : type
}

function shapeOfType(proto: TypeProto, source: Source, keeper: Keeper, path: string): ValueType | undefined {
  const { value } = proto
  if (value.case === undefined) return undefined
  const inner = `${path}.${value.case}`
  switch (value.case) {
    case 'tensorType':
    case 'sparseTensorType': {
      const dtype = dataTypeOf(value.value.elemType, source)
      if (dtype === undefined) return undefined
      keeper.keep(inner, value.value)
      const { shape } = value.value
      const kind = value.case === 'tensorType' ? 'tensor' : 'sparse'
      return shape === undefined ? { kind, dtype } : { kind, dtype, dims: decodeShape(shape, source, keeper, inner) }
    }
    case 'sequenceType':
    case 'optionalType': {
      keeper.keep(inner, value.value)
      const { elemType } = value.value
      const kind = value.case === 'sequenceType' ? 'sequence' : 'optional'
      return { kind, element: elemType === undefined ? undefined : decodeType(elemType, source, keeper, `${inner}.element`) }
    }
    case 'mapType': {
      const key = dataTypeOf(value.value.keyType, source)
      if (key === undefined) return undefined
      keeper.keep(inner, value.value)
      const { valueType } = value.value
      return { kind: 'map', key, value: valueType === undefined ? undefined : decodeType(valueType, source, keeper, `${inner}.value`) }
    }
    case 'opaqueType':
      keeper.keep(inner, value.value)
      return { kind: 'opaque', domain: value.value.domain, name: value.value.name }
  }
}

function decodeShape(shape: TensorShapeProto, source: Source, keeper: Keeper, path: string): Dim[] {
  keeper.keep(`${path}.shape`, shape)
  return shape.dim.map((dim, i) => {
    keeper.keep(`${path}.shape.${i}`, dim, 'denotation')
    const { value } = dim
    if (value.case === 'dimParam') return value.value === '' ? null : value.value
    // -1 is what several exporters write for "not known".
    if (value.case === undefined || value.value === -1n) return null
    return source.count(value.value, 'dimensions')
  })
}
