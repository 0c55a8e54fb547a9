// From the words of a recipe to the pieces that `nn` gives: loss, optimizer, schedule, clipping.

import type { GraphBuilder } from '../graph/builder.ts'
import { crossEntropy, focalLoss } from '../nn/losses.ts'
import { adam, adamW, clipByGlobalNorm, type OptimizerRule, sgd } from '../nn/optimizers.ts'
import type { Schedule } from '../nn/schedules.ts'
import type { TrainingStepOptions } from '../passes/training-step.ts'
import type { Recipe } from './options.ts'

/**
 * Emits the loss, the count of right answers, and the input `targets`: int64 [N], or float [N, C] where pictures are mixed. A mixed picture is
 * answered right by the class of its greater part.
 */
export function emitLossOf(b: GraphBuilder, logits: string, recipe: Recipe): { loss: string; outputs: Record<string, string> } {
  const { classes, classWeights, labelSmoothing } = recipe
  const soft = recipe.mix !== undefined
  const targets = soft ? b.input('targets', 'float32', [recipe.batchSize, classes.length]) : b.input('targets', 'int64', [recipe.batchSize])
  const scores = { value: logits, channels: classes.length }
  const weights = classWeights === undefined ? {} : { classWeights }
  const value =
    recipe.loss === 'focal'
      ? focalLoss(b, scores, targets, weights)
      : crossEntropy(b, scores, targets, { labelSmoothing, targets: soft ? 'probabilities' : 'indices', ...weights })
  const likeliest = (x: string) => b.op('ArgMax', [x], { axis: 1, keepdims: 0 })
  const right = b.op('Equal', [likeliest(logits), soft ? likeliest(targets) : targets])
  const correct = b.op('ReduceSum', [b.op('Cast', [right], { to: 1 })], { keepdims: 0 })
  return { loss: value, outputs: { loss: value, correct } }
}

export function optimizerOf({ optimizer, weightDecay }: Pick<Recipe, 'optimizer' | 'weightDecay'>): OptimizerRule {
  switch (optimizer) {
    case 'sgd':
      return sgd({ momentum: 0.9, nesterov: true, weightDecay })
    case 'adam':
      return adam({ weightDecay })
    case 'adamw':
      return adamW({ weightDecay })
  }
}

export function clipOf({ clipNorm }: Pick<Recipe, 'clipNorm'>): TrainingStepOptions['clip'] {
  return clipNorm === 0 ? undefined : (b, gradients) => clipByGlobalNorm(b, gradients, clipNorm)
}

type Course = Pick<Recipe, 'epochs' | 'warmupEpochs' | 'learningRate' | 'schedule'>

/** The schedule over all updates of the training. */
export function scheduleOf(recipe: Course, stepsPerEpoch: number): Schedule {
  const { epochs, warmupEpochs, learningRate } = recipe
  const steps = Math.max(1, epochs * stepsPerEpoch)
  if (recipe.schedule === 'one-cycle') return { kind: 'oneCycle', maximum: learningRate, steps }
  // At least one update is left for the schedule itself, be the training ever so short.
  const warmUp = Math.min(steps - 1, Math.round(warmupEpochs * stepsPerEpoch))
  const then = afterWarmUp(recipe, steps - warmUp)
  return warmUp === 0 ? then : { kind: 'warmUp', steps: warmUp, schedule: then }
}

function afterWarmUp({ schedule, learningRate }: Course, steps: number): Schedule {
  if (schedule === 'constant') return { kind: 'constant', learningRate }
  // Three levels, each a tenth of the one before.
  if (schedule === 'step') return { kind: 'step', learningRate, every: Math.ceil(steps / 3) }
  return { kind: 'cosine', learningRate, steps, minimum: learningRate / 100 }
}
