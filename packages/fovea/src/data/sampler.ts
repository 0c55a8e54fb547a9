// In which order an epoch visits the samples: a function of seed and epoch, nothing else.

import { FoveaError } from '../util/errors.ts'
import { Random } from '../util/random.ts'
import { classCounts, type ImageDataset } from './dataset.ts'

/**
 * `sequential` keeps the order, `shuffled` visits each sample once, `balanced` gives every class the same share (rare classes are repeated,
 * common ones cut, in turns over the epochs), a list of weights draws with replacement.
 */
export type Sampling = 'sequential' | 'shuffled' | 'balanced' | readonly number[]

/** The sample indices of one epoch; as many as the data set has samples. */
export function epochOrder(dataset: ImageDataset, sampling: Sampling, seed: number, epoch: number): Uint32Array {
  const count = dataset.samples.length
  const random = new Random(seed, 'order', epoch)
  if (sampling === 'sequential') return Uint32Array.from({ length: count }, (_, i) => i)
  if (sampling === 'shuffled') return random.permutation(count)
  return sampling === 'balanced' ? balancedOrder(dataset, seed, epoch, random) : weightedOrder(sampling, count, random)
}

/** Each class walks through its own endless sequence of permutations, so over the epochs its samples are used equally often. */
function balancedOrder(dataset: ImageDataset, seed: number, epoch: number, random: Random): Uint32Array {
  const present = classCounts(dataset).flatMap((count, label) => (count > 0 ? [label] : []))
  const total = dataset.samples.length
  const order = new Uint32Array(total)
  let at = 0
  present.forEach((label, k) => {
    const members: number[] = []
    dataset.samples.forEach((sample, i) => {
      if (sample.label === label) members.push(i)
    })
    const share = Math.floor((total * (k + 1)) / present.length) - Math.floor((total * k) / present.length)
    let round = -1
    let turn: Uint32Array = new Uint32Array(0)
    for (let position = epoch * share; position < (epoch + 1) * share; position++) {
      if (Math.floor(position / members.length) !== round) {
        round = Math.floor(position / members.length)
        turn = new Random(seed, 'balanced', label, round).permutation(members.length)
      }
      order[at++] = members[turn[position % members.length]!]!
    }
  })
  return shuffled(order, random)
}

function weightedOrder(weights: readonly number[], count: number, random: Random): Uint32Array {
  if (weights.length !== count) {
    throw new FoveaError('DATA_OPTION_INVALID', {
      field: 'sampling',
      expected: `${count} weights, one per sample`,
      found: String(weights.length),
    })
  }
  const cumulative = new Float64Array(count)
  let sum = 0
  weights.forEach((weight, i) => {
    if (!(weight >= 0 && Number.isFinite(weight))) {
      throw new FoveaError('DATA_OPTION_INVALID', { field: `sampling[${i}]`, expected: 'a weight of 0 or more', found: String(weight) })
    }
    sum += weight
    cumulative[i] = sum
  })
  if (sum === 0) throw new FoveaError('DATA_OPTION_INVALID', { field: 'sampling', expected: 'a weight above 0', found: 'zeros only' })
  return Uint32Array.from({ length: count }, () => upperBound(cumulative, random.next() * sum))
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
