// Loss functions: each emits the nodes of its formula. Formulas and defaults are torch's.

import type { GraphBuilder } from '../graph/builder.ts'
import { Tensor } from '../graph/tensor.ts'
import { FoveaError } from '../util/errors.ts'
import type { Feature } from './module.ts'

/** How losses of single samples become one number; `none` keeps them apart. */
export type Reduction = 'mean' | 'sum' | 'none'

export interface LossOptions {
  /** @default 'mean' */
  readonly reduction?: Reduction
  /** Element type of the scores. @default 'float32' */
  readonly dtype?: 'float32' | 'float64'
}

/** Scores of classes on axis 1: [N, C], or [N, C, H, W] for maps. */
export type Scores = Pick<Feature, 'value' | 'channels'>

export interface ClassificationLossOptions extends LossOptions {
  /** Factor of each class, such as the inverse of its share of the samples. */
  readonly classWeights?: readonly number[]
  /** Axes behind the classes: 0 for whole pictures, 2 for maps. @default 0 */
  readonly spatialAxes?: number
}

export interface CrossEntropyOptions extends ClassificationLossOptions {
  /** `indices`: int64 class numbers [N, ...]; `probabilities`: floats of the shape of the scores. @default 'indices' */
  readonly targets?: 'indices' | 'probabilities'
  /** Share of the target that is spread over all classes (Szegedy 2016, arXiv:1512.00567). @default 0 */
  readonly labelSmoothing?: number
}

/**
 * Cross-entropy of softmax scores. The mean over samples is weighted by the class weights of index targets, and plain for
 * probabilities, as in torch.
 *
 * @param targets int64 [N, ...], or float [N, C, ...]
 * @returns the loss: one number, or [N, ...] without reduction
 * @throws FoveaError NN_OPTION_INVALID
 */
export function crossEntropy(b: GraphBuilder, scores: Scores, targets: string, options: CrossEntropyOptions = {}): string {
  const { labelSmoothing = 0, reduction = 'mean', targets: form = 'indices', classWeights } = options
  checkFraction('labelSmoothing', labelSmoothing)
  const c = new Classes(b, scores.channels, options)
  const logProbabilities = b.op('LogSoftmax', [scores.value], { axis: 1 })
  const low = labelSmoothing / c.count
  if (form === 'probabilities') {
    let wanted = targets
    if (labelSmoothing > 0) wanted = b.op('Add', [b.op('Mul', [wanted, c.scalar(1 - labelSmoothing)]), c.scalar(low)])
    if (classWeights !== undefined) wanted = b.op('Mul', [wanted, c.perClass(classWeights)])
    return reduce(b, negatedSum(b, wanted, logProbabilities), reduction)
  }
  // Smoothing and weights are in the two values that the comparison chooses from: they cost nothing.
  const chosen = c.isTarget(targets)
  const high = 1 - labelSmoothing + low
  const weights = classWeights ?? [1]
  const wanted = c.where(
    chosen,
    weights.map((weight) => weight * high),
    weights.map((weight) => weight * low),
  )
  const losses = negatedSum(b, wanted, logProbabilities)
  if (classWeights === undefined || reduction !== 'mean') return reduce(b, losses, reduction)
  return b.op('Div', [reduce(b, losses, 'sum'), reduce(b, c.where(chosen, classWeights, [0]), 'sum')])
}

export interface FocalLossOptions extends ClassificationLossOptions {
  /** How strongly samples that are already right are discounted. @default 2 */
  readonly gamma?: number
}

/**
 * Focal loss of softmax scores: -w (1 - p)^gamma log p, p the probability of the right class (Lin 2017, arXiv:1708.02002).
 * The mean is over samples. Class weights play the part of alpha.
 *
 * @param targets int64 class numbers [N, ...]
 * @throws FoveaError NN_OPTION_INVALID
 */
