// The element types of ONNX tensors: names, numbers of the specification, storage.

interface DataTypeInfo {
  /** Number in `TensorProto.DataType` of the ONNX specification. */
  readonly code: number
  /** Bits one element takes in a tensor's bytes; 0 for strings, which are not stored as bytes. */
  readonly bits: number
  readonly kind: 'float' | 'signed' | 'unsigned' | 'bool' | 'complex' | 'string'
}

export const dataTypes = {
  float32: { code: 1, bits: 32, kind: 'float' },
  uint8: { code: 2, bits: 8, kind: 'unsigned' },
  int8: { code: 3, bits: 8, kind: 'signed' },
  uint16: { code: 4, bits: 16, kind: 'unsigned' },
  int16: { code: 5, bits: 16, kind: 'signed' },
  int32: { code: 6, bits: 32, kind: 'signed' },
  int64: { code: 7, bits: 64, kind: 'signed' },
  string: { code: 8, bits: 0, kind: 'string' },
  bool: { code: 9, bits: 8, kind: 'bool' },
  float16: { code: 10, bits: 16, kind: 'float' },
  float64: { code: 11, bits: 64, kind: 'float' },
  uint32: { code: 12, bits: 32, kind: 'unsigned' },
  uint64: { code: 13, bits: 64, kind: 'unsigned' },
  complex64: { code: 14, bits: 64, kind: 'complex' },
  complex128: { code: 15, bits: 128, kind: 'complex' },
  bfloat16: { code: 16, bits: 16, kind: 'float' },
  float8e4m3fn: { code: 17, bits: 8, kind: 'float' },
  float8e4m3fnuz: { code: 18, bits: 8, kind: 'float' },
  float8e5m2: { code: 19, bits: 8, kind: 'float' },
  float8e5m2fnuz: { code: 20, bits: 8, kind: 'float' },
  uint4: { code: 21, bits: 4, kind: 'unsigned' },
  int4: { code: 22, bits: 4, kind: 'signed' },
  float4e2m1: { code: 23, bits: 4, kind: 'float' },
  float8e8m0: { code: 24, bits: 8, kind: 'float' },
  uint2: { code: 25, bits: 2, kind: 'unsigned' },
  int2: { code: 26, bits: 2, kind: 'signed' },
} as const satisfies Record<string, DataTypeInfo>

export type DataType = keyof typeof dataTypes

const byCode = new Map<number, DataType>(Object.entries(dataTypes).map(([name, info]) => [info.code, name as DataType]))

/** The data type with this number in the ONNX specification, or undefined. */
export function dataTypeOfCode(code: number): DataType | undefined {
  return byCode.get(code)
}

export function isFloat(dtype: DataType): boolean {
  return dataTypes[dtype].kind === 'float'
}

export function isInteger(dtype: DataType): boolean {
  const { kind } = dataTypes[dtype]
  return kind === 'signed' || kind === 'unsigned'
}

/** Bytes that `count` elements take; elements under 8 bits are packed, low bits first, the last byte padded. */
export function byteLength(dtype: DataType, count: number): number {
  return Math.ceil((dataTypes[dtype].bits * count) / 8)
}
