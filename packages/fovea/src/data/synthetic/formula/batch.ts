// A batch of scenes as plain numbers.

import { drawFormula, type FormulaOptions, formulaParts } from './scene.ts'

export interface FormulaPlan extends FormulaOptions {
  /** Side of a cell of the cover in pixels; it divides the size. */
  readonly cellStride: number
}

export interface FormulaJob {
  readonly start: number
  readonly count: number
}

export interface FormulaBatch {
  /** uint8 [count, size, size, 3] */
  readonly images: Uint8Array<ArrayBuffer>
  readonly shape: Int32Array<ArrayBuffer>
  /** Class of each part's texture, -1 where a part is not there: [count, parts]. */
  readonly textures: Int32Array<ArrayBuffer>
  /** Share of each cell that each part fills, 0 to 255: [count, size / stride, size / stride, parts]. */
  readonly cover: Uint8Array<ArrayBuffer>
}

export function drawBatch({ start, count }: FormulaJob, { seed, size, cellStride }: FormulaPlan): FormulaBatch {
  const side = size / cellStride
  const batch: FormulaBatch = {
    images: new Uint8Array(count * size * size * 3),
    shape: new Int32Array(count),
    textures: new Int32Array(count * formulaParts),
    cover: new Uint8Array(count * side * side * formulaParts),
  }
  for (let i = 0; i < count; i++) {
    const scene = drawFormula(start + i, { seed, size })
    batch.images.set(scene.image.data, i * size * size * 3)
    batch.shape[i] = scene.shape
    batch.textures.set(scene.textures, i * formulaParts)
    batch.cover.set(averaged(scene.cover, size, cellStride), i * side * side * formulaParts)
  }
  return batch
}

/** The mean of each cell, part by part. */
function averaged(cover: Uint8Array, size: number, stride: number): Uint8Array {
  const side = size / stride
  const cells = new Uint8Array(side * side * formulaParts)
  for (let at = 0; at < cells.length; at++) {
    const part = at % formulaParts
    const cell = (at - part) / formulaParts
    const corner = Math.floor(cell / side) * stride * size + (cell % side) * stride
    let sum = 0
    for (let y = 0; y < stride; y++) for (let x = 0; x < stride; x++) sum += cover[(corner + y * size + x) * formulaParts + part]!
    cells[at] = Math.round(sum / stride ** 2)
  }
  return cells
}
