// A batch of scenes as plain numbers.

import { drawFormula, type FormulaOptions } from './scene.ts'

export interface FormulaPlan extends FormulaOptions {
  /** Side of a cell of the mask in pixels; it divides the size. */
  readonly maskStride: number
}

export interface FormulaJob {
  readonly start: number
  readonly count: number
}

export interface FormulaBatch {
  /** uint8 [count, size, size, 3] */
  readonly images: Uint8Array<ArrayBuffer>
  readonly shape: Int32Array<ArrayBuffer>
  readonly texture: Int32Array<ArrayBuffer>
  readonly fill: Int32Array<ArrayBuffer>
  /** Share of each cell that the object covers, 0 to 255: [count, size / stride, size / stride]. */
  readonly mask: Uint8Array<ArrayBuffer>
}

export function drawBatch({ start, count }: FormulaJob, { seed, size, maskStride }: FormulaPlan): FormulaBatch {
  const side = size / maskStride
  const batch: FormulaBatch = {
    images: new Uint8Array(count * size * size * 3),
    shape: new Int32Array(count),
    texture: new Int32Array(count),
    fill: new Int32Array(count),
    mask: new Uint8Array(count * side * side),
  }
  for (let i = 0; i < count; i++) {
    const scene = drawFormula(start + i, { seed, size })
    batch.images.set(scene.image.data, i * size * size * 3)
    batch.shape[i] = scene.shape
    batch.texture[i] = scene.texture
    batch.fill[i] = scene.fill
    for (let cell = 0; cell < side * side; cell++) {
      const corner = Math.floor(cell / side) * maskStride * size + (cell % side) * maskStride
      let sum = 0
      for (let y = 0; y < maskStride; y++) for (let x = 0; x < maskStride; x++) sum += scene.mask[corner + y * size + x]!
      batch.mask[i * side * side + cell] = Math.round(sum / maskStride ** 2)
    }
  }
  return batch
}
