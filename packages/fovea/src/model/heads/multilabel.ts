// A head that says of each class whether the picture shows it: none, one or several.

import { Tensor } from '../../graph/tensor.ts'
import { linear } from '../../nn/layers/index.ts'
import type { Feature, ModuleBuilder } from '../../nn/module.ts'
import type { MultilabelPrediction } from '../../vision/predictions.ts'
import type { ClassScore } from '../answers.ts'
import type { MultilabelHead } from './head.ts'
import { threshold } from './threshold.ts'

export interface MultilabelHeadSpec {
  readonly task: 'multilabel'
  /** @default 'multilabel' */
  readonly name?: string
  readonly labels: readonly string[]
  /** From which probability on a class is told. @default 0.5 */
  readonly confidence?: number
}

/** Which classes a picture shows. */
export interface Multilabel extends MultilabelPrediction {
  /** Those whose probability reaches their threshold, falling. */
  readonly present: readonly ClassScore[]
  /** The highest scores, falling, whether they reach it or not. */
  readonly top: readonly ClassScore[]
  /** Of all classes, in the order of the labels. */
  readonly probabilities: readonly number[]
}

/**
 * A linear layer behind the embedding and a sigmoid for each class: outputs `NAME_probabilities`, and `NAME_present` by the thresholds `NAME_confidence`, one a
 * class, which whoever runs the model may replace. @param embedding rows [N, C]
 */
export function buildMultilabelHead(m: ModuleBuilder, embedding: Feature, name: string, spec: MultilabelHeadSpec): MultilabelHead {
  const { labels, confidence = 0.5 } = spec
  const { b } = m
  const logits = linear(m, 'linear', embedding, { out: labels.length }).value
  const probabilities = b.output(b.op('Sigmoid', [logits]), undefined, b.fresh(`${name}_probabilities`))
  const least = threshold(b, `${name}_confidence`, Tensor.float32([labels.length], new Float32Array(labels.length).fill(confidence)))
  const isPresent = b.op('Cast', [b.op('GreaterOrEqual', [probabilities, least])], { to: 2 })
  const present = b.output(isPresent, undefined, b.fresh(`${name}_present`))
  return { task: 'multilabel', name, labels, outputs: { probabilities, present }, thresholds: { confidence: least }, scores: { logits } }
}

/** The answer about a picture of the batch. */
export function readMultilabel(
  { probabilities, present }: { readonly probabilities: Float32Array; readonly present: Uint8Array },
  picture: number,
  labels: readonly string[],
  topK: number,
): Multilabel {
  const from = picture * labels.length
  const own = [...probabilities.subarray(from, from + labels.length)]
  return multilabelAnswer(labels, own, (index) => present[from + index] === 1, topK)
}

export function multilabelAnswer(
  labels: readonly string[],
  probabilities: readonly number[],
  isPresent: (index: number) => boolean,
  topK: number,
): Multilabel {
  const scores = labels.map((label, index): ClassScore => ({ label, index, probability: probabilities[index]! }))
  const order = scores.toSorted((a, b) => b.probability - a.probability || a.index - b.index)
  return { task: 'multilabel', present: order.filter(({ index }) => isPresent(index)), top: order.slice(0, topK), probabilities }
}
