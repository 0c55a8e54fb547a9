// Weights made by formula, the same here as in bench/peers/formula_weights.py: a parity test needs no file of weights.

import { sizeOf, Tensor } from '../src/graph/tensor.ts'

/** Numbers from -0.5 to 0.5 that follow from their place and the seed. */
export function noise(count: number, seed: number): Float64Array {
  const values = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i + 1, 2654435761) + seed * 40503) >>> 0
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 0
    values[i] = ((x ^ (x >>> 12)) >>> 0) / 2 ** 32 - 0.5
  }
  return values
}

/** The tensor of this name: weights keep the size of what passes through them, variances are positive. */
export function formulaTensor(name: string, dims: readonly number[]): Tensor {
  const count = sizeOf(dims)
  const seed = [...name].reduce((sum, char, i) => sum + char.charCodeAt(0) * (i + 1), 0)
  const values = noise(count, seed)
  if (name.endsWith('running_var')) return floats(dims, values, 1, 1)
  if (dims.length > 1 && !name.endsWith('layer_scale')) return floats(dims, values, Math.sqrt(24 / (count / dims[0]!)), 0)
  return floats(dims, values, 0.5, name.endsWith('weight') ? 1 : 0)
}

function floats(dims: readonly number[], values: Float64Array, factor: number, offset: number): Tensor {
  const result = new Float32Array(values.length)
  for (let i = 0; i < values.length; i++) result[i] = offset + factor * values[i]!
  return Tensor.float32(dims, result)
}
