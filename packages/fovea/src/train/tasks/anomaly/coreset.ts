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
  const { data, width } = dimensions > 0 && dimensions < rows.width ? await project(rows, dimensions, seed, signal) : rows
  const random = new Random(seed, 'coreset')
  const state: State = {
    data,
    width,
    nearest: new Float32Array(count).fill(Number.POSITIVE_INFINITY),
    owner: new Uint32Array(count),
    chosen: new Uint32Array(size),
    between: new Float32Array(size),
  }
  let next = random.integer(0, count)
  let since = performance.now()
  for (let i = 0; i < size; i++) {
    state.chosen[i] = next
    next = farthest(state, i)
    // What is left are copies of what is chosen.
    if (state.nearest[next] === 0) return state.chosen.slice(0, i + 1)
    if (performance.now() - since < turn) continue
    onProgress?.(i + 1, size)
    await letIn(signal)
    since = performance.now()
  }
  return state.chosen
}

/** Lets the event loop do what has come up. @throws FoveaError CANCELLED */
async function letIn(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate()
  if (signal?.aborted) throw new FoveaError('CANCELLED', { cause: signal.reason })
}

interface State {
  readonly data: Float32Array
  readonly width: number
  /** Squared distance of each row to the nearest chosen one, and which of those it is. */
  readonly nearest: Float32Array
  readonly owner: Uint32Array
  readonly chosen: Uint32Array
  /** Quarter of the squared distance of each chosen row to the newest. */
  readonly between: Float32Array
}

/** Brings distances up to date with the chosen row of this number, and gives the row that is now farthest from all. */
function farthest({ data, width, nearest, owner, chosen, between }: State, newest: number): number {
  const from = chosen[newest]! * width
  for (let i = 0; i < newest; i++) between[i] = squaredDistance(data, from, chosen[i]! * width, width, Number.POSITIVE_INFINITY) / 4
  let [most, at] = [-1, 0]
  for (let row = 0; row < nearest.length; row++) {
    let bound = nearest[row]!
    // By the triangle inequality no row is nearer to the newest that lies within half of the way from its own to it.
    if (newest === 0 || between[owner[row]!]! < bound) {
      const distance = squaredDistance(data, from, row * width, width, bound)
      if (distance < bound) {
        bound = distance
        nearest[row] = distance
        owner[row] = newest
      }
    }
    if (bound > most) {
      most = bound
      at = row
    }
  }
  return at
}

/** Of two rows; some number of at least `bound` as soon as it is sure to be no less. */
function squaredDistance(data: Float32Array, a: number, b: number, width: number, bound: number): number {
  let sum = 0
  let k = 0
  for (; k + 8 <= width && sum < bound; k += 8) {
    const [i, j] = [a + k, b + k]
    const d0 = data[i]! - data[j]!
    const d1 = data[i + 1]! - data[j + 1]!
    const d2 = data[i + 2]! - data[j + 2]!
    const d3 = data[i + 3]! - data[j + 3]!
    const d4 = data[i + 4]! - data[j + 4]!
    const d5 = data[i + 5]! - data[j + 5]!
    const d6 = data[i + 6]! - data[j + 6]!
    const d7 = data[i + 7]! - data[j + 7]!
    sum += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3 + (d4 * d4 + d5 * d5 + d6 * d6 + d7 * d7)
  }
  for (; k < width && sum < bound; k++) {
    const difference = data[a + k]! - data[b + k]!
    sum += difference * difference
  }
  return sum
}

/** A random projection that keeps distances but for some per cent (Johnson & Lindenstrauss 1984): Gaussian, scaled so that squares stay as they are in the mean. */
export async function project({ data, count, width }: Rows, dimensions: number, seed: number, signal?: AbortSignal): Promise<Rows> {
  const random = new Random(seed, 'projection')
  const matrix = Float32Array.from({ length: width * dimensions }, () => random.normal(0, 1 / Math.sqrt(dimensions)))
  const projected = new Float32Array(count * dimensions)
  const sums = new Float64Array(dimensions)
  let since = performance.now()
  for (let row = 0; row < count; row++) {
    sums.fill(0)
    for (let k = 0; k < width; k++) {
      const value = data[row * width + k]!
      for (let d = 0; d < dimensions; d++) sums[d] = sums[d]! + value * matrix[k * dimensions + d]!
    }
    projected.set(sums, row * dimensions)
    if (row % 256 !== 255 || performance.now() - since < turn) continue
    await letIn(signal)
    since = performance.now()
  }
  return { data: projected, count, width: dimensions }
}
