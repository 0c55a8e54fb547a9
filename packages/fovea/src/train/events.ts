// What a training tells while it runs.

import type { EpochRecord } from './history.ts'
import type { LoopEvent } from './loop.ts'
import type { Recipe } from './options.ts'

type StepEvent = Extract<LoopEvent<EpochRecord>, { readonly kind: 'step' }>

export type TrainEvent =
  /** All is decided and nothing has run. `counts`: pictures per class. */
  | {
      readonly kind: 'plan'
      readonly recipe: Recipe
      readonly parameters: number
      readonly trainable: number
      readonly counts: readonly number[]
      readonly validationSamples: number
      readonly stepsPerEpoch: number
    }
  /** Features of the frozen prefix are being computed. */
  | { readonly kind: 'features'; readonly done: number; readonly total: number }
  /** `loss` and `accuracy` are means over the epoch so far. */
  | (Omit<StepEvent, 'running'> & { readonly loss: number; readonly accuracy: number })
  | Exclude<LoopEvent<EpochRecord>, { readonly kind: 'step' }>
