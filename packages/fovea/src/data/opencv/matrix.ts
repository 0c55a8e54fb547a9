// Numbers in rows as they go to OpenCV and come from it.

export type MatrixType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'int32' | 'float32' | 'float64'

export type MatrixData = Uint8Array | Int8Array | Uint16Array | Int16Array | Int32Array | Float32Array | Float64Array

/** Rows x columns elements of `channels` numbers each, channels interleaved; `data` is the typed array that `type` names. */
export interface CvMatrix {
  readonly rows: number
  readonly columns: number
  readonly channels: number
  readonly type: MatrixType
  readonly data: MatrixData
}

/** A value for each pixel of a picture, rows from the top. */
export interface FloatMap {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** A label for each pixel of a picture, rows from the top. */
export interface IntegerMap {
  readonly width: number
  readonly height: number
  readonly data: Int32Array
}

export const matrixArrays = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const satisfies Record<MatrixType, unknown>
