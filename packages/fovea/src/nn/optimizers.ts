// Optimizers: rules as data, each emitting the update of one parameter. Formulas and defaults are torch's.

import type { GraphBuilder } from '../graph/builder.ts'
import { FoveaError } from '../util/errors.ts'

export interface OptimizerRule {
  readonly name: string
  /** Names of the tensors that it keeps for each parameter, of the parameter's shape, zero at first. */
  readonly slots: readonly string[]
  /** Emits one update and returns the names of the new values. */
  update(b: GraphBuilder, args: OptimizerArguments): OptimizerUpdate
}

export interface OptimizerArguments {
  readonly parameter: string
  readonly gradient: string
  readonly slots: Readonly<Record<string, string>>
  /** A float scalar. */
  readonly learningRate: string
  /** Number of this update, from 1, as a float scalar. */
  readonly step: string
  /** Whether weight decay applies to this parameter. */
  readonly decay: boolean
  /** Element type of all of them. @default 'float32' */
  readonly dtype?: 'float32' | 'float64'
}

export interface OptimizerUpdate {
  readonly parameter: string
  readonly slots: Readonly<Record<string, string>>
}

export interface SgdOptions {
  /** Share of the running sum of gradients that is kept. @default 0.9 */
  readonly momentum?: number
  /** Looks one step ahead along the momentum (Nesterov 1983, as Sutskever 2013 writes it). @default false */
  readonly nesterov?: boolean
  /** Share of a new gradient that is kept out of the running sum. @default 0 */
  readonly dampening?: number
  /** L2 penalty, added to the gradient. @default 0 */
  readonly weightDecay?: number
}

/** Stochastic gradient descent with momentum. @throws FoveaError NN_OPTION_INVALID */
export function sgd(options: SgdOptions = {}): OptimizerRule {
  const { momentum = 0.9, nesterov = false, dampening = 0, weightDecay = 0 } = options
  checkRange('momentum', momentum, 0, 1)
  checkRange('dampening', dampening, 0, 1)
  checkRange('weightDecay', weightDecay, 0, Number.POSITIVE_INFINITY)
  if (nesterov && (momentum === 0 || dampening !== 0))
    throw new FoveaError('NN_OPTION_INVALID', { field: 'nesterov', expected: 'momentum above 0 and no dampening' })
  return {
    name: 'sgd',
    slots: momentum === 0 ? [] : ['momentum'],
    update(b, args): OptimizerUpdate {
      const e = new Emitter(b, args)
      const gradient = e.withPenalty(args.gradient, weightDecay)
      if (momentum === 0) return { parameter: e.sub(args.parameter, e.mul(gradient, args.learningRate)), slots: {} }
      // The first gradient enters whole, whatever the dampening.
      const first = () => b.op('Equal', [args.step, e.scalar(1)])
      const share = () => b.op('Where', [first(), e.scalar(1), e.scalar(1 - dampening)])
      const fresh = dampening === 0 ? gradient : e.mul(gradient, share())
      const velocity = e.add(e.mul(args.slots.momentum!, e.scalar(momentum)), fresh)
      const direction = nesterov ? e.add(gradient, e.mul(velocity, e.scalar(momentum))) : velocity
      return { parameter: e.sub(args.parameter, e.mul(direction, args.learningRate)), slots: { momentum: velocity } }
    },
  }
}

export interface AdamOptions {
  /** How slowly the averages of gradients and of their squares change. @default [0.9, 0.999] */
  readonly betas?: readonly [gradient: number, square: number]
  /** Added to the root of the average square. @default 1e-8 */
  readonly epsilon?: number
  /** @default 0 for `adam`, 0.01 for `adamW` */
  readonly weightDecay?: number
}

/** Adam (Kingma & Ba 2015, arXiv:1412.6980); weight decay is an L2 penalty, added to the gradient. @throws FoveaError NN_OPTION_INVALID */
export function adam(options: AdamOptions = {}): OptimizerRule {
  return adaptive('adam', options, (e, args, weightDecay) => ({ ...args, gradient: e.withPenalty(args.gradient, weightDecay) }))
}

/** AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101): weights shrink by learning rate x decay, apart from the gradient. @throws FoveaError NN_OPTION_INVALID */
export function adamW(options: AdamOptions = {}): OptimizerRule {
  return adaptive('adamW', { weightDecay: 0.01, ...options }, (e, args, weightDecay) => {
    if (!args.decay || weightDecay === 0) return args
    const factor = e.sub(e.scalar(1), e.mul(args.learningRate, e.scalar(weightDecay)))
    return { ...args, parameter: e.mul(args.parameter, factor) }
  })
}

type Decay = (e: Emitter, args: OptimizerArguments, weightDecay: number) => OptimizerArguments

/**
 * Adam's update. The slots hold discounted sums, m / (1 - beta1) and v / (1 - beta2) in the paper's letters: that spares two of
 * twelve passes over memory, and the constants move into the scalars of the step.
 */
