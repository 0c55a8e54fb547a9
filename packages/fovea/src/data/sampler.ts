// In which order an epoch visits the samples: a function of seed and epoch, nothing else.

import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import { classesOf, type ImageDataset } from './dataset.ts'

/**
 * - `sequential` keeps the order;
 * - `shuffled` visits each sample once;
 * - `balanced` gives every class the same share: rare classes are repeated, common ones cut, in turns over the epochs. A sample that shows
 *   several classes stands for each of them;
 * - `{ weights }`, one for each sample, draws as many samples as there are, each with a probability in proportion; with `replacement: false`
 *   each sample of a weight above 0 comes once, heavy ones sooner (Efraimidis & Spirakis 2006);
 * - `{ repeatThreshold: t }` repeats samples of rare classes: a class in a part f of the samples asks for max(1, sqrt(t / f)) visits, a sample
 *   for the most that its classes ask (Gupta et al. 2019, LVIS). Fractions are rounded at random, so that each epoch is equally long.
 */
export type Sampling = 'sequential' | 'shuffled' | 'balanced' | WeightedSampling | RepeatSampling

export interface WeightedSampling {
  readonly weights: readonly number[]
  /** Default true. */
  readonly replacement?: boolean
}

export interface RepeatSampling {
  /** The part of the samples below which a class is rare, 0 to 1; 0.001 for LVIS. */
  readonly repeatThreshold: number
}

/** Orders of epochs over one data set; what does not depend on the epoch is worked out once. */
export class Sampler {
  /** Samples in an epoch. */
  readonly length: number
  readonly #order: (epoch: number) => Uint32Array

  /** @throws DATA_OPTION_INVALID */
  constructor(dataset: ImageDataset, sampling: Sampling, seed: number) {
    const count = dataset.samples.length
    const random = (epoch: number) => new Random(seed, 'order', epoch)
    this.length = count
    if (sampling === 'sequential') {
      this.#order = () => Uint32Array.from({ length: count }, (_, i) => i)
    } else if (sampling === 'shuffled') {
      this.#order = (epoch) => random(epoch).permutation(count)
    } else if (sampling === 'balanced') {
      const members = membersOf(dataset)
      this.#order = (epoch) => balancedOrder(members, count, seed, epoch, random(epoch))
    } else if (typeof sampling !== 'object' || sampling === null) {
      throw new FoveaError('DATA_OPTION_INVALID', {
        field: 'sampling',
        expected: 'sequential, shuffled, balanced, { weights } or { repeatThreshold }',
        found: String(sampling),
      })
    } else if ('repeatThreshold' in sampling) {
      const cumulative = cumulate(repeatFactors(dataset, sampling.repeatThreshold))
      this.length = Math.round(cumulative.at(-1)!)
      this.#order = (epoch) => repeatOrder(cumulative, this.length, random(epoch))
    } else {
      const { weights, replacement = true } = sampling
      const cumulative = cumulate(checkWeights(weights, count))
      this.length = replacement ? count : weights.filter((weight) => weight > 0).length
      this.#order = (epoch) =>
        replacement ? withReplacement(cumulative, count, random(epoch)) : withoutReplacement(weights, this.length, random(epoch))
    }
  }

  /** The sample indices of one epoch. */
  order(epoch: number): Uint32Array {
    return this.#order(epoch)
  }
}

/** Classes that have samples, and which. Samples of no class at all are a class of their own, so that none is lost. */
function membersOf({ classes, samples }: ImageDataset): { label: number; samples: Uint32Array }[] {
  const members: number[][] = [...classes, 'none'].map(() => [])
  samples.forEach((sample, i) => {
    const of = classesOf(sample)
    for (const label of of.length === 0 ? [classes.length] : of) members[label]?.push(i)
  })
  return members.flatMap((list, label) => (list.length === 0 ? [] : [{ label, samples: Uint32Array.from(list) }]))
}

