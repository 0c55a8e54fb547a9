// How sure a figure is: intervals from pictures drawn again with replacement (Efron & Tibshirani 1993, chapters 13 and 14).

import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import { said } from '../util/said.ts'
import { normalCdf, normalQuantile } from './normal.ts'

export interface Interval {
  readonly low: number
  readonly high: number
}

export interface BootstrapOptions {
  /** How often the pictures are drawn again; 0 gives no intervals. @default 1000 */
  readonly samples?: number
  /** @default 0 */
  readonly seed?: number
  /** Part of such intervals that hold the true figure. @default 0.95 */
  readonly confidence?: number
  /** `bca` corrects for bias and skew (Efron 1987), `percentile` takes the quantiles as they are. @default 'bca' */
  readonly method?: 'bca' | 'percentile'
}

/** The options, filled in and checked. */
export type BootstrapSettings = Required<BootstrapOptions>

/** Figures of pictures, each counted so often as its weight says. NaN where there is no such figure. */
export type Statistic = (weights: ArrayLike<number>) => ArrayLike<number>

export interface Work {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

export interface Bootstrap {
  /** Of the pictures as they are. */
  readonly values: Float64Array
  /** Undefined where nothing can be said: too few figures, or all of them equal. */
  readonly intervals: readonly (Interval | undefined)[]
  /** By figure, those of each drawing, in its order. */
  readonly drawn: readonly Float64Array[]
}

/** Groups of pictures that are left out in turn for the skew. */
const maxGroups = 100
/** Milliseconds after which the event loop gets its turn. */
const slice = 15

/** More tell nothing that is not told by these, and take hours. */
const mostDrawings = 1_000_000

/** @throws FoveaError METRIC_INVALID */
export function bootstrapSettings(options: BootstrapOptions = {}): BootstrapSettings {
  const invalid = (field: string, expected: string, found: unknown) =>
    new FoveaError('METRIC_INVALID', { field: `bootstrap.${field}`, expected, found: said(found) })
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  const { samples = 1000, seed = 0, confidence = 0.95, method = 'bca' } = options
  if (!(Number.isInteger(samples) && samples >= 0 && samples <= mostDrawings))
    throw invalid('samples', `a whole number from 0 to ${mostDrawings}`, samples)
  if (!Number.isFinite(seed)) throw invalid('seed', 'a number', seed)
  if (typeof confidence !== 'number' || !(confidence > 0 && confidence < 1)) throw invalid('confidence', 'between 0 and 1', confidence)
  if (method !== 'bca' && method !== 'percentile') throw invalid('method', 'bca or percentile', method)
  return { samples, seed, confidence, method }
}

/**
 * Draws `count` pictures with replacement, again and again, and computes all figures anew each time. Pictures are what is drawn, never
 * single detections or pixels: those of one picture hang together. The same seed gives the same intervals.
 *
 * @throws FoveaError METRIC_INVALID, CANCELLED
 */
export async function bootstrap(count: number, statistic: Statistic, options: BootstrapOptions = {}, work: Work = {}): Promise<Bootstrap> {
  const settings = bootstrapSettings(options)
  const { samples, seed } = settings
  const weights = new Float64Array(count).fill(1)
  const values = Float64Array.from(statistic(weights))
  const drawn = Array.from(values, () => new Float64Array(samples))
  const breath = new Breath(work.signal)
  const random = new Random(seed, 'bootstrap')
  for (let b = 0; b < samples; b++) {
    weights.fill(0)
    for (let i = 0; i < count; i++) {
      const at = random.integer(0, count)
      weights[at] = weights[at]! + 1
    }
    const figures = statistic(weights)
    for (let f = 0; f < values.length; f++) drawn[f]![b] = figures[f]!
    await breath.take(() => work.onProgress?.(b + 1, samples))
  }
  const accelerations = settings.method === 'bca' && samples > 0 ? await jackknife(count, statistic, values.length, breath) : undefined
  const intervals = drawn.map((list, f) => intervalOf(list, values[f]!, settings, accelerations?.[f]))
  return { values, intervals, drawn }
}

/** Lets others have the thread every few milliseconds, and stops the work where it was cancelled. */
export class Breath {
  readonly #signal: AbortSignal | undefined
  #last = performance.now()

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  /** @throws FoveaError CANCELLED */
  async take(report?: () => void): Promise<void> {
    if (this.#signal?.aborted) throw new FoveaError('CANCELLED', { cause: this.#signal.reason })
    if (performance.now() - this.#last < slice) return
    report?.()
    await new Promise((resolve) => setImmediate(resolve))
    this.#last = performance.now()
  }
}

/** The acceleration of each figure, from leaving out one group of pictures after another. */
async function jackknife(count: number, statistic: Statistic, figures: number, breath: Breath): Promise<Float64Array> {
  const groups = Math.min(count, maxGroups)
  const left = Array.from({ length: figures }, () => new Float64Array(groups))
  const weights = new Float64Array(count)
  for (let g = 0; g < groups; g++) {
    for (let i = 0; i < count; i++) weights[i] = i % groups === g ? 0 : 1
    const values = statistic(weights)
    for (let f = 0; f < figures; f++) left[f]![g] = values[f]!
    await breath.take()
  }
  return Float64Array.from(left, (list) => {
    const mean = list.reduce((sum, value) => sum + value, 0) / groups
    let [square, cube] = [0, 0]
    for (const value of list) {
      square += (mean - value) ** 2
      cube += (mean - value) ** 3
    }
    return square === 0 ? Number.NaN : cube / (6 * square ** 1.5)
  })
}

/** The interval of one figure from its drawings. */
function intervalOf(list: Float64Array, value: number, { confidence, method }: BootstrapSettings, acceleration = 0): Interval | undefined {
  const known = list.filter((one) => !Number.isNaN(one)).sort()
  // A class that most drawings lack says nothing of its figure, and neither does one without spread.
  if (Number.isNaN(value) || known.length < 20 || known.length < 0.9 * list.length || known[0] === known.at(-1)) return undefined
  const tail = (1 - confidence) / 2
  const plain = { low: quantile(known, tail), high: quantile(known, 1 - tail) }
  if (method === 'percentile' || !Number.isFinite(acceleration)) return plain
  let below = 0
  for (const one of known) below += one < value ? 1 : one === value ? 0.5 : 0
  const bias = normalQuantile(below / known.length)
  if (!Number.isFinite(bias)) return plain
  const end = (part: number) => {
    const z = bias + normalQuantile(part)
    return quantile(known, normalCdf(bias + z / (1 - acceleration * z)))
  }
  return { low: end(tail), high: end(1 - tail) }
}

/** Between neighbours in a sorted list, as NumPy's `quantile`. */
function quantile(sorted: Float64Array, part: number): number {
  const at = Math.min(1, Math.max(0, part)) * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.min(sorted.length - 1, low + 1)
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low)
}
