// First values of parameters, drawn from a seeded generator.

import type { Random } from '../util/random.ts'

/** Fills an array that holds a parameter of the given shape. */
export type Initialiser = (values: Float32Array | Float64Array, dims: readonly number[], random: Random) => void

export interface Fan {
  /** Inputs that one output value is computed from. */
  readonly in: number
  /** Outputs that one input value goes into. */
  readonly out: number
}

/** Fan of a weight in torch's layout: [out, in, ...kernel]; `in` is per group. */
export function fanOf(dims: readonly number[]): Fan {
  const [out = 1, input = 1, ...kernel] = dims
  const positions = kernel.reduce((product, size) => product * size, 1)
  return { in: input * positions, out: out * positions }
}

export interface KaimingOptions {
  /** What keeps its variance: activations on the way forward, or gradients on the way back. @default 'fanIn' */
  readonly mode?: 'fanIn' | 'fanOut'
  /** Slope of the following leaky ReLU below zero. @default 0, a plain ReLU */
  readonly negativeSlope?: number
  /** Groups of channels that do not mix: an input reaches only the outputs of its own. @default 1 */
  readonly groups?: number
}

/** Normal with deviation gain / sqrt(fan) (He 2015, arXiv:1502.01852). */
export function kaimingNormal(options: KaimingOptions = {}): Initialiser {
  return (values, dims, random) => fillNormal(values, random, kaimingDeviation(dims, options))
}

/** Uniform with the same deviation (He 2015, arXiv:1502.01852). */
export function kaimingUniform(options: KaimingOptions = {}): Initialiser {
  return (values, dims, random) => fillUniform(values, random, Math.sqrt(3) * kaimingDeviation(dims, options))
}

/** Normal with deviation gain * sqrt(2 / (fan in + fan out)) (Glorot 2010). */
export function xavierNormal(gain = 1): Initialiser {
  return (values, dims, random) => fillNormal(values, random, xavierDeviation(dims, gain))
}

/** Uniform with the same deviation (Glorot 2010). */
export function xavierUniform(gain = 1): Initialiser {
  return (values, dims, random) => fillUniform(values, random, Math.sqrt(3) * xavierDeviation(dims, gain))
}

export function normal(mean = 0, deviation = 1): Initialiser {
  return (values, _, random) => fillNormal(values, random, deviation, mean)
}

/** Normal values of which those further than `limit` deviations from the mean are drawn again, as vision transformers begin. */
export function truncatedNormal(deviation = 0.02, mean = 0, limit = 2): Initialiser {
  return (values, _, random) => {
    for (let i = 0; i < values.length; i++) {
      let value = random.normal()
      while (Math.abs(value) > limit) value = random.normal()
      values[i] = mean + deviation * value
    }
  }
}

/** Uniform in [-1 / sqrt(fan in), 1 / sqrt(fan in)]: how torch begins linear layers and convolutions, their biases too. */
export function uniformByFan(fanIn?: number): Initialiser {
  return (values, dims, random) => fillUniform(values, random, 1 / Math.sqrt(fanIn ?? fanOf(dims).in))
}

export function constant(value: number): Initialiser {
  return (values) => {
    values.fill(value)
  }
}

export const zeros: Initialiser = constant(0)
export const ones: Initialiser = constant(1)

function kaimingDeviation(dims: readonly number[], { mode = 'fanIn', negativeSlope = 0, groups = 1 }: KaimingOptions): number {
  const fan = fanOf(dims)
  return Math.sqrt(2 / (1 + negativeSlope ** 2) / (mode === 'fanIn' ? fan.in : fan.out / groups))
}

function xavierDeviation(dims: readonly number[], gain: number): number {
  const fan = fanOf(dims)
  return gain * Math.sqrt(2 / (fan.in + fan.out))
}

function fillNormal(values: Float32Array | Float64Array, random: Random, deviation: number, mean = 0): void {
  for (let i = 0; i < values.length; i++) values[i] = random.normal(mean, deviation)
}

function fillUniform(values: Float32Array | Float64Array, random: Random, limit: number): void {
  for (let i = 0; i < values.length; i++) values[i] = random.uniform(-limit, limit)
}