export function focalLoss(b: GraphBuilder, scores: Scores, targets: string, options: FocalLossOptions = {}): string {
  const { gamma = 2, classWeights, reduction = 'mean' } = options
  const c = new Classes(b, scores.channels, options)
  const chosen = c.isTarget(targets)
  const logProbability = sumOverClasses(b, b.op('Mul', [c.where(chosen, [1], [0]), b.op('LogSoftmax', [scores.value], { axis: 1 })]))
  const miss = b.op('Sub', [c.scalar(1), b.op('Exp', [logProbability])])
  let losses = b.op('Neg', [logProbability])
  if (gamma !== 0) losses = b.op('Mul', [losses, power(b, miss, gamma, c.dtype)])
  if (classWeights !== undefined) losses = b.op('Mul', [losses, sumOverClasses(b, c.where(chosen, classWeights, [0]))])
  return reduce(b, losses, reduction)
}

export interface BinaryFocalLossOptions extends LossOptions {
  /** @default 2 */
  readonly gamma?: number
  /** Weight of positives; negatives get the rest. Negative: no weighting. @default 0.25 */
  readonly alpha?: number
}

/**
 * Focal loss of independent scores, as RetinaNet has it (Lin 2017, arXiv:1708.02002): each score is a yes or no of its own.
 *
 * @param logits any shape
 * @param targets floats from 0 to 1, of the same shape
 */
export function binaryFocalLoss(b: GraphBuilder, logits: string, targets: string, options: BinaryFocalLossOptions = {}): string {
  const { gamma = 2, alpha = 0.25, reduction = 'mean', dtype = 'float32' } = options
  const one = b.scalar(1, dtype)
  const probability = b.op('Sigmoid', [logits])
  let losses = binaryCrossEntropy(b, logits, targets, { reduction: 'none', dtype })
  if (gamma !== 0) {
    // Distance from the target, p (1 - t) + (1 - p) t = p + t (1 - 2 p).
    const slope = b.op('Sub', [one, b.op('Mul', [probability, b.scalar(2, dtype)])])
    losses = b.op('Mul', [losses, power(b, b.op('Add', [probability, b.op('Mul', [targets, slope])]), gamma, dtype)])
  }
  if (alpha >= 0) {
    const weight = b.op('Add', [b.op('Mul', [targets, b.scalar(2 * alpha - 1, dtype)]), b.scalar(1 - alpha, dtype)])
    losses = b.op('Mul', [losses, weight])
  }
  return reduce(b, losses, reduction)
}

export interface BinaryCrossEntropyOptions extends LossOptions {
  /** Factor on the loss of positives. @default 1 */
  readonly positiveWeight?: number
}

/**
 * Binary cross-entropy of scores before the sigmoid: (1 - t) x + (1 + (w - 1) t) softplus(-x), which never overflows.
 *
 * @param logits any shape
 * @param targets floats from 0 to 1, of the same shape
 */
export function binaryCrossEntropy(b: GraphBuilder, logits: string, targets: string, options: BinaryCrossEntropyOptions = {}): string {
  const { positiveWeight = 1, reduction = 'mean', dtype = 'float32' } = options
  const one = b.scalar(1, dtype)
  let missed = b.op('Softplus', [b.op('Neg', [logits])])
  if (positiveWeight !== 1) missed = b.op('Mul', [missed, b.op('Add', [b.op('Mul', [targets, b.scalar(positiveWeight - 1, dtype)]), one])])
  return reduce(b, b.op('Add', [b.op('Mul', [b.op('Sub', [one, targets]), logits]), missed]), reduction)
}

/** Mean squared error. */
export function meanSquaredError(b: GraphBuilder, predictions: string, targets: string, { reduction = 'mean' }: LossOptions = {}): string {
  const difference = b.op('Sub', [predictions, targets])
  return reduce(b, b.op('Mul', [difference, difference]), reduction)
}

export interface SmoothL1Options extends LossOptions {
  /** Where the square goes over into the line; 0 is the plain absolute error. @default 1 */
  readonly beta?: number
}

/** d^2 / (2 beta) below beta, |d| - beta / 2 above (Girshick 2015, arXiv:1504.08083). */
export function smoothL1(b: GraphBuilder, predictions: string, targets: string, options: SmoothL1Options = {}): string {
  const { beta = 1, reduction = 'mean', dtype = 'float32' } = options
  if (!(beta >= 0)) throw new FoveaError('NN_OPTION_INVALID', { field: 'beta', expected: 'a number of 0 or more', found: `${beta}` })
  const distance = b.op('Abs', [b.op('Sub', [predictions, targets])])
  return reduce(b, beta === 0 ? distance : b.op('Mul', [bend(b, distance, beta, dtype), b.scalar(1 / beta, dtype)]), reduction)
}

