// What a training of heads tells while it runs.

import type { LoopRecord } from '../history.ts'
import type { LoopEvent } from '../loop.ts'
import type { HeadRecipe } from './options.ts'

export interface HeadEpochRecord extends LoopRecord {
  /** Means of the terms of the loss over the epoch, by name. */
  readonly terms: Readonly<Record<string, number>>
  /** Figures on the pictures held out, by name, `HEAD.figure` where there are several heads. */
  readonly validation: Readonly<Record<string, number>> | undefined
}

export type HeadTrainEvent =
  | {
      readonly kind: 'plan'
      readonly recipe: HeadRecipe
      readonly parameters: number
      readonly validationSamples: number
      readonly stepsPerEpoch: number
    }
  | LoopEvent<HeadEpochRecord>
