// What a training tells while it runs.

import type { EpochRecord } from './history.ts'
import type { Recipe } from './options.ts'

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
  | { readonly kind: 'note'; readonly text: string }
  /** Features of the frozen prefix are being computed. */
  | { readonly kind: 'features'; readonly done: number; readonly total: number }
  /** Time the whole training should take, measured on a few steps. */
  | { readonly kind: 'estimate'; readonly seconds: number }
  | {
      readonly kind: 'step'
      readonly epoch: number
      readonly epochs: number
      readonly batch: number
      readonly batches: number
      /** Means over the epoch so far. */
      readonly loss: number
      readonly accuracy: number
      readonly learningRate: number
      readonly secondsLeft: number
    }
  | { readonly kind: 'epoch'; readonly record: EpochRecord; readonly best: boolean }
  | { readonly kind: 'stopped'; readonly reason: string }