export interface HuberOptions extends LossOptions {
  /** Where the square goes over into the line. @default 1 */
  readonly delta?: number
}

/** d^2 / 2 below delta, delta (|d| - delta / 2) above (Huber 1964): delta times smooth L1. */
export function huber(b: GraphBuilder, predictions: string, targets: string, options: HuberOptions = {}): string {
  const { delta = 1, reduction = 'mean', dtype = 'float32' } = options
  if (!(delta > 0)) throw new FoveaError('NN_OPTION_INVALID', { field: 'delta', expected: 'a number above 0', found: `${delta}` })
  return reduce(b, bend(b, b.op('Abs', [b.op('Sub', [predictions, targets])]), delta, dtype), reduction)
}

/** c (d - c / 2) with c = min(d, limit): both branches of Huber's loss without a choice, and smooth where they meet. */
function bend(b: GraphBuilder, distance: string, limit: number, dtype: 'float32' | 'float64'): string {
  const capped = b.op('Min', [distance, b.scalar(limit, dtype)])
  return b.op('Mul', [capped, b.op('Sub', [distance, b.op('Mul', [capped, b.scalar(0.5, dtype)])])])
}

/** x^exponent for x from 0 to 1. */
function power(b: GraphBuilder, x: string, exponent: number, dtype: 'float32' | 'float64'): string {
  if (exponent === 1) return x
  if (exponent === 2) return b.op('Mul', [x, x])
  // Away from 0, where rounding could make x negative and an exponent below 1 has an infinite slope.
  return b.op('Pow', [b.op('Clip', [x, b.scalar(1e-7, dtype)]), b.scalar(exponent, dtype)])
}

function sumOverClasses(b: GraphBuilder, x: string): string {
  return b.op('ReduceSum', [x, b.ints([1])], { keepdims: 0 })
}

function negatedSum(b: GraphBuilder, wanted: string, logProbabilities: string): string {
  return b.op('Neg', [sumOverClasses(b, b.op('Mul', [wanted, logProbabilities]))])
}

function reduce(b: GraphBuilder, losses: string, reduction: Reduction): string {
  if (reduction === 'none') return losses
  return b.op(reduction === 'mean' ? 'ReduceMean' : 'ReduceSum', [losses], { keepdims: 0 })
}

function checkFraction(field: string, value: number): void {
  if (!(value >= 0 && value < 1))
    throw new FoveaError('NN_OPTION_INVALID', { field, expected: 'a number from 0 up to 1', found: `${value}` })
}

/** Constants that lie along the class axis. */
class Classes {
  readonly count: number
  readonly dtype: 'float32' | 'float64'
  readonly #b: GraphBuilder
  readonly #spatial: readonly number[]

  constructor(b: GraphBuilder, count: number, { classWeights, spatialAxes = 0, dtype = 'float32' }: ClassificationLossOptions) {
    if (classWeights !== undefined && classWeights.length !== count)
      throw new FoveaError('NN_OPTION_INVALID', {
        field: 'classWeights',
        expected: `${count} weights, one per class`,
        found: `${classWeights.length}`,
      })
    this.count = count
    this.dtype = dtype
    this.#b = b
    this.#spatial = new Array<number>(spatialAxes).fill(1)
  }

  scalar(value: number): string {
    return this.#b.scalar(value, this.dtype)
  }

  /** One value per class, or one for all. */
  perClass(values: readonly number[]): string {
    const dims = [1, values.length, ...this.#spatial]
    const data = this.dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values)
    return this.#b.constant(Tensor.of(this.dtype, dims, data), 'per_class')
  }

  /** Where the class is the target: bool [N, C, ...]. */
  isTarget(targets: string): string {
    const numbers = this.#b.constant(
      Tensor.int64(
        [1, this.count, ...this.#spatial],
        Array.from({ length: this.count }, (_, i) => i),
      ),
      'classes',
    )
    return this.#b.op('Equal', [this.#b.op('Unsqueeze', [targets, this.#b.ints([1])]), numbers])
  }

  where(condition: string, yes: readonly number[], no: readonly number[]): string {
    return this.#b.op('Where', [condition, this.perClass(yes), this.perClass(no)])
  }
}
