// Which of many patches are remembered: the greedy k-centre coreset of PatchCore (Roth et al. 2022, arXiv:2106.08265, section 3.2).

import { setImmediate } from 'node:timers/promises'
import { FoveaError } from '../../../util/errors.ts'
import { Random } from '../../../util/random.ts'

/** Rows of numbers, one behind the other. */
export interface Rows {
  /** [count, width]. */
  readonly data: Float32Array
  readonly count: number
  readonly width: number
}

export interface CoresetOptions {
  /** How many rows are chosen. */
  readonly size: number
  /** Decides the first row and the projection. @default 0 */
  readonly seed?: number
  /** Dimensions that distances are measured in, after a random projection; 0 measures in all. @default 0 */
  readonly dimensions?: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** How long a choice may keep the event loop, in milliseconds. */
const turn = 15

/**
 * Chooses rows so that every other one is near to one of them: always the one that lies farthest from those chosen before (Gonzalez 1985), which comes
 * within twice the best possible radius. Of equally far rows the first is taken. The event loop is let in every few milliseconds.
 *
 * @returns indices in the order of the choice; all rows where there are not more than `size`, and fewer where all others are copies of those chosen
 * @throws FoveaError CANCELLED
 */
export async function chooseCoreset(rows: Rows, options: CoresetOptions): Promise<Uint32Array> {
  const { size, seed = 0, dimensions = 0, signal, onProgress } = options
  const { count } = rows
  if (count <= size) return Uint32Array.from({ length: count }, (_, i) => i)
  const { data, width } = dimensions > 0 && dimensions < rows.width ? project(rows, dimensions, seed) : rows
  const random = new Random(seed, 'coreset')
  const nearest = new Float32Array(count).fill(Number.POSITIVE_INFINITY)
  const chosen = new Uint32Array(size)
  let next = random.integer(0, count)
  let since = performance.now()
  for (let i = 0; i < size; i++) {
    chosen[i] = next
    next = farthest(data, width, next, nearest)
    // What is left are copies of what is chosen.
    if (nearest[next] === 0) return chosen.subarray(0, i + 1)
    if (performance.now() - since < turn) continue
    onProgress?.(i + 1, size)
    await setImmediate()
    if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
    since = performance.now()
  }
  return chosen
}

/** Brings the squared distances to the nearest chosen row up to date, and gives the row that is now farthest from all. */
function farthest(data: Float32Array, width: number, centre: number, nearest: Float32Array): number {
  const from = centre * width
  let [most, at] = [-1, 0]
  for (let row = 0, offset = 0; row < nearest.length; row++, offset += width) {
    const bound = nearest[row]!
    let sum = 0
    // A row that is nearer to another centre is left as soon as that is sure.
    for (let k = 0; k < width && sum < bound; k++) {
      const difference = data[offset + k]! - data[from + k]!
      sum += difference * difference
    }
    const distance = sum < bound ? sum : bound
    nearest[row] = distance
    if (distance > most) {
      most = distance
      at = row
    }
  }
  return at
}

/** A random projection that keeps distances but for some per cent (Johnson & Lindenstrauss 1984): Gaussian, scaled so that squares stay as they are in the mean. */
export function project({ data, count, width }: Rows, dimensions: number, seed: number): Rows {
  const random = new Random(seed, 'projection')
  const matrix = Float32Array.from({ length: width * dimensions }, () => random.normal(0, 1 / Math.sqrt(dimensions)))
  const projected = new Float32Array(count * dimensions)
  const sums = new Float64Array(dimensions)
  for (let row = 0; row < count; row++) {
    sums.fill(0)
    for (let k = 0; k < width; k++) {
      const value = data[row * width + k]!
      for (let d = 0; d < dimensions; d++) sums[d] = sums[d]! + value * matrix[k * dimensions + d]!
    }
    projected.set(sums, row * dimensions)
  }
  return { data: projected, count, width: dimensions }
}