function adaptive(name: string, options: AdamOptions, decay: Decay): OptimizerRule {
  const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 } = options
  const [beta1, beta2] = betas
  checkRange('betas', beta1, 0, 1)
  checkRange('betas', beta2, 0, 1)
  checkRange('epsilon', epsilon, 0, Number.POSITIVE_INFINITY)
  checkRange('weightDecay', weightDecay, 0, Number.POSITIVE_INFINITY)
  return {
    name,
    slots: ['sum', 'squareSum'],
    update(b, args) {
      const e = new Emitter(b, args)
      const { parameter, gradient, slots } = decay(e, args, weightDecay)
      const sum = e.add(e.mul(slots.sum!, e.scalar(beta1)), gradient)
      const squareSum = e.add(e.mul(slots.squareSum!, e.scalar(beta2)), e.mul(gradient, gradient))
      // lr m^ / (sqrt(v^) + eps), with v^ = squareSum / scale^2
      const scale = e.sqrt(e.mul(e.biasCorrection(beta2), e.scalar(1 / (1 - beta2))))
      const rate = e.mul(args.learningRate, e.div(e.mul(scale, e.scalar(1 - beta1)), e.biasCorrection(beta1)))
      const denominator = e.add(e.sqrt(squareSum), e.mul(scale, e.scalar(epsilon)))
      return { parameter: e.sub(parameter, e.mul(e.div(sum, denominator), rate)), slots: { sum, squareSum } }
    },
  }
}

/** All rules by name, for options given as data. */
export const optimizers = { sgd, adam, adamW } as const

/**
 * Scales gradients so that their norm, taken over all of them together, is at most `maxNorm` (Pascanu 2013), as torch does:
 * factor min(1, maxNorm / (norm + 1e-6)).
 *
 * @returns the scaled gradients in the same order, and the norm before scaling
 */
export function clipByGlobalNorm(
  b: GraphBuilder,
  gradients: readonly string[],
  maxNorm: number,
  dtype: 'float32' | 'float64' = 'float32',
): { gradients: string[]; norm: string } {
  if (!(maxNorm > 0)) throw new FoveaError('NN_OPTION_INVALID', { field: 'maxNorm', expected: 'a number above 0', found: `${maxNorm}` })
  const squares = gradients.map((gradient) => b.op('ReduceSumSquare', [gradient], { keepdims: 0 }))
  const norm = b.op('Sqrt', [b.op('Sum', squares)])
  const wanted = b.op('Div', [b.scalar(maxNorm, dtype), b.op('Add', [norm, b.scalar(1e-6, dtype)])])
  const factor = b.op('Min', [wanted, b.scalar(1, dtype)])
  return { gradients: gradients.map((gradient) => b.op('Mul', [gradient, factor])), norm }
}

/** decay * average + (1 - decay) * value: the average of weights over time (Polyak & Juditsky 1992). */
export function exponentialMovingAverage(
  b: GraphBuilder,
  average: string,
  value: string,
  decay: number,
  dtype: 'float32' | 'float64' = 'float32',
): string {
  checkRange('decay', decay, 0, 1)
  return b.op('Add', [average, b.op('Mul', [b.op('Sub', [value, average]), b.scalar(1 - decay, dtype)])])
}

/** The arithmetic of one update, its constants in the right element type. */
class Emitter {
  readonly #b: GraphBuilder
  readonly #args: OptimizerArguments

  constructor(b: GraphBuilder, args: OptimizerArguments) {
    this.#b = b
    this.#args = args
  }

  add(x: string, y: string): string {
    return this.#b.op('Add', [x, y])
  }

  sub(x: string, y: string): string {
    return this.#b.op('Sub', [x, y])
  }

  mul(x: string, y: string): string {
    return this.#b.op('Mul', [x, y])
  }

  div(x: string, y: string): string {
    return this.#b.op('Div', [x, y])
  }

  sqrt(x: string): string {
    return this.#b.op('Sqrt', [x])
  }

  scalar(value: number): string {
    return this.#b.scalar(value, this.#args.dtype)
  }

  /** The gradient with that of an L2 penalty. */
  withPenalty(gradient: string, weightDecay: number): string {
    return weightDecay === 0 || !this.#args.decay ? gradient : this.add(gradient, this.mul(this.#args.parameter, this.scalar(weightDecay)))
  }

  /** 1 - beta^step. Written as 2 t / (1 + t), t = tanh(-step ln(beta) / 2), which keeps all digits of float32 where beta^step is near 1. */
  biasCorrection(beta: number): string {
    if (beta === 0) return this.scalar(1)
    const t = this.#b.op('Tanh', [this.mul(this.#args.step, this.scalar(-Math.log(beta) / 2))])
    return this.div(this.mul(t, this.scalar(2)), this.add(t, this.scalar(1)))
  }
}

function checkRange(field: string, value: number, low: number, high: number): void {
  if (!(value >= low && value < high))
    throw new FoveaError('NN_OPTION_INVALID', { field, expected: `a number from ${low} up to ${high}`, found: `${value}` })
}