/** Each class walks through its own endless sequence of permutations, so over the epochs its samples are used equally often. */
function balancedOrder(
  present: readonly { readonly label: number; readonly samples: Uint32Array }[],
  total: number,
  seed: number,
  epoch: number,
  random: Random,
): Uint32Array {
  const order = new Uint32Array(total)
  let at = 0
  present.forEach(({ label, samples }, k) => {
    const share = Math.floor((total * (k + 1)) / present.length) - Math.floor((total * k) / present.length)
    let round = -1
    let turn: Uint32Array = new Uint32Array(0)
    for (let position = epoch * share; position < (epoch + 1) * share; position++) {
      if (Math.floor(position / samples.length) !== round) {
        round = Math.floor(position / samples.length)
        turn = new Random(seed, 'balanced', label, round).permutation(samples.length)
      }
      order[at++] = samples[turn[position % samples.length]!]!
    }
  })
  return shuffled(order, random)
}

function repeatFactors(dataset: ImageDataset, threshold: number): number[] {
  if (!(threshold > 0 && threshold <= 1)) throw invalid('sampling.repeatThreshold', 'a number above 0, up to 1', threshold)
  const shares = new Map<number, number>()
  const classes = dataset.samples.map(classesOf)
  for (const label of classes.flat()) shares.set(label, (shares.get(label) ?? 0) + 1 / classes.length)
  return classes.map((of) => Math.max(1, ...of.map((label) => Math.sqrt(threshold / shares.get(label)!))))
}

/** Evenly spaced marks over the laid-out factors, begun at random: each sample comes its factor's times, rounded down or up. */
function repeatOrder(cumulative: Float64Array, length: number, random: Random): Uint32Array {
  const start = random.next()
  const step = cumulative.at(-1)! / length
  let sample = 0
  const order = Uint32Array.from({ length }, (_, i) => {
    while (sample < cumulative.length - 1 && cumulative[sample]! <= (i + start) * step) sample++
    return sample
  })
  return shuffled(order, random)
}

function withReplacement(cumulative: Float64Array, count: number, random: Random): Uint32Array {
  const sum = cumulative.at(-1)!
  return Uint32Array.from({ length: count }, () => upperBound(cumulative, random.next() * sum))
}

/** The order of u^(1/w), in logarithms: exponential waiting times, the shortest first. */
function withoutReplacement(weights: readonly number[], length: number, random: Random): Uint32Array {
  const waits = weights.map((weight) => {
    const wait = -Math.log(1 - random.next())
    return weight > 0 ? wait / weight : Infinity
  })
  return Uint32Array.from(Array.from(weights.keys()).sort((a, b) => waits[a]! - waits[b]! || a - b)).subarray(0, length)
}

function checkWeights(weights: readonly number[], count: number): readonly number[] {
  if (!Array.isArray(weights) || weights.length !== count)
    throw invalid('sampling.weights', `${count} weights, one per sample`, Array.isArray(weights) ? weights.length : typeof weights)
  weights.forEach((weight, i) => {
    if (!(weight >= 0 && Number.isFinite(weight))) throw invalid(`sampling.weights[${i}]`, 'a weight of 0 or more', weight)
  })
  if (!weights.some((weight) => weight > 0)) throw invalid('sampling.weights', 'a weight above 0', 'zeros only')
  return weights
}

function cumulate(values: readonly number[]): Float64Array {
  let sum = 0
  return Float64Array.from(values, (value) => {
    sum += value
    return sum
  })
}

/** The first index whose cumulative weight is above `value`. */
function upperBound(cumulative: Float64Array, value: number): number {
  let low = 0
  let high = cumulative.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (cumulative[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

function shuffled(items: Uint32Array, random: Random): Uint32Array {
  return Uint32Array.from(random.permutation(items.length), (i) => items[i]!)
}

function invalid(field: string, expected: string, found: unknown): FoveaError {
  return new FoveaError('DATA_OPTION_INVALID', { field, expected, found: String(found) })
}
