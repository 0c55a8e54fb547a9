// What models answer, by task, in the words of who asked: names, not numbers; pixels of the picture, not of the input.

import type { AnomalyMap } from '../vision/anomaly.ts'
import type { Detections } from '../vision/detections.ts'
import type { Segmentation } from '../vision/segmentation.ts'
import type { Count } from './heads/count.ts'
import type { HeadTask } from './heads/head.ts'
import type { Multilabel } from './heads/multilabel.ts'
import type { Task } from './metadata.ts'

export interface ClassScore {
  readonly label: string
  readonly index: number
  /** 0 to 1. */
  readonly probability: number
}

export interface Classification extends ClassScore {
  readonly task: 'classify'
  /** The highest scores, falling. */
  readonly top: readonly ClassScore[]
  /** "I don't know": the best class is less probable than was asked for. `label` is still that guess. */
  readonly rejected?: true
}

/** The answers of a model with several heads, by the heads' names. */
export interface MultiAnswer {
  readonly task: 'multi'
  readonly heads: Readonly<Record<string, HeadAnswer>>
}

interface Answers {
  readonly classify: Classification
  readonly multilabel: Multilabel
  readonly detect: Detections
  readonly segment: Segmentation
  readonly count: Count
  readonly anomaly: AnomalyMap
}

/** What one head answers. */
export type HeadAnswer = Answers[HeadTask]

/** What a model of this task answers; one of features answers nothing. */
export type AnswerOf<T extends Task> = T extends HeadTask ? Answers[T] : T extends 'multi' ? MultiAnswer : never

/** The best classes of a row of probabilities. @param reject from which probability on the best one is told */
export function classification(labels: readonly string[], probabilities: Float32Array, topK: number, reject = 0): Classification {
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b]! - probabilities[a]!)
  const top = order.slice(0, topK).map((index) => ({ label: labels[index]!, index, probability: probabilities[index]! }))
  return { task: 'classify', ...top[0]!, top, ...(top[0]!.probability < reject && { rejected: true }) }
}
