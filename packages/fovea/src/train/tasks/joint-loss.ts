// One loss from those of several heads: weighted by hand, or by how uncertain each is.

import type { GraphBuilder } from '../../graph/builder.ts'
import type { Model } from '../../graph/model.ts'
import { Tensor } from '../../graph/tensor.ts'
import type { Head } from '../../model/heads/head.ts'
import type { EmittedLoss, TrainedParameter } from '../../passes/training-step.ts'
import type { HeadTraining } from './head-training.ts'

/** A number for each head by its name, or `uncertainty`: learnt with the weights. */
export type LossWeights = 'uncertainty' | Readonly<Record<string, number>>

/** The logarithm of a head's variance moves by hundredths in hundreds of steps: it is to keep up with the losses. */
const rateOfWeights = 10

function varianceOf(head: Head): string {
  return `loss_variance.${head.name}`
}

/** Adds what learns the weights to a model that is about to be trained; nothing where they are given. */
export function weightParameters({ graph }: Model, heads: readonly Head[], weights: LossWeights): TrainedParameter[] {
  if (weights !== 'uncertainty' || heads.length === 1) return []
  return heads.map((head) => {
    const name = varianceOf(head)
    graph.initializers.set(name, Tensor.float32([1], [0]))
    return { name, decay: false, learningRateScale: rateOfWeights }
  })
}

/**
 * The weighted sum of the heads' losses; terms carry the head's name where there are several.
 *
 * With `uncertainty` a head's loss L counts as exp(-s) L + s, s the logarithm of its variance, which is learnt (Kendall 2018, arXiv:1705.07115):
 * what is noisy counts less. A batch that says nothing to a head (L = 0) leaves its s as it is.
 */
export function jointLoss(b: GraphBuilder, heads: readonly Head[], trainings: readonly HeadTraining[], weights: LossWeights): EmittedLoss {
  const outputs: Record<string, string> = {}
  const constants: string[] = []
  const losses = heads.map((head, i) => {
    const { name } = head
    const emitted = trainings[i]!.loss(b)
    constants.push(...(emitted.constants ?? []))
    for (const [term, value] of Object.entries(emitted.outputs ?? {})) outputs[heads.length === 1 ? term : `${name}_${term}`] = value
    if (heads.length === 1) return emitted.loss
    outputs[`${name}_loss`] = emitted.loss
    if (weights === 'uncertainty') {
      const variance = b.op('Squeeze', [varianceOf(head)])
      const weight = b.op('Exp', [b.op('Neg', [variance])])
      outputs[`${name}_weight`] = weight
      const isTold = b.op('Cast', [b.op('Greater', [emitted.loss, b.scalar(0)])], { to: 1 })
      constants.push(isTold)
      return b.op('Add', [b.op('Mul', [weight, emitted.loss]), b.op('Mul', [variance, isTold])])
    }
    return weights[name] === 1 ? emitted.loss : b.op('Mul', [emitted.loss, b.scalar(weights[name]!)])
  })
  const loss = losses.length === 1 ? losses[0]! : b.op('Sum', losses)
  return { loss, outputs: { loss, ...outputs }, constants }
}
