// The features of many pictures gathered for one file, row by row, within the memory that a file of them may take.

import { extname } from 'node:path'
import type { NumpyArray } from '../data/numpy.ts'
import type { DataType } from '../graph/data-type.ts'
import { Tensor } from '../graph/tensor.ts'
import type { Features } from '../model/extract-features.ts'
import { FoveaError } from '../util/errors.ts'
import { pooledRow } from '../vision/feature-map.ts'

/** Half of what a ZIP without extensions can hold, and as much as a machine can be asked for. */
const most = 2 * 2 ** 30

interface Layer {
  readonly dtype: DataType
  /** Of one picture. */
  readonly shape: readonly number[]
  readonly rows: Uint8Array[]
}

export class FeatureRows {
  readonly #pool: boolean
  readonly #layers = new Map<string, Layer>()
  readonly #files: string[] = []
  #bytes = 0

  /** @param pool averages maps over the picture */
  constructor(pool: boolean) {
    this.#pool = pool
  }

  /** Keeps one picture's features. @throws FoveaError MODEL_LAYER where they are too much or of another shape than those before */
  add(file: string, features: Readonly<Record<string, Features>>, index: number): void {
    this.#files.push(file)
    for (const [name, one] of Object.entries(features)) {
      const { dtype, shape, bytes } = this.#rowOf(one, index)
      const layer = this.#layers.get(name) ?? { dtype, shape, rows: [] }
      if (`${layer.shape}` !== `${shape}`)
        throw new FoveaError('MODEL_LAYER', {
          field: name,
          file,
          expected: `[${layer.shape}], as of the pictures before`,
          found: `[${shape}]`,
          remedy: 'Average maps with --pool, or save the pictures one at a time.',
        })
      this.#layers.set(name, layer)
      layer.rows.push(bytes)
      this.#bytes += bytes.length
      if (this.#bytes > most)
        throw new FoveaError('MODEL_LAYER', {
          field: name,
          expected: 'features of at most 2 GB in one file',
          found: `more after ${this.#files.length} pictures`,
          remedy: 'Average maps with --pool, or give fewer pictures or layers.',
        })
    }
  }

  /** The arrays by layer, one row a picture, and in .npz the names of the `files`. */
  arrays(target: string): Record<string, NumpyArray> {
    const arrays: Record<string, NumpyArray> = {}
    for (const [name, { dtype, shape, rows }] of this.#layers) {
      const bytes = new Uint8Array(rows.reduce((sum, row) => sum + row.length, 0))
      rows.forEach((row, i) => {
        bytes.set(row, i * row.length)
      })
      const { dims, data } = new Tensor(dtype, [rows.length, ...shape], bytes)
      arrays[name] = { dtype, shape: dims, data }
    }
    if (extname(target).toLowerCase() === '.npz' && arrays.files === undefined)
      arrays.files = { dtype: 'string', shape: [this.#files.length], data: new Uint8Array(0), strings: this.#files }
    return arrays
  }

  #rowOf({ dtype, shape, data }: Features, index: number): { dtype: DataType; shape: readonly number[]; bytes: Uint8Array } {
    if (this.#pool && shape.length > 2) {
      const row = pooledRow(shape, data, index)
      return { dtype: 'float32', shape: [row.length], bytes: new Uint8Array(row.buffer) }
    }
    const size = data.byteLength / (shape[0] ?? 1)
    return { dtype, shape: shape.slice(1), bytes: new Uint8Array(data.buffer, data.byteOffset + index * size, size).slice() }
  }
}
