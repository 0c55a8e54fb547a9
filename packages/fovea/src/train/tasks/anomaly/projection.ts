// How features of patches are scaled before they are compared, by those of good pictures.

import { type PatchGrid, type Projection, placesOf } from '../../../nn/anomaly/patches.ts'
import type { Rows } from './coreset.ts'

/** Channels that belong together: those of a layer. */
export interface ChannelGroup {
  readonly channels: number
  /** How much the group counts beside the others, however many channels it has. */
  readonly weight: number
  /**
   * Takes apart what varies together, so that a direction in which good pictures hardly differ counts as much as one in which they differ most
   * (Mahalanobis 1936); else each channel is scaled by its own deviation.
   */
  readonly whiten: boolean
}

/** Added to variances, in parts of their mean: a channel that never changes must not be divided by 0. */
const least = 1e-5

/**
 * Scales each group so that good patches have a mean of 0 and a mean square of `weight`² in all its channels together.
 *
 * @param rows features before scaling, [count, channels of all groups]
 * @param position as `Projection` has it
 */
export function projectionOf({ data, count, width }: Rows, groups: readonly ChannelGroup[], position: number): Projection {
  const mean = new Float64Array(width)
  for (let r = 0; r < count; r++) for (let i = 0; i < width; i++) mean[i] = mean[i]! + data[r * width + i]!
  for (let i = 0; i < width; i++) mean[i] = mean[i]! / count
  const weight = new Float32Array(width * width)
  let from = 0
  for (const { channels, weight: factor, whiten } of groups) {
    const covariance = covarianceOf({ data, count, width }, mean, from, channels, whiten)
    const trace = Array.from({ length: channels }, (_, i) => covariance[i * channels + i]!).reduce((a, b) => a + b, 0)
    // A group that is all the same in good pictures: any change is odd, in the scale of bytes to a unit.
    const floor = Math.max((least * trace) / channels, 1e-12)
    for (let i = 0; i < channels; i++) covariance[i * channels + i] = covariance[i * channels + i]! + floor
    const scaled = inverseFactor(covariance, channels)
    for (let i = 0; i < channels; i++)
      for (let k = 0; k <= i; k++) weight[(from + i) * width + from + k] = (factor / Math.sqrt(channels)) * scaled[i * channels + k]!
    from += channels
  }
  const bias = Float32Array.from(mean, (_, i) => {
    let sum = 0
    for (let k = 0; k < width; k++) sum -= weight[i * width + k]! * mean[k]!
    return sum
  })
  return { weight, bias, position }
}

/** [channels, channels], of the channels from `from` on; without `full` the diagonal alone. */
function covarianceOf({ data, count, width }: Rows, mean: Float64Array, from: number, channels: number, full: boolean): Float64Array {
  const sums = new Float64Array(channels * channels)
  const row = new Float64Array(channels)
  for (let r = 0; r < count; r++) {
    for (let i = 0; i < channels; i++) row[i] = data[r * width + from + i]! - mean[from + i]!
    for (let i = 0; i < channels; i++)
      for (let k = full ? 0 : i; k <= i; k++) sums[i * channels + k] = sums[i * channels + k]! + row[i]! * row[k]!
  }
  return sums.map((sum) => sum / count)
}

/** L⁻¹ of a covariance L Lᵀ (Cholesky): rows times it have a covariance of 1, so that their distances are Mahalanobis'. Lower triangles. */
function inverseFactor(covariance: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let k = 0; k <= i; k++) {
      let sum = covariance[i * size + k]!
      for (let j = 0; j < k; j++) sum -= factor[i * size + j]! * factor[k * size + j]!
      factor[i * size + k] = i === k ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / factor[k * size + k]!
    }
  const inverse = new Float64Array(size * size)
  for (let column = 0; column < size; column++)
    for (let i = column; i < size; i++) {
      let sum = i === column ? 1 : 0
      for (let j = column; j < i; j++) sum -= factor[i * size + j]! * inverse[j * size + column]!
      inverse[i * size + column] = sum / factor[i * size + i]!
    }
  return inverse
}

/** The features as they are compared: what the graph computes of them. @param cells where in the grid each row was */
export function projectRows(
  { data, count, width }: Rows,
  { weight, bias, position }: Projection,
  cells: Uint32Array,
  grid: PatchGrid,
): Rows {
  const own = bias.length
  const rows = own + (position > 0 ? 2 : 0)
  const places = position > 0 ? placesOf(grid, rows, position) : undefined
  // Most weights are 0: layers do not mix.
  const used = Array.from({ length: own }, (_, i) =>
    Uint32Array.from({ length: width }, (__, k) => k).filter((k) => weight[i * width + k] !== 0),
  )
  const projected = new Float32Array(count * rows)
  for (let r = 0; r < count; r++) {
    for (let i = 0; i < own; i++) {
      let sum = bias[i]!
      for (const k of used[i]!) sum += weight[i * width + k]! * data[r * width + k]!
      projected[r * rows + i] = sum
    }
    for (let i = own; i < rows; i++) projected[r * rows + i] = places![cells[r]! * rows + i]!
  }
  return { data: projected, count, width: rows }
}
