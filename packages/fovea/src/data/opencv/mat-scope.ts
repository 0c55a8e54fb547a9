// What one job allocates in the memory of OpenCV: handed out here, and deleted here whatever happens.

import { FoveaError } from '../../util/errors.ts'
import { createImage, type Image } from '../../vision/image.ts'
import type { Mat, Native, NativeVector, OpenCv } from './library.ts'
import type { CvMatrix, MatrixType } from './matrix.ts'

const depthNames: readonly MatrixType[] = ['uint8', 'int8', 'uint16', 'int16', 'int32', 'float32', 'float64']

export class MatScope {
  readonly cv: OpenCv
  readonly #kept: Native[] = []

  constructor(cv: OpenCv) {
    this.cv = cv
  }

  /** Deletes everything that was made, the latest first. */
  close(): void {
    for (const native of this.#kept.splice(0).reverse()) if (!native.isDeleted()) native.delete()
  }

  /** What its matrices hold now. */
  get bytes(): number {
    return this.#kept.reduce((sum, native) => sum + ('cols' in native && !native.isDeleted() ? (native as Mat).data.length : 0), 0)
  }

  /** `native` will be deleted with the scope. */
  keep<T extends Native>(native: T): T {
    this.#kept.push(native)
    return native
  }

  /** A function of the library. C++ exceptions come as numbers: the executor reads them. */
  call<T = unknown>(name: string, ...args: readonly unknown[]): T {
    return (this.cv[name] as (...args: readonly unknown[]) => T)(...args)
  }

  /** An object of a class of the library, deleted with the scope. */
  create<T extends Native>(name: string, ...args: readonly unknown[]): T {
    return this.keep(this.build<T>(name, ...args))
  }

  /** An object of a class of the library that outlives the scope. */
  build<T>(name: string, ...args: readonly unknown[]): T {
    return new (this.cv[name] as new (...args: readonly unknown[]) => T)(...args)
  }

  constant(name: string): number {
    const value = this.cv[name]
    if (typeof value !== 'number') throw new FoveaError('OPENCV_UNKNOWN', { expected: 'a constant of OpenCV', found: name })
    return value
  }

  /** An empty matrix, for results. */
  mat(): Mat {
    return this.create<Mat>('Mat')
  }

  /** A matrix over numbers, one channel of 64-bit floats unless said otherwise. */
  numbers(rows: number, cols: number, values: ArrayLike<number>, type = 'CV_64FC1'): Mat {
    return this.keep(this.call<Mat>('matFromArray', rows, cols, this.constant(type), values))
  }

  image({ width, height, channels, data }: Image): Mat {
    const mat = this.create<Mat>('Mat', height, width, this.constant(`CV_8UC${channels}`))
    mat.data.set(data)
    return mat
  }

  /** Points as one column of two channels, moved from our coordinates into OpenCV's, which count from the centre of the first pixel. */
  points(points: readonly number[], depth: '32F' | '64F' = '32F'): Mat {
    return this.numbers(
      points.length / 2,
      1,
      points.map((value) => value - 0.5),
      `CV_${depth}C2`,
    )
  }

  size(width: number, height = width): object {
    return this.build('Size', width, height)
  }

  point(x: number, y: number): object {
    return this.build('Point', x, y)
  }

  scalar(...values: number[]): readonly number[] {
    return [values[0] ?? 0, values[1] ?? 0, values[2] ?? 0, values[3] ?? 0]
  }

  /** The elements of a vector whose elements are numbers or plain objects. */
  list<T>(vector: NativeVector<T>): T[] {
    return Array.from({ length: vector.size() }, (_, i) => vector.get(i))
  }

  toImage(mat: Mat): Image {
    const whole = this.whole(mat)
    return createImage(whole.cols, whole.rows, whole.channels() as Image['channels'], whole.data.slice())
  }

  toMatrix(mat: Mat): CvMatrix {
    const whole = this.whole(mat)
    const type = depthNames[whole.depth()]!
    const { data, data8S, data16U, data16S, data32S, data32F, data64F } = { ...viewsOf(whole) }
    const values = { uint8: data, int8: data8S, uint16: data16U, int16: data16S, int32: data32S, float32: data32F, float64: data64F }[type]
    return { rows: whole.rows, columns: whole.cols, channels: whole.channels(), type, data: values.slice() }
  }

  fromMatrix({ rows, columns, channels, type, data }: CvMatrix): Mat {
    const mat = this.create<Mat>('Mat', rows, columns, depthNames.indexOf(type) + ((channels - 1) << 3))
    mat.data.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    return mat
  }

  /** Views over a part of a matrix show the bytes between its rows too, so a part is copied first. */
  whole(mat: Mat): Mat {
    if (mat.isContinuous()) return mat
    const copy = this.mat()
    mat.copyTo(copy)
    return copy
  }
}

function viewsOf(mat: Mat) {
  const { data, data8S, data16U, data16S, data32S, data32F, data64F } = mat
  return { data, data8S, data16U, data16S, data32S, data32F, data64F }
}
