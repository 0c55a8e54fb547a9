// TensorProto and SparseTensorProto to Tensor and SparseTensor.

import { decodeUtf8 } from '../../util/utf8.ts'
import { byteLength, type DataType, dataTypeOfCode, dataTypes } from '../data-type.ts'
import type { SparseTensor } from '../model.ts'
import { sizeOf, Tensor, type TypedArray } from '../tensor.ts'
import { readExternalData } from './external.ts'
import type { SparseTensorProto, TensorProto } from './onnx_pb.gen.ts'
import type { Keeper } from './preserve.ts'
import type { Source } from './source.ts'

const externalLocation = 1

/** The data type of a number in the file; undefined for 0, "not set". */
export function dataTypeOf(code: number, source: Source): DataType | undefined {
  if (code === 0) return undefined
  return dataTypeOfCode(code) ?? source.fail('ONNX_UNSUPPORTED', 'a data type from 1 to 26', `${code}`)
}

/**
 * Raw data is not copied: the tensor is a view into the file's bytes.
 *
 * @param path where the keeper notes what a Tensor has no place for (its name, unless `named`; doc; metadata)
 */
export function decodeTensorProto(proto: TensorProto, source: Source, keeper: Keeper, path: string, named = false): Tensor {
  keeper.keep(path, proto, 'docString', 'metadataProps', ...(named ? [] : (['name'] as const)))
  const place = proto.name === '' ? source : source.at({ field: proto.name })
  const dtype = dataTypeOf(proto.dataType, place) ?? place.fail('TENSOR_INVALID', 'a data type', 'none')
  if (proto.segment !== undefined) place.fail('ONNX_UNSUPPORTED', 'a whole tensor', 'a segment of one')
  const dims = decodeDims(proto.dims, place)
  const count = sizeOf(dims)
  const content = contentOf(proto, dtype, count, place)
  const expected = dtype === 'string' ? count : byteLength(dtype, count)
  if (content.length !== expected) {
    const unit = dtype === 'string' ? 'strings' : 'bytes'
    place.fail('TENSOR_INVALID', `${expected} ${unit} for ${dtype}[${dims.slice(0, 16).join(',')}]`, `${content.length}`)
  }
  return new Tensor(dtype, dims, content)
}

export function decodeSparseProto(proto: SparseTensorProto, source: Source, keeper: Keeper, path: string, named = false): SparseTensor {
  keeper.keep(path, proto)
  const { values, indices } = proto
  if (values === undefined || indices === undefined)
    return source.fail('TENSOR_INVALID', 'values and indices of a sparse tensor', values === undefined ? 'no values' : 'no indices')
  return {
    dims: decodeDims(proto.dims, source),
    values: decodeTensorProto(values, source, keeper, `${path}.values`, named),
    indices: decodeTensorProto(indices, source, keeper, `${path}.indices`),
  }
}

function decodeDims(dims: readonly bigint[], source: Source): number[] {
  return dims.map((dim) => source.count(dim, 'dimensions', 'TENSOR_INVALID'))
}

function contentOf(proto: TensorProto, dtype: DataType, count: number, source: Source): Uint8Array | string[] {
  const { dataLocation } = proto
  if (dataLocation !== 0 && dataLocation !== externalLocation)
    source.fail('ONNX_UNSUPPORTED', 'data in the file or beside it', `data location ${dataLocation}`)
  const typed = typedValues(proto).filter((values) => values.length > 0)
  const raw = proto.rawData.length > 0
  if (typed.length + (raw ? 1 : 0) + dataLocation > 1) source.fail('TENSOR_INVALID', 'one field with values', 'several')
  if (dtype === 'string') {
    if (raw || dataLocation !== 0) source.fail('TENSOR_INVALID', 'strings in string_data', raw ? 'raw data' : 'external data')
    return proto.stringData.map(decodeUtf8)
  }
  if (dataLocation === externalLocation) {
    const length = byteLength(dtype, count)
    if (!Number.isSafeInteger(length)) source.fail('TENSOR_INVALID', 'a tensor of less than 2^53 bytes', `${length}`)
    return readExternalData(proto.externalData, length, source)
  }
  return raw || typed.length === 0 ? proto.rawData : bytesOfTyped(proto, dtype, source)
}

function typedValues(proto: TensorProto): readonly (readonly unknown[])[] {
  return [proto.floatData, proto.int32Data, proto.stringData, proto.int64Data, proto.doubleData, proto.uint64Data]
}

/** Little-endian bytes of values in the typed fields, which hold small types in wider ones (ONNX specification, TensorProto). */
function bytesOfTyped(proto: TensorProto, dtype: DataType, source: Source): Uint8Array {
  switch (dtype) {
    case 'float32':
    case 'complex64':
      return bytesOf(Float32Array.from(proto.floatData))
    case 'float64':
    case 'complex128':
      return bytesOf(Float64Array.from(proto.doubleData))
    case 'int64':
      return bytesOf(BigInt64Array.from(proto.int64Data))
    case 'uint64':
      return bytesOf(BigUint64Array.from(proto.uint64Data))
    case 'uint32':
      return bytesOf(
        Uint32Array.from(proto.uint64Data, (value) => (value <= 0xffffffffn ? Number(value) : outOfRange(value, dtype, source))),
      )
    case 'int32':
      return bytesOf(Int32Array.from(proto.int32Data))
    case 'bool':
      return Uint8Array.from(proto.int32Data, (value) => (value === 0 ? 0 : 1))
    default:
      return narrowed(proto.int32Data, dtype, source)
  }
}

/** Types of 16 bits and less: numbers, or the bits of a float; types under 8 bits come as packed bytes. */
function narrowed(values: readonly number[], dtype: DataType, source: Source): Uint8Array {
  const wide = dataTypes[dtype].bits === 16
  const high = wide ? 0xffff : 0xff
  const low = dtype === 'int16' ? -0x8000 : dtype === 'int8' || dataTypes[dtype].bits < 8 ? -0x80 : 0
  const check = (value: number) => (value >= low && value <= high ? value : outOfRange(value, dtype, source))
  return wide ? bytesOf(Uint16Array.from(values, check)) : Uint8Array.from(values, check)
}

function outOfRange(value: number | bigint, dtype: DataType, source: Source): never {
  return source.fail('TENSOR_INVALID', `values of ${dtype}`, `${value}`)
}

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}
